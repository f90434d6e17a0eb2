"""Whole numbers behind spikes alone: neurons of integers whose V a recording does not show."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.flow import Recorded
from bio_scnn.crossval.identify.formats import ROUNDINGS, FixedPoint, bits_of
from bio_scnn.crossval.identify.numbers import simplest, unit_of
from bio_scnn.crossval.identify.stepped import SteppedNeuron, shifted, step

Array = NDArray[np.float64]

_ROUNDINGS = ("floor", "truncate", "ceil", "nearest")
_BITS, _SHORT = range(3, 13), 8  # of decays; all short ones that are near are tried
_NEAR, _LARGEST = 0.02, 2.0**24
_MOST_THRESHOLDS = 200


@dataclass(frozen=True, eq=False)
class _Tried:
    """Neurons that are run side by side: a row for each."""

    decays: Array
    roundings: tuple[str, ...]
    thresholds: Array


def whole_from_spikes(data: Recorded, rough: SteppedNeuron) -> list[SteppedNeuron]:
    """Neurons in whole numbers of the input's unit that have every spike of a recording.

    Parameters
    ----------
    data : Recorded
        With spikes.
    rough : SteppedNeuron
        Neuron of real numbers, at threshold 1, that has most of them: its decay and gain are near.

    Returns
    -------
    list of SteppedNeuron
        With a decay of the fewest bits first; empty if there are none, or the input is not in
        whole numbers.
    """
    unit = unit_of(data.x)
    threshold = 0.0 if unit is None or rough.gain <= 0 else 1 / rough.gain / unit
    if unit is None or not 2 <= threshold <= _LARGEST:
        return []
    x = shifted(data.x / unit, rough.input_delay)
    tried = _rows(rough, threshold)
    low, high = _bounds(x, data.fired() > 0, rough, tried)
    found = []
    for k in np.flatnonzero(low < high):
        level = float(tried.thresholds[k])
        if not rough.subtracts:
            level = simplest(float(low[k]) + 1, float(high[k]))
        rounding = tried.roundings[k]
        form = FixedPoint(unit=unit, rounding=rounding)
        neuron = replace(
            rough,
            decay=float(tried.decays[k]),
            gain=1.0,
            threshold=level * unit,
            reset_to=-level * unit if rough.subtracts else 0.0,
            number_format=form,
        )
        if not np.abs(step(neuron, data.x).spikes - data.fired()).any():
            found.append(neuron)
    return sorted(found, key=lambda n: (_bits(n.decay), abs(n.threshold * rough.gain - 1)))


def _bits(decay: float) -> int:
    """Bits that a decay takes; one that is no fraction of a power of two comes last."""
    bits = bits_of(decay, 16)
    return 16 if bits is None else bits


def _rows(rough: SteppedNeuron, threshold: float) -> _Tried:
    """Decays near the rough one, with each rounding; thresholds too where spikes subtract one."""
    decays = {1.0} if rough.decay > 1 - _NEAR else set()
    for bits in _BITS:
        nearest = round(rough.decay * 2**bits)
        reach = int(_NEAR * 2**bits) if bits <= _SHORT else 0
        decays |= {(nearest + k) / 2**bits for k in range(-reach - 1, reach + 2)}
    decays |= {round(rough.decay, places) for places in (1, 2, 3)}
    near = [d for d in sorted(decays) if 0 < d <= 1 and abs(d - rough.decay) <= _NEAR]
    levels = [threshold]
    if rough.subtracts:
        low, high = (int(np.floor(threshold * (1 + side))) for side in (-_NEAR, _NEAR))
        levels = list(range(max(low, 1), high + 2))
        levels = sorted(levels, key=lambda level: abs(level - threshold))[:_MOST_THRESHOLDS]
        near = [d for d in near if _bits(d) <= _SHORT] or near
    # A decay of 1 rounds nothing.
    ways = [(d, r) for d in near for r in (_ROUNDINGS if d < 1 else _ROUNDINGS[:1])]
    rows = [(d, rounding, level) for (d, rounding), level in itertools.product(ways, levels)]
    return _Tried(
        np.array([d for d, _, _ in rows]),
        tuple(rounding for _, rounding, _ in rows),
        np.array([level for _, _, level in rows], dtype=np.float64),
    )


def _bounds(
    x: Array, fired: NDArray[np.bool_], rough: SteppedNeuron, tried: _Tried
) -> tuple[Array, Array]:
    """Largest V without a spike and smallest with one, of each row, with the recorded spikes."""
    rows = len(tried.decays)
    groups = [
        (name, np.array([r == name for r in tried.roundings])) for name in set(tried.roundings)
    ]
    V, left = np.zeros((rows, x.shape[1])), np.zeros(x.shape[1])
    low, high = np.full(rows, -np.inf), np.full(rows, np.inf)
    keep = tried.decays[:, np.newaxis]
    alive = np.ones(rows, dtype=bool)
    for now, spikes in zip(x, fired, strict=True):
        free = left == 0
        new = keep * V
        for name, members in groups:
            new[members] = ROUNDINGS[name](new[members])
        V = np.where(free, new + now, V)
        if spikes.any():
            high = np.minimum(high, V[:, spikes].min(axis=1))
        quiet = free & ~spikes
        if quiet.any():
            low = np.maximum(low, V[:, quiet].max(axis=1))
        alive = low < high
        if not alive.any():
            break
        gone = V - tried.thresholds[:, np.newaxis] if rough.subtracts else 0.0
        V = np.where(spikes, gone, V)
        left = np.where(spikes, rough.refractory, np.maximum(left - 1, 0))
    if rough.subtracts:
        alive &= (low < tried.thresholds) & (tried.thresholds <= high)
    return np.where(alive, low, np.inf), high
