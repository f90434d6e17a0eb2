"""Spikes on a grid followed one by one: the perfect neuron restarts at each of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_scnn.neuron.parameters import LIFParameters


def rounding_scale(current: NDArray[np.float64], params: LIFParameters) -> NDArray[np.float64]:
    """Scale of the rounding errors of V, as ``current``: the size of V, and 1 % of ``|RI|``.

    On the way to the threshold they add up over up to tau/dt steps; those of RI do not, because
    the larger RI is, the fewer the steps are.
    """
    return max(abs(params.V_th), abs(params.V_reset)) + np.abs(params.R * current) / 100


@dataclass(frozen=True, eq=False)
class Followed:
    """A raster against the perfect neuron on the grid that restarts at each spike of the raster.

    Attributes
    ----------
    errors : (spikes,) int array, steps
        How much later each spike is than the perfect one after the previous spike of the raster;
        0 where rounding decides.
    missed, extra : int
        Spikes that the perfect neuron has and the raster lacks, and the other way round.
    before, after : (steps, neurons) float64 array, dimensionless
        V of the perfect neuron at the ends of the steps, before and after the reset.
    scale : (steps, neurons) float64 array, dimensionless
        As `rounding_scale`.
    """

    errors: NDArray[np.int64]
    missed: int
    extra: int
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    scale: NDArray[np.float64]

    @property
    def largest(self) -> int:
        """Largest error in magnitude, with its sign, steps."""
        return int(self.errors[np.argmax(np.abs(self.errors))]) if self.errors.size else 0


def follow(
    raster: NDArray[np.bool_],
    current: NDArray[np.float64],
    dt_ms: float,
    params: LIFParameters,
    tolerance: float,
) -> Followed:
    """Compare a raster with the perfect neuron on the grid, interval by interval.

    Parameters
    ----------
    raster : (steps, neurons) bool array
        True where a neuron crossed the threshold in a step.
    current : (steps, neurons) float64 array, dimensionless
    dt_ms : float, ms
    params : LIFParameters
    tolerance : float, dimensionless
        Relative to `Followed.scale`. As long as V is within it of the threshold, a spike is
        neither due nor early.
    """
    steps, neurons = raster.shape
    decay = math.exp(-dt_ms / params.tau_ms)
    hold = round(params.t_ref_ms / dt_ms)
    V_inf = params.R * current
    scale = rounding_scale(current, params)
    V = np.full(neurons, params.V_reset)
    left = np.zeros(neurons, dtype=int)  # steps for which V is held
    due = np.full(neurons, -1)  # step of the last spike that the raster should have had
    owed = np.zeros(neurons, dtype=int)  # spikes that are due since the last one of the raster
    last = np.full(neurons, -1)  # step of the last spike of the raster
    missed = extra = 0
    errors = np.zeros(raster.shape, dtype=int)
    before, after = np.empty(raster.shape), np.empty(raster.shape)
    for n, fired in enumerate(raster):
        free = left == 0
        V = np.where(free, V_inf[n] + (V - V_inf[n]) * decay, params.V_reset)
        band = tolerance * scale[n]
        over = free & (V >= params.V_th + band) & ~fired
        before[n] = V
        for i in np.flatnonzero(fired):
            ahead = 0
            if not free[i] or V[i] < params.V_th - band[i]:
                ahead = _steps_to_spike(V[i], int(left[i]), V_inf[n + 1 :, i], decay, params.V_th)
            if owed[i] and ahead > n - due[i]:  # nearer to the spike that was due than to the next
                errors[n, i] = n - due[i]
                missed += owed[i] - 1
            else:
                errors[n, i] = -ahead
                missed += owed[i]
                extra += ahead > n - last[i] or n + ahead >= steps
            last[i], owed[i] = n, 0
        due[over] = n
        owed += over
        restart = over | fired
        V = np.where(restart, params.V_reset, V)
        left = np.where(restart, hold, np.maximum(left - 1, 0))
        after[n] = V
    missed += int(owed.sum())
    return Followed(errors[raster], int(missed), int(extra), before, after, scale)


def _steps_to_spike(V: float, held: int, V_inf: NDArray, decay: float, V_th: float) -> int:
    """Steps until V reaches the threshold; as many as there are, and one, if it does not."""
    for ahead, target in enumerate(V_inf[max(held - 1, 0) :].tolist(), 1 + max(held - 1, 0)):
        V = target + (V - target) * decay
        if V >= V_th:
            return ahead
    return len(V_inf) + 1
