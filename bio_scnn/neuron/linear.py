"""Neurons whose flow is linear: a membrane, with or without a leak, and currents that decay.

IF, LIF, LI, CubaLIF and adaptive LIF are all of this kind. Their flow has a closed form. The time
to the threshold has one too while no current decays; otherwise V is a sum of at most three
exponentials, whose extrema part it into monotone pieces, and the crossing is found in the first
piece that reaches V_th.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Parameter = Any
"""A float, or one for each neuron."""


@dataclass(frozen=True)
class DecayingCurrent:
    """A current x with ``tau dx/dt = -x + weight * drive``, in V's equation as ``sign * x``.

    Attributes
    ----------
    name : str
    tau_ms : float, ms
    sign : float
    weight : float or None
        Of the current that is held over a step. None: that current goes to V itself.
    at_spike : float
        Added to x when the neuron fires.
    on_threshold : bool
        x raises the threshold, in units of V, and drives nothing: its sign is 0.
    """

    name: str
    tau_ms: Parameter
    sign: float = 1.0
    weight: Parameter | None = None
    at_spike: float = 0.0
    on_threshold: bool = False

    def take(self, who: Any) -> DecayingCurrent:
        """The current of some of the neurons."""
        weight = None if self.weight is None else _of(self.weight, who)
        return replace(self, tau_ms=_of(self.tau_ms, who), weight=weight)


@dataclass(frozen=True)
class LinearNeuron:
    """The hybrid system of a membrane and at most two currents x that decay.

    ``tau dV/dt = V_rest - V + R (I + sum of sign * x)``, or ``dV/dt = R (I + ...)`` for an
    infinite tau. ``V = V_th`` from below: a spike; V_reset, or V less ``V_th - V_reset``, and
    V is held for t_ref. V starts at V_reset. A neuron with an infinite V_th never fires.

    Attributes and methods are those of `HybridSystem` and of the parameters' classes. Numbers may
    be arrays, one for each neuron; of V_th and tau all are finite then or none.
    """

    R: Parameter
    tau_ms: Parameter
    V_rest: Parameter
    V_th: Parameter
    V_reset: Parameter
    t_ref_ms: float
    reset: Literal["value", "subtract"]
    currents: tuple[DecayingCurrent, ...] = ()

    def take(self, who: Any) -> Self:
        """Some of the neurons, by index or mask; itself if all are equal."""
        numbers = ("R", "tau_ms", "V_rest", "V_th", "V_reset")
        equal = all(np.ndim(getattr(self, name)) == 0 for name in numbers)
        if equal and not any(np.ndim(x.tau_ms) or np.ndim(x.weight or 0) for x in self.currents):
            return self
        fewer: dict[str, Any] = {name: _of(getattr(self, name), who) for name in numbers}
        return replace(self, **fewer, currents=tuple(x.take(who) for x in self.currents))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(x.name for x in self.currents)

    @property
    def _leaks(self) -> bool:
        return not _infinite(self.tau_ms)

    @property
    def _gain(self) -> float:
        """dV/dt of a unit of current."""
        return self.R / self.tau_ms if self._leaks else self.R

    def start(self, neurons: int) -> Array:
        state = np.zeros((1 + len(self.currents), neurons))
        state[0] = self.V_reset
        return state

    def flow(self, state: Array, current: Array, time_ms: Array) -> Array:
        after = self.hold(state, current, time_ms)
        after[0] = self._V(state[0], *self._drive(state, current), time_ms)
        return after

    def hold(self, state: Array, current: Array, time_ms: Array) -> Array:
        after = state.copy()
        for row, x in enumerate(self.currents, 1):
            target = np.zeros(1) if x.weight is None else x.weight * current
            after[row] = _relaxed(state[row], target, time_ms / x.tau_ms)
        return after

    def margin(self, state: Array) -> Array:
        return self._below(state) - self.V_th

    def jump(self, state: Array, excess: Array) -> Array:
        after = state.copy()
        raised = state[0] - self._below(state)
        after[0] = self.V_reset + (excess + raised if self.reset == "subtract" else 0.0)
        for row, x in enumerate(self.currents, 1):
            after[row] += x.at_spike
        return after

    def impulse(self, state: Array, charge: Array, held: NDArray[np.bool_]) -> Array:
        after = state.copy()
        for row, x in enumerate(self.currents, 1):
            if x.weight is not None:
                after[row] += x.weight * charge / x.tau_ms
                return after
        after[0] += np.where(held, 0.0, self._gain * charge)
        return after

    def receive(self, state: Array, amount: Array) -> Array:
        after = state.copy()
        after[1 + self.names.index("S")] += amount
        return after

    def crossing(self, state: Array, current: Array, within_ms: Array) -> Array:
        if _infinite(self.V_th):
            return np.full(current.shape, np.inf)
        held, decaying = self._drive(state, current)
        V = self._below(state)
        # V less what raises the threshold relaxes as V does, under a current that decays with it.
        for row, x in enumerate(self.currents):
            if x.on_threshold:
                leak = 1 / self.tau_ms if self._leaks else 0.0
                decaying[row] = state[row + 1] * (1 / x.tau_ms - leak) / self._gain
        wait = self._closed_crossing(V, held)
        if self.currents and decaying.any():
            some = decaying.any(axis=0)
            wait[some] = self.take(some)._bracketed_crossing(
                V[some], held[some], decaying[:, some], within_ms[some]
            )
        return wait

    def _below(self, state: Array) -> Array:
        """V less what raises the threshold."""
        raised = sum(state[k] for k, x in enumerate(self.currents, 1) if x.on_threshold)
        return np.asarray(state[0] - raised)

    def _drive(self, state: Array, current: Array) -> tuple[Array, Array]:
        """Drive of V as a constant part and parts that decay, ``(currents, neurons)``."""
        if not self.currents:
            return current, state[1:]
        held, decaying = current, np.empty_like(state[1:])
        for row, x in enumerate(self.currents):
            decaying[row] = x.sign * state[row + 1]
            if x.weight is not None:
                held = x.sign * x.weight * current
                decaying[row] -= held
        return held, decaying

    def _V(self, V: Array, held: Array, decaying: Array, t: Array) -> Array:
        if self._leaks:
            after = _relaxed(V, self.V_rest + self.R * held, t / self.tau_ms)
        else:
            after = V + self.R * held * t
        for part, x in zip(decaying, self.currents, strict=True):
            if part.any():
                after = after + part * self._gain * _response(1 / self.tau_ms, 1 / x.tau_ms, t)
        return after

    def _slope(self, V: Array, held: Array, decaying: Array) -> Array:
        """dV/dt."""
        drive = self.R * (held + decaying.sum(axis=0))
        return (self.V_rest - V + drive) / self.tau_ms if self._leaks else drive

    def _closed_crossing(self, V: Array, held: Array) -> Array:
        """Time to the threshold under a held drive, ms; inf at rheobase and below."""
        if self._leaks:
            gap = self.V_rest + self.R * held - self.V_th
            # Rounding must not lift rheobase, (V_th - V_rest)/R as a float, over the threshold.
            rises = (gap > 0) & (held > (self.V_th - self.V_rest) / self.R)
            wait = self.tau_ms * np.log1p((self.V_th - V) / gap)
        else:
            gap = self.R * held
            rises = gap > 0
            wait = (self.V_th - V) / gap
        return np.where(rises & np.isfinite(gap), np.maximum(wait, 0.0), np.inf)

    def _bracketed_crossing(self, V: Array, held: Array, decaying: Array, within: Array) -> Array:
        """Time to the threshold under currents that decay; inf if it is not within a time."""
        wait = np.full(V.shape, np.inf)
        push = held + np.maximum(decaying, 0).sum(axis=0)  # the drive is never more
        if self._leaks:
            highest = np.maximum(V, self.V_rest + self.R * push)
        else:
            highest = V + self.R * np.maximum(push, 0) * within
        able = np.flatnonzero(highest >= self.V_th)
        if not able.size:
            return wait
        V, held, decaying, within = V[able], held[able], decaying[:, able], within[able]
        some = self.take(able)
        extrema = some._extrema(V, held, decaying, within)
        marks = np.array([np.zeros(V.shape), *extrema, within])
        heights = np.array([V, *(some._V(V, held, decaying, t) for t in marks[1:])]) - some.V_th
        rises = (heights[:-1] < 0) & (heights[1:] >= 0)
        at_once = (heights[0] >= 0) & (some._slope(V, held, decaying) > 0)
        wait[able[at_once]] = 0.0
        found = np.flatnonzero(rises.any(axis=0) & ~at_once)
        piece = rises[:, found].argmax(axis=0)
        V, held, decaying, some = V[found], held[found], decaying[:, found], some.take(found)

        def height(t: Array) -> tuple[Array, Array]:
            now = some._V(V, held, decaying, t)
            left = np.array(
                [
                    part * np.exp(-t / x.tau_ms)
                    for part, x in zip(decaying, some.currents, strict=True)
                ]
            )
            return now - some.V_th, some._slope(now, held, left)

        wait[able[found]] = _zero(height, marks[piece, found], marks[piece + 1, found], True)
        return wait

    def _extrema(self, V: Array, held: Array, decaying: Array, within: Array) -> list[Array]:
        """Times between 0 and `within` that part V into monotone pieces, ascending.

        The drive's derivative D' changes its sign at most once, and ``exp(t/tau) dV/dt`` has the
        slope ``exp(t/tau) D'/tau``: dV/dt has at most one zero on either side.
        """
        leak, slope = 1 / self.tau_ms, self._slope(V, held, decaying)
        parts = [
            (1 / x.tau_ms, self._gain / x.tau_ms * part)
            for x, part in zip(self.currents, decaying, strict=True)
            if part.any()
        ]
        if len(parts) == 1:
            ((rate, fall),) = parts
            y = slope / fall
            x = y * (leak - rate)
            time = np.where(x == 0, y, y * np.log1p(x) / x)
            return [_inside(time, within)]

        (rate, fall), (other_rate, other_fall) = parts
        slowest = np.minimum(np.minimum(leak, rate), other_rate)

        def scaled_slope(t: Array) -> tuple[Array, Array]:
            """``exp(slowest t) dV/dt``, which keeps its sign when dV/dt underflows."""
            value, change = slope * np.exp((slowest - leak) * t), np.zeros(t.shape)
            for r, f in parts:
                value = value - f * _response(leak, r, t, slowest)
                change = change - f * np.exp((slowest - r) * t)
            return value, change + (slowest - leak) * value

        turn = _inside(np.log(-fall / other_fall) / (rate - other_rate), within)
        zeros = np.zeros(V.shape)
        first = _zero_if_any(scaled_slope, zeros, turn)
        return [first, turn, _zero_if_any(scaled_slope, turn, within)]


def _relaxed(x: Array, target: Array, h: Array) -> Array:
    """x after h time constants of an exponential approach to a target.

    Over many short steps, the first form adds up no error of ``exp(-h)``; over long ones, the
    second leaves no error of x.
    """
    near, short = x - (target - x) * np.expm1(-h), h < 0.7
    if np.count_nonzero(short) == short.size:
        return near
    return np.where(short, near, target + (x - target) * np.exp(-h))


def _infinite(parameter: Parameter) -> bool:
    """True if a parameter is infinite, of one neuron or of all."""
    if isinstance(parameter, float):
        return math.isinf(parameter)
    return bool(np.isinf(parameter).all())


def _of(parameter: Parameter, who: Any) -> Parameter:
    return parameter if np.ndim(parameter) == 0 else parameter[who]


def _response(leak: Parameter, rate: Parameter, t: Array, shift: Parameter = 0.0) -> Array:
    """``exp(shift t)`` times the integral of ``exp(-leak (t - s) - rate s)`` over s from 0 to t.

    No exponent is positive, and equal rates are no special case.
    """
    apart = abs(leak - rate) * t
    mean = np.divide(-np.expm1(-apart), apart, out=np.ones_like(apart), where=apart > 0)
    return t * np.exp((shift - np.minimum(leak, rate)) * t) * mean


def _inside(t: Array, within: Array) -> Array:
    """Times; `within` for those that are not between 0 and it."""
    return np.where((t > 0) & (t < within), t, within)


def _zero_if_any(f: Callable[[Array], tuple[Array, Array]], low: Array, high: Array) -> Array:
    """Zero between two times of a monotone function; `high` where it has none."""
    at_low, at_high = f(low)[0], f(high)[0]
    changes = np.sign(at_low) * np.sign(at_high) < 0
    if not changes.any():
        return high
    return np.where(changes, _zero(f, low, high, at_high > 0), high)


def _zero(
    f: Callable[[Array], tuple[Array, Array]],
    low: Array,
    high: Array,
    rising: NDArray[np.bool_] | bool,
) -> Array:
    """Zero of a monotone function in a bracket: Newton's method safeguarded by bisection.

    Parameters
    ----------
    f : callable
        The function and its derivative.
    low, high : arrays
        Bracket.
    rising : bool or bool array
        Sign of the function at `high`.

    Returns
    -------
    array
        To the last digit that the function's own rounding leaves.
    """
    x = (low + high) / 2
    last = high - low
    done = low >= high
    for _ in range(200):
        value, slope = f(x)
        beyond = (value >= 0) == rising
        low, high = np.where(beyond, low, x), np.where(beyond, x, high)
        newton = x - value / slope
        good = (newton >= low) & (newton <= high) & (np.abs(newton - x) < np.abs(last) / 2)
        new = np.where(good, newton, (low + high) / 2)
        last = new - x
        x = np.where(done, x, new)
        done |= np.abs(last) <= np.spacing(x)
        if done.all():
            break
    return x
