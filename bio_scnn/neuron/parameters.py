"""Table 1 of the paper: the nine parameters of the LIF neuron, with units and their checks."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from bio_scnn.errors import InputError
from bio_scnn.neuron.units import to_number

NOISE_STD = 0.1
"""Standard deviation of the noise, dimensionless (section 2.2.1, not a row of Table 1)."""


@dataclass(frozen=True)
class LIFParameters:
    r"""Parameters of the leaky integrate-and-fire neuron; the defaults are Table 1.

    The neuron is the hybrid system

    .. math:: C \, dV/dt = I - V/R, \qquad V \ge V_{th} \Rightarrow V \leftarrow V_{reset}

    after which V stays at ``V_reset`` for ``t_ref``. V and I are dimensionless, and so is R,
    which makes eq. 1 consistent with a capacitance in milliseconds, as Table 1 prints it.

    Parameters
    ----------
    V_th : float
        Threshold value, dimensionless.
    V_reset : float
        Reset potential, dimensionless; the neuron also starts there.
    t_ref_ms : float or Quantity
        Refractory period, ms; 0 for none.
    tau_ms : float or Quantity
        Membrane time constant, ms: the leak of eq. 3.
    C_ms : float or Quantity
        Membrane capacitance, ms.
    rate_min_hz, rate_max_hz : float or Quantity
        Band of firing rates, Hz, of the neuron and of its presynaptic neurons.
    tau_syn_ms : float or Quantity
        Decay time of the post-synaptic current, ms.
    tau_noise_ms : float or Quantity
        Correlation time of the current noise, ms ("Noise (ms)" in the table).

    Raises
    ------
    InputError
        If a value is not finite, has the wrong unit, or contradicts another one.

    Notes
    -----
    A plain number is taken in the unit of its field's name; a Brian2 quantity is converted, so
    ``LIFParameters(tau_ms=0.04 * second)`` means 40 ms.

    References
    ----------
    Sanaullah, K. Roy, U. Rückert, T. Jungeblut, "A Hybrid Spiking-Convolutional Neural Network
    Approach for Advancing Machine Learning Models", NLDL 2024, eq. 1 to 3 and Table 1.

    Examples
    --------
    >>> TABLE_1.R
    0.5
    """

    V_th: float = 1.0
    V_reset: float = 0.0
    t_ref_ms: float = 1.0
    tau_ms: float = 40.0
    C_ms: float = 80.0
    rate_min_hz: float = 100.0
    rate_max_hz: float = 200.0
    tau_syn_ms: float = 60.0
    tau_noise_ms: float = 10.0

    def __post_init__(self) -> None:
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            unit = {"_ms": "ms", "_hz": "Hz"}.get(name[-3:], "dimensionless")
            number = to_number(value, name, unit)
            if name == "t_ref_ms" and number < 0:
                raise InputError(f"t_ref_ms (={number:g} ms) must be at least 0 ms")
            if unit != "dimensionless" and number <= 0 and name != "t_ref_ms":
                raise InputError(f"{name} (={number:g} {unit}) must be greater than 0 {unit}")
            # A frozen dataclass can only be normalised through object.__setattr__.
            object.__setattr__(self, name, number)
        if self.V_reset >= self.V_th:
            raise InputError(
                f"V_reset (={self.V_reset:g}, dimensionless) must be below "
                f"V_th (={self.V_th:g}): the neuron would spike without end"
            )
        if self.rate_min_hz >= self.rate_max_hz:
            raise InputError(
                f"rate_min_hz (={self.rate_min_hz:g} Hz) must be below "
                f"rate_max_hz (={self.rate_max_hz:g} Hz)"
            )
        if self.rate_max_hz >= self.rate_limit_hz:
            raise InputError(
                f"rate_max_hz (={self.rate_max_hz:g} Hz) must be below 1/t_ref "
                f"(={self.rate_limit_hz:g} Hz for t_ref_ms={self.t_ref_ms:g} ms)"
            )

    @property
    def R(self) -> float:
        """Membrane resistance tau/C, dimensionless: eq. 1 and eq. 3 must leak alike."""
        return self.tau_ms / self.C_ms

    @property
    def rate_limit_hz(self) -> float:
        """Rate 1/t_ref, Hz, that no current reaches; infinite without a refractory period."""
        return 1e3 / self.t_ref_ms if self.t_ref_ms else math.inf


TABLE_1 = LIFParameters()
"""The values printed in Table 1."""
