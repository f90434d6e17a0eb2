"""Judgement of a layer: what neuron it is, what it was meant to be, and every difference.

A layer that declares nothing is identified first. If it has Table 1's decay or gain, Table 1 is
what it was meant to be, and it is checked against that. If not, it is checked against the neuron
that it is. A layer that declares its neuron is identified only where a check failed and no
neuron of the catalogue explains why.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.differences import Difference, differences
from bio_scnn.crossval.identify.identification import Identification
from bio_scnn.crossval.identify.live import identify
from bio_scnn.crossval.identify.readings import as_parameters, code_sentence, physics_sentence
from bio_scnn.crossval.identify.stepped import SteppedNeuron
from bio_scnn.crossval.identity import Departure, Identity
from bio_scnn.crossval.oracles.dialects import UPDATES
from bio_scnn.crossval.oracles.family import grid_oracle
from bio_scnn.crossval.oracles.grid import raster_of
from bio_scnn.crossval.oracles.start import starts_at_rest
from bio_scnn.crossval.protocol import Adapter, Capabilities
from bio_scnn.crossval.subject import Subject
from bio_scnn.errors import InputError
from bio_scnn.neuron.models import NeuronParameters
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters

ENOUGH = 0.999
"""Share of the spikes that a neuron has to explain for a layer to be judged by it."""

_CLOSE = 1e-3
_SCALED = 0.5  # a share of R above this is no dt / tau: a gain of 0.5 is a common number


def found_out(adapter: Adapter, dt_ms: float | None) -> tuple[Adapter, Identity | None]:
    """An undeclared layer as the neuron that it is or was meant to be, and how that was found.

    Parameters
    ----------
    adapter : Adapter
        One whose `declared` is False.
    dt_ms : float or None, ms
        Its time step. None takes the adapter's own if the layer is a Table 1 neuron there;
        else only steps are known, and a step stands for 1 ms.

    Returns
    -------
    (Adapter, Identity or None)
        The adapter as it was, and None, if no neuron explains it.
    """
    step_ms = dt_ms or adapter.fixed_dt_ms or 0.1
    probe = Subject(adapter, step_ms)
    try:
        found = identify(_runner(probe, adapter), dt_ms=dt_ms)
    except (Exception, SystemExit):  # what it raises, the checks will report
        return adapter, None
    neuron = found.neuron
    if neuron is None or found.spikes_explained < ENOUGH:
        return adapter, identity(found, "", (), own=False)
    if meant_as(neuron, TABLE_1, step_ms):
        found = replace(found, dt_ms=step_ms)
        apart = departures(found, TABLE_1, step_ms, adapter.capabilities)
        return adapter, identity(found, "Table 1", apart, own=False)
    own = copy.copy(adapter)
    if dt_ms is None:
        own.fixed_dt_ms = 1.0
    own_ms = own.fixed_dt_ms or step_ms
    claimed = as_parameters(neuron, own_ms)
    if claimed is None:
        own.params = _stand_in(neuron, own_ms)
        own.off_equation = physics_sentence(neuron, dt_ms)
    else:
        own.params, claims = claimed
        own.capabilities = replace(claims, dtypes=adapter.capabilities.dtypes)
    apart = () if dt_ms is None else departures(found, TABLE_1, step_ms, adapter.capabilities)
    return own, identity(found, "Table 1" if apart else "", apart, own=True)


def meant_as(neuron: SteppedNeuron, params: LIFParameters, dt_ms: float) -> bool:
    """True if a neuron has the decay of another's parameters, or the gain to threshold."""
    if neuron.threshold == math.inf:
        return False
    gain = neuron.gain / neuron.threshold
    for a, weight in (update(dt_ms, params) for update in UPDATES.values()):
        if 0 < a < 1 and abs(neuron.decay - a) <= _CLOSE * (1 - a):
            return True
        right = weight * params.R / params.V_th
        if weight < _SCALED and abs(gain - right) <= _CLOSE * right:
            return True
    return False


def explained(subject: Subject) -> Identity | None:
    """Identity of a layer whose checks failed, and its differences from what it declares.

    Returns
    -------
    Identity or None
        None if it cannot be probed: its spikes are dated inside steps, it is no LIF neuron of
        eq. 1, or it raises.
    """
    if subject.claims.precise or not hasattr(subject.params, "V_th"):
        return None
    try:
        found = identify(subject_runner(subject), dt_ms=subject.dt_ms)
    except (Exception, SystemExit):  # the checks have reported it
        return None
    apart: tuple[Departure, ...] = ()
    if found.neuron is not None and found.spikes_explained >= ENOUGH:
        apart = departures(found, subject.params, subject.dt_ms, subject.claims)
    if subject.once(starts_at_rest):  # a step brought V to its start, which a fault falsifies
        apart = tuple(d for d in apart if not d.cause_code.startswith("start."))
    return identity(found, "the declaration", apart, own=False)


def departures(
    found: Identification, params: NeuronParameters, dt_ms: float, claims: Capabilities
) -> tuple[Departure, ...]:
    """Undeclared differences of an identified neuron from the one meant, the gravest first."""
    assert found.neuron is not None
    how: dict[str, Any] = {"V_seen": found.V_shown != "none", "resolution": found.resolution}
    if not isinstance(params, LIFParameters):
        impulses = claims.drive == "impulses"
        fresh = claims.order != "membrane first"
        integrator = claims.integrator
        how["right"] = grid_oracle(
            params, dt_ms, integrator=integrator, impulses=impulses, fresh=fresh
        )
        how["ordered"] = claims.order in ("second first", "membrane first")
    listed = differences(found.neuron, params, dt_ms, **how)
    declared = _declared_codes(claims)
    form = claims.fixed_point
    if form is not None:
        declared.add("format.fixed-point")
        if getattr(found.neuron.number_format, "word", None) == form.word:
            declared.add(f"format.{form.overflow}s")
    if not _on_threshold(found.neuron):
        declared.add("threshold.exceeded")
    return tuple(
        Departure(d.cause.text, d.cause.code, d.effect, d.remedy)
        for d in _sorted(listed)
        if d.cause.code not in declared
    )


def _on_threshold(neuron: SteppedNeuron) -> bool:
    """True if an input can put V on the threshold exactly: gain and threshold are short numbers.

    Of others, rounding decides whether they fire there, and nothing else depends on it.
    """
    return all(float(f"{x:.6g}") == x for x in (neuron.gain, neuron.threshold))


def _sorted(listed: list[Difference]) -> list[Difference]:
    """Differences that say nothing changes come last."""
    return sorted(listed, key=lambda d: d.effect.startswith("the rate stays"))


def identity(
    found: Identification, compared: str, apart: tuple[Departure, ...], *, own: bool
) -> Identity:
    """Identity in sentences, from an identification."""
    neuron = found.neuron
    return Identity(
        code="" if neuron is None else code_sentence(neuron),
        physics="" if neuron is None else physics_sentence(neuron, found.dt_ms),
        spikes=found.spikes,
        spikes_explained=found.spikes_explained,
        V_explained=found.V_explained,
        compared_with=compared,
        departures=apart,
        alternatives=tuple(map(code_sentence, found.alternatives)),
        excluded=found.excluded,
        remarks=found.remarks,
        judged_by_own=own,
    )


_Run = Callable[[NDArray[np.float64]], tuple[NDArray, NDArray | None]]


def _runner(subject: Subject, adapter: Adapter) -> _Run:
    """Runner of a wrapped layer for identification: its own call, which may show V."""
    call = getattr(adapter, "_call", None)
    if call is None:
        return subject_runner(subject)

    def run(x: NDArray[np.float64]) -> tuple[NDArray, NDArray | None]:
        response = call.run(x)
        return response.spikes, response.V

    return run


def subject_runner(subject: Subject, *, led: bool = True) -> _Run:
    """Runner of any adapter for identification.

    Parameters
    ----------
    subject : Subject
    led : bool
        A layer that starts elsewhere than at V_reset is brought there first.
    """

    def run(x: NDArray[np.float64]) -> tuple[NDArray, NDArray | None]:
        if led:
            trace = subject.run(x)
        else:
            subject.build(subject.setup(x.shape[1]))
            trace = subject.answer(x)
        spikes = raster_of(trace, len(x), subject.dt_ms, subject.claims.spike_label)
        V = trace.membrane if subject.claims.membrane != "none" else None
        return spikes, None if V is None else np.asarray(V, dtype=np.float64)

    return run


def _declared_codes(claims: Capabilities) -> set[str]:
    """Codes of the differences from eq. 1 that a layer declares."""
    codes = {f"membrane.{claims.dtypes[0]}"}
    if claims.integrator != "exact":
        codes.add(f"update.{claims.integrator.lower().replace(' ', '-')}")
    if claims.reset == "subtract":
        codes.add("reset.subtract")
    if not claims.fires_at_threshold:
        codes.add("threshold.exceeded")
    return codes


def _stand_in(neuron: SteppedNeuron, dt_ms: float) -> LIFParameters:
    """LIF neuron that needs currents of the same size, for checks that ask for no equation."""
    decay = min(max(neuron.decay, 0.1), 0.999)
    gain = abs(neuron.gain) * (1.0 if neuron.synapse is None else abs(neuron.synapse.gain))
    V_th = abs(neuron.threshold) if math.isfinite(neuron.threshold) else 1.0
    values: dict[str, Any] = {
        "tau_ms": -dt_ms / math.log(decay),
        "R": (gain or 1.0) / (1 - decay),
        "V_th": V_th or 1.0,
        "V_reset": 0.0,
        "t_ref_ms": 0.0,
    }
    try:
        return LIFParameters(**values)
    except InputError:
        return replace(TABLE_1, t_ref_ms=0.0)
