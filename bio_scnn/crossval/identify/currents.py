"""Input of a stepped neuron on its way to the membrane: delayed, shaped, through a synapse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.formats import FLOAT64, FixedPoint, NumberFormat

InputShape = Literal["as-given", "averaged", "rectified", "clipped"]


@dataclass(frozen=True)
class Synapse:
    """Synaptic current before the membrane: ``S <- decay S + gain x``; V is driven by S.

    Attributes
    ----------
    decay : float
        What is left of S after a step.
    gain : float
    fresh : bool
        V takes S of this step; if not, S of the step before.
    """

    decay: float
    gain: float = 1.0
    fresh: bool = True


def shifted(x: NDArray, steps: int) -> NDArray:
    """Array ``(steps, neurons)`` so many steps later; what comes in is 0."""
    if not steps:
        return x
    return np.concatenate([np.zeros_like(x[:steps]), x[: len(x) - steps]])


def shaped(x: NDArray[np.float64], shape: str) -> NDArray[np.float64]:
    """Input ``(steps, neurons)`` as a neuron takes it: values of ``SteppedNeuron.input_shape``."""
    if shape == "averaged":
        return (x + shifted(x, 1)) / 2
    if shape == "rectified":
        return np.maximum(x, 0)
    return np.clip(x, 0, 1) if shape == "clipped" else x


def through(
    synapse: Synapse | None, x: NDArray[np.float64], form: NumberFormat = FLOAT64
) -> NDArray[np.float64]:
    """Synaptic current ``(steps, neurons)`` of an input; the input itself without a synapse.

    In fixed point the current is a whole multiple of the unit of V.
    """
    if synapse is None:
        return x
    kept: Callable[[NDArray], NDArray] | None = None
    if isinstance(form, FixedPoint):
        kept = replace(form, rounding=form.synapse_rounding).product
    current, S = np.empty_like(x), np.zeros_like(x[0])
    for n, value in enumerate(x):
        left = kept(synapse.decay * S) if kept else synapse.decay * S
        old, S = S, left + synapse.gain * value
        current[n] = S if synapse.fresh else old
    return current
