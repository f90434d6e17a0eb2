"""Faults of a neuron in whole numbers: every one that its code or its circuit may have."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import numpy as np

from bio_scnn.crossval.causes import Cause, cause
from bio_scnn.crossval.identify.formats import FixedPoint, Overflow, bits_of
from bio_scnn.crossval.identify.stepped import SteppedNeuron, WhileRefractory
from bio_scnn.crossval.identify.whole.drives import Answers

Fault = tuple[Cause, SteppedNeuron]

_POWERS = tuple(2.0**k for k in (-1, 1, -2, 2, -3, 3, -4, 4, -6, 6, -8, 8))
_USUAL = (32, 16, 24, 64)


def whole_faults(base: SteppedNeuron, data: Answers, unit: float = 1.0) -> Iterator[Fault]:
    """Neurons with one fault each, with the cause that it is told by.

    Parameters
    ----------
    base : SteppedNeuron
        The neuron that is declared, V in whole units.
    data : Answers
        To a drive; its limits are those of the input.
    unit : float
        V of a whole unit, for the numbers in causes.
    """
    for part in (_thresholds, _resets, _moments, _products, _leaks, _inputs, _bounds):
        yield from part(base, data, unit)


def _thresholds(base: SteppedNeuron, data: Answers, unit: float) -> Iterator[Fault]:
    T = base.threshold
    yield cause("threshold.reached/measured"), replace(base, threshold=T - 1)
    yield cause("threshold.exceeded/measured"), replace(base, threshold=T + 1)
    at_once = _least_impulse(data)
    others = [T * p for p in _POWERS] + [(T - 1) * p + 1 for p in _POWERS]
    if at_once is not None:
        others += [base.gain * at_once, base.gain * (at_once - 1) + 1]
    for other in dict.fromkeys(np.floor(v) for v in others):
        if other > 0 and abs(other - T) > 1:
            why = cause("constant.threshold", times=float(other / T))
            yield why, replace(base, threshold=float(other))


def _least_impulse(data: Answers) -> float | None:
    """Least input that fires a neuron at rest."""
    rested = np.cumsum(np.abs(data.x), axis=0) == np.abs(data.x)
    fired = np.zeros_like(data.spikes)
    fired[: len(fired) - data.latency] = data.spikes[data.latency :]
    sizes = data.x[rested & (fired > 0) & (data.x > 0)]
    return float(sizes.min()) if len(sizes) else None


def _resets(base: SteppedNeuron, data: Answers, unit: float) -> Iterator[Fault]:
    T = base.threshold - (0 if base.fires_at_threshold else 1)
    if base.subtracts:
        yield cause("reset.value"), replace(base, reset_keep=0.0, reset_to=0.0)
    else:
        for step in (T, T - 1):
            yield cause("reset.subtract"), replace(base, reset_keep=1.0, reset_to=-step)
        yield cause("reset.zero"), replace(base, reset_to=0.0)
        for to in _seen_after(data):
            code = "reset.undershoot" if to < base.reset_to else "reset.other-value"
            why = cause(code, to=to * unit, right=base.reset_to * unit)
            yield why, replace(base, reset_to=to)
    yield cause("reset.absent"), replace(base, reset_keep=1.0, reset_to=0.0)
    for keep in (0.5, 0.25, 0.75, 0.125, 0.875):
        yield cause("reset.partial", keep=keep, to=0.0), replace(base, reset_keep=keep)


def _seen_after(data: Answers) -> list[float]:
    """V right after spikes, if it is shown and always the same."""
    if data.V is None:
        return []
    at = data.V[data.spikes > 0]
    return [float(at[0])] if len(at) and np.ptp(at) == 0 else []


def _moments(base: SteppedNeuron, data: Answers, unit: float) -> Iterator[Fault]:
    yield cause("reset.after-update"), replace(base, reset_when="after-update")
    if base.subtracts or base.reset_to:
        yield cause("late.reset"), replace(base, reset_when="next-step")
    if base.refractory:
        yield cause("refractory.none"), replace(base, refractory=0)
        modes: tuple[tuple[str, WhileRefractory], ...] = (
            ("clamp.none", "integrates"),
            ("clamp.leaks", "leaks"),
        )
        for code, mode in modes:
            yield cause(code), replace(base, while_refractory=mode)
    for off in (-1, 1, -2, 2, -3, 3, 4, 5):
        if base.refractory + off > 0:
            wrong = replace(base, refractory=base.refractory + off)
            yield cause("refractory.steps-off", steps=off), wrong
    for steps in (1, 2, 3, 4, 5, 8):
        yield cause("input.delayed/steps", steps=steps), replace(base, input_delay=steps)
        if data.V is None or not data.late:
            yield cause("label.late", steps=steps), replace(base, spike_delay=steps)
    yield cause("late.test/old"), replace(base, tested="old")


def _products(base: SteppedNeuron, data: Answers, unit: float) -> Iterator[Fault]:
    """Faults of the circuit that multiplies V by its decay."""
    form = base.number_format
    assert isinstance(form, FixedPoint)
    least = bits_of(base.decay)
    if not least:
        return
    bits = form.decay_bits or least
    # of widths that all do, a usual one is told
    for word in sorted(range(bits + 2, bits + 33), key=lambda w: (w not in _USUAL, w)):
        wraps = replace(form, decay_bits=bits, product_word=word)
        k = round(base.decay * 2**bits)
        yield (
            cause("format.product-wraps", k=k, word=word, bits=bits),
            replace(base, number_format=wraps),
        )
        for rounding in dict.fromkeys(("floor", form.rounding)):
            logical = replace(form, decay_bits=bits, logical=word, rounding=rounding)
            yield cause("format.logical-shift", word=word), replace(base, number_format=logical)
    for many in range(1, 13):
        for rounding in dict.fromkeys((form.rounding, "floor")):
            dropped = replace(form, dropped=many, rounding=rounding)
            yield cause("format.dropped-bits", dropped=many), replace(base, number_format=dropped)


def _leaks(base: SteppedNeuron, data: Answers, unit: float) -> Iterator[Fault]:
    form = base.number_format
    assert isinstance(form, FixedPoint)
    yield cause("update.no-leak/regression"), replace(base, decay=1.0)
    yield cause("update.no-memory"), replace(base, decay=0.0)
    rounded: dict[float, int] = {}
    for bits, how in itertools.product(range(1, 16), (np.floor, np.rint, np.ceil)):
        decay = float(how(base.decay * 2**bits) / 2**bits)
        if 0 < decay < 1 and decay != base.decay:
            rounded.setdefault(decay, bits)
    for decay, bits in rounded.items():
        yield cause("format.decay", bits=bits), replace(base, decay=decay)
    for by in range(1, 13):
        decay = 1 - 2.0**-by
        if decay != base.decay and decay not in rounded:
            why = cause("constant.tau", times=float(np.log(base.decay) / np.log(decay)))
            shifts = replace(form, shifts=((1, 0), (-1, by)))
            yield why, replace(base, decay=decay, number_format=shifts)
            yield why, replace(base, decay=decay)
    leak = 1 - base.decay
    for by in range(2, 13):
        many = float(np.rint(leak * 2**by))
        if many > 1 and many == leak * 2**by:
            dropped = replace(form, shifts=((1, 0), (-int(many), by)))
            yield cause("leak.dead-zone", size=2**by * unit), replace(base, number_format=dropped)
    yield cause("format.no-dead-zone"), replace(base, number_format=replace(form, dead_zone=False))
    sizes = [*range(1, 65), *(2**k for k in range(7, 13)), *(10 * k for k in range(7, 30))]
    for size in dict.fromkeys(sizes):
        if size < base.threshold:
            yield (
                cause("leak.linear", leak=size * unit),
                replace(base, decay=1.0, leak=float(size)),
            )


def _inputs(base: SteppedNeuron, data: Answers, unit: float) -> Iterator[Fault]:
    low, high = data.limits[0] + 0.0, data.limits[1]
    for a, b in dict.fromkeys([(low, np.inf), (-np.inf, high), (low, high)]):
        if a > -np.inf or b < np.inf:
            yield _cut(a, b), replace(base, input_low=a, input_high=b)
    for times in _POWERS:
        yield cause("constant.gain", times=times), replace(base, gain=base.gain * times)
    yield cause("input.inverted"), replace(base, gain=-base.gain)
    yield cause("input.averaged/regression"), replace(base, input_shape="averaged")
    for size in (1, 2, 4, 8, 16, 32, -1, -2, -4):
        yield cause("bias.added", bias=size * unit), replace(base, bias=float(size))


def _cut(low: float, high: float) -> Cause:
    if low == 0 and high == np.inf:
        return cause("input.rectified/regression")
    if high == np.inf:
        return cause("input.clipped/bound", bound=f"below {low:.6g}")
    if low == -np.inf:
        return cause("input.clipped/bound", bound=f"above {high:.6g}")
    return cause("input.clipped/bound", bound=f"below {low:.6g} and above {high:.6g}")


def _bounds(base: SteppedNeuron, data: Answers, unit: float) -> Iterator[Fault]:
    form = base.number_format
    assert isinstance(form, FixedPoint)
    yield cause("bounds.zero"), replace(base, floor=0.0)
    for floor in _floors(base, data):
        yield cause("bounds.floor", floor=floor * unit), replace(base, floor=floor)
    for ceiling in (base.threshold - 1, base.threshold):
        yield cause("bounds.ceiling", ceiling=ceiling * unit), replace(base, ceiling=ceiling)
    for word, signed in itertools.product(range(3, 25), (True, False)):
        for overflow in get_args(Overflow):
            wide = replace(form, word=word, overflow=overflow, signed=signed)
            if wide.bounds[1] >= base.threshold / 2:
                code = "format.saturates" if overflow == "saturate" else "format.wraps"
                key = f"{code}/unsigned" if not signed and overflow == "wrap" else code
                yield cause(key, word=word), replace(base, number_format=wide)


def _floors(base: SteppedNeuron, data: Answers) -> list[float]:
    """Floors of V: the smallest V that is shown, or round ones."""
    if data.V is not None:
        return [float(data.V.min())]
    near = [-float(n) for n in range(1, 65)]
    T = base.threshold
    return near + [-(2.0**k) for k in range(7, 20)] + [-T, 1 - T, -2 * T, -T / 2]
