"""Parameters and equations of the neurons beside the LIF: IF, LI, CubaLIF and adaptive LIF.

The names are those of NIR. Each docstring holds the whole neuron; `hybrid_system` makes it one
that runs. V, I and R may be in any units in which ``V = R I``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Literal

from bio_scnn.errors import InputError
from bio_scnn.neuron.linear import DecayingCurrent, LinearNeuron
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters, checked
from bio_scnn.neuron.units import brief, one_of

Reset = Literal["value", "subtract"]
Adapts = Literal["current", "threshold"]

_CHOICES = {"reset": ("value", "subtract"), "adapts": ("current", "threshold")}


class _Checked:
    """Turns every field into a plain number in the unit of its name, and checks it."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type] # of the dataclass that inherits this
            value = getattr(self, field.name)
            if field.name in _CHOICES:
                one_of(field.name, value, _CHOICES[field.name])
            else:
                # A frozen dataclass can only be normalised through object.__setattr__.
                object.__setattr__(self, field.name, checked(value, field.name))
        V_reset, V_th = getattr(self, "V_reset", -math.inf), getattr(self, "V_th", math.inf)
        if V_reset >= V_th:
            raise InputError(
                f"V_reset (={V_reset:g}) must be below V_th (={V_th:g}): the neuron would spike "
                "without end"
            )


@dataclass(frozen=True, kw_only=True)
class IFParameters(_Checked):
    r"""Parameters of the integrate-and-fire neuron without a leak.

    .. math:: dV/dt = R \, (I + S), \qquad \tau_{syn} \, dS/dt = -S
    .. math:: V \ge V_{th} \Rightarrow V \leftarrow V_{reset}
              \text{ or } V \leftarrow V - (V_{th} - V_{reset})

    after which V is held for ``t_ref``; S goes on. V starts at ``V_reset``, S at 0. An impulse of
    charge q adds ``R q`` to V, unless V is held; a presynaptic spike adds its amount to S.

    Parameters
    ----------
    R : float
        Gain, per ms: what a unit of current adds to V in 1 ms.
    V_th : float
        Threshold.
    V_reset : float
        Reset potential; the neuron also starts there.
    t_ref_ms : float or Quantity
        Refractory period, ms; 0 for none.
    reset : {"value", "subtract"}
        The two differ only where V jumps over the threshold.
    tau_syn_ms : float or Quantity
        Decay time of the synaptic current S, ms.

    Raises
    ------
    InputError
        If a value is not finite, has the wrong unit, or contradicts another one.

    References
    ----------
    J. E. Pedersen et al., "Neuromorphic intermediate representation", Nat. Commun. 15, 8122
    (2024): ``IF``.
    """

    R: float = 1.0
    V_th: float = 1.0
    V_reset: float = 0.0
    t_ref_ms: float = 0.0
    reset: Reset = "value"
    tau_syn_ms: float = TABLE_1.tau_syn_ms


@dataclass(frozen=True, kw_only=True)
class LIParameters(_Checked):
    r"""Parameters of the leaky integrator: the LIF's membrane without spikes.

    .. math:: \tau \, dV/dt = V_{rest} - V + R \, (I + S), \qquad \tau_{syn} \, dS/dt = -S

    V starts at ``V_rest``, S at 0. An impulse of charge q adds ``R q / tau`` to V; a presynaptic
    spike adds its amount to S.

    Parameters
    ----------
    tau_ms : float or Quantity
        Membrane time constant, ms.
    R : float
        Membrane resistance.
    V_rest : float
        Resting potential, to which V decays without a current.
    tau_syn_ms : float or Quantity
        Decay time of the synaptic current S, ms.

    Raises
    ------
    InputError
        If a value is not finite, has the wrong unit, or is not positive where it must be.

    References
    ----------
    As `IFParameters`: ``LI``.
    """

    tau_ms: float
    R: float = 1.0
    V_rest: float = 0.0
    tau_syn_ms: float = TABLE_1.tau_syn_ms


@dataclass(frozen=True, kw_only=True)
class CubaLIFParameters(_Checked):
    r"""Parameters of the current-based LIF: its input passes through a synaptic current.

    .. math:: \tau_{syn} \, dS/dt = -S + w \, I
    .. math:: \tau \, dV/dt = V_{rest} - V + R \, S
    .. math:: V \ge V_{th} \Rightarrow V \leftarrow V_{reset}
              \text{ or } V \leftarrow V - (V_{th} - V_{reset})

    after which V is held for ``t_ref``; S goes on. V starts at ``V_reset``, S at 0. An impulse of
    charge q adds ``w q / tau_syn`` to S; a presynaptic spike adds its amount to S. Both act while
    V is held, too.

    Parameters
    ----------
    tau_ms : float or Quantity
        Membrane time constant, ms.
    tau_syn_ms : float or Quantity
        Decay time of the synaptic current S, ms; it may equal ``tau_ms``.
    w : float
        Weight of the input ("w_in" in NIR, which calls S "I").
    R : float
        Membrane resistance.
    V_rest : float
        Resting potential, to which V decays without a current.
    V_th, V_reset, t_ref_ms, reset
        As in `IFParameters`.

    Raises
    ------
    InputError
        If a value is not finite, has the wrong unit, or contradicts another one.

    References
    ----------
    As `IFParameters`: ``CubaLIF``.
    """

    tau_ms: float
    tau_syn_ms: float
    w: float = 1.0
    R: float = 1.0
    V_rest: float = 0.0
    V_th: float = 1.0
    V_reset: float = 0.0
    t_ref_ms: float = 0.0
    reset: Reset = "value"


@dataclass(frozen=True, kw_only=True)
class AdaptiveLIFParameters(_Checked):
    r"""Parameters of the LIF with spike-triggered adaptation: each spike adds to a current w.

    .. math:: \tau \, dV/dt = V_{rest} - V + R \, (I + S - w)
    .. math:: \tau_w \, dw/dt = -w, \qquad \tau_{syn} \, dS/dt = -S
    .. math:: V \ge V_{th} \Rightarrow w \leftarrow w + b, \quad V \leftarrow V_{reset}
              \text{ or } V \leftarrow V - (V_{th} - V_{reset})

    after which V is held for ``t_ref``; w and S go on. V starts at ``V_reset``, w and S at 0. It
    is the adaptive exponential neuron without the exponential, and with a = 0: w does not follow
    V below the threshold. An impulse of charge q adds ``R q / tau`` to V, unless V is held; a
    presynaptic spike adds its amount to S.

    Parameters
    ----------
    tau_ms : float or Quantity
        Membrane time constant, ms.
    tau_w_ms : float or Quantity
        Decay time of the adaptation current w, ms.
    b : float
        Added to w at each spike; negative for a neuron that facilitates itself.
    adapts : {"current", "threshold"}
        w is subtracted from the current, as above; or w is in units of V and raises the threshold:
        ``V >= V_th + w``. `simulate` has the first alone, `exact_trace` both.
    R : float
        Membrane resistance.
    V_rest : float
        Resting potential, to which V decays without a current.
    V_th, V_reset, t_ref_ms, reset, tau_syn_ms
        As in `IFParameters`.

    Raises
    ------
    InputError
        If a value is not finite, has the wrong unit, or contradicts another one.

    References
    ----------
    W. Gerstner, W. M. Kistler, R. Naud, L. Paninski, "Neuronal Dynamics", Cambridge University
    Press 2014, section 6.1, eq. 6.3 and 6.4 with a = 0.
    """

    tau_ms: float
    tau_w_ms: float
    b: float
    R: float = 1.0
    V_rest: float = 0.0
    V_th: float = 1.0
    V_reset: float = 0.0
    t_ref_ms: float = 0.0
    reset: Reset = "value"
    tau_syn_ms: float = TABLE_1.tau_syn_ms
    adapts: Adapts = "current"


NeuronParameters = (
    LIFParameters | IFParameters | LIParameters | CubaLIFParameters | AdaptiveLIFParameters
)


def hybrid_system(params: NeuronParameters, *, synapse: bool = False) -> LinearNeuron:
    """The hybrid system that a neuron's parameters describe.

    Parameters
    ----------
    params : LIFParameters, IFParameters, LIParameters, CubaLIFParameters or AdaptiveLIFParameters
    synapse : bool
        With the synaptic current S, which only presynaptic spikes need. A CubaLIF always has it.

    Returns
    -------
    LinearNeuron

    Raises
    ------
    InputError
        If these are no parameters of a neuron.
    """
    if not isinstance(params, NeuronParameters):
        raise InputError(
            f"params (={brief(repr(params))}) must be those of a neuron, as LIFParameters"
        )
    S = (DecayingCurrent("S", params.tau_syn_ms),) if synapse else ()
    match params:
        case LIFParameters():
            return _spiking(params, currents=S)
        case IFParameters():
            return _spiking(params, tau_ms=math.inf, V_rest=0.0, currents=S)
        case LIParameters(tau_ms=tau, R=R, V_rest=V_rest):
            return LinearNeuron(R, tau, V_rest, math.inf, V_rest, 0.0, "value", S)
        case CubaLIFParameters(w=w):
            S = (DecayingCurrent("S", params.tau_syn_ms, weight=w),)
            return _spiking(params, currents=S)
        case AdaptiveLIFParameters(tau_w_ms=tau_w, b=b):
            raises = params.adapts == "threshold"
            sign = 0.0 if raises else -1.0
            adaptation = DecayingCurrent("w", tau_w, sign, at_spike=b, on_threshold=raises)
            return _spiking(params, currents=(*S, adaptation))


def _spiking(params: Any, **others: Any) -> LinearNeuron:
    """A neuron with the parameters that bear the names of its attributes."""
    names = {field.name for field in fields(LinearNeuron)} - set(others)
    return LinearNeuron(**{name: getattr(params, name) for name in names}, **others)
