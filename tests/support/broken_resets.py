"""Broken neurons: threshold and reset."""

from __future__ import annotations

import math

import numpy as np
from correct_neurons import GridNeuron
from numpy.typing import NDArray


class StrictThreshold(GridNeuron):
    """V has to exceed the threshold: > instead of >=.

    snnTorch and norse.
    """

    name = ">"
    truth = ("threshold.exceeded",)

    def crosses(self) -> NDArray:
        return self.V > self.setup.params.V_th


class ThresholdOnPreviousV(GridNeuron):
    """The threshold is tested on the V of the step before: spikes come one step late.

    spyx 1.0.
    """

    name = "previous V"
    truth = ("late.test",)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        fired = (self.left == 0) & self.crosses()
        free = (self.left == 0) & ~fired
        self.left[self.left > 0] -= 1
        self.V[free] = self.advanced(I)[free]
        self.restart(fired)
        self.left[fired] = self.clamp
        return fired


class ThresholdNoise(GridNeuron):
    """The threshold is noisy: drawn anew at each step, from a seeded generator.

    A stochastic layer left in its training mode.
    """

    name = "escape noise"
    truth = ("intervals.noisy",)

    def start(self) -> None:
        super().start()
        self.rng = np.random.default_rng(self.setup.seed)

    def crosses(self) -> NDArray:
        noise = 0.02 * self.rng.standard_normal(self.V.shape)
        return self.V >= self.setup.params.V_th + noise


class UnseededJitter(GridNeuron):
    """Not deterministic: thresholds have 1 % jitter drawn from an unseeded generator."""

    name = "unseeded"
    truth = ("random.unseeded",)

    def start(self) -> None:
        super().start()
        rng = np.random.default_rng()
        self.jitter = 1 + 0.01 * rng.standard_normal(self.setup.neurons)

    def crosses(self) -> NDArray:
        return self.V >= self.setup.params.V_th * self.jitter


class Adaptation(GridNeuron):
    """Spike-frequency adaptation: each spike raises the threshold, which decays in 100 ms.

    An adaptive neuron (ALIF, DiehlAndCook) where the plain one was meant.
    """

    name = "adaptive threshold"
    truth = ("adaptation.threshold",)

    def start(self) -> None:
        super().start()
        self.theta = np.zeros(self.setup.neurons)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        self.theta *= math.exp(-self.setup.dt_ms / 100)
        fired = super().step(I)
        self.theta[fired] += 0.02
        return fired

    def crosses(self) -> NDArray:
        return self.V >= self.setup.params.V_th + self.theta


class DelayedReset(GridNeuron):
    """The reset is delayed: it comes one step after the spike.

    snnTorch's default ``reset_delay=True``; #364.
    """

    name = "delayed reset"
    truth = ("late.reset",)

    def start(self) -> None:
        super().start()
        self.pending = np.zeros(self.setup.neurons, bool)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        free = (self.left == 0) & ~self.pending
        self.left[self.left > 0] -= 1
        self.V[free] = self.advanced(I)[free]
        fired = free & self.crosses()
        self.restart(self.pending)
        self.left[self.pending] = self.clamp
        self.pending = fired
        return fired


class SubtractReset(GridNeuron):
    """Reset by subtraction of V_th - V_reset, declared as a reset to V_reset.

    The default of snnTorch, sinabs and rockpool; snnTorch #379.
    """

    name = "soft reset"
    truth = ("reset.subtract",)

    def restart(self, fired: NDArray) -> None:
        p = self.setup.params
        self.V[fired] -= p.V_th - p.V_reset


class ResetToZero(GridNeuron):
    """V is reset to 0 although V_reset is something else.

    A multiplication of V by 1 - spike; the NIR export in snnTorch #384 has no v_reset.
    """

    name = "reset to 0"
    truth = ("reset.zero",)

    def restart(self, fired: NDArray) -> None:
        self.V[fired] = 0.0


class ResetAddedEveryStep(GridNeuron):
    """V_reset is added to V at every step, not only at the reset.

    sinabs 3.1.3, ``MembraneReset(-0.5)``.
    """

    name = "V = V (1 - s) + V_reset"
    truth = ("offset.V_reset",)

    def advanced(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        return super().advanced(I) + self.setup.params.V_reset


class FloorAtZero(GridNeuron):
    """V is clamped at 0 from below.

    Nengo's default ``min_voltage=0``.
    """

    name = "min_voltage 0"
    truth = ("bounds.zero",)

    def advanced(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        return np.maximum(super().advanced(I), 0)


class MultipleSpikes(GridNeuron):
    """Several spikes per step: floor(V/V_th) of them at a strong current, refractory or not.

    The default of sinabs and rockpool.
    """

    name = "multi-spike"
    truth = ("spikes.several-per-step",)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        fired = super().step(I)
        p = self.setup.params
        spikes = np.floor((self.peak - p.V_reset) / (p.V_th - p.V_reset))
        return np.where(fired, np.minimum(spikes, 100), 0).astype(int)
