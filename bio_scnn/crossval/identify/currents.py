"""Input of a stepped neuron on its way to the membrane: delayed, shaped, through a synapse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.formats import FLOAT64, FixedPoint, NumberFormat

InputShape = Literal["as-given", "averaged", "rectified", "clipped"]

NOTHING_LEFT = 1e-20  # of a part that decayed: below rounding, whatever it is added to


@dataclass(frozen=True)
class Second:
    """Second synaptic current A: behind the first, ``A <- decay A + gain S``, or beside it.

    Attributes
    ----------
    decay, gain : float
    behind : bool
        A takes S, as in an alpha synapse, and V is driven by A alone; if not, A takes the input
        as S does, and V is driven by ``S + A``.
    """

    decay: float
    gain: float = 1.0
    behind: bool = True


@dataclass(frozen=True)
class Synapse:
    """Synaptic current before the membrane: ``S <- decay S + gain x``; V is driven by S.

    Attributes
    ----------
    decay : float
        What is left of S after a step.
    gain : float
    fresh : bool
        V takes the current of this step; if not, that of the step before.
    second : Second or None
        Another current behind it, or beside it.
    cleared : bool
        A spike sets all currents to 0, when it resets V.
    """

    decay: float
    gain: float = 1.0
    fresh: bool = True
    second: Second | None = None
    cleared: bool = False

    @property
    def steady(self) -> float:
        """Current under a constant input of 1; for a pulse of it if there is no leak."""
        S = self.gain / (1 - self.decay) if self.decay < 1 else self.gain
        A = self.second
        if A is None:
            return S
        away = 1 - A.decay if A.decay < 1 else 1.0
        return S * A.gain / away if A.behind else S + A.gain / away

    @property
    def beside(self) -> bool:
        """True for two currents side by side."""
        return self.second is not None and not self.second.behind

    @property
    def slowest(self) -> float:
        """Decay of the current that lasts the longest."""
        return max(self.decay, 0.0 if self.second is None else self.second.decay)


Currents = tuple[NDArray[np.float64], NDArray[np.float64]]


def advanced(synapse: Synapse, state: Currents, x: NDArray[np.float64]) -> Currents:
    """Currents (S, A) after a step with an input; A stays 0 where there is none."""
    S, A = state
    S, second = synapse.decay * S + synapse.gain * x, synapse.second
    if second is not None:
        A = second.decay * A + second.gain * (S if second.behind else x)
    return S, A


def driving(synapse: Synapse, state: Currents) -> NDArray[np.float64]:
    """Current that drives V, of (S, A)."""
    S, A = state
    if synapse.second is None:
        return S
    return A if synapse.second.behind else S + A


def shifted(x: NDArray, steps: int) -> NDArray:
    """Array ``(steps, neurons)`` so many steps later; what comes in is 0."""
    if not steps:
        return x
    return np.concatenate([np.zeros_like(x[:steps]), x[: len(x) - steps]])


def decaying(x: NDArray[np.float64], decay: float) -> NDArray[np.float64]:
    """Sum of all that came in so far, each part decayed since, ``(steps, neurons)``.

    Holds for decays up to 1. Each round adds what a power of two of steps more lets through, until
    that is below rounding: a dozen sums of arrays in place of one for each step.
    """
    total, steps, power = x.astype(np.float64), 1, decay
    while steps < len(x) and abs(power) > NOTHING_LEFT:
        total[steps:] += power * total[:-steps]
        steps, power = 2 * steps, power * power
    return total


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
    if synapse.second is not None:
        return _through_both(synapse, x)
    kept = form.of_synapse if isinstance(form, FixedPoint) else None
    current, S = np.empty_like(x), np.zeros_like(x[0])
    for n, value in enumerate(x):
        left = kept.decayed(synapse.decay, S) if kept else synapse.decay * S
        old, S = S, left + synapse.gain * value
        current[n] = S if synapse.fresh else old
    return current


def _through_both(synapse: Synapse, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Current ``(steps, neurons)`` of a synapse with a second current."""
    current, state = np.empty_like(x), (np.zeros_like(x[0]), np.zeros_like(x[0]))
    for n, value in enumerate(x):
        old, state = state, advanced(synapse, state, value)
        current[n] = driving(synapse, state if synapse.fresh else old)
    return current
