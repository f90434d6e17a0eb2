"""Broken neurons: state, neurons next to each other, randomness."""

from __future__ import annotations

import numpy as np
from correct_neurons import OTHERS, GridNeuron
from numpy.typing import NDArray

from bio_scnn.crossval.protocol import Setup
from bio_scnn.neuron.trace import Trace


class ResetDoesNothing(GridNeuron):
    """State survives: reset() does nothing."""

    name = "empty reset"
    truth = ("state.reset",)

    def reset(self) -> None:
        """Nothing, and that is the error."""


class ResetKeepsCountdown(GridNeuron):
    """reset() is incomplete: it forgets the refractory countdown."""

    name = "reset of V only"
    truth = ("state.reset",)

    def reset(self) -> None:
        self.V[:] = self.setup.params.V_reset


class BuildKeepsV(GridNeuron):
    """State survives: build() keeps the V of a layer of the same size."""

    name = "buffer reused"
    truth = ("state.build",)

    def build(self, setup: Setup) -> None:
        old = getattr(self, "V", None)
        super().build(setup)
        if old is not None and len(old) == setup.neurons:
            self.V = old


class RandomInitialV(GridNeuron):
    """The initial V is random, between V_reset and V_th.

    Nengo's default.
    """

    name = "random V(0)"
    truth = ("start.random",)

    def start(self) -> None:
        super().start()
        p, rng = self.setup.params, np.random.default_rng(self.setup.seed)
        self.V[:] = rng.uniform(p.V_reset, p.V_th, self.setup.neurons)


class NeighbourReset(GridNeuron):
    """A spike also resets the next neuron: the slice of the reset is one too wide."""

    name = "wide slice"
    truth = OTHERS

    def restart(self, fired: NDArray) -> None:
        wide = fired.copy()
        wide[1:] |= fired[:-1]
        super().restart(wide)


class LateralInhibition(GridNeuron):
    """Neurons inhibit each other: a spike lowers V of the other neurons in the layer.

    A winner-take-all option left on.
    """

    name = "winner takes all"
    truth = OTHERS

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        fired = super().step(I)
        self.V[(self.left == 0) & ~fired] -= 0.05 * fired.mean()
        return fired


class VectorBody(GridNeuron):
    """Results depend on the number of neurons: blocks of eight use forward Euler, the rest exp.

    A vectorised loop with a faster function than its scalar remainder.
    """

    name = "SIMD body"
    truth = OTHERS

    def advanced(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        V = super().advanced(I)
        body = len(V) // 8 * 8
        V[:body] = (1 - x) * self.V[:body] + x * p.R * I[:body]
        return V


class PermutedSpikes(GridNeuron):
    """Spikes are reported for the wrong neurons in layers of more than 10.

    Neurons are sorted by their names, and "10" comes before "2".
    """

    name = "sorted names"
    truth = ("neurons.mixed-up",)

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        order = sorted(range(raster.shape[1]), key=str)
        return super().trace(raster[:, order], membrane)


class NaNSpreads(GridNeuron):
    """NaN in the current of one neuron spreads to all.

    A matrix product with the identity.
    """

    name = "identity weights"
    truth = ("input.non-finite-spreads",)

    def seen(self, current: NDArray) -> NDArray:
        return current + 0 * current.sum(axis=1, keepdims=True)


class LostSpikes(GridNeuron):
    """Spikes are lost if more than 16 neurons fire in a step: the event queue is full."""

    name = "event queue of 16"
    truth = OTHERS

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        reported = super().step(I)
        reported[np.flatnonzero(reported)[16:]] = False
        return reported
