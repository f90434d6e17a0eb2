"""Identification of a live layer from the outside: probes, hypotheses, and a run to prove them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.display import (
    complexity,
    digits,
    float_format,
    in_shown_unit,
    length,
    likeliest_unit,
    rearranged,
    tidied,
    tidy,
    unturned,
    with_equality,
)
from bio_scnn.crossval.identify.formats import FLOAT64
from bio_scnn.crossval.identify.hypotheses import Probed, probed
from bio_scnn.crossval.identify.identification import Identification, VShown
from bio_scnn.crossval.identify.probed_integers import fixed_point, simplest_threshold
from bio_scnn.crossval.identify.probed_spike import neurons
from bio_scnn.crossval.identify.probing import Layer, Run, prepared
from bio_scnn.crossval.identify.readings import code_sentence
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step
from bio_scnn.crossval.identify.whole.identified import identify_whole
from bio_scnn.crossval.identify.whole.layer import refuses_fractions

_FAMILIES = (
    "LIF, IF and linear leak, with one synapse or one adaptation at most, hard, soft or partial "
    "reset: none explains all spikes",
)


def validation_drive(layer: Layer, tau: float, blocked: int) -> NDArray[np.float64]:
    """Drive ``(steps, 40)``: held, stepping and noisy inputs and impulses of all sizes."""
    rng = np.random.default_rng(20)
    steps = int(np.clip(12 * tau + 12 * blocked, 300, 1500))
    a = layer.ever
    level = a / max(min(tau, steps / 3), 1)
    held = np.array([0.5, 1.02, 1.1, 1.4, 2, 3.5, 7, 20, -2, 60]) * level
    x = np.zeros((steps, 40))
    x[:, :10] = held
    size = level * np.geomspace(1, 40, 10)
    x[:, 10:20] = rng.normal(0.5, 1.5, (steps, 10)) * size
    blocks = rng.uniform(-1, 3, (steps // 25 + 1, 10)) * level * np.geomspace(1, 8, 10)
    x[:, 20:30] = np.repeat(blocks, 25, axis=0)[:steps]
    pulses = rng.random((steps, 10)) < np.geomspace(0.02, 0.6, 10)
    x[:, 30:] = pulses * rng.uniform(-0.4, 1.2, (steps, 10)) * a
    return x


@dataclass(frozen=True, eq=False)
class Candidate:
    """A neuron with what it makes of the validation drive.

    Attributes
    ----------
    neuron : SteppedNeuron
        In the layer's own input, and in the unit of V if that is shown.
    wrong : int
        Spikes that it lacks or has too many.
    V_error : float
        Largest error of V; 0 if none is shown.
    moment : {"after reset", "before reset", "none"}
    """

    neuron: SteppedNeuron
    wrong: int
    V_error: float = 0.0
    moment: VShown = "none"


def identify(run: Run, *, dt_ms: float | None = None, has_V: bool | None = None) -> Identification:
    """Neuron of a live layer, found from the outside.

    Parameters
    ----------
    run : callable
        ``run(x) -> (spikes, V or None)`` with arrays ``(steps, neurons)``: equal, independent
        neurons, from the initial state at each call.
    dt_ms : float, ms, optional
        Time step.
    has_V : bool, optional
        V is shown; by default it is if `run` gives one.

    Returns
    -------
    Identification
    """
    whole = identify_whole(run, dt_ms=dt_ms, has_V=has_V)
    if whole is not None:
        return whole
    if refuses_fractions(run):
        return _nothing(
            dt_ms, "it refuses fractions, and no neuron in whole numbers has its spikes"
        )
    return _identified(run, dt_ms, has_V)


def _identified(run: Run, dt_ms: float | None, has_V: bool | None) -> Identification:
    """The same of a layer that no neuron in whole numbers explains bit for bit."""
    layer = prepared(run)
    if layer is None:
        return _nothing(dt_ms, "it never fires, whatever the input")
    if not np.isfinite(layer.first):
        return _nothing(
            dt_ms,
            "no impulse makes it fire, only a held input: is its input clipped, or its V bounded?",
        )
    data = probed(layer)
    whole = fixed_point(data)
    found = [(0.0, n) for n in whole] or neurons(data)
    if not found:
        return _nothing(dt_ms, "its answers to impulses fit no neuron that is known here")
    best = found[0][1]
    x = validation_drive(layer, _tau(best), data.blocked)
    spikes, V = layer.both(x)
    if has_V is False:
        V = None
    candidates = [_judged(layer, n, x, spikes, V) for n in _variants(found, V is not None)]
    ranks = {id(c): _rank(c, spikes, V, _error(data)) for c in candidates}
    candidates.sort(key=lambda c: ranks[id(c)])
    if whole:
        finished, sure = candidates[0], True
        finished = replace(finished, neuron=simplest_threshold(finished.neuron))
    else:
        finished, sure = _finished(data, candidates[0], x, spikes, V)
    best_rank = ranks[id(candidates[0])]
    most = 3 * candidates[0].V_error + 1e-6 * _size(V)
    alike = [c for c in candidates[1:] if ranks[id(c)][0] == best_rank[0] and c.V_error <= most]
    error = 30 * _error(data)
    others = [c.neuron for c in alike]
    if not whole:
        others = [tidy(n, error) if V is not None else likeliest_unit(n, error) for n in others]
    at, form = finished.neuron.fires_at_threshold, finished.neuron.number_format
    told = {code_sentence(finished.neuron)}
    kept = []
    for other in (
        n if whole else replace(n, fires_at_threshold=at, number_format=form) for n in others
    ):
        if (sentence := code_sentence(other)) not in told:
            kept.append(other)
            told.add(sentence)
    if finished.wrong > 0.01 * spikes.sum():
        kept = []
    return _identification(finished, kept[:3], dt_ms, spikes, V, _remarks(finished, sure))


def _tau(neuron: SteppedNeuron) -> float:
    """Steps in which the slowest part of a neuron loses most of its state."""
    slowest = max(neuron.decay, 0.0 if neuron.synapse is None else neuron.synapse.decay)
    return min(1 / max(1 - slowest, 1e-4), 400.0)


def _variants(found: list[tuple[float, SteppedNeuron]], shown: bool) -> list[SteppedNeuron]:
    plain = [n for _, n in sorted(found, key=lambda pair: complexity(pair[1]))][:10]
    if not shown:
        return plain
    return [v for n in plain for v in rearranged(n)]


def _judged(
    layer: Layer, neuron: SteppedNeuron, x: NDArray, spikes: NDArray, V: NDArray | None
) -> Candidate:
    with np.errstate(all="ignore"):
        wrong = int(np.abs(step(neuron, x).spikes - spikes).sum())
        shown = None if V is None else in_shown_unit(neuron, x, spikes, V)
    if shown is None:
        return Candidate(unturned(neuron, layer.sign, layer.shift), wrong)
    return Candidate(
        unturned(shown.neuron, layer.sign, layer.shift), wrong, shown.error, shown.moment
    )


def _rank(c: Candidate, spikes: NDArray, V: NDArray | None, error: float) -> tuple:
    """Order of candidates: spikes, V, quirks, and digits of the reset."""
    n = c.neuron
    size = 50 * error * abs(n.threshold)
    written = [n.reset_to] + ([] if n.adaptation is None else [n.adaptation.jump])
    round_off = sum(digits(tidied(value, size)) for value in written)
    return (
        1000 * c.wrong // max(int(spikes.sum()), 1),
        _coarse(c, V),
        complexity(n) + 0.25 * round_off,
    )


def _size(V: NDArray | None) -> float:
    """Largest size of V; 1 if none is shown."""
    return 1.0 if V is None else float(np.nanmax(np.abs(V))) or 1.0


def _coarse(c: Candidate, V: NDArray | None) -> int:
    """Error of V in steps of two powers of ten; 0 for what rounding does."""
    scale = _size(V)
    with np.errstate(all="ignore"):
        power = np.log10(min(c.V_error / scale, 1e9) + 1e-9)
    return max(int(power + 7) // 2, 0) if np.isfinite(power) else 99


def _error(data: Probed) -> float:
    return max(20 * data.rounding, 2e-14) if data.rounding > 1e-12 else 4e-15


def _finished(
    data: Probed, best: Candidate, x: NDArray, spikes: NDArray, V: NDArray | None
) -> tuple[Candidate, bool]:
    """A candidate with tidy numbers and its format; True if ``>`` or ``>=`` is certain."""
    error, layer = _error(data), data.layer
    raw = best.neuron
    if V is None:
        # Few bits: what is written down lies nearer than the errors that add up.
        few = [0.1 * data.rounding, 0.4 * data.rounding] if data.rounding > 1e-4 else []
        neat = [likeliest_unit(raw, e) for e in (error, 50 * error, *few)]
    else:
        neat = [tidy(raw, e) for e in (error, 30 * error, 1000 * error)]
    form = float_format(data, V)
    forms = dict.fromkeys([form, FLOAT64])
    trials = []
    for n in [*dict.fromkeys(neat), raw]:
        for f in forms:
            trial, right = with_equality(data, replace(n, number_format=f))
            c = _proved(layer, trial, best.moment, x, spikes, V)
            rank = (c.wrong, _coarse(c, V), -right, length(trial), c.V_error)
            trials.append((rank, c, right > 0))
    _, found, sure = min(trials, key=lambda t: t[0])
    return found, sure


def _proved(
    layer: Layer, n: SteppedNeuron, moment: VShown, x: NDArray, spikes: NDArray, V: NDArray | None
) -> Candidate:
    with np.errstate(all="ignore"):
        mine = step(n, layer.sign * x + layer.shift)
        wrong = int(np.abs(mine.spikes - spikes).sum())
        if V is None:
            return Candidate(n, wrong)
        ours = mine.V if moment == "after reset" else mine.V_before
        return Candidate(n, wrong, float(np.nanmax(np.abs(ours - V))), moment)


def _identification(
    c: Candidate,
    others: list[SteppedNeuron],
    dt_ms: float | None,
    spikes: NDArray,
    V: NDArray | None,
    remarks: tuple[str, ...],
) -> Identification:
    total = int(spikes.sum())
    scale = _size(V)
    failed = c.wrong > 0.3 * total
    return Identification(
        neuron=None if failed else c.neuron,
        dt_ms=dt_ms,
        spikes_explained=max(0.0, 1 - c.wrong / max(total, 1)),
        V_explained=None if V is None else float(c.V_error <= 1e-5 * scale),
        V_error=None if V is None else c.V_error,
        spikes=total,
        spikes_wrong=c.wrong,
        V_shown=c.moment,
        alternatives=tuple(others),
        excluded=_FAMILIES if c.wrong > 0.01 * total else (),
        remarks=remarks,
    )


def _remarks(c: Candidate, sure: bool) -> tuple[str, ...]:
    found = []
    if not sure:
        found.append("rounding hides whether it fires at the threshold itself or only above")
    if c.moment == "none":
        found.append("V is not shown: its unit is chosen so that the numbers are simple")
    return tuple(found)


def _nothing(dt_ms: float | None, why: str) -> Identification:
    return Identification(None, dt_ms, 0.0, None, None, 0, 0, remarks=(why,))
