"""Fast steps of plain neurons: no adaptation, reset in the step of the spike, V tested as it is.

They are the operations of `stepped.step` in the same order, without those that leave V as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.formats import FixedPoint, FloatingPoint

if TYPE_CHECKING:
    from bio_scnn.crossval.identify.stepped import SteppedNeuron

Values = NDArray[np.float64]
Runs = tuple[NDArray[np.int64], Values, Values, Values]


def is_plain(neuron: SteppedNeuron) -> bool:
    """True for a neuron that `plain_steps` steps."""
    form = neuron.number_format
    random = isinstance(form, FixedPoint) and form.rounding == "stochastic"
    if random and neuron.while_refractory == "leaks":  # two updates share their draws there
        return False
    if neuron.synapse is not None and neuron.synapse.cleared:
        return False
    usual = neuron.reset_when == "same-step" and neuron.tested == "new"
    return usual and neuron.adaptation is None and not neuron.several


def plain_steps(
    neuron: SteppedNeuron, drive: Values, rng: np.random.Generator | None = None
) -> Runs:
    """Spikes, V after and before the reset, and margin of a plain neuron.

    Parameters
    ----------
    neuron : SteppedNeuron
        One that `is_plain`.
    drive : (steps, neurons) array
        What is added to V.
    rng : numpy Generator, optional
        For stochastic rounding.

    Returns
    -------
    (spikes, after, before, margin) : (steps, neurons) arrays
    """
    updated, threshold = update_of(neuron, rng), neuron.threshold
    over = np.greater_equal if neuron.fires_at_threshold else np.greater
    before, after = np.empty(drive.shape), np.empty(drive.shape)
    blocked = np.zeros(drive.shape, dtype=bool)
    V, left = np.full(drive.shape[1], float(neuron.start)), np.zeros(drive.shape[1])
    waits = neuron.refractory != 0
    for n, d in enumerate(drive):
        new = updated(V, d)
        if waits:
            np.not_equal(left, 0, out=blocked[n])
            new = while_blocked(neuron, blocked[n], V, new)
        before[n] = new
        fires = over(new, threshold)
        if waits:
            fires &= ~blocked[n]
            left = np.where(fires, neuron.refractory, np.maximum(left - 1, 0))
        V = reset_those(neuron, new, fires) if np.count_nonzero(fires) else new
        after[n] = V
    margin = np.where(blocked, -np.inf, before - threshold)
    spikes = (over(before, threshold) & ~blocked).astype(np.int64)
    return spikes, after, before, margin


def update_of(
    neuron: SteppedNeuron, rng: np.random.Generator | None
) -> Callable[[Values, Values], Values]:
    """Update ``(V, drive) -> V`` of a neuron that is not refractory."""
    form, decay, leak = neuron.number_format, neuron.decay, neuron.leak
    exact = isinstance(form, FloatingPoint) and form.name == "float64"
    unbounded = exact or (isinstance(form, FixedPoint) and form.word is None)
    joint = isinstance(form, FixedPoint) and form.joint
    low, high, dead = neuron.floor, neuron.ceiling, neuron.dead_change
    cut = low > -np.inf or high < np.inf

    def updated(V: Values, drive: Values) -> Values:
        if joint:
            new = form.product(decay * V + drive)
        else:
            new = decay * V if exact else form.decayed(decay, V, rng)
            if leak:
                new = np.sign(new) * np.maximum(np.abs(new) - leak, 0)
            new = new + drive
        if not unbounded:
            new = form.total(new)
        if dead:
            new = np.where(np.abs(new - V) > dead, new, V)
        return np.minimum(np.maximum(new, low), high) if cut else new

    return updated


def while_blocked(
    neuron: SteppedNeuron, blocked: NDArray[np.bool_], V: Values, new: Values
) -> Values:
    """V after an update, of those that are refractory too."""
    if neuron.while_refractory == "integrates" or not np.count_nonzero(blocked):
        return new
    if neuron.while_refractory == "held":
        return np.where(blocked, V, new)
    form = neuron.number_format
    kept = form.decayed(neuron.decay, V)
    if neuron.leak:
        kept = np.sign(kept) * np.maximum(np.abs(kept) - neuron.leak, 0)
    return np.where(blocked, form.total(kept + neuron.bias) if neuron.bias else kept, new)


def reset_those(neuron: SteppedNeuron, V: Values, fires: NDArray[np.bool_]) -> Values:
    """V after the reset of those that fire."""
    keep, to = neuron.reset_keep, neuron.reset_to
    new = V + to if keep == 1.0 else keep * V + to
    return np.where(fires, neuron.number_format.total(new), V)
