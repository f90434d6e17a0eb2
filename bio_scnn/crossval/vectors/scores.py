"""How far spikes that somebody else computed are from eq. 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.diagnosis import describe, single_differences
from bio_scnn.crossval.oracles.follow import rounding_scale
from bio_scnn.crossval.oracles.grid import PERFECT, GridNeuron, grid_trace
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace


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
