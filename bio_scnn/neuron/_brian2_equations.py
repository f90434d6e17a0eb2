"""The neuron as Brian2 is told it: eq. 1, and where inside a step it fires and restarts.

Strings only; `lif_network` runs them. Brian2 takes V and I_syn exactly from the start of a step to
its end, and all that the exact mode adds is derived from their values there. With s the time after
the end of the step (s < 0 inside it), the solution of eq. 1 through those values is ::

    V(s) = R*I_ext + (V - R*I_ext)*exp(-s/tau) + R*I_syn*(s/tau)*exp(-s/tau)*exprel(kappa*s)

where exprel(x) = (exp(x) - 1)/x, tau = R*C and kappa = 1/tau - 1/tau_syn.
"""

from __future__ import annotations

MODES = ("exact", "stock")

EQUATIONS = """
dV/dt = (I - V/R)/C : 1 (unless refractory)
"""
"""Eq. 1. R = tau/C is dimensionless, C a time."""

# In steps longer than t_ref, whatever V does while a neuron is refractory is overwritten by the
# release, in the same step or in the next.
_EQUATIONS_LONG_STEP = EQUATIONS.replace(" (unless refractory)", "")

_CONSTANT_DRIVE = """
I : 1
"""

_SYNAPTIC_DRIVE = """
I = I_ext + I_syn : 1
dI_syn/dt = -I_syn/tau_syn : 1
I_ext : 1
peaked : boolean
"""

_BOOKKEEPING = """
count : integer
first_spike : second
last_spike : second
residue : second
waiting : boolean
"""

# Time from the crossing to the end of the step, given V at the end of the step: V approaches R*I
# exponentially, so that R*I - V_th = (R*I - V)*exp(residue/tau).
_RESIDUE_CONSTANT = """
residue = tau*log1p((V - V_th)/(R*I - V))
"""

# The same with I_syn decaying inside the step: V(s) = V_th has no closed solution. V is taken as a
# function of u = -tau*grow with grow = exp(-s/tau), in which a constant drive gives a straight
# line, I_syn > 0 a concave curve and I_syn < 0 a convex one. Started at the end of the step from
# which the approach is monotone, each round replaces the curve by its osculating parabola (slope
# and bend are dV/du and its derivative) and solves that: the error is cubed, also where V only
# just reaches the threshold.
_RESIDUE_SYNAPTIC = (
    "\ngrow = exp(dt/tau*int(I_syn >= 0))\n"
    + 5
    * (
        "s = -tau*log(grow)\n"
        "f = V - V_th + (V - R*I_ext)*(grow - 1) + R*I_syn*(s/tau)*grow*exprel(kappa*s)\n"
        "slope = (I - V/R)/C - I_syn/(tau_syn*C)*s*exprel(kappa*s)\n"
        "bend = -I_syn*exp(-s/tau_syn)/(tau_syn*C)/grow**2\n"
        "root = sqrt(clip(slope**2 - 2*f*bend, 0*hertz**2, inf*hertz**2))\n"
        "grow += 2*f/(tau*clip(slope + root, 1e-30*hertz, inf*hertz))\n"
        "grow = clip(grow, 1, exp(dt/tau))\n"
    )
    + "residue = tau*log(grow)\n"
)

_SPIKE_INSIDE = """
last_spike = t + dt - residue
"""

_EXACT_SPIKE = _SPIKE_INSIDE + "waiting = True\n"

_STOCK_SPIKE = """
last_spike = t
"""

_COUNT_AND_RESET = """
count += 1
first_spike += last_spike*int(count == 1)
V = V_reset
"""

# V at the end of the step in which the neuron is released. That is `residue` before the end, as
# the crossing was before the end of its own step, because t_ref is a whole number of steps.
_RELEASE_CONSTANT = """
V = V_reset - (R*I - V_reset)*expm1(-residue/tau)
waiting = False
"""

# The same where a step is longer than t_ref: V at the end of the step of the spike, if the neuron
# is released before, or else of the next.
_RESTART_LONG_STEP = """
waiting = residue < t_ref
V = V_reset - (R*I - V_reset)*expm1(-clip(residue - t_ref, 0*second, inf*second)/tau)
"""

_RELEASE_LONG_STEP = """
V = V_reset - (R*I - V_reset)*expm1(-(dt + residue - t_ref)/tau)
waiting = False
"""

_RELEASE_SYNAPTIC = """
V = V_reset - (R*I_ext - V_reset)*expm1(-residue/tau) + R*I_syn*residue/tau*exprel(-kappa*residue)
waiting = False
"""

# While I_syn decays, V may touch the threshold inside a step and be below it again at its end.
# Only a falling V can have done so, and the tangent at the end bounds the peak from above. This
# is a cheap test for all neurons; `_PEAK` is exact, for the few that pass.
_MAYBE_PEAKED = (
    "not_refractory and I_syn > 0 and V < V_th and I < V/R "
    "and V - (I - V/R)/C*tau*expm1(dt/tau) >= V_th"
)

EVENT_CHECKS = {
    "release": "waiting and not_refractory",
    "late_release": "waiting",
    "peak": _MAYBE_PEAKED,
}
"""Which neurons the events of a model concern, in the order in which they must run."""

# dV/ds = 0 where I - V/R = (I_syn/tau_syn)*(exp(kappa*s) - 1)/kappa, with V and I of the end. What
# comes before the release is no peak.
_PEAK = """
s = clip(log1p(clip(kappa*tau_syn*(I - V/R)/I_syn, -0.999, inf))/kappa, -dt, 0*second)
V_peak = V + (V - R*I_ext)*expm1(-s/tau) + R*I_syn*(s/tau)*exp(-s/tau)*exprel(kappa*s)
peaked = V_peak >= V_th and s > -dt and t + dt + s > last_spike + t_ref
"""


def model(mode: str, synaptic: bool, long_step: bool) -> dict[str, str]:
    """The strings that make up a model; together they also name its compiled modules.

    Parameters
    ----------
    mode : {"exact", "stock"}
        As in `bio_scnn.neuron.simulation.simulate`.
    synaptic : bool
        Whether a decaying synaptic current adds to the input.
    long_step : bool
        Whether steps of the exact mode are longer than t_ref. It takes a constant drive, and no
        interval between two spikes shorter than a step.

    Returns
    -------
    dict of str
        ``equations``, ``threshold`` and ``reset``; in exact mode also what the
        events of `EVENT_CHECKS` that it needs do to the neurons that pass the check.
    """
    drive = _SYNAPTIC_DRIVE if synaptic else _CONSTANT_DRIVE
    strings = {"equations": EQUATIONS + drive + _BOOKKEEPING}
    if mode == "stock":
        return strings | {"threshold": "V > V_th", "reset": _STOCK_SPIKE + _COUNT_AND_RESET}
    if long_step:
        spike = _RESIDUE_CONSTANT + _SPIKE_INSIDE + _COUNT_AND_RESET
        return {
            "equations": _EQUATIONS_LONG_STEP + drive + _BOOKKEEPING,
            "threshold": "V >= V_th",
            "reset": spike + _RESTART_LONG_STEP,
            "late_release": _RELEASE_LONG_STEP,
        }
    if not synaptic:
        return strings | {
            "threshold": "V >= V_th",
            "reset": _RESIDUE_CONSTANT + _EXACT_SPIKE + _COUNT_AND_RESET,
            "release": _RELEASE_CONSTANT,
        }
    return strings | {
        "threshold": "V >= V_th or peaked",
        "reset": _RESIDUE_SYNAPTIC + _EXACT_SPIKE + _COUNT_AND_RESET + "peaked = False\n",
        "release": _RELEASE_SYNAPTIC,
        "peak": _PEAK,
    }
