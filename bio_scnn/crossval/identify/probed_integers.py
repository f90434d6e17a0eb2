"""Fixed-point layers, probed: unit of the input, decay as a rational, rounding and word."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.display import agreement, digits
from bio_scnn.crossval.identify.formats import ROUNDINGS, FixedPoint, Overflow
from bio_scnn.crossval.identify.hypotheses import Probed, significant_bits
from bio_scnn.crossval.identify.numbers import simplest, unit_of
from bio_scnn.crossval.identify.probing import Layer, read
from bio_scnn.crossval.identify.stepped import SteppedNeuron

_WORDS = (8, 10, 12, 14, 16, 18, 20, 24, 32)
_FAR = 256.0


@dataclass(frozen=True)
class _Lattice:
    """Unit of the input, how it is rounded, and the threshold in units."""

    unit: float
    rounding: str
    threshold: int


def fixed_point(data: Probed) -> list[SteppedNeuron]:
    """Fixed-point neurons that agree with a layer's critical inputs; none if it has no unit."""
    lattice = _lattice(data)
    if lattice is None or lattice.threshold < 2:  # no V between 0 and the threshold
        return []
    found = []
    for base in _bases(data, lattice):
        for n in _spiking(data, base):
            found.append((agreement(data, n), n))
    if not found:
        return []
    most = max(count for count, _ in found)
    total = sum(int(np.isfinite(r.critical).sum()) for r in (data.quiet, data.spiking))
    if most < 0.97 * total:
        return []
    return [n for count, n in found if count == most]


def _clean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Critical inputs, those just above a round number put on it."""
    below = np.nextafter(values, -np.inf)
    return np.where(significant_bits(below) < significant_bits(values), below, values)


def _lattice(data: Probed) -> _Lattice | None:
    # A probe on top of an input would be rounded together with it.
    alone = [r.critical[r.drives[r.at, r.drive] == 0] for r in (data.quiet, data.spiking)]
    values = np.concatenate(alone)
    values = values[np.isfinite(values) & (values != 0)]
    if not len(values):
        return None
    clean = _clean(values)
    unit = unit_of(clean, 2.0**24)
    if unit is not None:
        unit = simplest(unit * (1 - 1e-12), unit * (1 + 1e-12))
    if unit is None or data.layer.first / unit > 2**18:
        return None
    whole = np.rint(clean / unit)
    if np.all(whole % 2 == 1):
        return _Lattice(2 * unit, "nearest", int((np.rint(_first(data) / unit) + 1) // 2))
    lattice = _Lattice(unit, "floor", int(np.rint(_first(data) / unit)))
    return replace(lattice, rounding="truncate") if _truncates(data.layer, lattice) else lattice


def _truncates(layer: Layer, lattice: _Lattice) -> bool:
    """True if negative inputs are rounded towards zero: -2.5 units act as -2, not as -3."""
    n = np.arange(1, min(lattice.threshold, 60))
    if not len(n):
        return False
    drives = np.zeros((2 + layer.latency, 3 * len(n)))
    drives[0] = -np.concatenate([n, n + 0.5, n + 1]) * lattice.unit
    readings = read(layer, drives, [(d, 1) for d in range(3 * len(n))], _FAR)
    less, half, more = readings.critical.reshape(3, -1)
    return bool((half == less).sum() > (half == more).sum())


def _first(data: Probed) -> float:
    return float(_clean(np.array([data.layer.first]))[0])


def _level(values: NDArray[np.float64], lattice: _Lattice) -> NDArray[np.float64]:
    """Whole number that a critical input is rounded to."""
    v = values / lattice.unit
    if lattice.rounding == "nearest":
        return np.rint(v + 0.5)
    if lattice.rounding == "floor":
        return np.rint(v)
    return np.where(v < 0, np.rint(v) + 1, np.rint(v))


def _transitions(
    layer: Layer, lattice: _Lattice, far: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """V in one step, and V in the next without input, in units."""
    most = lattice.threshold - 1
    near = np.unique(np.linspace(-most, most, 160).astype(int))
    V = near[near != 0].astype(float)
    if far:
        V = np.concatenate([V, -np.unique(np.geomspace(2, _FAR / 2, 100) * most // 1)])
    drives = np.zeros((2 + layer.latency, len(V)))
    drives[0] = V * lattice.unit
    readings = read(layer, drives, [(d, 1) for d in range(len(V))], _FAR)
    ok = np.isfinite(readings.critical)
    after = lattice.threshold - _level(readings.critical[ok], lattice)
    return V[ok], after


def _bases(data: Probed, lattice: _Lattice) -> Iterator[SteppedNeuron]:
    """Flows in fixed point: decays, roundings and words that the transitions of V allow."""
    layer = data.layer
    far, near = (_transitions(layer, lattice, far) for far in (True, False))
    yielded = False
    for (V, after), word in ((far, False), (near, True)):
        for rounding in ("truncate", "floor", "nearest", "ceil", "nearest-even", "away"):
            for decay in _decays(V, after, rounding):
                yielded = True
                yield from _in_words(data, lattice, decay, rounding, word)
        off = np.unique(np.sign(V) * (V - after))
        if len(off) and off.max() > 0 and not yielded:
            leak = float(off.max())
            if np.array_equal(after, np.sign(V) * np.maximum(np.abs(V) - leak, 0)):
                yielded = True
                n = next(_in_words(data, lattice, 1.0, "truncate", False))
                yield replace(n, leak=leak * lattice.unit)
        if yielded:
            return


def _in_words(
    data: Probed, lattice: _Lattice, decay: float, rounding: str, bounded: bool
) -> Iterator[SteppedNeuron]:
    form = FixedPoint(lattice.unit, rounding, None, "saturate", lattice.rounding)
    late = data.layer.latency
    n = SteppedNeuron(
        decay, threshold=lattice.threshold * lattice.unit, number_format=form, input_delay=late
    )
    yield n
    if bounded:
        ways: tuple[Overflow, ...] = ("saturate", "wrap")
        for word, overflow in itertools.product(_WORDS, ways):
            if 2 ** (word - 1) >= lattice.threshold:
                wide = replace(form, word=word, overflow=overflow)
                yield replace(n, number_format=wide)


def _decays(V: NDArray[np.float64], after: NDArray[np.float64], rounding: str) -> list[float]:
    """Rationals of the smallest power of two that take V to what it was after a step."""
    if not len(V):
        return []
    ends = np.stack([(after - 1) / V, (after + 1) / V])
    low, high = float(ends.min(axis=0).max()), float(ends.max(axis=0).min())
    low, high = max(low, 0.0), min(high, 1.0)
    apply = ROUNDINGS[rounding]
    for power in range(17):
        whole = np.arange(np.ceil(low * 2**power), np.floor(high * 2**power) + 1)
        if len(whole) > 4000:
            break
        good = [w / 2**power for w in whole if np.array_equal(apply(w / 2**power * V), after)]
        if good:
            middle = len(good) // 2
            return [good[middle]] if len(good) > 4 else good
    return []


def _spiking(data: Probed, base: SteppedNeuron) -> Iterator[SteppedNeuron]:
    """Fixed-point flows with resets and refractory periods."""
    r, theta = int(min(data.blocked, 1200)), base.threshold
    low = data.spiking.of(0).get(r + 1, np.inf)
    value = (theta - low) / base.decay if base.decay and np.isfinite(low) else 0.0
    unit = base.number_format.unit  # type: ignore[union-attr]
    other = float(np.rint(value / unit) * unit)
    step = [theta, theta - unit]
    resets = dict.fromkeys([(0.0, 0.0), *((1.0, -s) for s in step), (0.0, other)])
    waits = [replace(base, refractory=r)]
    if r:
        waits.append(replace(base, refractory=r, while_refractory="integrates"))
        waits.append(replace(base, refractory=r, while_refractory="leaks"))
        waits.append(replace(base, refractory=r - 1, reset_when="after-update"))
    else:
        waits.append(replace(base, reset_when="after-update"))
    for (keep, to), n in itertools.product(resets, waits):
        yield replace(n, reset_keep=keep, reset_to=to)


def simplest_threshold(neuron: SteppedNeuron) -> SteppedNeuron:
    """Fixed-point neuron with ``V > threshold - unit`` for ``V >= threshold``, if rounder.

    In whole numbers both are the same.
    """
    unit = neuron.number_format.unit  # type: ignore[union-attr]
    below = neuron.threshold - unit
    taken = -neuron.reset_to if neuron.subtracts else None
    if taken == below or (
        taken is None and digits(below) < digits(neuron.threshold) and below > 0
    ):
        return replace(neuron, threshold=below, fires_at_threshold=False)
    return neuron
