"""Parameters of the LIF neuron, with units and their checks; Table 1 of the paper."""

from __future__ import annotations

import math
from dataclasses import InitVar, dataclass, fields
from typing import Any, Literal

from bio_scnn.errors import InputError
from bio_scnn.neuron.units import brief, one_of, to_number

_TABLE_1_C_MS = 80.0

NOISE_STD = 0.1
"""Standard deviation of the noise, dimensionless (section 2.2.1, not a row of Table 1)."""


@dataclass(frozen=True)
class LIFParameters:
    r"""Parameters of the leaky integrate-and-fire neuron; the defaults are Table 1.

    The neuron is the hybrid system

    .. math:: C \, dV/dt = I - (V - V_{rest})/R
    .. math:: V \ge V_{th} \Rightarrow V \leftarrow V_{reset}

    after which V stays at ``V_reset`` for ``t_ref``. The time constant is ``tau = R C``. V, I and
    R may be in any units in which ``V = R I``. In Table 1 they have no units, and the capacitance
    is in milliseconds; eq. 1 is consistent with this.

    Parameters
    ----------
    V_th : float
        Threshold.
    V_reset : float
        Reset potential; the neuron also starts there.
    t_ref_ms : float or Quantity
        Refractory period, ms; 0 for none.
    tau_ms : float or Quantity
        Membrane time constant, ms; the paper's eq. 3 is a leak of V dt/tau in a step.
    C_ms : float or Quantity, optional
        Membrane capacitance, ms. By default ``tau / R`` if R is given, else Table 1's 80 ms.
    rate_min_hz, rate_max_hz : float or Quantity
        Band of firing rates, Hz, that currents are encoded into.
    tau_syn_ms : float or Quantity
        Decay time of the post-synaptic current, ms.
    tau_noise_ms : float or Quantity
        Correlation time of the current noise, ms ("Noise (ms)" in the table).
    R : float, optional
        Membrane resistance. By default ``tau / C``, which gives eq. 1 the leak of eq. 3.
    V_rest : float
        Resting potential, to which V decays without a current.
    reset : {"value", "subtract"}
        A spike sets V to ``V_reset``, or subtracts ``V_th - V_reset`` from V. The two differ only
        if V jumps over the threshold: at an impulse, or on a time grid.

    Raises
    ------
    InputError
        If a value is not finite, has the wrong unit, or contradicts another one.

    Notes
    -----
    A plain number is taken in the unit of its field's name; a Brian2 quantity is converted, so
    ``LIFParameters(tau_ms=0.04 * second)`` means 40 ms. R times the capacitance must be tau. After
    `dataclasses.replace`, the parameters that were not given are computed again from the others.

    References
    ----------
    Sanaullah, K. Roy, U. Rückert, T. Jungeblut, "A Hybrid Spiking-Convolutional Neural Network
    Approach for Advancing Machine Learning Models", NLDL 2024, eq. 1 to 3 and Table 1.

    Examples
    --------
    >>> TABLE_1.R
    0.5
    >>> LIFParameters(tau_ms=20, R=1, V_rest=-65, V_reset=-65, V_th=-50, t_ref_ms=2).C_ms
    20.0
    """

    V_th: float = 1.0
    V_reset: float = 0.0
    t_ref_ms: float = 1.0
    tau_ms: float = 40.0
    C_ms: float = None  # type: ignore[assignment] # is a number once it is made
    rate_min_hz: float = 100.0
    rate_max_hz: float = 200.0
    tau_syn_ms: float = 60.0
    tau_noise_ms: float = 10.0
    R: float = None  # type: ignore[assignment] # as C_ms
    V_rest: float = 0.0
    reset: Literal["value", "subtract"] = "value"

    # What was not given and follows from the rest: dataclasses.replace hands it on.
    derived: InitVar[tuple[tuple[str, float], ...]] = ()

    def __post_init__(self, derived: tuple[tuple[str, float], ...]) -> None:
        one_of("reset", self.reset, ("value", "subtract"))
        for name, value in derived:
            if getattr(self, name) == value:
                self._set(name, None)
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if name != "reset" and not (value is None and name in ("C_ms", "R")):
                self._set(name, checked(value, name))
        self._derive()
        if self.V_reset >= self.V_th:
            raise InputError(
                f"V_reset (={self.V_reset:g}, dimensionless) must be below "
                f"V_th (={self.V_th:g}): the neuron would spike without end"
            )
        if not math.isfinite((self.V_th - min(self.V_reset, self.V_rest)) / self.R):
            raise InputError(
                f"V_th (={self.V_th:g}) must not exceed V_reset (={self.V_reset:g}) or V_rest "
                f"(={self.V_rest:g}) by more than a float holds, also divided by R (={self.R:g})"
            )
        if self.rate_min_hz >= self.rate_max_hz:
            raise InputError(
                f"rate_min_hz (={self.rate_min_hz:g} Hz) must be below "
                f"rate_max_hz (={self.rate_max_hz:g} Hz)"
            )

    def _derive(self) -> None:
        """Set whichever of C and R was not given; refuse two that contradict tau."""
        missing = [name for name in ("C_ms", "R") if getattr(self, name) is None]
        if not missing and abs(self.C_ms * self.R / self.tau_ms - 1) > 1e-9:
            raise InputError(
                f"C_ms (={self.C_ms:g} ms) times R (={self.R:g}) must be tau_ms "
                f"(={self.tau_ms:g} ms): leave one of them out, or set it to None"
            )
        if "C_ms" in missing:
            self._set("C_ms", _TABLE_1_C_MS if "R" in missing else self.tau_ms / self.R)
        if "R" in missing:
            self._set("R", self.tau_ms / self.C_ms)
        if not (0 < self.R < math.inf and 0 < self.C_ms < math.inf):
            raise InputError(
                f"tau_ms (={self.tau_ms:g} ms) must be R times C_ms with both between 0 and the "
                f"largest float (here {self.R:g} and {self.C_ms:g} ms)"
            )
        self._set("derived", tuple((name, getattr(self, name)) for name in missing))

    def _set(self, name: str, value: Any) -> None:
        # A frozen dataclass can only be normalised through object.__setattr__.
        object.__setattr__(self, name, value)

    @classmethod
    def from_decay(
        cls, decay: float, dt_ms: float, *, gain: float = 1.0, t_ref_ms: float = 0.0, **others: Any
    ) -> LIFParameters:
        """Parameters of the neuron that deep learning writes as ``V <- decay V + gain x``.

        Parameters
        ----------
        decay : float
            Factor of V in one step without input, between 0 and 1.
        dt_ms : float or Quantity
            Time that a step stands for, ms.
        gain : float
            Factor of the input x, which is the current I.
        t_ref_ms : float or Quantity
            Refractory period, ms; none by default.
        **others
            Further parameters, such as ``V_th`` and ``reset="subtract"``.

        Returns
        -------
        LIFParameters
            With ``tau = -dt / ln(decay)`` and ``R = gain / (1 - decay)``: eq. 1 under a current
            that is held for dt makes the same step.

        Raises
        ------
        InputError
            If the decay is not between 0 and 1, or another value cannot be used.

        Examples
        --------
        >>> LIFParameters.from_decay(0.5, dt_ms=1, reset="subtract").R
        2.0
        """
        decay = to_number(decay, "decay", "dimensionless")
        if not 0 < decay < 1:
            raise InputError(
                f"decay (={decay:g}) must be between 0 and 1: V <- decay V + x leaks a part of V"
            )
        tau = -checked(dt_ms, "dt_ms") / math.log(decay)
        R = checked(gain, "gain") / (1 - decay)
        return cls(tau_ms=tau, R=R, t_ref_ms=t_ref_ms, **others)

    @property
    def rate_limit_hz(self) -> float:
        """Rate 1/t_ref, Hz, that no current reaches; infinite without a refractory period."""
        return 1e3 / self.t_ref_ms if self.t_ref_ms else math.inf


def check_lif(params: Any) -> None:
    """Refuse whatever is not the parameters of a LIF neuron."""
    if not isinstance(params, LIFParameters):
        raise InputError(f"params (={brief(repr(params))}) must be LIFParameters")


def checked(value: Any, name: str) -> float:
    """The value of a parameter as a number in the unit of its name, positive where it must be."""
    unit = {"_ms": "ms", "_hz": "Hz"}.get(name[-3:], "dimensionless")
    number = to_number(value, name, unit)
    if name == "t_ref_ms":
        if number < 0:
            raise InputError(f"t_ref_ms (={number:g} ms) must be at least 0 ms")
    elif number <= 0 and (unit != "dimensionless" or name in ("R", "gain")):
        unit = "" if unit == "dimensionless" else f" {unit}"
        raise InputError(f"{name} (={number:g}{unit}) must be greater than 0{unit}")
    return number


TABLE_1 = LIFParameters()
"""The values printed in Table 1."""
