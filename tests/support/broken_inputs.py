"""Broken neurons: the input."""

from __future__ import annotations

import math

import numpy as np
from correct_neurons import GridNeuron
from numpy.typing import NDArray


class CurrentClipped(GridNeuron):
    """The current is clipped to [0, 1].

    An input that is taken to be a pixel.
    """

    name = "clip(I, 0, 1)"
    truth = ("input.clipped",)

    def seen(self, current: NDArray) -> NDArray:
        return np.clip(current, 0, 1)


class CurrentRectified(GridNeuron):
    """Negative currents are rectified to 0.

    A ReLU before the layer.
    """

    name = "relu(I)"
    truth = ("input.rectified",)

    def seen(self, current: NDArray) -> NDArray:
        return np.maximum(current, 0)


class InputDelayed(GridNeuron):
    """The input is delayed by one step."""

    name = "input one step late"
    truth = ("input.delayed",)

    def seen(self, current: NDArray) -> NDArray:
        return np.concatenate([np.zeros_like(current[:1]), current[:-1]])


class CurrentOfFirstStep(GridNeuron):
    """The current of the first step is used throughout: changes of the input are ignored.

    A layer that was written for still images.
    """

    name = "static input"
    truth = ("input.first",)

    def seen(self, current: NDArray) -> NDArray:
        return np.broadcast_to(current[:1], current.shape)


class InputAveraged(GridNeuron):
    """The input is averaged over two neighbouring steps, which takes variance from a noise."""

    name = "averaged input"
    truth = ("input.averaged",)

    def seen(self, current: NDArray) -> NDArray:
        return (current + np.concatenate([current[:1], current[:-1]])) / 2


class SqrtDtDeviation(GridNeuron):
    """Noise has a biased variance: the deviation of I from its mean is scaled by sqrt(dt), not dt.

    Euler-Maruyama applied to a noise that is coloured already.
    """

    name = "Euler-Maruyama"
    truth = ("input.variance-biased",)

    def seen(self, current: NDArray) -> NDArray:
        mean = current.mean(axis=0)
        return mean + (current - mean) / math.sqrt(self.setup.dt_ms)
