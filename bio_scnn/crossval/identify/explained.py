"""Summary of a recording's identification: candidates, what was excluded, what cannot be told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bio_scnn.crossval.identify.display import affine
from bio_scnn.crossval.identify.flow import Flow, Recorded, quiet_steps
from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.identification import Identification
from bio_scnn.crossval.identify.readings import code_sentence
from bio_scnn.crossval.identify.spikes_only import ambiguities
from bio_scnn.crossval.identify.stepped import SteppedNeuron
from bio_scnn.crossval.identify.trial import CLOSE, LATE, compared

if TYPE_CHECKING:
    from bio_scnn.crossval.identify.trial import Trial

MOST_ALTERNATIVES = 4


def summary(
    data: Recorded, trials: list[Trial], tried: list[Flow], dt_ms: float | None
) -> Identification:
    """Identification from the neurons that were stepped beside a recording.

    Parameters
    ----------
    data : Recorded
        With V.
    trials : list of Trial
        Best first.
    tried : list of Flow
        Updates by regression, best first.
    dt_ms : float or None, ms

    Returns
    -------
    Identification
    """
    spikes = int(data.fired().sum())
    if not trials:
        return _nothing(data, tried, dt_ms)
    best = trials[0]
    told, equal = {code_sentence(best.neuron)}, list[SteppedNeuron]()
    if best.explained > 0.5 and not best.wrong:
        for trial in trials[1:]:
            sentence = code_sentence(trial.neuron)
            same = trial.rank(data.scale) == best.rank(data.scale)
            if same and sentence not in told and _differs(trial, best):
                told.add(sentence)
                equal.append(trial.neuron)
    exact = best.wrong == 0 and best.explained == 1.0
    return Identification(
        neuron=best.neuron,
        dt_ms=dt_ms,
        spikes_explained=max(0.0, 1 - best.wrong / spikes) if spikes else float(not best.wrong),
        V_explained=best.explained,
        V_error=best.error,
        spikes=spikes,
        spikes_wrong=best.wrong,
        V_shown=best.where,
        alternatives=tuple(equal[:MOST_ALTERNATIVES]),
        excluded=() if exact else _excluded(data, tried),
        remarks=tuple(_remarks(data, best, tried)),
    )


def _differs(one: Trial, other: Trial) -> bool:
    """True if two neurons differ by more than the last digits of their numbers."""
    a, b = one.neuron, other.neuron
    kinds: tuple[str, ...] = (
        "input_delay",
        "reset_when",
        "refractory",
        "while_refractory",
        "input_shape",
    )
    kinds += ("spike_delay", "tested", "synapse", "adaptation", "crossing", "number_format")
    numbers = ("decay", "gain", "bias", "threshold", "reset_keep", "reset_to", "leak")
    if any(getattr(a, kind) != getattr(b, kind) for kind in kinds):
        return True
    return any(
        not np.isclose(getattr(a, name), getattr(b, name), rtol=1e-5, atol=1e-9)
        for name in numbers
    )


def _nothing(data: Recorded, tried: list[Flow], dt_ms: float | None) -> Identification:
    """Identification without a neuron."""
    return Identification(
        neuron=None,
        dt_ms=dt_ms,
        spikes_explained=0.0,
        V_explained=0.0,
        V_error=None,
        spikes=int(data.fired().sum()),
        spikes_wrong=int(data.fired().sum()),
        excluded=_excluded(data, tried),
        remarks=tuple(ambiguities(data)),
    )


def _excluded(data: Recorded, tried: list[Flow]) -> tuple[str, ...]:
    """Updates that leave too much of V, in words."""
    words: dict[str, float] = {}
    for flow in tried:
        n = flow.neuron
        kind = "a linear leak" if n.leak else "one exponential decay"
        kind = "a synapse before the membrane" if n.synapse else kind
        words[kind] = min(words.get(kind, np.inf), flow.residual)
    return tuple(
        f"{kind} (leaves {left:.2g} of V in a quiet step)"
        for kind, left in words.items()
        if left > 1e-6 * data.scale
    )


def _remarks(data: Recorded, best: Trial, tried: list[Flow]) -> list[str]:
    remarks = ambiguities(data)
    low, high = best.threshold
    n = best.neuron
    if data.fired().any() and np.isfinite([low, high]).all() and high > low and n.threshold < high:
        remarks.append(
            f"the threshold lies between {low:.6g} and {high:.6g}; {n.threshold:.6g} is the "
            "roundest number there"
        )
        if low < n.threshold:
            remarks.append("no V lay at the threshold: > and >= cannot be told apart")
    if not data.fired().any():
        remarks.append("it never fires: threshold and reset are not known")
    if best.where.endswith(LATE):
        remarks.append("V is shown a step late: each spike is listed with V before its step")
    if best.where.startswith("before"):
        remarks.append(
            "V is shown before the reset; shown after it, the reset is one at the next step"
        )
    if isinstance(n.number_format, FixedPoint):
        remarks.append(f"V is a whole multiple of {n.number_format.unit:g}")
    elif best.noise:
        remarks.append(
            f"V is shown with white noise of standard deviation {best.noise:.2g}; the neuron "
            "itself has none"
        )
    elif best.explained == 1 and data.rounding > CLOSE * data.scale:
        remarks.append(f"V is shown rounded to whole multiples of {2 * data.rounding:.4g}")
    elif best.explained < 1 and tried and n.synapse is None:
        rows = quiet_steps(data, 1)
        if rows.any() and tried[0].residual > 1e-6 * data.scale:
            remarks.append(
                f"from one step to the next V is predicted to {tried[0].residual:.2g}: noise, a "
                "quantised V, or an update that is not among those tried"
            )
    return remarks


def at_rest(data: Recorded, found: Identification) -> Identification:
    """The same neurons, about the value at which V stays, if one of them stays there too."""
    assert data.V is not None
    found = replace(found, remarks=("V is constant, and tells nothing", *found.remarks))
    for neuron in (found.neuron, *found.alternatives):
        moved = neuron and affine(neuron, 1.0, float(data.V[0, 0]))
        trial = moved and compared(data, moved, "after reset")
        if trial and trial.wrong == 0 and trial.explained == 1.0:
            others = tuple(n for n in (found.neuron, *found.alternatives) if n and n != neuron)
            return replace(
                found,
                neuron=moved,
                V_explained=1.0,
                V_error=trial.error,
                V_shown="after reset",
                alternatives=others,
            )
    return found
