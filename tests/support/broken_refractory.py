"""Broken neurons: the refractory period."""

from __future__ import annotations

import numpy as np
from correct_neurons import OTHERS, GridNeuron, whole_steps
from numpy.typing import NDArray

from bio_scnn.crossval.protocol import Capabilities


class RefractoryOneShort(GridNeuron):
    """The refractory period is one step too short: t_ref - dt.

    The spike's own step is counted. BindsNET #137; a stock Brian2 script.
    """

    name = "t_ref - dt"
    truth = ("refractory.one-step-short",)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return max(whole_steps(t_ref_ms, dt_ms) - 1, 0)


class RefractoryOneLong(GridNeuron):
    """The refractory period is one step too long: t_ref + dt, and dt without one.

    The countdown is tested before it is decremented.
    """

    name = "t_ref + dt"
    truth = ("refractory.one-step-long",)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return whole_steps(t_ref_ms, dt_ms) + 1


class RefractoryIgnored(GridNeuron):
    """The refractory period is ignored: there is none."""

    name = "t_ref ignored"
    truth = ("refractory.none",)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return 0


class RefractoryCountedInMs(GridNeuron):
    """The refractory period is taken as a number of steps: right only if dt is 1 ms.

    1 ms at dt = 0.1 ms lasts one step, 0.1 ms.
    """

    name = "t_ref in steps of 1 ms"
    truth = ("refractory.counted-in-ms", "refractory.counted-in-ms-truncated")

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return int(t_ref_ms)


class RefractoryTruncated(GridNeuron):
    """int(t_ref/dt) truncates: a refractory period of 0.3 ms is 2 steps of 0.1 ms, not 3."""

    name = "int(t_ref / dt)"
    truth = ("refractory.truncated",)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return int(t_ref_ms / dt_ms)


class RefractoryClock(GridNeuron):
    """The refractory period is now and then one step off, by rounding of t - t_last > t_ref.

    Brian2 #943 and #949, fixed in 2.1.3; brainpy 2.8.
    """

    name = "t - t_last"
    truth = ("refractory.rounded-clock", "intervals.carried-over")

    def start(self) -> None:
        super().start()
        self.t = 0.0
        self.t_last = np.full(self.setup.neurons, -np.inf)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        self.t += self.setup.dt_ms
        free = self.t - self.t_last > self.setup.params.t_ref_ms
        self.V[free] = self.advanced(I)[free]
        fired = free & self.crosses()
        self.restart(fired)
        self.t_last[fired] = self.t
        return fired


class HiddenStep(GridNeuron):
    """A hidden refractory step after every spike of a neuron said to have no refractory period.

    snnTorch's Lapicque with the reset 'zero'.
    """

    name = "hidden step"
    capabilities = Capabilities(refractory="none")
    truth = ("refractory.hidden-step",)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return 1


class AtLeastOneStep(GridNeuron):
    """A refractory period of 0 acts as one step: it is never shorter than dt.

    Nengo #1427 is about the same range.
    """

    name = "max(1, steps)"
    truth = ("refractory.at-least-one-step",)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return max(whole_steps(t_ref_ms, dt_ms), 1)


class StartsRefractory(GridNeuron):
    """The neuron starts refractory, as if it had fired at t = 0."""

    name = "t_last = 0"
    truth = ("start.refractory",)

    def start(self) -> None:
        super().start()
        self.left[:] = self.clamp


class IntegratesWhileRefractory(GridNeuron):
    """V is not clamped during the refractory period: it integrates, only spikes are suppressed.

    Both readings of the term are in BindsNET #76.
    """

    name = "not clamped"
    truth = ("clamp.none",)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        self.V = self.advanced(I)
        fired = (self.left == 0) & self.crosses()
        self.left[self.left > 0] -= 1
        self.restart(fired)
        self.left[fired] = self.clamp
        return fired


class SharedCountdown(GridNeuron):
    """One refractory countdown is shared by the layer: a spike of any neuron stops them all.

    A static variable in a C port.
    """

    name = "static countdown"
    truth = OTHERS

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        fired = super().step(I)
        if fired.any():
            self.left[:] = self.clamp
            self.restart(np.ones_like(fired))
        return fired
