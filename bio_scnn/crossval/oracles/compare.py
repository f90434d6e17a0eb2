"""Spike trains of an implementation against what they should be, step by step or to the digit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.dialects import UPDATE_OF, GridNeuron
from bio_scnn.crossval.oracles.grid import GridTrace, grid_trace, raster_of
from bio_scnn.crossval.oracles.precision import TIME_TOLERANCE_MS, rounding_error
from bio_scnn.crossval.oracles.right import precise_answer, reading
from bio_scnn.crossval.protocol import Capabilities, Setup
from bio_scnn.crossval.subject import Subject
from bio_scnn.neuron.models import NeuronParameters, hybrid_system
from bio_scnn.neuron.trace import Trace


@dataclass(frozen=True)
class Comparison:
    """Differences between the spikes of one run and the oracle's.

    Attributes
    ----------
    neurons, wrong : int
        Neurons compared, which leaves out those where rounding decides; and those that differ.
    spikes, expected : int
        Of the neurons compared.
    worst_ms : float, ms
        Largest error of a spike time where the counts agree.
    """

    neurons: int
    wrong: int
    spikes: int
    expected: int
    worst_ms: float

    @property
    def observed(self) -> str:
        """Finding in words."""
        instead = f" instead of {self.expected}" if self.spikes != self.expected else ""
        times = f", times off by up to {self.worst_ms:.3g} ms" if self.worst_ms else ""
        return (
            f"{self.wrong} of {self.neurons} neurons deviate: {self.spikes} spikes{instead}{times}"
        )

    def values(self) -> dict[str, float]:
        """Finding in numbers, units in the names."""
        return {
            "wrong_neurons": self.wrong,
            "compared_neurons": self.neurons,
            "spike_count_error": self.spikes - self.expected,
            "spike_time_error_ms": self.worst_ms,
        }


def membrane_tolerance(
    dtype: str, params: NeuronParameters, dt_ms: float, V: NDArray
) -> NDArray[np.float64]:
    """Error that rounding may bring into V, ``(neurons,)``, for V of shape ``(steps, neurons)``.

    Rounding is relative to the largest value that V, the threshold or the reset takes, and what a
    time constant's worth of steps leave behind may add up; all steps, without a leak.
    """
    neuron = hybrid_system(params)
    marks = max(abs(m) for m in (neuron.V_th, neuron.V_reset) if np.isfinite(m))
    largest = np.maximum(np.nanmax(np.abs(V), axis=0), marks)
    steps = neuron.tau_ms / dt_ms if np.isfinite(neuron.tau_ms) else len(V)
    return float(rounding_error(dtype, steps)) * largest


def noisy_alone(subject: Subject) -> bool:
    """True for a neuron that, alone and under a constant current, fires at varying intervals.

    A clock may round one of them by a step; those of an adapting neuron go one way.
    """
    p, dt = subject.params, subject.dt_ms
    if subject.plain:
        p = subject.in_steps()
    current = drives.held(drives.rates(p, dt, 3, subject.dtype)[1:2], round(500 / dt))
    if not _jitters(np.diff(subject.run(current).spike_times_ms[0]), dt):
        return False
    if subject.plain or subject.claims.precise:
        return True
    right = reading(subject).run(p, dt, current).raster[:, 0]  # may do so by its adaptation
    return not _jitters(np.diff(np.flatnonzero(right)) * dt, dt)


def _jitters(intervals: NDArray[np.float64], dt: float) -> bool:
    """True for intervals that become longer and shorter by more than a step."""
    turns = np.diff(intervals)
    return bool(
        len(intervals) > 5
        and np.ptp(intervals) > 1.5 * dt
        and turns.max() > 0.5 * dt
        and turns.min() < -0.5 * dt
    )


def compare(subject: Subject, trace: Trace, current: NDArray, setup: Setup) -> Comparison:
    """Compare with the exact neuron if precise times are claimed, else with the on-grid oracle.

    Where the neuron is not that of eq. 1, the oracle is its family's, as the layer reads it.
    """
    if subject.claims.precise:
        return compare_exact(trace, current, setup, subject.claims)
    if not subject.plain:
        oracle = reading(subject).run(setup.params, setup.dt_ms, current)
        return compare_raster(trace, oracle, setup, subject.claims.spike_label)
    return compare_grid(trace, current, setup, subject.claims)


def compare_exact(
    trace: Trace, current: NDArray, setup: Setup, claims: Capabilities
) -> Comparison:
    """Compare spike times with the event-driven solution."""
    params, tolerance = setup.params, TIME_TOLERANCE_MS[setup.dtype]
    oracle = precise_answer(current, setup, claims)
    assert oracle.membrane is not None
    end = len(current) * setup.dt_ms
    # Rounding decides where V comes to rest on the threshold, or a spike falls on the very end.
    # NaN currents have no oracle at all.
    tie = membrane_tolerance(setup.dtype, params, setup.dt_ms, oracle.membrane)
    clear = np.all(np.abs(oracle.membrane - hybrid_system(params).V_th) > tie, axis=0)
    off = _membrane_off(trace, oracle.membrane, tie, setup)
    wrong = spikes = expected = 0
    worst = 0.0
    for neuron in np.flatnonzero(clear):
        found, right = trace.spike_times_ms[neuron], oracle.spike_times_ms[neuron]
        if len(found) != len(right):
            found = found[found < end - tolerance]
            right = right[right < end - tolerance]
        spikes, expected = spikes + len(found), expected + len(right)
        error = np.inf
        if len(found) == len(right):
            error = float(np.max(np.abs(found - right), initial=0.0))
            worst = max(worst, error)
        wrong += error > tolerance or bool(off[neuron])
    return Comparison(int(clear.sum()), int(wrong), spikes, expected, worst)


def compare_grid(trace: Trace, current: NDArray, setup: Setup, claims: Capabilities) -> Comparison:
    """Compare the steps of the spikes with the on-grid oracle's, by the declared integrator."""
    declared = GridNeuron(update=UPDATE_OF[claims.integrator])
    with np.errstate(over="ignore", invalid="ignore"):
        oracle = grid_trace(current, setup.dt_ms, setup.params, declared)
    return compare_raster(trace, oracle, setup, claims.spike_label)


def compare_raster(trace: Trace, oracle: GridTrace, setup: Setup, label: str) -> Comparison:
    """Compare the steps of the spikes with those of an oracle on the grid."""
    tie = membrane_tolerance(setup.dtype, setup.params, setup.dt_ms, oracle.before_reset)
    clear = oracle.clear(hybrid_system(setup.params).V_th, tie)
    off = _membrane_off(trace, oracle.membrane, tie, setup)[clear]
    found = raster_of(trace, len(oracle.raster), setup.dt_ms, label)[:, clear]
    right = oracle.raster[:, clear]
    worst = 0
    for neuron in range(found.shape[1]):
        one, other = np.flatnonzero(found[:, neuron]), np.flatnonzero(right[:, neuron])
        if len(one) == len(other):
            worst = max(worst, int(np.max(np.abs(one - other), initial=0)))
    return Comparison(
        int(clear.sum()),
        int((np.any(found != right, axis=0) | off).sum()),
        int(found.sum()),
        int(right.sum()),
        worst * setup.dt_ms,
    )


def _membrane_off(trace: Trace, right: NDArray, tie: NDArray, setup: Setup) -> NDArray[np.bool_]:
    """Neurons, ``(neurons,)``, that never fire by right and whose V, all they have, is wrong."""
    if np.isfinite(hybrid_system(setup.params).V_th) or trace.membrane is None:
        return np.zeros(right.shape[1], dtype=bool)
    with np.errstate(invalid="ignore"):
        near = np.abs(np.asarray(trace.membrane, dtype=np.float64) - right) <= tie
    return ~np.all(near, axis=0)


def first_spike_in_words(time_ms: float) -> str:
    """Time of the first spike in ms; infinite without one."""
    return f"first spike at {time_ms:.6g} ms" if np.isfinite(time_ms) else "no spike"


def intervals_in_words(found: NDArray) -> str:
    """Range of intervals, in ms; one number if they are equal to six digits."""
    shortest, longest = f"{found.min():.6g}", f"{found.max():.6g}"
    if shortest == longest:
        return f"all intervals {shortest} ms"
    return f"intervals of {shortest} to {longest} ms"
