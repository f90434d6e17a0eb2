"""IF, LI, CubaLIF and adaptive LIF as Brian2 is told them, made from their hybrid system.

`LinearNeuron` says what flows and what jumps; here that becomes equations, a state update and a
reset. Brian2 carries the state over each step, and from the release of a neuron to the end of its
step; when V crosses the threshold within, the hybrid system says. As in `_brian2_equations`, time
runs forward from a known state: ``V_start`` and the like are the state at ``begin``, which is the
start of the step, the release within it, or the end of the step for a neuron that is held longer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.neuron.linear import DecayingCurrent, LinearNeuron

_BOOKKEEPING = """
count : integer
first_spike : second
last_spike : second
"""

_INSIDE_STEPS = """
V_start : 1
begin : second
release : second
hold : integer
offset : second
crosses : boolean
"""

# V, driven by all that it ever is in this step, would reach the threshold in it.
_NEAR = "V >= V_th or V_start + clip({rise}, 0, inf) >= V_th"

_CROSSING = """
offset = begin + crossing({state}, I_ext, dt - begin)
crosses = offset < inf*second
offset = clip(offset, 0*second, dt)
"""

_SPIKE = """
first_spike += (t + {when})*int(count == 0)
count += 1
last_spike = t + {when}
"""

# t_ref is t_ref_steps whole steps and t_ref_rest; a release at the end of a step is in the next.
_HELD_UNTIL = """
release = offset + t_ref_rest
hold = t_ref_steps + int(release >= dt)
release -= dt*int(release >= dt)
"""

_BEGIN = "begin = dt*int(hold > 0) + release*int(hold == 0)\n"


@dataclass(frozen=True)
class LinearKind:
    """The parts that a model is made of.

    Attributes
    ----------
    mode : {"exact", "stock"}
    neuron : LinearNeuron
        With the terms of the one to be simulated, and usual numbers in them: see `usual`.
    synaptic : bool
        Whether presynaptic events add to S.
    """

    mode: str
    neuron: LinearNeuron
    synaptic: bool

    @property
    def long_step(self) -> bool:
        """True for a stock model without a refractory period: the exact one takes any."""
        return self.neuron.t_ref_ms == 0

    @property
    def by_rounds(self) -> bool:
        """True: a step takes as many rounds of threshold and reset as there are spikes in it."""
        return self.mode == "exact"

    @property
    def inputs(self) -> tuple[str, str]:
        """Names of the variables that take the current and the events."""
        return "I_ext", "S"

    @property
    def total(self) -> tuple[tuple[str, float], ...]:
        """Variables that add up to the drive of V, with their signs."""
        currents = tuple((x.name, x.sign) for x in self.neuron.currents)
        return currents if _weighted(self.neuron) else (("I_ext", 1.0), *currents)


def usual(neuron: LinearNeuron) -> LinearNeuron:
    """The same terms with usual numbers: what is compiled, and tried out, for a neuron."""
    leaks, fires = math.isfinite(neuron.tau_ms), math.isfinite(neuron.V_th)
    return LinearNeuron(
        R=0.5 if leaks else 0.0125,
        tau_ms=40.0 if leaks else math.inf,
        V_rest=0.0,
        V_th=1.0 if fires else math.inf,
        V_reset=0.0,
        t_ref_ms=1.0 if neuron.t_ref_ms else 0.0,
        reset=neuron.reset,
        currents=tuple(
            replace(
                x,
                tau_ms=20.0,
                weight=None if x.weight is None else 1.0,
                at_spike=1.0 if x.at_spike else 0.0,
            )
            for x in neuron.currents
        ),
    )


def model(kind: LinearKind) -> dict[str, Any]:
    """The strings that make up a model, as those of `_brian2_equations.model`.

    In the exact mode, the event "hold" lets neurons go, and "near" looks for their crossings.
    """
    neuron, currents = kind.neuron, kind.neuron.currents
    stock = kind.mode == "stock"
    equations = _equations(kind) + _BOOKKEEPING
    jumps = "".join(f"{x.name} += jump_{x.name}\n" for x in currents if x.at_spike)
    if stock:
        jump = "V = V_reset\n" if neuron.reset == "value" else "V -= V_th - V_reset\n"
        return {
            "equations": equations,
            "threshold": "V > V_th",
            "reset": _SPIKE.format(when="0*second") + jump + jumps,
            "method": _stock_method(neuron),
        }
    starts = "".join(f"{x.name}_start : 1\n" for x in currents)
    later = f"V_start = V_reset\nV = {_V_after(neuron, 'dt - begin', '_start')}\n"
    released = "hold -= 1\n" + _BEGIN + _relax(currents, "begin") + later
    spike = _SPIKE.format(when="offset") + _relax(currents, "offset - begin")
    spike += "".join(f"{x.name}_start += jump_{x.name}\n" for x in currents if x.at_spike)
    spike += _HELD_UNTIL + _BEGIN + _relax(currents, "begin - offset") + later
    spike += "".join(
        f"{x.name} = {_current_after(x, 'dt - begin', '_start')}\n" for x in currents if x.at_spike
    )
    state = ", ".join(f"{name}_start" for name in ("V", *neuron.names))
    return {
        "equations": equations + _INSIDE_STEPS + starts,
        "threshold": "crosses",
        "reset": spike + "crosses = False\n",
        "method": _method(neuron),
        "hold": released,
        "near": _CROSSING.format(state=state),
    }


def text(kind: LinearKind) -> str:
    """Everything that is compiled for a model."""
    parts = model(kind)
    return "".join([parts.pop("method")(None), *parts.values(), *event_checks(kind).values()])


def event_checks(kind: LinearKind) -> dict[str, str]:
    """Conditions of a model's events, in the order in which they must run."""
    if kind.mode == "stock":
        return {}
    push = " + ".join(
        ["I_ext"] * (not _weighted(kind.neuron))
        + [f"clip({_part(x, '_start')}, 0, inf) + {_target(x)}" for x in kind.neuron.currents]
    )
    rise = f"R*({push})*(dt - begin)/tau"
    if _leaks(kind.neuron):
        rise = f"(V_start - V_rest - R*({push}))*expm1(-(dt - begin)/tau)"
    return {"hold": "hold > 0", "near": _NEAR.format(rise=rise)}


def constants(b2: Any, neuron: LinearNeuron, dt_ms: float) -> dict[str, Any]:
    """The namespace of the group: numbers by name, so that new ones need no new compilation."""
    ms = b2.ms
    # Without a leak, R is per ms.
    tau = neuron.tau_ms if _leaks(neuron) else 1.0
    steps = math.floor(neuron.t_ref_ms / dt_ms + 1e-9)
    rest = neuron.t_ref_ms - steps * dt_ms
    found = {
        "R": neuron.R,
        "tau": tau * ms,
        "V_rest": neuron.V_rest,
        "V_th": neuron.V_th,
        "V_reset": neuron.V_reset,
        "t_ref": neuron.t_ref_ms * ms,
        "t_ref_steps": steps,
        "t_ref_rest": (rest if rest > 1e-9 * dt_ms else 0.0) * ms,
        "crossing": _crossing(b2, neuron),
    }
    for x in neuron.currents:
        found |= {
            f"tau_{x.name}": x.tau_ms * ms,
            f"weight_{x.name}": x.weight or 0.0,
            f"jump_{x.name}": x.at_spike,
            f"slow_{x.name}": max(neuron.tau_ms, x.tau_ms) * ms,
            f"apart_{x.name}": abs(1 / neuron.tau_ms - 1 / x.tau_ms) / ms,
        }
    return found


def _crossing(b2: Any, neuron: LinearNeuron) -> Any:
    """The hybrid system's time to the threshold as a function of Brian2, in NumPy."""

    def crossing(*values: NDArray[np.float64]) -> NDArray[np.float64]:
        *state, current, span = np.broadcast_arrays(*map(np.atleast_1d, values))
        with np.errstate(all="ignore"):  # rates of change may be 0
            return 1e-3 * neuron.crossing(np.array(state), current, 1e3 * span)

    units = [1] * (len(neuron.currents) + 2)
    function = b2.Function(crossing, arg_units=[*units, b2.second], return_unit=b2.second)
    function.implementations.add_numpy_implementation(crossing, discard_units=True)
    return function


def _leaks(neuron: LinearNeuron) -> bool:
    return math.isfinite(neuron.tau_ms)


def _weighted(neuron: LinearNeuron) -> bool:
    """True if the current goes to one that decays, and not to V."""
    return any(x.weight is not None for x in neuron.currents)


def _target(x: DecayingCurrent) -> str:
    """The end value of a decaying current in V's drive, sign included."""
    return "0" if x.weight is None else f"{x.sign}*weight_{x.name}*I_ext"


def _part(x: DecayingCurrent, at: str = "") -> str:
    """The part of it that decays, sign included."""
    return f"({x.sign}*{x.name}{at} - {_target(x)})"


def _equations(kind: LinearKind) -> str:
    """Differential equations, for Brian2 and for whoever reads them."""
    neuron = kind.neuron
    held = " (unless refractory)" if kind.mode == "stock" and not kind.long_step else ""
    leak = "V_rest - V + " if _leaks(neuron) else ""
    lines = [f"dV/dt = ({leak}R*I)/tau : 1{held}", "I_ext : 1"]
    lines.append("I = " + " + ".join(f"{sign}*{name}" for name, sign in kind.total) + " : 1")
    for x in neuron.currents:
        drive = "" if x.weight is None else f" + weight_{x.name}*I_ext"
        lines.append(f"d{x.name}/dt = (-{x.name}{drive})/tau_{x.name} : 1")
    return "\n" + "\n".join(lines) + "\n"


def _current_after(x: DecayingCurrent, s: str, at: str = "") -> str:
    target = "0" if x.weight is None else f"weight_{x.name}*I_ext"
    return f"{x.name}{at} + ({x.name}{at} - {target})*expm1(-({s})/tau_{x.name})"


def _relax(currents: tuple[DecayingCurrent, ...], s: str) -> str:
    """Carry the currents at `begin` on by the time s."""
    return "".join(f"{x.name}_start = {_current_after(x, s, '_start')}\n" for x in currents)


def _V_after(neuron: LinearNeuron, s: str, at: str = "") -> str:
    """V after the time s; see `linear._response` for the share of each decaying current."""
    held = " + ".join(["I_ext"] * (not _weighted(neuron)) + [_target(x) for x in neuron.currents])
    text = f"V{at} + R*({held})*({s})/tau"
    if _leaks(neuron):
        text = f"V{at} + (V{at} - V_rest - R*({held}))*expm1(-({s})/tau)"
    for x in neuron.currents:
        text += f" + R*{_part(x, at)}*({s})/tau*exp(-({s})/slow_{x.name})"
        text += f"*exprel(-({s})*apart_{x.name})"
    return text


def _method(neuron: LinearNeuron) -> Callable[..., str]:
    """The state update of the exact mode, as Brian2 calls its methods."""
    names = "V", *neuron.names
    code = f"V_end = {_V_after(neuron, 'dt')}\n"
    code += "".join(f"{x.name}_end = {_current_after(x, 'dt')}\n" for x in neuron.currents)
    code += "".join(f"{name}_start = {name}\n{name} = {name}_end\n" for name in names)

    def exact_flow(equations: Any, variables: Any = None, options: Any = None) -> str:
        return code + "begin = 0*second\n"

    return exact_flow


def _stock_method(neuron: LinearNeuron) -> Callable[..., str]:
    """The same in the stock mode: Brian2's own has a pole where two time constants are equal."""

    def stock_flow(equations: Any, variables: Any = None, options: Any = None) -> str:
        moves = "*int(not_refractory)" * ("not_refractory" in (variables or {}))
        code = f"V += ({_V_after(neuron, 'dt')} - V){moves}\n"
        return code + "".join(f"{x.name} = {_current_after(x, 'dt')}\n" for x in neuron.currents)

    return stock_flow
