"""Run of machines: many at once, which differ in numbers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.faults.clocks import Clock
from bio_scnn.crossval.faults.flow import flow
from bio_scnn.crossval.faults.inputs import inputs
from bio_scnn.crossval.faults.machine import NUMBERS, Machine
from bio_scnn.crossval.faults.odd_steps import (
    below_zero,
    forgotten,
    leak_of_step,
    remember,
    started_again,
    two_leaks,
)
from bio_scnn.crossval.faults.outputs import handed_out
from bio_scnn.crossval.faults.seconds import with_seconds
from bio_scnn.crossval.faults.showing import held, shown_otherwise, shown_V
from bio_scnn.crossval.faults.within_step import stepped_within
from bio_scnn.crossval.identify.formats import ROUNDINGS, FloatingPoint, FloatName


@dataclass(frozen=True, eq=False)
class Ran:
    """Answers of machines.

    Attributes
    ----------
    spikes : (steps, machines, neurons) int array
    V : as spikes, float64
        As shown.
    margin : as spikes, float64
        V that was tested above the threshold; infinite while refractory.
    """

    spikes: NDArray[np.int64]
    V: NDArray[np.float64]
    margin: NDArray[np.float64]


def run(machines: Sequence[Machine], x: NDArray[np.float64]) -> Ran:
    """Answers of machines that differ in numbers alone to ``(steps, neurons)`` inputs."""
    m = _representative(machines)
    flows = [flow(one) for one in machines]
    # Where all have one value it stays a number: half of the work is saved.
    numbers = zip(*map(_numbers, machines), strict=True)
    p = SimpleNamespace(
        **{name: _column([getattr(f, name) for f in flows]) for name in vars(flows[0])},
        **dict(zip(NUMBERS, map(_column, numbers), strict=True)),
    )
    X = inputs(m, p, x)
    state = _State(m, p, (len(machines), x.shape[1]))
    shape = (len(x), len(machines), x.shape[1])
    spikes, V, margin = np.zeros(shape, np.int64), np.empty(shape), np.empty(shape)
    with np.errstate(all="ignore"):
        for t in range(len(x)):
            spikes[t], V[t], margin[t] = state.step(X[t])
    return Ran(handed_out(m, spikes), shown_otherwise(m, p, V), margin)


def structure(m: Machine) -> tuple:
    """Everything in which machines that run together must agree."""
    finite = (m.unit > 0, m.x_unit > 0, m.keep == 1, m.range_high < np.inf)
    soft = (m.x_soft > 0, m.s_soft > 0, m.shown_soft > 0, m.s_high < np.inf, m.s_low > -np.inf)
    return (*finite, *soft, *_kinds(m))


_FREE = {
    *NUMBERS,
    *("tau_ms", "R", "dt_ms", "tau_syn_ms", "tau_w_ms", "b", "params", "update"),
    *("second_update", "order_declared"),
    *("gain_times", "decay_times", "decay_bits", "decay_rounding", "gain_follows", "impulses"),
}
_DEFAULTS = {f.name: f.default for f in fields(Machine)}
_kinds = attrgetter(*(name for name in _DEFAULTS if name not in _FREE))
_numbers = attrgetter(*NUMBERS)


def _representative(machines: Sequence[Machine]) -> Machine:
    """A machine in which everything is at work that is so in any of several."""
    first = machines[0]
    if len(machines) == 1:
        return first
    at_work: dict[str, Any] = {}
    for name in NUMBERS:
        values = (getattr(m, name) for m in machines)
        at_work[name] = next((v for v in values if v != _DEFAULTS[name]), _DEFAULTS[name])
    return replace(first, **at_work)


def _column(values: Sequence[float]) -> Any:
    return values[0] if len(set(values)) == 1 else np.array(values)[:, None]


_ROUNDING: Mapping[str, Callable[[NDArray], NDArray]] = {
    "nearest": ROUNDINGS["nearest-even"],
    "down": ROUNDINGS["floor"],
    "zero": ROUNDINGS["truncate"],
}

_FORMATS = {name: FloatingPoint(name) for name in get_args(FloatName)}


class _State:
    """State of machines, and their step."""

    def __init__(self, m: Machine, p: Any, shape: tuple[int, int]):
        self.m, self.p = m, p
        self.V = np.zeros(shape) + p.start
        self.S, self.w, self.th_w = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.old, self.due = np.zeros(shape) + p.start, np.zeros(shape, np.int64)
        self.ghost, self.wear = np.zeros(shape), np.ones(shape)
        self.past, self.quiet = np.zeros((m.window, *shape)), np.zeros(shape)
        self.store, self.again = np.zeros(shape), np.zeros(shape, dtype=bool)
        self.clock, self.t = Clock(m, p.refractory, shape), 0
        form = m.precision.rpartition(" ")[2]
        self.round = _FORMATS[form].product if form else None
        if self.round and m.precision.startswith("all"):
            for name in ("d", "g", "c", "bias"):
                setattr(p, name, self.round(np.asarray(getattr(p, name), dtype=float)))

    def step(self, x: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        m, p = self.m, self.p
        if m.forgets and self.t and self.t % m.forgets == 0:
            self.V, self.S, self.w = self.V * 0 + p.start, self.S * 0, self.w * 0
            self.clock.restart()
        if m.after_spike == "no input":
            x = np.where(self.due > 0, 0.0, x)
        free = self.clock.free()
        if m.within:
            return stepped_within(self, x)
        old = self.V
        u, before_leak = self._flow(x, free)
        if m.reset_when == "next update":
            u = np.where(self.due > 0, p.to + p.keep * u, u)
        elif m.reset_when == "on top":
            u = u + self.due * p.to if m.keep == 1 else np.where(self.due > 0, p.to, u)
        u = u if not m.negative.startswith("V") else below_zero(self, u, free)
        would = u  # V if it were not refractory
        threshold = p.threshold * (1 + p.drift * self.t) * self.wear + p.threshold * self.th_w
        if m.w_moves == "threshold":
            undecayed = p.q if m.order == "old" else 1.0
            threshold = threshold + m.R * self.w / undecayed
        tested = {"old": old, "bef": before_leak, "wit": before_leak}.get(m.tested[:3], u)
        if m.tested in ("both", "size"):
            tested = np.minimum(old, u) if m.tested == "both" else np.abs(u)
        margin = tested - threshold
        s = (margin > 0 if m.strict else margin >= 0) & free
        if m.edge:
            s &= self.V < threshold
        if m.leaks_when == "touched":
            s &= x != 0
        if m.negative in ("V blocks", "V climbs"):
            s &= old >= 0
        if m.repeats:
            again = self.old >= threshold
            s, self.old = (again & free if m.repeats == "old V alone" else s | again), u
        if m.fires == "never":
            s, margin = s & False, np.full_like(margin, np.inf)
        if m.all_neurons == "one":
            s &= margin == margin.max(axis=-1, keepdims=True)
        if m.reset_when != "same":
            s &= self.due == 0 if m.reset_when == "next update" else True
            self.V, count = u, s.astype(np.int64)
            if m.reset_when == "after update":
                V = np.where(self.due > 0, p.keep * u + p.to, u)
                self.V = np.where(free | (self.due > 0), V, old)
        else:
            hit = s.any(axis=-1, keepdims=True) | s if m.all_neurons == "reset" else s
            u, count = self._reset(u, hit, tested, threshold, x)
            count = np.where(s, count, 0) if m.all_neurons else count
            self.V = np.where(hit | free, u, held(self, old, u))
        if m.window:
            remember(self, old, s)
        if m.again:
            self.again = started_again(self, x, would, threshold) & ~free
            self.V = np.where(self.again, p.to, self.V) if m.again.endswith("reset") else self.V
        return self._after(s, count, free, tested, np.where(free, margin, np.inf), x, u)

    def _after(self, s, count, free, tested, margin, x, u):
        m, p = self.m, self.p
        jumps, self.due = self.due if m.w_late else count, count
        fired = s.any(axis=-1, keepdims=True) | s if m.all_neurons == "refractory" else s
        self.clock.tick(fired | self.again, free, x, self.V)
        if m.all_neurons == "adaptation":
            jumps = np.broadcast_to(count.mean(axis=-1, keepdims=True), count.shape)
        if m.w_decays == "silent":
            self.w = np.where(s, self.w / p.q, self.w)
        if m.second in ("adaptation", "both"):
            self.w = np.where(s, p.jump, self.w) if not m.builds_up else self.w + p.jump * jumps
            self.w = np.minimum(self.w, p.w_max)
        if m.s_keep != 1:
            self.S = np.where(s, p.s_keep * self.S, self.S)
        if m.th_decay or m.th_jump:
            self.th_w = p.th_decay * self.th_w + p.th_jump * s
        if m.wear:
            self.wear = np.where(s, self.wear * (1 + p.wear), self.wear)
        shown = shown_V(self, s, free, tested, x)
        self.t += 1
        return count, shown, margin

    def _flow(self, x: NDArray, free: NDArray) -> tuple[NDArray, NDArray]:
        m, p, V = self.m, self.p, self.V
        drive = p.g * x
        if self.round and m.precision.startswith("all"):
            drive = self.round(p.g * self.round(np.asarray(x, dtype=float)))
            V = self._rounded(p.d * self._rounded(V))
        elif m.rounding.startswith("product ") and m.unit:
            V = _ROUNDING[m.rounding[8:]](p.d * V / p.unit) * p.unit
        else:
            V = self._leaked(V - forgotten(self) if m.window else V, x, drive)
        u = with_seconds(self, V, drive, x, free) if m.second else V + drive
        if m.bias:
            u = u + p.bias
        if m.hold == "stores":
            u, self.store = (
                u + np.where(free, self.store, 0),
                np.where(free, 0, self.store + drive),
            )
        before = u
        if m.tested.startswith("before"):
            before = self.V + drive + p.bias
            u = p.d * before
        elif m.tested == "without leak":
            before = self.V + drive + p.bias
        elif m.tested == "without input":
            before = V
        if m.dead_change:
            u = np.where(np.abs(u - self.V) < p.dead_change, self.V, u)
        if m.rise < np.inf or m.fall > -np.inf:
            u = self.V + np.clip(u - self.V, p.fall, p.rise)
        return self._bounded(u), before

    def _leaked(self, V: NDArray, x: NDArray, drive: NDArray) -> NDArray:
        """V after the leak of a step."""
        if self.m.falls:
            return two_leaks(self, V, drive)
        odd = self.m.leaks_when or self.m.after_spike
        return V * (leak_of_step(self, x) if odd else self.p.d)

    def _rounded(self, V: NDArray) -> NDArray:
        """V as a number of the format at work, in which it is not counted from V_rest."""
        assert self.round is not None
        if not self.m.rest:
            return self.round(V)
        return self.round(V + self.m.rest) - self.m.rest

    def _bounded(self, u: NDArray) -> NDArray:
        m, p = self.m, self.p
        if m.unit and not m.rounding.startswith("product "):
            u = _ROUNDING[m.rounding]((u + m.rest) / p.unit) * p.unit - m.rest
        if self.round:
            u = self._rounded(u)
        if m.floor > -np.inf or m.ceiling < np.inf:
            u = np.clip(u, p.floor, p.ceiling)
        if m.range_high < np.inf:
            u = (u - p.range_low) % (p.range_high - p.range_low) + p.range_low
        return u

    def _reset(self, u, s, tested, threshold, x):
        """V after the reset, and the spikes reported."""
        m, p = self.m, self.p
        count = s.astype(np.int64)
        if m.merged:
            u = np.where(s, u + p.to * np.floor(u / threshold), u)
        elif m.keeps_drive:
            u = np.where(s, p.to + u - p.d * self.V, u)
        elif m.several:
            count = np.where(s, np.maximum(np.floor(u / threshold), 1), 0).astype(np.int64)
            u = np.where(s, u + p.to * count, u)
        elif m.tested == "old, then update":
            # V that fired is reset first, and then updated.
            again = p.d * p.to + p.g * x + p.bias
            if m.keep == 1:
                again = u + p.d * p.to
            u = np.where(s, again, u)
        elif m.tested == "without input":
            # What fired is reset, and the input of the step comes on top.
            u = np.where(s, p.keep * tested + p.to + p.g * x, u)
        elif m.tested == "before leak, reset leaks":
            u = np.where(s, (p.keep * tested + p.to) * p.d, u)
        elif m.to_moves:  # the threshold at work is taken off, not the declared one
            u = np.where(s, u + p.to + p.threshold - threshold, u)
        else:
            u = np.where(s, p.keep * u + p.to, u)
        return u, count
