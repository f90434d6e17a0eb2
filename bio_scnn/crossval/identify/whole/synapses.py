"""Synapses in whole numbers: two leaks, each rounded by itself, told from V before the spikes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.formats import ROUNDINGS, FixedPoint
from bio_scnn.crossval.identify.stepped import SteppedNeuron, Synapse, shifted
from bio_scnn.crossval.identify.whole.drives import Answers
from bio_scnn.crossval.identify.whole.rules import leaks, slope_bounds

Array = NDArray[np.float64]

_ROUNDED = ("truncate", "floor", "nearest", "half-away")
_BITS = (2, 3, 4, 5, 6, 7, 8, 10, 12)
_FIRST, _TOGETHER = 40, 64  # steps, decays


def behind_synapses(data: Answers, rows: NDArray[np.bool_]) -> Iterator[SteppedNeuron]:
    """Flows behind a synapse that agree with V in some steps.

    Parameters
    ----------
    data : Answers
        With V.
    rows : (steps, neurons) bool array

    Returns
    -------
    iterator of SteppedNeuron
        V in whole units.
    """
    roots, gain, bias = _second_order(data, rows)
    for fresh, root in itertools.product((True, False), roots):
        for decay, rounding in _likely(data, rows, root, (gain, bias, fresh)):
            left = data.state - _drive(data.x, decay, rounding, gain, fresh) - bias
            good = rows & (data.old != 0)
            low, high = slope_bounds(data.old[good], left[good])
            if low > high:
                continue
            for leak in itertools.islice(leaks(data.old[good], left[good]), 3):
                form = leak.number_format
                assert isinstance(form, FixedPoint)
                form = replace(form, synapse_rounding=rounding)
                synapse = Synapse(decay, gain, fresh)
                yield replace(leak, gain=1.0, bias=bias, synapse=synapse, number_format=form)


def _likely(
    data: Answers, rows: NDArray[np.bool_], root: float, drive: tuple[float, float, bool]
) -> list[tuple[float, str]]:
    """Candidates of which the first steps leave a leak of V, tried together."""
    gain, bias, fresh = drive
    kept = slice(0, _FIRST)
    good = (rows & (data.old != 0))[kept]
    old, state = data.old[kept][good], data.state[kept][good]
    decays = list(dict.fromkeys(decay for decay, _ in _candidates(data, root)))
    agree: set[tuple[float, str]] = set()
    for rounding, some in itertools.product(_ROUNDED, _parts(decays)):
        many = np.array(some)[:, None, None]
        left = state - _drive(data.x[kept], many, rounding, gain, fresh)[:, good] - bias
        low, high = slope_bounds(old, left)
        agree.update((some[n], rounding) for n in np.flatnonzero(low <= high))
    return [pair for pair in _candidates(data, root) if pair in agree]


def _parts(values: list[float]) -> Iterator[list[float]]:
    """Values in lists that are short enough to be tried together."""
    for start in range(0, len(values), _TOGETHER):
        yield values[start : start + _TOGETHER]


def _second_order(data: Answers, rows: NDArray[np.bool_]) -> tuple[list[float], float, float]:
    """Two decays, the gain of an impulse and the bias, by regression and from V itself."""
    V, x = data.state, data.x
    kept = rows.copy()
    kept[:2] = False
    columns = [shifted(V, 1), shifted(V, 2), x, shifted(x, 1), np.ones_like(x)]
    A, y = np.stack([c[kept] for c in columns], 1), V[kept]
    ok = np.isfinite(A).all(axis=1)
    if ok.sum() < 20:
        return [], 0.0, 0.0
    once, twice, now, then, _ = np.linalg.lstsq(A[ok], y[ok], rcond=None)[0]
    roots = [float(r.real) for r in np.roots([1, -once, -twice]) if abs(r.imag) < 0.1]
    silent = (x == 0).all(axis=0)
    bias = float(V[0, silent][0]) if silent.any() else 0.0
    gain = now if abs(now) > 0.3 * abs(then) else then
    return sorted(r for r in roots if 0 < r < 1), float(np.rint(gain)), bias


def _candidates(data: Answers, root: float) -> Iterator[tuple[float, str]]:
    """Decays near a root, over powers of two, with roundings; the simplest first."""
    seen: set[float] = set()
    for bits in _BITS:
        size = 2.0**bits
        room = 0.02 if bits < 10 else 0.005
        near = np.arange(np.ceil((root - room) * size), (root + room) * size + 1e-9)
        for k in sorted(near, key=lambda k: abs(k / size - root)):
            decay = float(k / size)
            if 0 < decay < 1 and decay not in seen:
                seen.add(decay)
                for rounding in _ROUNDED:
                    yield decay, rounding


def _drive(x: Array, decay: float | Array, rounding: str, gain: float, fresh: bool) -> Array:
    """Synaptic current that drives V, in whole numbers: ``(steps, neurons)``.

    Decays ``(n, 1, 1)`` give currents ``(n, steps, neurons)``.
    """
    round_, many = ROUNDINGS[rounding], np.atleast_3d(decay)
    S, now = np.zeros((len(many), *x.shape)), np.zeros((len(many), x.shape[1]))
    for n, value in enumerate(gain * x):
        if not fresh:
            S[:, n] = now
        now = round_(many[:, 0] * now) + value
        if fresh:
            S[:, n] = now
    return S if np.ndim(decay) else S[0]
