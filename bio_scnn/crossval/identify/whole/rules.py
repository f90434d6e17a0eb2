"""Leaks in whole numbers: what takes V to what is left of it after a step, bit for bit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.stepped import SteppedNeuron

Array = NDArray[np.float64]

MOST_BITS = 16
"""Bits of a decay k/2^m that are tried."""

ROUNDED = ("truncate", "floor", "nearest", "half-away", "nearest-even", "ceil", "away")
_PLAIN = ("truncate", "floor")
_ALIKE, _MOST_DECAYS = 4, 4000


def slope_bounds(old: Array, left: Array) -> tuple[Array, Array]:
    """Bounds of the decay, for `left` within a unit of ``decay * old``; along the last axis."""
    used = np.where(old == 0, 1.0, old)
    ends = np.stack([(left - 1) / used, (left + 1) / used])
    low = np.where(old == 0, -np.inf, ends.min(axis=0)).max(axis=-1)
    high = np.where(old == 0, np.inf, ends.max(axis=0)).min(axis=-1)
    return low, high


def leaks(old: Array, left: Array) -> Iterator[SteppedNeuron]:
    """Neurons whose leak takes each V to what is left of it, the plain ones first.

    Parameters
    ----------
    old, left : (rows,) array
        Whole numbers.

    Returns
    -------
    iterator of SteppedNeuron
        V in units of 1.
    """
    if not old.any():
        return
    yield from _linear(old, left)
    low, high = (float(end) for end in slope_bounds(old, left))
    shown = list(_rational(old, left, low, high)) if low <= high else []
    plain = [
        n
        for n in shown
        if isinstance(n.number_format, FixedPoint) and n.number_format.rounding in _PLAIN
    ]
    yield from plain
    if not plain:
        yield from _shifts(old, left)
    yield from (n for n in shown if n not in plain)
    if not shown:
        yield from _dropped(old, left)


def _rational(old: Array, left: Array, low: float, high: float) -> Iterator[SteppedNeuron]:
    """Decays k/2^m of the smallest m, by rounding."""
    few = telling(old)
    low, high = max(low, 0.0), min(high, 1.0)
    for bits in range(MOST_BITS + 1):
        k = np.arange(np.ceil(low * 2**bits), np.floor(high * 2**bits) + 1)
        if len(k) > _MOST_DECAYS:
            return
        found = 0
        for dead, rounding in itertools.product((True, False), ROUNDED if len(k) else ()):
            # Steps without a small V do not tell whether a small one stays.
            if dead is False and found >= _ALIKE:
                break
            form = FixedPoint(rounding=rounding, dead_zone=dead)
            some = form.decayed(k[:, None] / 2.0**bits, old[few])
            for decay in k[(some == left[few]).all(axis=1)] / 2.0**bits:
                if np.array_equal(form.decayed(decay, old), left):
                    found += 1
                    yield SteppedNeuron(float(decay), number_format=form)
                if found >= _ALIKE:
                    break
        if found:
            return


def _dropped(old: Array, left: Array) -> Iterator[SteppedNeuron]:
    """Decays of a V whose lowest bits are dropped before it is multiplied."""
    for bits in range(1, 9):
        kept = np.floor(old / 2.0**bits) * 2.0**bits
        low, high = (float(end) for end in slope_bounds(kept, left))
        if kept.any() and low <= high:
            for n in _rational(kept, left, low, high):
                form = n.number_format
                assert isinstance(form, FixedPoint)
                if form.rounding in _PLAIN:
                    yield replace(n, number_format=replace(form, dropped=bits))


def telling(old: Array) -> NDArray[np.int64]:
    """A few rows, those with the largest V first."""
    order = np.argsort(-np.abs(old), kind="stable")
    return np.unique(np.concatenate([order[:12], order[:: max(len(order) // 24, 1)]]))


def _shifts(old: Array, left: Array) -> Iterator[SteppedNeuron]:
    """Sums of shifted V, each rounded by itself: V - (V >> 4), (V >> 1) + (V >> 2), ..."""
    few, top = telling(old), float(np.abs(old).max())
    slope = float(old @ left / (old @ old))
    near = 4.0 * len(old) ** 0.5 / float(np.linalg.norm(old)) + 0.02
    for terms in _sums():
        decay = sum(many / 2.0**by for many, by in terms)
        if not 0 <= decay < 1 or abs(decay - slope) > near:
            continue
        if any(2.0**by > top for _, by in terms):
            continue
        for rounding in ("floor", "truncate", "half-away"):
            form = FixedPoint(rounding=rounding, shifts=terms)
            if np.array_equal(form.decayed(decay, old[few]), left[few]) and np.array_equal(
                form.decayed(decay, old), left
            ):
                yield SteppedNeuron(decay, number_format=form)
                break


def _sums() -> Iterator[tuple[tuple[int, int], ...]]:
    for by in range(1, 13):
        yield (1, 0), (-1, by)
    for count in (2, 3, 4):
        for some in itertools.combinations(range(1, 9), count):
            yield tuple((1, by) for by in some)
            if count < 4:
                yield ((1, 0), *((-1, by) for by in some))
    for by, more in itertools.product(range(1, 13), range(1, 6)):
        if more < by:
            yield (1, 0), (-(2**more), by)


def _linear(old: Array, left: Array) -> Iterator[SteppedNeuron]:
    """A leak of the same size whatever V is, or none."""
    if np.array_equal(old, left):
        yield SteppedNeuron(1.0, number_format=FixedPoint())
        return
    leak = float((np.abs(old) - np.abs(left)).max())
    if (
        leak > 0
        and left.any()
        and np.array_equal(left, np.sign(old) * np.maximum(np.abs(old) - leak, 0))
    ):
        yield SteppedNeuron(1.0, leak=leak, number_format=FixedPoint())
