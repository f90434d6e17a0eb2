"""Checks of neurons that have no closed form of their rate: any family, soft reset, impulses.

Each does for these what the check of the same name does for eq. 1. The right answer is that of the
`Reading` that the layer follows, or the event-driven solution for a layer with precise times.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.causes import cause
from bio_scnn.crossval.identify.hypotheses import significant_bits
from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.compare import (
    compare,
    first_spike_in_words,
    membrane_tolerance,
)
from bio_scnn.crossval.oracles.dialects import UPDATE_OF, UPDATES
from bio_scnn.crossval.oracles.family import grid_oracle
from bio_scnn.crossval.oracles.grid import GridTrace, raster_of
from bio_scnn.crossval.oracles.right import reading, right_answer
from bio_scnn.crossval.subject import Finding, Skip, Subject
from bio_scnn.neuron.events import exact_trace
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace, mean_rate_hz

_SHORT_BITS = 20
"""Significant bits of numbers whose products of two or three no order of multiplying rounds."""


def rate_curve(subject: Subject) -> Finding:
    """Spikes under constant currents, and their rates beside those of the exact solution."""
    p, dt = subject.params, subject.dt_ms
    current = drives.held(drives.rates(p, dt, dtype=subject.dtype), max(round(250 / dt), 100))
    trace = subject.run(current)
    found = compare(subject, trace, current, subject.setup(current.shape[1]))
    if not found.neurons:
        raise Skip("only ties to compare")
    rate, exact = mean_rate_hz(trace), mean_rate_hz(exact_trace(current, dt, p))
    values = found.values()
    if exact.all():
        values["rate_error_percent"] = 100 * float(np.abs(rate / exact - 1).max())
    return Finding(
        found.wrong == 0,
        found.observed,
        f"the {found.expected} spikes of {reading(subject).name}",
        values=values,
    )


def first_spike(subject: Subject) -> Finding:
    """First spikes under constant currents from time 0, in the step in which they are due."""
    p, dt = subject.params, subject.dt_ms
    current = drives.held(
        np.repeat(drives.rates(p, dt, 4, subject.dtype), 4), max(round(60 / dt), 40)
    )
    found = _first_ms(subject.run(current))
    right = right_answer(subject, current, subject.setup(current.shape[1]))
    expected = _first_ms(_labelled(right, subject))
    known = np.isfinite(expected)
    if not known.any():
        raise Skip("the oracle does not fire within 60 ms")
    error = np.where(known, found - np.where(known, expected, 0), 0)
    worst = int(np.argmax(np.abs(error)))
    return Finding(
        bool(np.abs(error).max() <= subject.tolerance_ms()),
        first_spike_in_words(found[worst]),
        f"{expected[worst]:.6g} ms",
        values={"first_spike_error_ms": float(np.abs(error).max())},
    )


def subthreshold(subject: Subject) -> Finding:
    """V under frozen noise that never brings it to the threshold."""
    p = subject.params
    # Without a leak V adds up: currents that only lower it leave it below the threshold.
    leaks = np.isfinite(subject.neuron.tau_ms)
    highest = min(0.8, 1 - 2 * subject.rounding) if leaks else -0.05
    current = drives.level(p, np.random.default_rng(5).uniform(-1.5, highest, (400, 6)))
    trace = subject.run(current)
    right = right_answer(subject, current, subject.setup(6))
    if _raster(right, subject, current).any():
        raise Skip("the neuron fires below rheobase: it rests above the threshold")
    return _membranes(subject, trace, right, np.ones(6, bool))


def spiking(subject: Subject) -> Finding:
    """V of neurons that fire in the right steps, while they fire, rest and charge again."""
    p, dt = subject.params, subject.dt_ms
    current = drives.held(drives.rates(p, dt, 6, subject.dtype), max(round(60 / dt), 40))
    trace = subject.run(current)
    right = right_answer(subject, current, subject.setup(6))
    due = _raster(right, subject, current)
    same = np.all(raster_of(trace, len(current), dt, subject.claims.spike_label) == due, axis=0)
    if not same.any():
        raise Skip("no neuron fires in the right steps: see fi_curve")
    return _membranes(subject, trace, right, same)


def silence(subject: Subject) -> Finding:
    """No spike below rheobase, or without a current where there is no leak; some above."""
    p, leaks = subject.params, np.isfinite(subject.neuron.tau_ms)
    near = 2 * subject.rounding if leaks else 0.0
    if near > 0.3:
        raise Skip(f"{subject.dtype} rounds V too much with so short a time step")
    below, above = 1 - max(1e-3, near), 1 + max(0.02, 3 * near)
    levels = [0.0, -2.0, 0.5 - near, below, above] if leaks else [0, -2, 0, -0.5, 1.02]
    current = drives.level(p, levels)
    slowest = max([x.tau_ms for x in subject.neuron.currents], default=0.0)
    longest = 10 * (max(subject.neuron.tau_ms, slowest) if leaks else 20.0)
    steps = round(longest / subject.dt_ms)
    if subject.neuron.V_rest >= subject.neuron.V_th:
        raise Skip("it fires without a current: V_rest is not below V_th")
    if not subject.relaxes:
        raise Skip("with dt >= tau the declared integrator overshoots: it fires below rheobase")
    if subject.claims.drive == "impulses":  # which on average do more or less than held ones
        share = 1.0
        if isinstance(p, LIFParameters):  # they lift V above what the same charge, held, does
            gain = UPDATES[UPDATE_OF[subject.claims.integrator]](subject.dt_ms, p)[1]
            share = gain * p.tau_ms / subject.dt_ms
        current[2:4] = drives.level(p, [0.3, 0.5]) * share
    counts = [len(t) for t in subject.run(drives.held(current, steps)).spike_times_ms]
    return Finding(
        not any(counts[:4]) and counts[4] > 0,
        f"{counts[:4]} spikes below threshold, {counts[4]} above",
        "none below V_th, some above",
        values={"spikes_below_rheobase": sum(counts[:4]), "spikes_above": counts[4]},
    )


def threshold_equality(subject: Subject) -> Finding:
    """The spike of a neuron that one step puts on the threshold, if its numbers are short."""
    claims = subject.claims
    if claims.precise:
        raise Skip("its spike times do not depend on the equality")
    neuron = grid_oracle(
        subject.params,
        subject.dt_ms,
        integrator=claims.integrator,
        impulses=claims.drive == "impulses",
    )
    # A decay that was given as exp(-dt/tau) leaves a last digit in what should be short.
    gain, decay = (float(f"{x:.12g}") for x in (neuron.gain, neuron.decay))
    nominal = (neuron.threshold - decay * neuron.start - neuron.bias) / gain
    numbers = [gain, nominal, neuron.threshold, *([decay] if neuron.start else [])]
    short = significant_bits(np.array(numbers))
    if neuron.synapse is not None or short.max() > _SHORT_BITS or nominal <= 0:
        raise Skip("V could not be put on the threshold exactly")
    current = drives.held(nominal * np.array([0.99, 1.0, 1.01]), 3)
    current[1:] = 0  # what does not fire at once never does
    first = _first_ms(subject.run(current)) / subject.dt_ms
    below, at, above = first.tolist()
    if not above < below or at not in (below, above):
        raise Skip("V could not be put on the threshold exactly")
    fires, due = at == above, claims.fires_at_threshold
    why = cause("threshold.exceeded/measured" if due else "threshold.reached/measured")
    return Finding(
        fires == due,
        "fires at V == V_th" if fires else "does not fire at V == V_th",
        "fires" if due else "does not fire, as declared",
        None if fires == due else why,
    )


def as_declared(subject: Subject) -> Finding:
    """All spikes under constant, jumping and noisy currents, huge ones too, as declared."""
    p, dt, steps = subject.params, subject.dt_ms, 500
    current = np.concatenate(
        [
            drives.held(drives.rates(p, dt, 5, subject.dtype), steps),
            drives.stepping(p, dt, steps, 5),
            drives.noise(p, dt, steps, 5, coloured=False),
            drives.jumping(p, dt, steps, 3),
        ],
        axis=1,
    )
    found = compare(subject, subject.run(current), current, subject.setup(current.shape[1]))
    name = reading(subject).name
    if not found.neurons:
        raise Skip("only ties to compare")
    return Finding(
        found.wrong == 0,
        f"fires as {name}" if found.wrong == 0 else found.observed,
        f"as declared: {name}",
        values=found.values(),
    )


def follows(subject: Subject) -> str:
    """Name of the reading that a layer follows spike for spike; empty if it does not."""
    if subject.claims.precise:
        return ""
    try:
        return reading(subject).name if as_declared(subject).ok else ""
    except (Exception, SystemExit):  # whatever is raised, the checks have reported it
        return ""


def other_neurons(params: Any) -> list[Any]:
    """Neurons with other time constants, another gain and another threshold."""
    names = [field.name for field in fields(params) if field.name.startswith("tau")]
    times = {
        name: getattr(params, name) * factor
        for name, factor in zip(names, (0.575, 1.3, 0.8), strict=False)
    }
    if hasattr(params, "V_th"):
        jump = params.V_th - params.V_reset
        higher = replace(params, V_th=params.V_reset + 1.7 * jump)
        return [replace(params, **times), replace(params, R=1.7 * params.R), higher]
    return [replace(params, **times), replace(params, R=1.7 * params.R)]


def _first_ms(trace: Trace) -> NDArray[np.float64]:
    return np.array([t[0] if len(t) else np.inf for t in trace.spike_times_ms])


def _labelled(right: Trace | GridTrace, subject: Subject) -> Trace:
    if isinstance(right, Trace):
        return right
    return Trace.from_raster(right.raster, subject.dt_ms, label=subject.claims.spike_label)


def _raster(right: Trace | GridTrace, subject: Subject, current: NDArray) -> NDArray:
    if isinstance(right, Trace):
        return raster_of(right, len(current), subject.dt_ms, "exact")
    return right.raster.astype(int)


def _membranes(
    subject: Subject, trace: Trace, right: Trace | GridTrace, same: NDArray[np.bool_]
) -> Finding:
    """V of some neurons against the right one; the step of a spike may show either side."""
    if trace.membrane is None:
        raise Skip("it does not show V")
    V, expected = np.asarray(trace.membrane, dtype=np.float64), right.membrane
    assert expected is not None
    if isinstance(right, GridTrace) and subject.claims.membrane == "before reset":
        clear = ~right.raster & same
    elif isinstance(right, Trace):  # a step that ends on a spike to rounding may show either
        near = 1e-6 * subject.scale
        clear = (np.abs(np.abs(V - expected) - subject.scale) > near) & same
    else:
        clear = np.broadcast_to(same, V.shape)
    tolerance = membrane_tolerance(subject.dtype, subject.params, subject.dt_ms, expected).max()
    with np.errstate(invalid="ignore"):
        error = np.where(clear, np.abs(V - expected), 0)
    worst = float(error.max()) if np.isfinite(error).all() else np.inf
    step, neuron = np.unravel_index(int(np.argmax(error)), error.shape)
    return Finding(
        worst <= tolerance,
        f"V = {V[step, neuron]:.6g} at {(step + 1) * subject.dt_ms:g} ms; off by up to "
        f"{worst:.2g}",
        f"V = {expected[step, neuron]:.6g}; at most {tolerance:.2g} off",
        values={"membrane_max_error": worst / subject.scale},
    )
