"""Flows in whole numbers: the update that reproduces V bit for bit before the first spike."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.formats import ROUNDINGS, FixedPoint, bits_of
from bio_scnn.crossval.identify.quantised import gains
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step
from bio_scnn.crossval.identify.whole.drives import Answers
from bio_scnn.crossval.identify.whole.rules import MOST_BITS, leaks, telling
from bio_scnn.crossval.identify.whole.synapses import behind_synapses

Array = NDArray[np.float64]

MOST = 40
_SECONDS = 10.0
_WORDS = (*range(4, 21), 24, 32)


def whole_flows(data: Answers, *, synapses: bool = True) -> list[SteppedNeuron]:
    """Updates that reproduce V before the first spike, bounds included, the simplest first.

    Parameters
    ----------
    data : Answers
        With V.
    synapses : bool
        Look for one, too.

    Returns
    -------
    list of SteppedNeuron
        V in whole units, threshold infinite; empty if none reproduces V.
    """
    found: list[SteppedNeuron] = []
    kinds = (_plain, _with_bias, joint_flows, *([behind_synapses] if synapses else []))
    until = time.monotonic() + _SECONDS
    cut = np.clip(data.x, *data.limits)
    taken = [data] if np.array_equal(cut, data.x) else [data, replace(data, x=cut)]
    for rows in _safe(data):
        for kind, seen in itertools.product(kinds, taken):
            for flow in itertools.islice(kind(seen, rows), 12):
                flow = replace(flow, threshold=np.inf)
                found += [n for n in bounded(data, flow) if reproduces(data, n)]
                if len(found) >= MOST or time.monotonic() > until:
                    return found
            if found:
                return found
    return found


def reproduces(data: Answers, flow: SteppedNeuron) -> bool:
    """True if a flow has the V of every step before the first spike."""
    few = np.arange(data.x.shape[1])
    for steps in (24, len(data.x)):
        rows = data.quiet[:steps] & np.isfinite(data.state[:steps])
        V = step(flow, data.x[:steps][:, few]).V
        if not np.array_equal(V[rows], data.state[:steps][rows]):
            return False
    return True


def _safe(data: Answers) -> Iterator[NDArray[np.bool_]]:
    """Quiet steps that no bound of V or of the input can touch, the wider set first."""
    rows = data.quiet & np.isfinite(data.old) & np.isfinite(data.state)
    V, old = data.state, data.old
    if not (rows & (V != 0)).any():
        return
    top, low = float(V[rows].max()), float(V[rows].min())
    inside = rows & (V < top) & (V > low)
    gain = _rough_gain(data, rows)
    for share in (np.inf, 1.0, 0.6, 0.25):
        least = np.abs(gain * data.x) + np.abs(old) <= share * max(top, 1)
        above = (old >= 0) & (data.x * np.sign(gain or 1) >= 0)
        yield inside & (least | (share == np.inf))
        if share < np.inf:
            yield inside & least & above


def _rough_gain(data: Answers, rows: NDArray[np.bool_]) -> float:
    """Gain of the input, roughly: V right after a small input at rest."""
    at_rest = rows & (data.old == 0) & (data.x != 0) & (data.state != 0)
    if at_rest.any():
        at_rest &= np.abs(data.x) <= np.quantile(np.abs(data.x[at_rest]), 0.3)
    return float(np.median(data.state[at_rest] / data.x[at_rest])) if at_rest.any() else 0.0


def _columns(data: Answers, rows: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    return data.old[rows], data.x[rows], data.state[rows]


def _plain(data: Answers, rows: NDArray[np.bool_]) -> Iterator[SteppedNeuron]:
    """Leak and gain, each rounded by itself."""
    yield from _linear(data, rows, 0.0)


def _with_bias(data: Answers, rows: NDArray[np.bool_]) -> Iterator[SteppedNeuron]:
    """The same with a bias, as V without an input shows it."""
    old, x, new = _columns(data, rows)
    silent = x == 0
    rest = new[silent & (old == 0)]
    biases = [float(rest[0])] if len(rest) and rest[0] else []
    far = silent & (old != 0)
    if far.any():  # a leak that a floor hides at rest
        biases.append(float(np.median((new - old)[far])))
    for bias in dict.fromkeys(b for b in biases if b):
        yield from _linear(data, rows, bias)


def _linear(data: Answers, rows: NDArray[np.bool_], bias: float) -> Iterator[SteppedNeuron]:
    old, x, new = _columns(data, rows)
    silent = (x == 0) & (new != 0)
    if silent.sum() < 6:
        return
    for leak in itertools.islice(leaks(old[silent], new[silent] - bias), 8):
        form = leak.number_format
        assert isinstance(form, FixedPoint)
        decayed = form.decayed(leak.decay, old)
        if leak.leak:
            decayed = np.sign(decayed) * np.maximum(np.abs(decayed) - leak.leak, 0)
        for gain, rounding in gains(x, new - bias - decayed):
            fmt = replace(form, input_rounding=rounding)
            yield replace(leak, gain=gain, bias=bias, number_format=fmt)
            break


def joint_flows(data: Answers, rows: NDArray[np.bool_]) -> Iterator[SteppedNeuron]:
    """Decay and gain over one power of two, their sum rounded as a whole."""
    old, x, new = _columns(data, rows)
    if len(old) < 12 or not x.any() or not old.any():
        return
    (decay, gain, _), *_ = np.linalg.lstsq(np.stack([old, x, np.ones_like(x)], 1), new, rcond=None)
    few = np.concatenate([telling(old), telling(x)])
    room = 3 / max(float(np.abs(old).max()), 1), 3 / max(float(np.abs(x).max()), 1)
    for bits in range(1, 13):
        size = 2.0**bits
        ks = np.arange(np.ceil((decay - room[0]) * size), (decay + room[0]) * size + 1)
        js = np.arange(np.ceil((gain - room[1]) * size), (gain + room[1]) * size + 1)
        if len(ks) * len(js) > 3000:
            return
        pairs = np.array(list(itertools.product(ks, js))).reshape(-1, 2)
        near = np.abs((pairs @ np.stack([old, x])[:, few]) / size - new[few]).max(axis=1) <= 1
        for k, j in pairs[near]:
            exact = (k * old + j * x) / size
            if np.abs(exact - new).max() > 1:
                continue
            for rounding in ROUNDINGS:
                if np.array_equal(ROUNDINGS[rounding](exact), new):
                    form = FixedPoint(rounding=rounding, joint=True)
                    yield SteppedNeuron(float(k / size), float(j / size), number_format=form)


def bounded(data: Answers, flow: SteppedNeuron) -> Iterator[SteppedNeuron]:
    """A flow without bounds, and with each that V and the input may have; the simplest first."""
    low, high = data.limits
    ends = [(-np.inf, np.inf), (low, high), (low, np.inf), (-np.inf, high)]
    cuts = [replace(flow, input_low=a, input_high=b) for a, b in dict.fromkeys(ends)]
    for cut in cuts:
        yield cut
        yield from _saturating(data, cut)
    for cut in cuts:
        yield from _wrapping(data, cut)
    for circuit in circuits(flow):
        yield circuit
        yield from _saturating(data, circuit)


def _saturating(data: Answers, flow: SteppedNeuron) -> Iterator[SteppedNeuron]:
    """A flow whose V stops at a word, at a floor or at a ceiling."""
    form = flow.number_format
    assert isinstance(form, FixedPoint)
    V = data.state[data.quiet & np.isfinite(data.state)]
    low, high = float(V.min()), float(V.max())
    at_low, at_high = (V == low).sum() > 3, (V == high).sum() > 3
    if low < -1 and float(np.log2(-low)).is_integer():
        yield replace(flow, number_format=replace(form, word=int(np.log2(-low)) + 1))
    if low < -1 and float(np.log2(1 - low)).is_integer():
        yield replace(flow, floor=low, ceiling=-low)
    if low < 0 and at_low:
        yield replace(flow, floor=low)
    if low >= 0:
        yield replace(flow, floor=0.0)
    if at_high:
        yield replace(flow, ceiling=high)
        if at_low:
            yield replace(flow, floor=low, ceiling=high)
    for word in _WORDS:
        least = -(2.0 ** (word - 1))
        if low >= 0 and high < 2.0**word:
            yield replace(flow, number_format=replace(form, word=word, signed=False))
        elif low > least and high < -least:
            yield replace(flow, number_format=replace(form, word=word))


def _wrapping(data: Answers, flow: SteppedNeuron) -> Iterator[SteppedNeuron]:
    """A flow whose V wraps round at a word that holds what was seen of it."""
    form = flow.number_format
    assert isinstance(form, FixedPoint)
    V = data.state[data.quiet & np.isfinite(data.state)]
    low, high = float(V.min()), float(V.max())
    for word, signed in itertools.product(_WORDS, (False, True)):
        least = -(2.0 ** (word - 1)) if signed else 0.0
        if least <= low and high <= least + 2.0**word - 1:
            wraps = replace(form, word=word, overflow="wrap", signed=signed)
            yield replace(flow, number_format=wraps)


def circuits(flow: SteppedNeuron) -> Iterator[SteppedNeuron]:
    """A flow whose product wraps round before it is shifted, or is shifted without its sign."""
    form, bits = flow.number_format, bits_of(flow.decay, MOST_BITS)
    assert isinstance(form, FixedPoint)
    if not bits or form.shifts or form.joint or form.dropped:
        return
    for word in range(bits + 4, bits + 25):
        for name in ("product_word", "logical"):
            circuit: dict[str, Any] = {"decay_bits": bits, name: word}
            yield replace(flow, number_format=replace(form, **circuit))
