"""Declared neuron with faults: everything that a wrong implementation does, each fault a field.

A `Machine` holds the declared parameters, and what is wrong. Many machines that differ in numbers
alone are run at once, which is what makes fitting a number cheap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from bio_scnn.crossval.oracles.dialects import UPDATES

NUMBERS = (
    *("threshold", "keep", "to", "refractory", "floor", "ceiling", "fall", "rise", "unit"),
    *("range_low", "range_high", "dead_change", "drift", "wear", "th_jump", "th_decay"),
    *("bias", "x_low", "x_high", "x_dead", "x_now", "x_decay", "x_gain", "cap", "start"),
    *("x_soft", "shown_at", "w_max", "climb", "again_at"),
)
"""Fields of `Machine` that may differ among those that run together."""


@dataclass(frozen=True)
class Machine:
    """A declared neuron and its faults; the defaults are an LIF without any.

    Attributes
    ----------
    tau_ms, R, dt_ms, tau_syn_ms, tau_w_ms, b : float
        Parameters of the equation; `tau_ms` is infinite for an IF.
    params : object
        The declared parameters, for those updates that mistake one for another.
    update, second_update : str
        Keys of `UPDATES`, for V and for the second variable.
    order : {"flow", "fresh", "old", "late", "twice", "mean"}
        Both variables by the exact flow; one after the other; or V by the second one of the step
        before, which takes its jump at a spike yet a step later; or V by a synaptic current of
        before and after its update, both of them or their mean.
    order_declared : bool
        Another order is a fault, not a choice.
    second : {"", "synapse", "adaptation", "both"}
        Variables beside V.
    gain_times, decay_times : float
        Factors of the gain and of the decay that the update makes.
    threshold, keep, to, refractory, start
        As in `SteppedNeuron`: a spike makes ``V <- keep V + to``.
    floor, ceiling, fall, rise, unit, range_low, range_high, dead_change
        Bounds of V, of its change in a step, multiple to which V is rounded, range at which it
        wraps, and the least change that is made.
    drift, wear, th_jump, th_decay
        Relative growth of the threshold per step and per spike; its relative jump at a spike, and
        the decay of that.
    bias, x_low, x_high, x_soft, x_first, x_dead, x_now, x_decay, x_gain, cap
        Added to V per step; bounds of the input, the one that it nears as tanh, the factor of
        that of the first step, and the size below which it is 0; share of this step's input (the
        rest is the last one's); filter before the neuron; bound of V, relative to the threshold,
        while refractory.
    shown_at : float
        V shown while refractory.
    w_max, w_moves, emptied
        Bound of the adaptation, which lowers "V" or raises the "threshold" by R w; a spike sets
        the synaptic current to 0.
    negative, climb
        What a negative V does: the step loses its input ("V to 0", "V held"), does not fire ("V
        blocks"), or V "climbs" by so much a step, whatever comes in; or the refractory period is
        "counted while" the input is of a sign.
    again, again_at
        What starts the refractory period anew: an "input" whose R x reaches so much of the
        threshold, or the V of the "update" that would reach it, with or without another "reset".
    rest : float
        V_rest, from which V is counted here; it is added where the size of V matters.
    after_spike : str
        What the step after a spike lacks: "no input" or "no leak".
    leaks_when : str
        "input": only in steps with one, or "touched": V is tested only in those, too; "together":
        the leak of `leak_every` steps at once, in the first or (`leak_last`) the last of them.
    s_low : float
        Bound of the synaptic current from below.
    edge, merged, keeps_drive : bool
        No spike where V was not below the threshold before the update; a reset takes off every
        threshold that V holds, for one spike; a reset to a value acts before what is added.
    most_of : (int, int)
        No more than so many spikes are handed out in so many steps, (0, 0) for no bound; those
        that are not handed out count too with `all_count`.
    forgets, x_restart : int, steps
        The state begins anew, or the input does, every so many steps.
    delay, late, lasts : int, steps
        Delay of the input, and of the spikes, and how long a spike is handed out.
    """

    tau_ms: float = math.inf
    R: float = 1.0
    dt_ms: float = 1.0
    tau_syn_ms: float = math.inf
    tau_w_ms: float = math.inf
    b: float = 0.0
    params: Any = None
    update: str = "exact"
    second_update: str = "exact"
    order: str = "flow"
    order_declared: bool = False
    second: str = ""
    impulses: bool = False
    gain_times: float = 1.0
    decay_times: float = 1.0
    decay_bits: int = 0
    decay_rounding: str = "nearest"
    gain_follows: bool = True
    threshold: float = 1.0
    keep: float = 0.0
    to: float = 0.0
    refractory: float = 0
    start: float = 0.0
    floor: float = -math.inf
    ceiling: float = math.inf
    fall: float = -math.inf
    rise: float = math.inf
    unit: float = 0.0
    range_low: float = -math.inf
    range_high: float = math.inf
    dead_change: float = 0.0
    drift: float = 0.0
    wear: float = 0.0
    th_jump: float = 0.0
    th_decay: float = 0.0
    bias: float = 0.0
    x_low: float = -math.inf
    x_high: float = math.inf
    x_dead: float = 0.0
    x_now: float = 1.0
    x_decay: float = 0.0
    x_gain: float = 1.0
    x_soft: float = 0.0
    x_first: float = 1.0
    shown_at: float = 0.0
    w_max: float = math.inf
    climb: float = 0.0
    again_at: float = 0.0
    cap: float = math.inf
    rest: float = 0.0
    after_spike: str = ""
    leaks_when: str = ""
    leak_every: int = 1
    leak_last: bool = False
    s_low: float = -math.inf
    edge: bool = False
    merged: bool = False
    keeps_drive: bool = False
    most_of: tuple[int, int] = (0, 0)
    all_count: bool = False
    forgets: int = 0
    x_restart: int = 0
    delay: int = 0
    late: int = 0
    block: int = 0
    x_shape: str = ""
    filtered: str = ""
    strict: bool = False
    tested: str = "new"
    reset_when: str = "same"
    hold: str = "held"
    frozen: str = ""
    emptied: bool = False
    w_moves: str = "V"
    clock: str = ""
    negative: str = ""
    again: str = ""
    several: bool = False
    repeats: str = ""
    lasts: int = 1
    within: str = ""
    rounding: str = "nearest"
    precision: str = ""
    builds_up: bool = True
    shown: str = "after"
    buffer: int = 0


@dataclass(frozen=True)
class Flow:
    """Factors of a step: ``V <- d V + g x + c S - k w``, ``S <- a S + e x``, ``w <- q w``.

    `jump` is what a spike adds to w.
    """

    d: float
    g: float
    c: float = 0.0
    a: float = 0.0
    e: float = 0.0
    k: float = 0.0
    q: float = 0.0
    jump: float = 0.0


def flow(m: Machine) -> Flow:
    """Factors of a step of a machine."""
    d, share = _filter(m, m.tau_ms, m.update)
    if m.impulses and "synapse" not in (m.second, "synapse" * (m.second == "both")):
        share = m.dt_ms if math.isinf(m.tau_ms) else m.dt_ms / m.tau_ms
    d, share = _quantised(m, d, share)
    d, g = d * m.decay_times, share * m.R * m.gain_times
    c = a = e = k = q = jump = 0.0
    together = m.order == "flow" and not m.impulses
    if m.second in ("synapse", "both"):
        a, e = _filter(m, m.tau_syn_ms, m.second_update)
        if m.impulses:
            e = m.dt_ms / m.tau_syn_ms
        if together:
            c = m.gain_times * _shared(m, m.tau_syn_ms, a, d)
            g = g - c
        elif m.order == "flow":  # impulses at the ends of steps: the current decays in between
            c, g = m.gain_times * _shared(m, m.tau_syn_ms, a, d), 0.0
        elif m.order in ("old", "late"):
            c, g = g, 0.0
        elif m.order in ("twice", "mean"):
            each = g if m.order == "twice" else g / 2
            c, g = each * (1 + a), each * e
        else:
            c, g = g * a, g * e
    if m.second in ("adaptation", "both"):
        q, _ = _filter(m, m.tau_w_ms, m.second_update)
        whole = share * m.R * m.gain_times
        k = m.gain_times * _shared(m, m.tau_w_ms, q, d) if together else whole
        if m.order == "fresh":
            k = whole * q
        jump = m.b
    return Flow(d, g, c, a, e, k, q, jump)


def _filter(m: Machine, tau_ms: float, update: str) -> tuple[float, float]:
    if math.isinf(tau_ms):
        return 1.0, m.dt_ms
    C_ms = getattr(m.params, "C_ms", tau_ms)
    where: Any = SimpleNamespace(tau_ms=tau_ms, R=m.R, C_ms=C_ms)
    return UPDATES[update](m.dt_ms, where)


def _shared(m: Machine, tau_ms: float, a: float, d: float) -> float:
    """Weight of a decaying current in V after a step, by the exact flow of both."""
    if math.isinf(m.tau_ms):
        return m.R * tau_ms * (1 - a)
    if abs(tau_ms / m.tau_ms - 1) < 1e-6:
        return m.R * m.dt_ms / tau_ms * d
    return m.R * tau_ms * (a - d) / (tau_ms - m.tau_ms)


def _quantised(m: Machine, d: float, share: float) -> tuple[float, float]:
    if not m.decay_bits:
        return d, share
    size = 2.0**m.decay_bits
    down = math.floor(d * size + {"nearest": 0.5, "down": 0.0, "up": 1 - 1e-9}[m.decay_rounding])
    d = down / size
    return d, 1 - d if m.gain_follows else share
