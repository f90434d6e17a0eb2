"""How far spikes that somebody else computed are from eq. 1."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.diagnosis import describe, single_differences
from bio_scnn.crossval.grid import PERFECT, GridNeuron, grid_trace
from bio_scnn.crossval.protocol import Trace
from bio_scnn.table1 import LIFParameters


def rounding_scale(current: NDArray[np.float64], params: LIFParameters) -> NDArray[np.float64]:
    """What rounding errors of V are proportional to: the size of V, and 1 % of ``|RI|``.

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


@dataclass(frozen=True)
class Matched:
    """Spike times against the exact ones.

    Attributes
    ----------
    missed, extra : int
    error_ms : float, ms
        Largest difference of those that belong together.
    longer_ms : float or None, ms
        By how much every interval is too long, if it is the same for all and for no other reason.
    """

    missed: int
    extra: int
    error_ms: float
    longer_ms: float | None


def match(found: Trace, exact: Trace, dt_ms: float) -> Matched:
    """Pair spike times with exact ones less than half a step, or half an interval, away."""
    missed = extra = 0
    errors = [0.0]
    longer: list[float] = []
    for one, two in zip(found.spike_times_ms, exact.spike_times_ms, strict=True):
        window = 0.5 * min(dt_ms, float(np.diff(two).min(initial=np.inf)))
        i = j = 0
        while i < len(one) and j < len(two):
            if abs(one[i] - two[j]) <= window:
                errors.append(abs(float(one[i] - two[j])))
                i, j = i + 1, j + 1
            elif one[i] < two[j]:
                extra, i = extra + 1, i + 1
            else:
                missed, j = missed + 1, j + 1
        extra, missed = extra + len(one) - i, missed + len(two) - j
        both = min(len(one), len(two))
        if both > 1 and abs(one[0] - two[0]) < 1e-6:
            longer.extend(np.diff(one[:both] - two[:both]).tolist())
    same = bool(longer) and np.ptp(longer) < 1e-6 < abs(longer[0])
    return Matched(missed, extra, max(errors), float(np.mean(longer)) if same else None)


@dataclass(frozen=True, eq=False)
class Sample:
    """Currents and the raster that an implementation made of them."""

    current: NDArray[np.float64]
    dt_ms: float
    params: LIFParameters
    raster: NDArray[np.bool_]


def likely_cause(samples: list[Sample], tolerance: float) -> tuple[GridNeuron, str] | None:
    """The one difference from the perfect neuron on the grid that gives the same spikes.

    Parameters
    ----------
    samples : list of Sample
    tolerance : float, dimensionless
        Neurons whose V comes closer than this to the threshold without crossing it are left out.

    Returns
    -------
    (GridNeuron, str) or None
        The neuron, and the difference in words; None if no difference explains every sample.
    """
    if not any(s.raster.any() for s in samples):
        return PERFECT, "no neuron ever fires: is the current read?"
    # Where most neurons are tied, nothing can be told.
    clear = [s for s in samples if _clear(s, PERFECT, tolerance, len(s.current))[1].mean() > 0.5]
    samples = clear or samples
    for shift, words in (
        (1, 'every spike is dated one step late: does "spike_label" have to be "end"?'),
        (-1, 'every spike is dated one step early: does "spike_label" have to be "start"?'),
    ):
        if all(_same(s, PERFECT, tolerance, shift) for s in samples):
            return PERFECT, words
    for neuron in single_differences(PERFECT):
        if all(_same(s, neuron, tolerance) for s in samples):
            words = describe(neuron, PERFECT)
            return neuron, words if neuron.update == PERFECT.update else f"update of V: {words}"
    return None


def _clear(
    sample: Sample, neuron: GridNeuron, tolerance: float, steps: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Raster of a grid neuron, and which of its neurons stay clear of the threshold."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = grid_trace(sample.current[:steps], sample.dt_ms, sample.params, neuron)
        scale = rounding_scale(sample.current[:steps], sample.params)
        distance = np.abs(found.before_reset - sample.params.V_th) / scale
        return found.raster, np.min(distance, axis=0) > tolerance


def _same(sample: Sample, neuron: GridNeuron, tolerance: float, shift: int = 0) -> bool:
    """Whether a grid neuron gives the same spikes, `shift` steps later, where V is not close."""
    # Most hypotheses are out after a few intervals.
    for steps in (150, len(sample.current)):
        raster, clear = _clear(sample, neuron, tolerance, steps)
        kept = slice(max(shift, 0), steps + min(shift, 0))
        theirs, ours = sample.raster[:steps][kept], np.roll(raster, shift, axis=0)[kept]
        if clear.sum() < clear.size / 2 or not np.array_equal(theirs[:, clear], ours[:, clear]):
            return False
    return True
