"""The neuron on a time grid: the best a clock-driven implementation can be, and its relatives.

`PERFECT` is the on-grid oracle: V is exact at the ends of the steps, a spike is found there, and
V is held at V_reset for the steps that t_ref makes. Its inter-spike interval is
``dt (ceil(t_1/dt) + t_ref/dt)``, at most one step longer than eq. 1's. Every other `GridNeuron`
differs from it in what implementations are known to do differently; `diagnosis` looks among them
for one that fires as the implementation under test does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.crossval.oracles.dialects import PERFECT, REFRACTORY, UPDATES, GridNeuron
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace


@dataclass(frozen=True, eq=False)
class GridTrace:
    """Spikes and V of a `GridNeuron`.

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

    def clear(self, V_th: float, near: ArrayLike) -> NDArray[np.bool_]:
        """Neurons whose V never comes as close to the threshold as `near`: for them, no tie.

        Parameters
        ----------
        V_th : float, dimensionless
        near : array that broadcasts to (steps, neurons), dimensionless
            By how much rounding may move V.

        Returns
        -------
        (neurons,) bool array
        """
        return np.all(np.abs(self.before_reset - V_th) > near, axis=0)


def shaped_input(current: ArrayLike, kind: str) -> NDArray[np.float64]:
    """Current that acts on V, ``(steps, neurons)``, for the values of ``GridNeuron.input``."""
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
    everyone = np.ones(V.shape, dtype=bool)
    for n, x in enumerate(drive):
        tested = V
        some_held = left.any()
        free = left == 0 if some_held else everyone
        new = a * V + x
        V = np.where(free, new, V) if some_held and neuron.clamped else new
        if neuron.bounded:
            V = np.maximum(V, 0.0)
        if neuron.late != "test":
            if neuron.late == "reset" and pending.any():
                V = np.where(pending, _reset(V, params, neuron), V)
            tested = V
        over = tested >= params.V_th if neuron.fires_at_threshold else tested > params.V_th
        fires = over & free
        before[n] = V
        if some_held:
            left = np.maximum(left - 1, 0)
        pending = fires
        if fires.any():
            left = np.where(fires, hold, left)
            if neuron.late != "reset":
                V = np.where(fires, _reset(V, params, neuron), V)
        raster[n], membrane[n] = fires, V
    return GridTrace(raster, membrane, before)


def _reset(V: NDArray, params: LIFParameters, neuron: GridNeuron) -> NDArray | float:
    if neuron.reset == "subtract":
        return V - (params.V_th - params.V_reset)
    return params.V_reset if neuron.reset == "value" else 0.0


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
