"""The neuron on a time grid: the best a clock-driven implementation can be, and its relatives.

`PERFECT` is the on-grid oracle: V is exact at the ends of the steps, a spike is found there, and
V is held at V_reset for the steps that t_ref makes. Its inter-spike interval is
``dt (ceil(t_1/dt) + t_ref/dt)``, at most one step longer than eq. 1's. Every other `GridNeuron`
differs from it in what implementations are known to do differently; `diagnosis` looks among them
for one that fires as the implementation under test does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace


def _exact(h: float) -> tuple[float, float]:
    return math.exp(-h), -math.expm1(-h)


def _forward_euler(h: float) -> tuple[float, float]:
    return 1 - h, h


# Update of V over a step, as factors (a, g) of V <- a V + g R I, from dt in ms and the parameters.
UPDATES: dict[str, Callable[[float, LIFParameters], tuple[float, float]]] = {
    "exact": lambda dt, p: _exact(dt / p.tau_ms),
    "forward Euler": lambda dt, p: _forward_euler(dt / p.tau_ms),
    "backward Euler": lambda dt, p: (1 / (1 + dt / p.tau_ms), dt / (p.tau_ms + dt)),
    "Crank-Nicolson": lambda dt, p: (
        (1 - dt / p.tau_ms / 2) / (1 + dt / p.tau_ms / 2),
        dt / p.tau_ms / (1 + dt / p.tau_ms / 2),
    ),
    "decay exp(-dt/tau), but input scaled by dt/tau": lambda dt, p: (
        math.exp(-dt / p.tau_ms),
        dt / p.tau_ms,
    ),
    "decay 1 - dt/tau, but input scaled by 1 - exp(-dt/tau)": lambda dt, p: (
        1 - dt / p.tau_ms,
        -math.expm1(-dt / p.tau_ms),
    ),
    "input not scaled by 1 - exp(-dt/tau): R I is added at every step": lambda dt, p: (
        math.exp(-dt / p.tau_ms),
        1.0,
    ),
    "leak applied after the input: V <- (V + R I (1 - exp(-dt/tau))) exp(-dt/tau)": lambda dt, p: (
        math.exp(-dt / p.tau_ms),
        _exact(dt / p.tau_ms)[1] * math.exp(-dt / p.tau_ms),
    ),
    "leak applied after the input: V <- (V + R I dt/tau) exp(-dt/tau)": lambda dt, p: (
        math.exp(-dt / p.tau_ms),
        dt / p.tau_ms * math.exp(-dt / p.tau_ms),
    ),
    "leak applied after the input: V <- (V + R I dt/tau) (1 - dt/tau)": lambda dt, p: (
        1 - dt / p.tau_ms,
        dt / p.tau_ms * (1 - dt / p.tau_ms),
    ),
    "input not scaled at all: I is added at every step": lambda dt, p: (
        math.exp(-dt / p.tau_ms),
        1 / p.R,
    ),
    "input scaled by dt/tau twice": lambda dt, p: (
        math.exp(-dt / p.tau_ms),
        _exact(dt / p.tau_ms)[1] * dt / p.tau_ms,
    ),
    "input scaled by 1 - exp(-dt/tau) twice": lambda dt, p: (
        math.exp(-dt / p.tau_ms),
        _exact(dt / p.tau_ms)[1] ** 2,
    ),
    "input scaled by dt/tau twice, forward Euler": lambda dt, p: (
        1 - dt / p.tau_ms,
        (dt / p.tau_ms) ** 2,
    ),
    "input scaled by dt (in seconds) once more": lambda dt, p: (
        math.exp(-dt / p.tau_ms),
        _exact(dt / p.tau_ms)[1] * dt * 1e-3,
    ),
    "input not scaled by R: the resistance is ignored (r = 1)": lambda dt, p: (
        math.exp(-dt / p.tau_ms),
        _exact(dt / p.tau_ms)[1] / p.R,
    ),
    "resistance ignored (r = 1), forward Euler": lambda dt, p: (
        1 - dt / p.tau_ms,
        dt / p.tau_ms / p.R,
    ),
    "input scaled by R twice": lambda dt, p: (
        math.exp(-dt / p.tau_ms),
        _exact(dt / p.tau_ms)[1] * p.R,
    ),
    "C taken for tau": lambda dt, p: _exact(dt / p.C_ms),
    "tau 1000 times too long: a unit taken for another (ms for s)": lambda dt, p: _exact(
        dt / p.tau_ms / 1e3
    ),
    "tau 1000 times too short: a unit taken for another (s for ms)": lambda dt, p: _exact(
        dt / p.tau_ms * 1e3
    ),
    "tau multiplied by dt (in seconds)": lambda dt, p: _exact(1e3 / p.tau_ms),
    "tau divided by dt (in seconds)": lambda dt, p: _exact(1e-3 * dt**2 / p.tau_ms),
    "dt taken to be 1 ms, whatever it is (tau counted in steps)": lambda dt, p: _exact(
        1 / p.tau_ms
    ),
    "dt taken to be 0.1 ms, whatever it is": lambda dt, p: _exact(0.1 / p.tau_ms),
    "dt taken to be 0.1 ms, whatever it is, forward Euler": lambda dt, p: _forward_euler(
        0.1 / p.tau_ms
    ),
    "dt taken to be 1 ms, whatever it is, forward Euler": lambda dt, p: _forward_euler(
        1 / p.tau_ms
    ),
    "no leak: a pure integrator": lambda dt, p: (1.0, dt / p.tau_ms),
    "no leak: V does not decay, and its input is scaled by 1 - exp(-dt/tau)": lambda dt, p: (
        1.0,
        _exact(dt / p.tau_ms)[1],
    ),
    "no leak, and R I added at every step": lambda dt, p: (1.0, 1.0),
    "no memory: V is R I at every step (decay 0)": lambda dt, p: (0.0, 1.0),
    "no memory: V is (1 - exp(-dt/tau)) R I at every step": lambda dt, p: (
        0.0,
        _exact(dt / p.tau_ms)[1],
    ),
}

# Steps for which V is held after a spike, from dt in ms and the parameters.
REFRACTORY: dict[str, Callable[[float, LIFParameters], int]] = {
    "": lambda dt, p: round(p.t_ref_ms / dt),
    "refractory period is t_ref - dt": lambda dt, p: max(round(p.t_ref_ms / dt) - 1, 0),
    "refractory period is t_ref + dt, or the reset comes one step late": lambda dt, p: (
        round(p.t_ref_ms / dt) + 1
    ),
    "refractory period is t_ref - 2 dt": lambda dt, p: max(round(p.t_ref_ms / dt) - 2, 0),
    "refractory period is t_ref + 2 dt": lambda dt, p: round(p.t_ref_ms / dt) + 2,
    "no refractory period": lambda dt, p: 0,
    "t_ref in ms taken for a number of steps: dt assumed to be 1 ms": lambda dt, p: round(
        p.t_ref_ms
    ),
    "t_ref in ms, truncated, taken for a number of steps: dt assumed to be 1 ms": lambda dt, p: (
        int(p.t_ref_ms)
    ),
    "refractory period of at least one step: 0 acts as dt": lambda dt, p: max(
        round(p.t_ref_ms / dt), 1
    ),
    "refractory period truncated to int(t_ref/dt)": lambda dt, p: int(p.t_ref_ms / dt),
}


@dataclass(frozen=True)
class GridNeuron:
    """A clock-driven neuron; the defaults are the on-grid oracle.

    Attributes
    ----------
    update : str
        Key of `UPDATES`.
    fires_at_threshold : bool
        ``V >= V_th``, or ``V > V_th``.
    reset : {"value", "subtract", "zero"}
        To V_reset, by V_th - V_reset, or to 0 whatever V_reset is.
    refractory : str
        Key of `REFRACTORY`.
    clamped : bool
        V is held while refractory; if not, it goes on and only the spikes are suppressed.
    late : {"", "reset", "test"}
        The reset acts in the step after the spike; or the threshold is tested on the V of the
        step before.
    input : {"held", "delayed", "averaged", "rectified", "clipped", "first"}
        As given; one step late; the mean of this step's and the last one's; negative values as
        0; values outside [0, 1] as its bounds; that of the first step throughout.
    bounded : bool
        V is kept at 0 or above.
    offset : bool
        V_reset is added to V at every step.
    starts_refractory : bool
        The first spike cannot come before t_ref, as if there had been one at time 0.
    """

    update: str = "exact"
    fires_at_threshold: bool = True
    reset: Literal["value", "subtract", "zero"] = "value"
    refractory: str = ""
    clamped: bool = True
    late: Literal["", "reset", "test"] = ""
    input: Literal["held", "delayed", "averaged", "rectified", "clipped", "first"] = "held"
    bounded: bool = False
    offset: bool = False
    starts_refractory: bool = False


PERFECT = GridNeuron()


@dataclass(frozen=True, eq=False)
class GridTrace:
    """What a `GridNeuron` did.

    Attributes
    ----------
    raster : (steps, neurons) bool array
        True where it fired in a step.
    membrane : (steps, neurons) float64 array, dimensionless
        V at the ends of the steps, after the reset.
    before_reset : (steps, neurons) float64 array, dimensionless
        The same before it.
    """

    raster: NDArray[np.bool_]
    membrane: NDArray[np.float64]
    before_reset: NDArray[np.float64]

    def margin(self, V_th: float) -> NDArray[np.float64]:
        """Smallest distance of V from the threshold, per neuron: below rounding, it is a tie."""
        return np.min(np.abs(self.before_reset - V_th), axis=0)


def shaped_input(current: NDArray, kind: str) -> NDArray[np.float64]:
    """The current that acts, for the values of ``GridNeuron.input``."""
    current = np.asarray(current, dtype=np.float64)
    late = np.concatenate([np.zeros_like(current[:1]), current[:-1]])
    return {
        "held": lambda: current,
        "delayed": lambda: late,
        "averaged": lambda: (current + late) / 2,
        "rectified": lambda: np.maximum(current, 0),
        "clipped": lambda: np.clip(current, 0, 1),
        "first": lambda: np.broadcast_to(current[0], current.shape),
    }[kind]()


def grid_trace(
    current: NDArray, dt_ms: float, params: LIFParameters, neuron: GridNeuron = PERFECT
) -> GridTrace:
    """Run a clock-driven neuron from V_reset.

    Parameters
    ----------
    current : (steps, neurons) array, dimensionless
        Held over [n dt, (n + 1) dt).
    dt_ms : float, ms
    params : LIFParameters
    neuron : GridNeuron
    """
    a, g = UPDATES[neuron.update](dt_ms, params)
    hold = REFRACTORY[neuron.refractory](dt_ms, params)
    drive = g * params.R * shaped_input(current, neuron.input)
    if neuron.offset:
        drive = drive + params.V_reset
    # Written so that V_reset = 0 and exact ties round as in the plain update.
    V = np.full(drive.shape[1], params.V_reset)
    # Steps for which V is still held.
    left = np.full(V.shape, hold if neuron.starts_refractory else 0)
    pending = np.zeros(V.shape, dtype=bool)  # reset due in this step
    raster = np.zeros(drive.shape, dtype=bool)
    membrane, before = np.empty(drive.shape), np.empty(drive.shape)
    for n, x in enumerate(drive):
        tested = V
        free = left == 0
        V = np.where(free | (not neuron.clamped), a * V + x, V)
        if neuron.bounded:
            V = np.maximum(V, 0.0)
        if neuron.late != "test":
            if neuron.late == "reset":
                V = np.where(pending, _reset(V, params, neuron), V)
            tested = V
        over = tested >= params.V_th if neuron.fires_at_threshold else tested > params.V_th
        fires = over & free
        before[n] = V
        if neuron.late == "reset":
            pending = fires
        else:
            V = np.where(fires, _reset(V, params, neuron), V)
        left = np.where(fires, hold, np.maximum(left - 1, 0))
        raster[n], membrane[n] = fires, V
    return GridTrace(raster, membrane, before)


def _reset(V: NDArray, params: LIFParameters, neuron: GridNeuron) -> NDArray:
    if neuron.reset == "subtract":
        return V - (params.V_th - params.V_reset)
    return np.full_like(V, params.V_reset if neuron.reset == "value" else 0.0)


def crossing_steps(trace: Trace, dt_ms: float, label: str) -> list[NDArray[np.int64]]:
    """Indices of the steps in which each neuron crossed the threshold, from labelled times."""
    if label == "exact":
        return [np.ceil(t / dt_ms - 1e-9).astype(int) - 1 for t in trace.spike_times_ms]
    late = int(label == "end")
    return [np.round(t / dt_ms).astype(int) - late for t in trace.spike_times_ms]


def raster_of(trace: Trace, steps: int, dt_ms: float, label: str) -> NDArray[np.int64]:
    """Spikes per step, ``(steps, neurons)``; those labelled outside the run are dropped."""
    counts = np.zeros((steps, len(trace.spike_times_ms)), dtype=int)
    for neuron, index in enumerate(crossing_steps(trace, dt_ms, label)):
        inside = index[(index >= 0) & (index < steps)]
        np.add.at(counts[:, neuron], inside, 1)
    return counts
