"""Broken neurons: the integrator."""

from __future__ import annotations

import math

from correct_neurons import GridNeuron
from numpy.typing import NDArray

from bio_scnn.crossval.protocol import Capabilities
from bio_scnn.neuron.trace import Trace


class ForwardEuler(GridNeuron):
    """Forward Euler instead of the exponential.

    The usual layer of a deep-learning framework.
    """

    name = "forward Euler"
    truth = ("update.forward-euler",)

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        return 1 - x, p.R * x


class SpikesOnlyEuler(ForwardEuler):
    """Forward Euler instead of the exponential, in a layer that returns nothing but spikes."""

    name = "spikes only"
    capabilities = Capabilities(membrane="none")

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        return Trace.from_raster(raster, self.setup.dt_ms)


class BackwardEuler(GridNeuron):
    """Backward Euler instead of the exponential.

    NEURON's default.
    """

    name = "backward Euler"
    truth = ("update.backward-euler",)

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        return 1 / (1 + x), p.R * x / (1 + x)


class CrankNicolson(GridNeuron):
    """Crank-Nicolson instead of the exponential.

    NEURON with ``secondorder = 1``; V is off by some 1e-6 at dt = 0.1 ms.
    """

    name = "Crank-Nicolson"
    truth = ("update.crank-nicolson",)

    def coefficients(self) -> tuple[float, float]:
        p, half = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms / 2
        return (1 - half) / (1 + half), 2 * p.R * half / (1 + half)


class EulerDecayExactGain(GridNeuron):
    """Gain mismatch: decay 1 - dt/tau, but an input gain of 1 - exp(-dt/tau)."""

    name = "Euler decay, exact gain"
    truth = ("update.euler-decay-exact-gain",)

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        return 1 - x, -p.R * math.expm1(-x)


class ExactDecayEulerGain(GridNeuron):
    """Gain mismatch: decay exp(-dt/tau), but an input gain of dt/tau."""

    name = "exact decay, Euler gain"
    truth = ("update.exact-decay-euler-gain",)

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        return math.exp(-x), p.R * x


class LeakMissing(GridNeuron):
    """No leak: V integrates the input and decays not at all.

    An integrate-and-fire neuron, decay factor 1, where the leaky one was meant.
    """

    name = "beta 1"
    truth = ("update.no-leak-exact-gain",)

    def coefficients(self) -> tuple[float, float]:
        return 1.0, super().coefficients()[1]


class NoMemory(GridNeuron):
    """No memory: V is RI of the same step, whatever it was before.

    A neuron imported with the decay factor 0; snnTorch #416, #452.
    """

    name = "beta 0"
    truth = ("update.no-memory",)

    def coefficients(self) -> tuple[float, float]:
        return 0.0, self.setup.params.R
