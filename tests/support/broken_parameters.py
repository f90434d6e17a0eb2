"""Broken neurons: parameters and units."""

from __future__ import annotations

import math

from correct_neurons import GridNeuron
from numpy.typing import NDArray


class _WrongTau(GridNeuron):
    def tau_ms(self) -> float:
        raise NotImplementedError  # each subclass has its own

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.tau_ms()
        return math.exp(-x), -p.R * math.expm1(-x)


class TauSecondsAsMs(_WrongTau):
    """Tau is 1000 times too short: its value in seconds is taken as milliseconds."""

    name = "tau in s read as ms"
    truth = ("update.tau-1000-times-short",)

    def tau_ms(self) -> float:
        return self.setup.params.tau_ms / 1e3


class TauMsAsSeconds(_WrongTau):
    """Tau is 1000 times too long: its value in milliseconds is taken as seconds."""

    name = "tau in ms read as s"
    truth = ("update.tau-1000-times-long",)

    def tau_ms(self) -> float:
        return self.setup.params.tau_ms * 1e3


class TauFromC(_WrongTau):
    """C is taken for tau: the membrane is too slow by a factor of 2 (80 ms)."""

    name = "C for tau"
    truth = ("update.C-for-tau",)

    def tau_ms(self) -> float:
        return self.setup.params.C_ms


class TauTimesDt(_WrongTau):
    """Tau was multiplied by dt (in seconds) on export, so that dt drops out: exp(-1/tau).

    norse #411.
    """

    name = "exported tau * dt"
    truth = ("update.tau-times-dt",)

    def tau_ms(self) -> float:
        return self.setup.params.tau_ms * self.setup.dt_ms * 1e-3


class _FixedDt(GridNeuron):
    fixed_ms: float

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.fixed_ms / self.setup.params.tau_ms
        return math.exp(-x), -p.R * math.expm1(-x)


class DtFixedAtTenthMs(_FixedDt):
    """The membrane uses a hard-coded dt of 0.1 ms whatever the time step is.

    snnTorch's NIR import, 1e-4 s.
    """

    name = "dt 1e-4"
    fixed_ms = 0.1
    truth = ("update.dt-0.1-ms",)


class DtFixedAtOneMs(_FixedDt):
    """The membrane uses a hard-coded dt of 1 ms whatever the time step is."""

    name = "dt 1e-3"
    fixed_ms = 1.0
    truth = ("update.dt-1-ms",)


class CachedCoefficients(GridNeuron):
    """Decay and gain are cached: a layer built with another tau or dt keeps those of the first."""

    name = "cached coefficients"
    truth = ("ignored.dt", "ignored.tau-R")

    def coefficients(self) -> tuple[float, float]:
        if not hasattr(self, "decay"):
            self.decay, self.gain = super().coefficients()
        return self.decay, self.gain


class RIgnored(GridNeuron):
    """R is ignored: the input is I, not RI.

    norse's NIR import.
    """

    name = "R = 1"
    truth = ("update.R-ignored",)

    def coefficients(self) -> tuple[float, float]:
        decay, gain = super().coefficients()
        return decay, gain / self.setup.params.R


class InputScaledTwice(GridNeuron):
    """The input is scaled by dt/tau twice."""

    name = "input scaled twice"
    truth = ("update.input-scaled-twice",)

    def coefficients(self) -> tuple[float, float]:
        decay, gain = super().coefficients()
        return decay, gain * self.setup.dt_ms / self.setup.params.tau_ms


class InputUnscaled(GridNeuron):
    """The input is not scaled by the time step: RI is added to V at every step.

    The ``beta V + x`` of snnTorch's Leaky, fed with a current.
    """

    name = "input not scaled"
    truth = ("update.input-unscaled",)

    def coefficients(self) -> tuple[float, float]:
        return super().coefficients()[0], self.setup.params.R


class ThresholdHardCoded(GridNeuron):
    """The threshold is 1 whatever V_th is."""

    name = "threshold 1"
    truth = ("ignored.V_th",)

    def crosses(self) -> NDArray:
        return self.V >= 1.0
