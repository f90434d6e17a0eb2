"""Start of a neuron: at V_reset, as eq. 1 has it here, or at rest, 0, where other code starts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.dialects import UPDATE_OF, UPDATES
from bio_scnn.crossval.oracles.grid import crossing_steps
from bio_scnn.crossval.protocol import Capabilities, Setup
from bio_scnn.neuron.closed_form import current_for_latency, first_spike_ms
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace

if TYPE_CHECKING:
    from bio_scnn.crossval.subject import Subject


def start_matters(params: Any) -> bool:
    """True for a LIF whose V_reset is not where it rests."""
    return isinstance(params, LIFParameters) and params.V_reset != 0


def lead_to_reset(setup: Setup, claims: Capabilities) -> float:
    """Current that carries V from 0 to V_reset in one step."""
    p = setup.params
    gain = UPDATES[UPDATE_OF[claims.integrator]](setup.dt_ms, p)[1]
    if claims.drive == "impulses":
        gain = setup.dt_ms / p.tau_ms
    return float(p.V_reset / (p.R * gain))


def without_first_step(trace: Trace, dt_ms: float) -> Trace:
    """Trace of a run whose first step was not part of it."""
    trains = tuple(train[train > 1e-6 * dt_ms] - dt_ms for train in trace.spike_times_ms)
    return Trace(trains, None if trace.membrane is None else trace.membrane[1:])


def starts_at_rest(subject: Subject) -> bool:
    """True if V starts at 0 where V_reset is another; from V, or from the first spikes.

    Where the neuron's own V_reset is 0, another is tried.
    """
    p, dt = subject.params, subject.dt_ms
    if not isinstance(p, LIFParameters) or p.V_th <= 0:
        return False
    if not p.V_reset:
        p = replace(p, V_reset=-p.V_th / 4)
    try:
        return _starts_at_rest(subject, p, dt)
    except (Exception, SystemExit):  # the checks report it
        return False


def _starts_at_rest(subject: Subject, p: LIFParameters, dt: float) -> bool:
    if subject.claims.membrane != "none":
        # One neuron is left alone. The other shows that V can be brought to V_reset at all.
        current = np.zeros((2, 2))
        current[0, 1] = lead_to_reset(subject.setup(2, params=p), subject.claims)
        trace = _bare(subject, p, current)
        if trace.membrane is not None:
            left = UPDATES[UPDATE_OF[subject.claims.integrator]](dt, p)[0] * p.V_reset
            alone, led = trace.membrane[0] / p.V_reset
            return bool(abs(alone * p.V_reset) < 0.01 * abs(left) and led > 0.1)
    if not subject.plain:
        return False
    q = subject.in_steps(p)
    most = min(drives.longest_charge(q, dt, subject.dtype), 25)
    current = current_for_latency(drives.crossing_ms(q, dt, np.arange(1, most + 1)), q)
    due, from_zero = (
        first_spike_ms(current, neuron) / dt for neuron in (q, replace(q, V_reset=0.0))
    )
    told = (np.ceil(due) != np.ceil(from_zero)) & (np.abs(from_zero - np.round(from_zero)) > 0.05)
    if not told.any():
        return False
    trace = _bare(subject, p, drives.held(current, 2 * most + 2))
    steps = crossing_steps(trace, dt, subject.claims.spike_label)
    first = np.array([s[0] + 1 if len(s) else -1 for s in steps])
    return bool(np.array_equal(first[told], np.ceil(from_zero[told])))


def _bare(subject: Subject, p: LIFParameters, current: np.ndarray) -> Trace:
    """Answer of a layer just built, with nothing before the current."""
    subject.build(subject.setup(current.shape[1], params=p))
    return subject.answer(current.copy())
