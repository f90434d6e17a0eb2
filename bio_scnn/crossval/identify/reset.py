"""Spikes and reset of a step of the stepped neuron."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from bio_scnn.crossval.identify.stepped import SteppedNeuron


def fired(neuron: SteppedNeuron, V: NDArray, threshold: ArrayLike) -> NDArray[np.int64]:
    """Spikes of a step, from the V that is tested: 0 or 1, or their number."""
    over = V >= threshold if neuron.fires_at_threshold else V > threshold
    if not neuron.several:
        return over.astype(np.int64)
    size = neuron.spike_size
    count = np.floor(V / threshold) if size is None else np.floor((V - threshold) / size) + 1
    return np.where(over, np.clip(count, 1, neuron.most_spikes), 0).astype(np.int64)


def reset(
    neuron: SteppedNeuron, V: NDArray, spikes: NDArray[np.int64], off: NDArray[np.float64]
) -> NDArray[np.float64]:
    """V after the reset of those that fired; `off` is taken off besides."""
    if not spikes.any():
        return V
    keep, to = neuron.reset_keep, neuron.reset_to - off
    new = V + to * spikes if keep == 1.0 else keep * V + to
    return np.where(spikes > 0, neuron.number_format.total(new), V)
