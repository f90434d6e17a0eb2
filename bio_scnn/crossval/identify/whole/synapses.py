"""Synapses in whole numbers: two leaks, each rounded by itself, told from V before the spikes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.stepped import SteppedNeuron, Synapse, shifted
from bio_scnn.crossval.identify.whole.drives import Answers
from bio_scnn.crossval.identify.whole.rules import leaks, slope_bounds

Array = NDArray[np.float64]

_Kind = tuple[str, bool]
_KINDS: tuple[_Kind, ...] = (
    *((rounding, True) for rounding in ("truncate", "floor", "nearest", "half-away")),
    *((rounding, False) for rounding in ("ceil", "away")),
)
"""Roundings of the current, and whether a small one that is left as it is stays."""

_BITS = (2, 3, 4, 5, 6, 7, 8, 10, 12)
_FIRST, _TOGETHER = 40, 64  # steps with a V, decays


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
        drive = _first_jump(data, bias, fresh) or gain, bias, fresh
        for decay, kind in _likely(data, rows, root, drive):
            left = data.state - _drive(data.x, decay, kind, drive[0], fresh) - bias
            good = rows & (data.old != 0)
            low, high = slope_bounds(data.old[good], left[good])
            if low > high:
                continue
            for leak in itertools.islice(leaks(data.old[good], left[good]), 6):
                form = leak.number_format
                assert isinstance(form, FixedPoint)
                form = replace(form, synapse_rounding=kind[0], synapse_dead_zone=kind[1])
                synapse = Synapse(decay, drive[0], fresh)
                yield replace(leak, gain=1.0, bias=bias, synapse=synapse, number_format=form)


def _first_jump(data: Answers, bias: float, fresh: bool) -> float:
    """Gain of the first input, as V shows it in the same step or the next; 0 if it does not."""
    late = 0 if fresh else 1
    for x, V, fired in zip(data.x.T, data.state.T, data.spikes.T, strict=True):
        if x.any() and (first := int(np.argmax(x != 0))) + late < len(V):
            at = first + late
            free = not fired[:at].any() and not V[:at].any() and (data.taken or not fired[at])
            if free and V[at]:
                return float((V[at] - bias) / x[first])
    return 0.0


def _likely(
    data: Answers, rows: NDArray[np.bool_], root: float, drive: tuple[float, float, bool]
) -> list[tuple[float, _Kind]]:
    """Candidates of which the first V leave a leak of V, tried together."""
    gain, bias, fresh = drive
    good = rows & (data.old != 0)
    if not good.any():
        return []
    kept = slice(0, np.flatnonzero(good.any(axis=1))[:_FIRST][-1] + 1)
    good = good[kept]
    old, state = data.old[kept][good], data.state[kept][good]
    decays = _candidates(root)
    agree: set[tuple[float, _Kind]] = set()
    for kind, some in itertools.product(_KINDS, _parts(decays)):
        many = np.array(some)[:, None, None]
        left = state - _drive(data.x[kept], many, kind, gain, fresh)[:, good] - bias
        low, high = slope_bounds(old, left)
        agree.update((some[n], kind) for n in np.flatnonzero(low <= high))
    return [pair for pair in itertools.product(decays, _KINDS) if pair in agree]


def _parts(values: list[float]) -> Iterator[list[float]]:
    """Values in lists that are short enough to be tried together."""
    for start in range(0, len(values), _TOGETHER):
        yield values[start : start + _TOGETHER]


def _second_order(data: Answers, rows: NDArray[np.bool_]) -> tuple[list[float], float, float]:
    """Two decays, the gain of an impulse and the bias, by regression and from V itself."""
    V, x = data.state, data.x
    kept = rows.copy()
    kept[:2] = False
    columns = [data.old, shifted(data.old, 1), x, shifted(x, 1), np.ones_like(x)]
    columns.append(shifted(data.spikes.astype(np.float64), 1))
    A, y = np.stack([c[kept] for c in columns], 1), V[kept]
    ok = np.isfinite(A).all(axis=1)
    if ok.sum() < 20:
        return [], 0.0, 0.0
    once, twice, now, then, _, spike = np.linalg.lstsq(A[ok], y[ok], rcond=None)[0]
    roots = [float(r.real) for r in np.roots([1, -once, -twice]) if abs(r.imag) < 0.1]
    if data.taken:  # the current of the last step is known from V before its spikes
        roots = [float(spike / data.taken)]
    silent = (x == 0).all(axis=0)
    bias = float(V[0, silent][0]) if silent.any() else 0.0
    gain = now if abs(now) > 0.3 * abs(then) else then
    return sorted(r for r in roots if 0 < r < 1), float(np.rint(gain)), bias


def _candidates(root: float) -> list[float]:
    """Decays near a root, over powers of two; the simplest first."""
    found: list[float] = []
    for bits in _BITS:
        size = 2.0**bits
        room = 0.02 if bits < 10 else 0.005
        near = np.arange(np.ceil((root - room) * size), (root + room) * size + 1e-9)
        found += sorted((float(k / size) for k in near), key=lambda decay: abs(decay - root))
    return list(dict.fromkeys(decay for decay in found if 0 < decay < 1))


def _drive(x: Array, decay: float | Array, kind: _Kind, gain: float, fresh: bool) -> Array:
    """Synaptic current that drives V, in whole numbers: ``(steps, neurons)``.

    Decays ``(n, 1, 1)`` give currents ``(n, steps, neurons)``.
    """
    form, many = FixedPoint(rounding=kind[0], dead_zone=kind[1]), np.atleast_3d(decay)
    S, now = np.zeros((len(many), *x.shape)), np.zeros((len(many), x.shape[1]))
    for n, value in enumerate(gain * x):
        if not fresh:
            S[:, n] = now
        now = form.decayed(many[:, 0], now) + value
        if fresh:
            S[:, n] = now
    return S if np.ndim(decay) else S[0]
