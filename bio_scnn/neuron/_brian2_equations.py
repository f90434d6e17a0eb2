"""The neuron as Brian2 is told it: eq. 1, its solution over a step, and spikes inside a step.

Strings only; `_brian2_network` runs them. In the exact mode, time runs forward from a known state:
``V_start`` and ``I_start`` are V and I_syn at ``begin``, the start of the step or the release
within it. From there the crossing is solved for, and the neuron restarts as long after it as its
refractory period lasts, in this step or in a later one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bio_scnn.neuron import _brian2_crossing

MODES = ("exact", "stock")

EQUATIONS = """
dV/dt = (I - (V - V_rest)/R)/C : 1 (unless refractory)
"""
"""Eq. 1, with a resting potential. R = tau/C is dimensionless, C a time."""

_HELD_DRIVE = """
I : 1
V_inf = V_rest + R*I : 1
"""

_SYNAPTIC_DRIVE = """
I = I_ext + I_syn : 1
dI_syn/dt = -I_syn/tau_syn : 1
I_ext : 1
V_inf = V_rest + R*I_ext : 1
"""

_BOOKKEEPING = """
count : integer
first_spike : second
last_spike : second
"""

_RELEASE = """
release : second
"""

_HOLD = """
hold : integer
"""

_START = """
V_start : 1
begin : second
"""

_SYNAPTIC_START = """
I_start : 1
offset : second
crosses : boolean
"""


def _V_after(s: str, V: str, I_syn: str = "") -> str:
    """Solution of eq. 1 after the time s, from V and I_syn; see `_brian2_crossing`."""
    held = f"{V} - (V_inf - {V})*expm1(-({s})/tau)"
    if not I_syn:
        return held
    return f"{held} + R*{I_syn}*({s})/tau*exp(-({s})/tau_slow)*exprel(-({s})*rate_difference)"


# Brian2's own solution rounds exp(-dt/tau) and uses the result in every step, which is as if tau
# were another: in 1e5 steps that shows. Here the increment is rounded instead, and it is small.
def held_solution(equations: Any, variables: Any = None, options: Any = None) -> str:
    """The state update of eq. 1 in the exact mode, as Brian2 calls its methods."""
    return f"V = {_V_after('dt', 'V')}\n"


def held_solution_kept(equations: Any, variables: Any = None, options: Any = None) -> str:
    """The same, and V at the start of the step is kept."""
    return f"V_end = {_V_after('dt', 'V')}\nV_start = V\nV = V_end\nbegin = 0*second\n"


def synaptic_solution(equations: Any, variables: Any = None, options: Any = None) -> str:
    """The state update in the exact mode of eq. 1 and of a synapse."""
    return (
        f"V_end = {_V_after('dt', 'V', 'I_syn')}\nV_start = V\nV = V_end\nbegin = 0*second\n"
        "I_end = I_syn + I_syn*expm1(-dt/tau_syn)\nI_start = I_syn\nI_syn = I_end\n"
    )


def stock_synaptic_solution(equations: Any, variables: Any = None, options: Any = None) -> str:
    """The same in the stock mode: Brian2's solution has a pole at tau_syn = tau."""
    moves = "*int(not_refractory)" * ("not_refractory" in (variables or {}))
    return f"V += ({_V_after('dt', 'V', 'I_syn')} - V){moves}\nI_syn += I_syn*expm1(-dt/tau_syn)\n"


# V may touch a threshold above V_inf by rounding: that is no spike.
_HELD_THRESHOLD = "V >= V_th and V_inf > V_th"

# Since the crossing, V_inf - V has decayed from V_inf - V_th. That was no longer ago than a step:
# 1e-15 less, lest rounding put it into the step before.
_HELD_OFFSET = """
gap = V_inf - V_th
offset = dt + tau*log1p(-clip((V - V_th)/gap, 0, -expm1(-dt/tau)*(1 - 1e-15)))
"""

# At the end of steps longer than tau, V has come too close to V_inf to tell the time.
_HELD_OFFSET_COARSE = """
gap = V_inf - V_th
offset = clip(begin + tau*log1p(clip(V_th - V_start, 0, inf)/gap), 0*second, dt)
"""

_SPIKE = """
first_spike += (t + offset)*int(count == 0)
count += 1
"""

_STOCK_SPIKE = """
first_spike += t*int(count == 0)
count += 1
last_spike = t
"""

# In a step that is longer than t_ref, a neuron may fire again and again: under a held current at
# equal intervals.
_MORE_SPIKES = """
isi = t_ref + tau*log1p((V_th - V_reset)/gap)
more = floor((dt - offset)/isi)
count += more
offset = clip(offset + more*isi, 0*second, dt)
"""

_LAST_SPIKE = """
last_spike = t + offset
"""

# t_ref is a whole number of steps: as late in its step as the spike in its own comes the release.
_RESTART_LATER = """
hold = t_ref_steps
release = offset
V = V_reset
"""

_HOLD_ON = """
hold -= 1
left = (dt - release)*int(hold == 0)
"""

# Or it is shorter than a step: the release is in the step of the spike, or else in the next.
_RESTART_LONG_STEP = """
release = offset + t_ref - dt
left = clip(-release, 0*second, dt)
"""

_RELEASE_LATE = """
left = dt - release
release = 0*second
"""

_RESTART_V = """
V_start = V_reset
"""

_RESTART_I = """
I_start *= exp(-(dt - left - begin)/tau_syn)
"""

_BEGIN = """
begin = dt - left
"""

# V passes the threshold, or it rose, falls, and would have passed without the decay of I_syn.
_NEAR = (
    "V >= V_th or (V_inf + R*I_syn < V and "
    "V_start - (V_inf + R*I_start - V_start)*expm1(-dt/tau) >= V_th)"
)

_CROSSING = """
offset = begin + first_crossing(V_start, V_inf, R*I_start, dt - begin, V_th, tau, tau_syn)
crosses = offset < inf*second
offset = clip(offset, 0*second, dt)
"""

EVENT_CHECKS = {"hold": "hold > 0", "late": "release > 0*second", "near": _NEAR}
"""Conditions of a model's events, in the order in which they must run."""


class Kind(NamedTuple):
    """The parts that a model is made of.

    Attributes
    ----------
    mode : {"exact", "stock"}
    synaptic : bool
        Whether a decaying synaptic current adds to the input.
    long_step : bool
        Whether steps are longer than t_ref. In stock mode that means no refractory period.
    several : bool
        Whether a neuron may fire several times in such a step, under a held current.
    coarse : bool
        Whether steps are longer than tau.
    """

    mode: str
    synaptic: bool
    long_step: bool = False
    several: bool = False
    coarse: bool = False

    @property
    def by_rounds(self) -> bool:
        """True if a step takes several rounds of threshold and reset."""
        return self.mode == "exact" and self.synaptic and self.long_step

    @property
    def inputs(self) -> tuple[str, str]:
        """Names of the variables that take the current and the events."""
        return ("I_ext" if self.synaptic else "I"), "I_syn"

    @property
    def total(self) -> tuple[tuple[str, float], ...]:
        """Variables that add up to the drive of V, with their signs."""
        current, synapse = self.inputs
        return ((current, 1.0), (synapse, 1.0)) if self.synaptic else ((current, 1.0),)


def model(kind: Kind, reset: str = "value") -> dict[str, Any]:
    """The strings that make up a model; together they also name its compiled modules.

    Parameters
    ----------
    kind : Kind
    reset : {"value", "subtract"}

    Returns
    -------
    dict
        ``equations``, ``threshold``, ``reset`` and ``method``; in exact mode also what the
        events of `EVENT_CHECKS` that it needs do to the neurons that pass the check.
    """
    drive = _SYNAPTIC_DRIVE if kind.synaptic else _HELD_DRIVE
    # Of refractory periods Brian2 knows whole steps only; in the exact mode it is told of none.
    refractory = kind.mode == "stock" and not kind.long_step
    equations = EQUATIONS if refractory else EQUATIONS.replace(" (unless refractory)", "")
    equations += drive + _BOOKKEEPING
    if kind.several:  # more than an int32 may hold
        equations = equations.replace("count : integer", "count : 1")
    if kind.mode == "stock":
        jump = "V = V_reset\n" if reset == "value" else "V -= V_th - V_reset\n"
        return {
            "equations": equations,
            "threshold": "V > V_th",
            "reset": _STOCK_SPIKE + jump,
            "method": stock_synaptic_solution if kind.synaptic else "exact",
        }
    return _inside_steps(kind, equations)


def _inside_steps(kind: Kind, equations: str) -> dict[str, Any]:
    """The strings of the exact mode."""
    synaptic, restart = kind.synaptic, ""
    equations += _RELEASE
    if synaptic:
        equations += _SYNAPTIC_START
        restart += _RESTART_I
    if synaptic or kind.coarse:
        equations += _START
        restart += _RESTART_V + _BEGIN
    restart += f"V = {_V_after('left', 'V_reset', 'I_start' * synaptic)}\n"
    if kind.long_step:
        release = {"late": _RELEASE_LATE + restart}
        restart = _RESTART_LONG_STEP + restart
    else:
        equations += _HOLD
        release = {"hold": _HOLD_ON + restart}
        restart = _RESTART_LATER
    strings = release | {"equations": equations}
    if synaptic:
        return strings | {
            "threshold": "crosses",
            "reset": _SPIKE + _LAST_SPIKE + restart + "crosses = False\n",
            "method": synaptic_solution,
            "near": _CROSSING,
        }
    offset = _HELD_OFFSET_COARSE if kind.coarse else _HELD_OFFSET
    return strings | {
        "threshold": _HELD_THRESHOLD,
        "reset": offset + _SPIKE + _MORE_SPIKES * kind.several + _LAST_SPIKE + restart,
        "method": held_solution_kept if kind.coarse else held_solution,
    }


def text(kind: Kind, reset: str) -> str:
    """Everything that is compiled for a model."""
    parts = model(kind, reset)
    method = parts.pop("method")
    if callable(method):
        parts["method"] = method(None) + _brian2_crossing.CYTHON * kind.synaptic
    return "".join(parts.values())
