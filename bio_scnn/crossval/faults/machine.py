"""Declared neuron with faults: everything that a wrong implementation does, each fault a field.

A `Machine` holds the declared parameters, and what is wrong. Many machines that differ in numbers
alone are run at once, which is what makes fitting a number cheap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

NUMBERS = (
    *("threshold", "keep", "to", "refractory", "floor", "ceiling", "fall", "rise", "unit"),
    *("range_low", "range_high", "dead_change", "drift", "wear", "th_jump", "th_decay"),
    *("bias", "x_low", "x_high", "x_dead", "x_now", "x_decay", "x_gain", "cap", "start"),
    *("x_soft", "shown_at", "w_max", "climb", "again_at", "x_unit", "x_past", "s_low", "s_high"),
    *("x_drift", "s_keep"),
    *("s_soft", "w_V", "falls_times", "shown_low", "shown_high", "shown_soft"),
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
    order : {"flow", "fresh", "old", "twice", "mean"}
        Both variables by the exact flow; one after the other; V by the second one of the step
        before; or V by a synaptic current of before and after its update, both of them or their
        mean.
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
    drift, wear, th_jump, th_decay, to_moves
        Relative growth of the threshold per step and per spike; its relative jump at a spike, and
        the decay of that; a soft reset takes off the threshold as it has become.
    bias, x_low, x_high, x_soft, x_first, x_dead, x_now, x_decay, x_gain, x_unit, x_past, cap
        Added to V per step; bounds of the input, the one that it nears as tanh, the factor of
        that of the first step, and the size below which it is 0; share of this step's input (the
        rest is the last one's); filter before the neuron; multiple to which it is rounded;
        share that reaches V past the synapse; relative growth per step (`x_drift`), or steps in
        which it fades in (`x_fades`); bound of V,
        relative to the threshold, while refractory.
    shown_at, shown_low, shown_high, shown_soft, shown_over, shown_late
        V shown while refractory; bounds of the V that is shown, and the one that it nears as
        tanh; steps whose mean is shown, and by how many it is late; one in so many is shown
        (`shown_every`), or the "mean", "sum" or "max" of all so far (`shown_so_far`).
    w_max, w_moves, s_keep
        Bound of the adaptation, which lowers "V" or raises the "threshold" by R w; what a spike
        leaves of the synaptic current.
    negative, climb
        What a negative V does: the step loses its input ("V to 0", "V held"), does not fire ("V
        blocks"), or V "climbs" by so much a step, whatever comes in; or the refractory period is
        "counted while" the input is of a sign, or not 0.
    again, again_at
        What starts the refractory period anew: an "input" whose R x reaches so much of the
        threshold, or the V of the "update" that would reach it, with or without another "reset".
    rest : float
        V_rest, from which V is counted here; it is added where the size of V matters.
    after_spike : str
        What the step after a spike lacks: "no input" or "no leak".
    falls, falls_times : str, float
        V that relaxes with another time constant, by a factor: "above" what it relaxes to, or
        "negative".
    window : int, steps
        What an input, or a subtraction, does to V is forgotten after so many; 0 for never.
    leaks_when : str
        "input": only in steps with one, or "touched": V is tested only in those, too; "together":
        the leak of `leak_every` steps at once, in the first or (`leak_last`) the last of them;
        "pause": in a pause of the input, of `leak_every` steps at most.
    s_low, s_high, s_soft, s_leaks : float, float, float, str
        Bounds of the synaptic current, and the one that its effect nears as tanh; the only steps
        in which it decays, those with "input" or "silent" ones; False if an input replaces it
        (`s_adds`).
    w_V, w_late : float, bool
        What a unit of V adds to the adaptation in a step; it takes its jump a step late.
    w_decays : str
        The only steps in which the adaptation decays: those without a spike, "silent".
    fires : str
        "never", or "unseen": spikes reset V, but are not handed out.
    all_neurons : str
        What a neuron shares with the others of a layer: their "reset", or their "refractory"
        period, or the mean of their "adaptation"; or the "one" that is farthest above its
        threshold fires alone.
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
    to_moves: bool = False
    bias: float = 0.0
    x_low: float = -math.inf
    x_high: float = math.inf
    x_dead: float = 0.0
    x_now: float = 1.0
    x_decay: float = 0.0
    x_gain: float = 1.0
    x_soft: float = 0.0
    x_first: float = 1.0
    x_unit: float = 0.0
    x_rounding: str = "nearest"
    x_past: float = 0.0
    x_drift: float = 0.0
    x_fades: int = 0
    shown_at: float = 0.0
    shown_low: float = -math.inf
    shown_high: float = math.inf
    shown_soft: float = 0.0
    shown_over: int = 0
    shown_late: int = 0
    shown_every: int = 1
    shown_so_far: str = ""
    w_max: float = math.inf
    climb: float = 0.0
    again_at: float = 0.0
    cap: float = math.inf
    rest: float = 0.0
    after_spike: str = ""
    falls: str = ""
    falls_times: float = 1.0
    window: int = 0
    leaks_when: str = ""
    leak_every: int = 1
    leak_last: bool = False
    s_low: float = -math.inf
    s_high: float = math.inf
    s_soft: float = 0.0
    s_leaks: str = ""
    s_adds: bool = True
    w_V: float = 0.0
    w_late: bool = False
    w_decays: str = ""
    fires: str = ""
    all_neurons: str = ""
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
    block_of: str = "mean"
    x_shape: str = ""
    filtered: str = ""
    strict: bool = False
    tested: str = "new"
    reset_when: str = "same"
    hold: str = "held"
    frozen: str = ""
    s_keep: float = 1.0
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


def changed(m: Machine, **fields: Any) -> Machine:
    """A machine with other fields: `dataclasses.replace` without its look at all the others."""
    made = object.__new__(Machine)
    made.__dict__.update(m.__dict__)
    made.__dict__.update(fields)
    return made
