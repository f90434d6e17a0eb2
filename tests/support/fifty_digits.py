"""Any of the neurons at 50 digits, from event to event: shares no formula with the package.

V between two events is a sum of terms ``c s^p exp(-r s)``, whose coefficients are written down
at 50 digits, where cancellation costs nothing. Zeros are isolated by Rolle's theorem: between two
zeros of f there is one of the derivative of ``exp(r s) f``, which has a term less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import mpmath as mp

DIGITS = 80  # of which 30 may be lost to cancellation

Term = tuple[mp.mpf, int, mp.mpf]
"""Coefficient, power of s, rate of decay."""


@dataclass
class Solution:
    """Spike times (ms), and V, S and w at the ends of the steps, of one neuron.

    `largest` is the largest ``|V|`` at those ends and at arrivals. `moved` is by how much V at the
    end of a step moves, per ms, if every spike before moves as far.
    """

    largest: mp.mpf = field(default_factory=lambda: mp.mpf(0))
    spikes: list[mp.mpf] = field(default_factory=list)
    V: list[mp.mpf] = field(default_factory=list)
    S: list[mp.mpf] = field(default_factory=list)
    w: list[mp.mpf] = field(default_factory=list)
    moved: list[mp.mpf] = field(default_factory=list)


def solve(
    params,
    current: Sequence[float],
    dt_ms: float,
    impulses: Sequence[tuple[float, float]] = (),
    events: Sequence[tuple[float, float]] = (),
    raised: float = 0.0,
) -> Solution:
    """One neuron; every number given is taken as the exact value of its float.

    Parameters
    ----------
    params : LIFParameters, IFParameters, LIParameters, CubaLIFParameters, AdaptiveLIFParameters
    current : held over steps of dt_ms
    impulses, events : (time in ms, size)
    raised : added to the threshold
    """
    with mp.workdps(DIGITS):
        return _Neuron(params, raised).run(current, dt_ms, impulses, events)


class _Neuron:
    def __init__(self, params, raised: float) -> None:
        def number(name: str, default: float = 0.0) -> mp.mpf:
            return mp.mpf(getattr(params, name, default))

        self.leak = 1 / number("tau_ms") if hasattr(params, "tau_ms") else mp.mpf(0)
        self.gain = number("R") * (self.leak or 1)
        self.rest = number("V_rest")
        self.fires = hasattr(params, "V_th")
        self.jump = number("V_th") - number("V_reset")
        self.V_th = number("V_th") + mp.mpf(raised)
        self.V_reset = number("V_reset") if self.fires else self.rest
        self.subtracts = getattr(params, "reset", "value") == "subtract"
        self.t_ref = number("t_ref_ms")
        self.syn = 1 / number("tau_syn_ms")
        self.weight = number("w") if hasattr(params, "w") else None
        self.adapt = 1 / number("tau_w_ms") if hasattr(params, "tau_w_ms") else mp.mpf(1)
        self.b = number("b")

    def run(self, current, dt_ms, impulses, events) -> Solution:
        self.t, self.release = mp.mpf(0), mp.mpf(-1)
        self.V, self.S, self.w = self.V_reset, mp.mpf(0), mp.mpf(0)
        self.moved, self.restarted = mp.mpf(0), False
        self.found = Solution()
        arrivals: dict[mp.mpf, list[mp.mpf]] = {}
        for column, rows in enumerate((impulses, events)):
            for time, size in rows:
                n = round(time / dt_ms)  # a rounded start of a step is the start of that step
                exact = n * mp.mpf(dt_ms) if time == n * dt_ms else mp.mpf(time)
                pair = arrivals.setdefault(exact, [mp.mpf(0), mp.mpf(0)])
                pair[column] += mp.mpf(size)
        due = sorted(arrivals)
        for n, value in enumerate(current):
            end = (n + 1) * mp.mpf(dt_ms)
            drive = mp.mpf(float(value))
            while due and due[0] < end:
                time = due.pop(0)
                self.go(drive, time)
                self.arrive(*arrivals[time])
            self.go(drive, end)
            self.found.V.append(self.V)
            self.found.S.append(self.S)
            self.found.w.append(self.w)
            self.found.moved.append(self.moved)
        return self.found

    def arrive(self, charge: mp.mpf, amount: mp.mpf) -> None:
        self.S += amount
        if self.weight is not None:
            self.S += self.weight * charge * self.syn
        elif self.release <= self.t:
            self.V += self.gain * charge
        self.found.largest = max(self.found.largest, abs(self.V))

    def go(self, drive: mp.mpf, end: mp.mpf) -> None:
        """To a time, without arrivals."""
        while True:
            if self.release > self.t:
                stop = min(self.release, end)
                self.others(drive, stop - self.t)
                self.t = stop
                if self.release > self.t:
                    return
            if self.fires and self.V >= self.V_th:
                self.spike()
                continue
            if self.t == end:
                return
            V = self.potential(drive)
            if self.restarted:
                self.moved += abs(value(derivative(V, mp.mpf(0)), mp.mpf(0)))
                self.restarted = False
            wait = self.crossing(V, end - self.t)
            if wait is None:
                self.V = value(V, end - self.t)
                self.found.largest = max(self.found.largest, abs(self.V))
                self.moved *= mp.exp(-self.leak * (end - self.t))
                self.others(drive, end - self.t)
                self.t = end
                return
            self.others(drive, wait)
            self.t += wait
            self.V = self.V_th
            self.spike()

    def spike(self) -> None:
        self.found.spikes.append(self.t)
        self.V = self.V - self.jump if self.subtracts else self.V_reset
        self.w += self.b
        self.restarted = True
        self.release = self.t + self.t_ref

    def others(self, drive: mp.mpf, s: mp.mpf) -> None:
        target = mp.mpf(0) if self.weight is None else self.weight * drive
        if self.S != target:
            self.S = target + (self.S - target) * mp.exp(-s * self.syn)
        if self.w:
            self.w *= mp.exp(-s * self.adapt)

    def potential(self, drive: mp.mpf) -> list[Term]:
        """V as a function of the time from now."""
        target = mp.mpf(0) if self.weight is None else self.weight * drive
        constant = drive if self.weight is None else target
        push = [
            (self.leak * self.rest + self.gain * constant, mp.mpf(0)),
            (self.gain * (self.S - target), self.syn),
            (-self.gain * self.w, self.adapt),
        ]
        terms: list[Term] = []
        for size, rate in push:
            if not size:
                continue
            if rate == self.leak:
                terms.append((size, 1, rate))
            else:
                terms.append((size / (self.leak - rate), 0, rate))
        own = self.V - sum(c for c, power, _ in terms if power == 0)
        return [*terms, (own, 0, self.leak)]

    def crossing(self, V: list[Term], within: mp.mpf) -> mp.mpf | None:
        """First time at which V, which is below it, reaches the threshold."""
        if not self.fires:
            return None
        height = [*V, (-self.V_th, 0, mp.mpf(0))]
        marks = [mp.mpf(0), *zeros(derivative(V, mp.mpf(0)), within), within]
        heights = [value(height, s) for s in marks]
        for i in range(len(marks) - 1):
            if heights[i] < 0 <= heights[i + 1]:
                return zero(height, marks[i], marks[i + 1])
        return None


def value(terms: list[Term], s: mp.mpf) -> mp.mpf:
    return mp.fsum(c * s**power * mp.exp(-rate * s) for c, power, rate in terms)


def derivative(terms: list[Term], shift: mp.mpf) -> list[Term]:
    """Derivative of ``exp(shift s) f``, without terms of coefficient 0."""
    total: dict[tuple[int, mp.mpf], mp.mpf] = {}
    for c, power, rate in terms:
        rate = rate - shift
        if rate:
            total[power, rate] = total.get((power, rate), mp.mpf(0)) - rate * c
        if power:
            key = power - 1, rate
            total[key] = total.get(key, mp.mpf(0)) + power * c
    return [(c, power, rate) for (power, rate), c in total.items() if c]


def zeros(terms: list[Term], within: mp.mpf) -> list[mp.mpf]:
    """Times between 0 and `within` at which a function changes its sign."""
    terms = [term for term in terms if term[0]]
    if len(terms) < 2:  # c s^p exp(-r s) has none
        return []
    marks = [mp.mpf(0), *zeros(derivative(terms, terms[0][2]), within), within]
    heights = [value(terms, s) for s in marks]
    return [
        zero(terms, marks[i], marks[i + 1])
        for i in range(len(marks) - 1)
        if heights[i] * heights[i + 1] < 0
    ]


def zero(terms: list[Term], low: mp.mpf, high: mp.mpf) -> mp.mpf:
    """Zero of a function that changes its sign between two times, by bisection and Newton."""
    slope = derivative(terms, mp.mpf(0))
    rising = value(terms, high) >= 0
    s = (low + high) / 2
    for _ in range(400):
        height = value(terms, s)
        if (height >= 0) == rising:
            high = s
        else:
            low = s
        steepness = value(slope, s)
        new = s - height / steepness if steepness else low
        if not low < new < high:
            new = (low + high) / 2
        if abs(new - s) <= mp.mpf(10) ** -38 * s or high - low <= mp.mpf(10) ** -45 * high:
            return new
        s = new
    raise AssertionError("no convergence")


@dataclass(frozen=True)
class Agreement:
    """Comparison of a neuron with its solution at 50 digits.

    Attributes
    ----------
    spikes : number of spikes
    tie : rounding decides how often it fires
    grazes : V comes so close to the threshold that rounding of V moves spikes by more than that
    time_error_ms : largest error of a spike time; 0 for a tie
    V_error : largest error of V at the end of a step, relative to the largest V
    strain : largest error relative to what is allowed
    """

    spikes: int
    tie: bool
    grazes: bool
    time_error_ms: float
    V_error: float
    strain: float


def agree(
    times: Sequence[float],
    V: Sequence[float],
    params,
    current: Sequence[float],
    dt_ms: float,
    impulses: Sequence[tuple[float, float]] = (),
    events: Sequence[tuple[float, float]] = (),
    *,
    rounding: float = 2e-14,
    time_ms: float = 0.0,
) -> Agreement:
    """Compare spike times and V with the solution; raise AssertionError where they differ.

    The rule: a spike time may be off by 8 units in the last place of the run's length, or by
    `time_ms` if that is more. V may be off by `rounding` relative to the largest V in the run
    (threshold, reset and rest included), by 4e-16 more for each spike, and by as much as it
    moves if every spike moves within its step by 8 units in the last place of dt. Beyond that,
    both may be off as far as moving the threshold up or down by as much moves them. Where that
    changes the number of spikes, it is a tie.
    """
    rounding += 4e-16 * len(times)

    def solved(raised: float) -> Solution:
        return solve(params, current, dt_ms, impulses, events, raised)

    right = solved(0.0)
    fixed = [getattr(params, name, 0.0) for name in ("V_th", "V_reset", "V_rest")]
    scale = float(max(right.largest, *(abs(x) for x in fixed)))
    ulps_ms = 8 * 2.0**-52 * dt_ms
    off_ms = max(ulps_ms * len(current), time_ms)
    floors = [rounding * scale + float(ulps_ms * moved) for moved in right.moved]
    same = len(times) == len(right.spikes)
    if same:
        late = [float(abs(mp.mpf(float(t)) - s)) for t, s in zip(times, right.spikes, strict=True)]
        off = [float(abs(mp.mpf(float(v)) - u)) for v, u in zip(V, right.V, strict=True)]
        worst_V = max(off) / scale if scale else max(off)
        strain = max(x / y if x else 0.0 for x, y in zip(off, floors, strict=True))
        strain = max([strain, *(x / off_ms for x in late)])
        if strain <= 1:
            return Agreement(len(times), False, False, max(late, default=0.0), worst_V, strain)
    sides = [solved(side * rounding * scale) for side in (-1, 1)]
    counts = [len(side.spikes) for side in sides]
    if counts[0] != counts[1] or counts[0] != len(right.spikes):
        return Agreement(len(times), True, True, 0.0, 0.0, 0.0)
    assert same, f"{len(times)} spikes instead of {len(right.spikes)}: {params}"
    strain = 0.0
    for error, right_ones, which, allowances in (
        (late, right.spikes, "spikes", [off_ms] * len(times)),
        (off, right.V, "V", floors),
    ):
        ends = zip(*(getattr(side, which) for side in sides), strict=True)
        for x, middle, floor, (low, high) in zip(error, right_ones, allowances, ends, strict=True):
            allowed = floor + float(max(abs(low - middle), abs(high - middle)))
            assert x <= allowed, f"{which} off by {x:.3g}, {allowed:.3g} allowed: {params}"
            strain = max(strain, x / allowed)
    return Agreement(len(times), False, True, max(late, default=0.0), worst_V, strain)


@cache
def _spikes(params, current: tuple, dt_ms: float, events: tuple) -> list[mp.mpf]:
    """Spike times of one neuron, solved once for all targets that are compared with them."""
    return solve(params, current, dt_ms, events=events).spikes


def largest_time_error_ms(recording, current, params, increments=None) -> float:
    """Largest error of the recorded spike times, once each neuron's spikes were counted.

    Parameters
    ----------
    recording : Recording
    current : (steps, neurons) array
    params : LIFParameters
    increments : (steps, neurons) array of synaptic events at the starts of the steps, optional
    """
    worst, dt_ms = 0.0, recording.dt_ms
    for neuron, train in zip(recording.record, recording.spike_trains_ms, strict=True):
        column = [] if increments is None else increments[:, neuron]
        events = tuple((n * dt_ms, float(size)) for n, size in enumerate(column) if size)
        right = _spikes(params, tuple(current[:, neuron].tolist()), dt_ms, events)
        assert len(train) == recording.count[neuron] == len(right), (neuron, train, right)
        errors = (abs(mp.mpf(float(t)) - s) for t, s in zip(train, right, strict=True))
        worst = max(worst, float(max(errors, default=0)))
    return worst
