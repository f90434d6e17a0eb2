"""Quantised V: decay, rounding and gain of a fixed-point neuron that reproduce V bit for bit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.flow import Flow, Recorded, current, quiet_steps
from bio_scnn.crossval.identify.formats import ROUNDINGS, FixedPoint
from bio_scnn.crossval.identify.numbers import simplest
from bio_scnn.crossval.identify.stepped import SteppedNeuron, shifted

Array = NDArray[np.float64]

MOST = 3
"""Neurons that are kept for each flow, where several reproduce V."""

MOST_TRIES = 400
"""Decays and roundings for which a gain is searched."""

_FEW = 60
"""Steps on which decays are tried first, for most of them fail there already."""

_BELOW = {"floor": 0.0, "nearest": 0.5, "nearest-even": 0.5, "ceil": 1.0}
"""Distance below a whole number of the values that are rounded to it."""


@dataclass(frozen=True)
class _Steps:
    """Quiet steps in whole units: V after and before, what is added, the unit."""

    new: Array
    old: Array
    x: Array
    unit: float


def quantised(data: Recorded, flow: Flow, unit: float) -> list[SteppedNeuron]:
    """Fixed-point neurons that reproduce V in all quiet steps, the simplest first.

    Parameters
    ----------
    data : Recorded
        With V, whole multiples of `unit`.
    flow : Flow
        The update by regression, which the rounding disturbs.
    unit : float

    Returns
    -------
    list of SteppedNeuron
        Empty if no decay, rounding and gain that were tried reproduce V.
    """
    for guard in (0, 1):  # steps beside spikes tell too, if a delay does not spoil them
        steps = _steps(data, flow.neuron, unit, guard)
        if len(steps.new) < 8:
            return []
        found = _linear(steps, flow.neuron) if flow.neuron.leak else _exact(steps, flow)
        if found:
            return found
    return []


def _exact(steps: _Steps, flow: Flow) -> list[SteppedNeuron]:
    """Neurons with a leak in proportion to V that reproduce V in some steps."""
    unit = steps.unit
    found: list[SteppedNeuron] = []
    for tries, (decay, rounding, dead_zone) in enumerate(_updates(steps, flow), 1):
        decayed = FixedPoint(rounding=rounding, dead_zone=dead_zone).decayed(decay, steps.old)
        for gain, bias, of_input in _drives(steps, steps.new - decayed):
            if bias and not flow.neuron.bias:
                break
            form = FixedPoint(unit, rounding, None, "saturate", of_input, dead_zone)
            found.append(
                replace(
                    flow.neuron,
                    decay=decay,
                    gain=gain * unit,
                    bias=bias * unit,
                    number_format=form,
                )
            )
            break
        if len(found) >= MOST or tries >= MOST_TRIES:
            break
    return found


def _steps(data: Recorded, neuron: SteppedNeuron, unit: float, guard: int) -> _Steps:
    """Quiet steps that the flow explains to within some units."""
    assert data.V is not None
    new, old = np.rint(data.V / unit), np.rint(shifted(data.V, 1) / unit)
    x = current(neuron, data.x)
    decayed = neuron.decay * old
    if neuron.leak:
        decayed = np.sign(old) * np.maximum(np.abs(old) - neuron.leak / unit, 0)
    off = np.abs(new - decayed - (neuron.gain * x + neuron.bias) / unit)
    rows = quiet_steps(data, guard) & (off < 3.5) & (np.abs(new) < np.abs(new).max())
    rows &= (new != old) | (new != 0) | (x != 0)
    return _Steps(new[rows], old[rows], x[rows], unit)


def _updates(steps: _Steps, flow: Flow) -> Iterator[tuple[float, str, bool]]:
    """Decays and roundings for which what is left of V is a function of the input."""
    top = max(float(np.abs(steps.old).max()), 1.0)
    width = max(8 * flow.deviation, 2.5 / top)
    low, high = flow.neuron.decay - width, min(flow.neuron.decay + width, 1.0)
    few = _some(steps, _FEW)
    seen: set[tuple[float, str, bool]] = set()
    for decays in _candidates(low, high):
        for rounding, dead_zone in itertools.product(ROUNDINGS, (True, False)):
            kept = decays[_agree(few, decays, rounding, dead_zone)]
            kept = kept[_agree(steps, kept, rounding, dead_zone)] if len(kept) else kept
            for decay in kept:
                key = (float(decay), rounding, dead_zone)
                if key not in seen:
                    seen.add(key)
                    yield key


def _some(steps: _Steps, many: int) -> _Steps:
    """Some of the steps, those with the commonest inputs and the largest V."""
    _, inverse, counts = np.unique(steps.x, return_inverse=True, return_counts=True)
    order = np.lexsort((-np.abs(steps.old), -counts[inverse]))
    rows = np.unique(np.r_[order[: many // 2], order[:: max(1, 2 * len(order) // many)]])
    return _Steps(steps.new[rows], steps.old[rows], steps.x[rows], steps.unit)


def _agree(steps: _Steps, decays: Array, rounding: str, dead_zone: bool) -> NDArray[np.bool_]:
    """Decays for which what is left of V is one function of the input, within a unit linear."""
    order = np.argsort(steps.x, kind="stable")
    old, new, x = steps.old[order], steps.new[order], steps.x[order]
    starts = np.flatnonzero(np.r_[True, x[1:] != x[:-1]])
    decayed = ROUNDINGS[rounding](decays[:, None] * old)
    if not dead_zone:
        decayed = np.where(decayed == old, old - np.sign(old), decayed)
    left = new - decayed
    high = np.maximum.reduceat(left, starts, 1)
    right = (high == np.minimum.reduceat(left, starts, 1)).all(axis=1)
    inputs = x[starts]
    if not (used := inputs != 0).any():
        return right
    bias = high[:, ~used][:, :1] if (~used).any() else 0.0
    rest = (high - bias)[:, used]
    ends = np.stack([(rest - 1) / inputs[used], (rest + 1) / inputs[used]])
    return right & (ends.min(axis=0).max(axis=1) <= ends.max(axis=0).min(axis=1))


def _candidates(low: float, high: float) -> Iterator[Array]:
    """Decays between two bounds: over powers of two, decimals, and a fine grid; simplest first."""
    for bits in (4, 8, 12, 16):
        k = np.arange(np.ceil(low * 2.0**bits), np.floor(high * 2.0**bits) + 1)
        if len(k) > 4000:
            break
        # of equally good ones the rational with the smallest denominator
        size = np.array([int(v) & -int(v) for v in k])
        if len(k):
            yield k[np.argsort(-size, kind="stable")] / 2.0**bits
        places = bits // 4 + 1
        d = np.arange(np.ceil(low * 10.0**places), np.floor(high * 10.0**places) + 1)
        if 0 < len(d) < 4000:
            yield d / 10.0**places
    yield np.linspace(low, high, 2001)


def _drives(steps: _Steps, left: Array) -> Iterator[tuple[float, float, str]]:
    """Gain, bias (in units) and rounding of the input that give what is left of V."""
    silent = left[steps.x == 0]
    bias = float(silent[0]) if len(silent) else 0.0
    if not steps.x.any():
        yield 0.0, bias, "truncate"
        return
    for gain, rounding in gains(steps.x, left - bias):
        yield gain, bias, rounding


def gains(x: Array, left: Array) -> Iterator[tuple[float, str]]:
    """Gains and roundings with which the product of gain and input is `left`, the best first.

    Parameters
    ----------
    x, left : (rows,) array
        `left` in whole numbers.
    """
    if not x.any():
        return
    for rounding in ("truncate", "floor", "nearest", "nearest-even", "ceil", "away"):
        low, high = _gain_bounds(x, left, rounding)
        if low > high:
            continue
        # bounds that a value just outside the rounding's interval would meet are not included
        for gain in (
            float(np.ceil(low)),
            simplest(low, high),
            simplest(low + (high - low) / 8, high - (high - low) / 8),
        ):
            if low <= gain <= high and np.array_equal(ROUNDINGS[rounding](gain * x), left):
                yield gain, rounding
                break


def _gain_bounds(x: Array, whole: Array, rounding: str) -> tuple[float, float]:
    """Bounds of the gain for which ``rounding(gain x)`` is `whole`."""
    below, above = whole - _BELOW.get(rounding, 0.0), whole + 1 - _BELOW.get(rounding, 0.0)
    if rounding == "truncate":
        below, above = np.where(whole > 0, whole, whole - 1), np.where(whole < 0, whole, whole + 1)
    elif rounding == "away":
        below, above = np.where(whole > 0, whole - 1, whole), np.where(whole < 0, whole + 1, whole)
    with np.errstate(divide="ignore", invalid="ignore"):
        first, last = below / x, above / x
    used = x != 0
    return (
        float(np.minimum(first, last)[used].max()),
        float(np.maximum(first, last)[used].min()),
    )


def _linear(steps: _Steps, neuron: SteppedNeuron) -> list[SteppedNeuron]:
    """Neuron with a linear leak in whole units."""
    leak = np.rint(neuron.leak / steps.unit)
    if leak < 1:
        return []
    decayed = np.sign(steps.old) * np.maximum(np.abs(steps.old) - leak, 0)
    for gain, bias, of_input in _drives(steps, steps.new - decayed):
        return [
            replace(
                neuron,
                decay=1.0,
                leak=float(leak * steps.unit),
                gain=gain * steps.unit,
                bias=bias * steps.unit,
                number_format=FixedPoint(steps.unit, input_rounding=of_input),
            )
        ]
    return []
