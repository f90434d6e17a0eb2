"""From features to normalised rates in one formula, with its derivative, for training.

The LIF neuron has a closed form; two others stand in its place for comparison: a rectifier, and
the layer of the paper's forward method, which adds noise and compares once with a threshold.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.neuron.closed_form import current_for_rate, firing_rate, rate_derivative
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters

Neurons = Literal["lif", "relu", "one-step"]
NEURONS: tuple[Neurons, ...] = ("lif", "relu", "one-step")

# Standard deviation of the noise in the paper's forward method (Sanaullah et al., section 2.2.1),
# which belongs to the layer: it is there in training and use.
ONE_STEP_NOISE = 0.1


def rates_of(neurons: Neurons, z: NDArray, lif: LIFParameters = TABLE_1) -> NDArray:
    """Normalised rates of features, any shape.

    Parameters
    ----------
    neurons : {'lif', 'relu', 'one-step'}
        The closed form of the encoded LIF neuron; ``max(0, z)``; or 1 where ``z >= 1/2``, the
        middle of the features' band, and 0 elsewhere.
    z : array
        Features, their noise added.
    lif : LIFParameters
    """
    if neurons == "relu":
        return np.maximum(z, 0)
    if neurons == "one-step":
        return (z >= 0.5).astype(z.dtype)
    return normalise(firing_rate(encode(z, lif), lif), lif)


def rates_backward(
    neurons: Neurons,
    z: NDArray,
    du: NDArray,
    lif: LIFParameters = TABLE_1,
    *,
    clip_slope: float = 0.0,
) -> NDArray:
    """Carry a cotangent of the normalised rates back to the features.

    A binary spike has no derivative: that of the identity is used in its place inside the band
    (the straight-through estimator of Bengio et al., 2013), and `clip_slope` outside.

    Parameters
    ----------
    neurons, z, lif
        What `rates_of` was given.
    du : array, shape of z
    clip_slope : float
        See `bio_scnn.network.units.encoder_backward`; a rectifier does not use it.
    """
    if neurons == "relu":
        return du * (z > 0)
    if neurons == "one-step":
        return du * np.where((z < 0) | (z > 1), clip_slope, 1.0).astype(z.dtype)
    return encoder_backward(z, du, lif, clip_slope=clip_slope)


def current_band(params: LIFParameters = TABLE_1) -> tuple[float, float]:
    """The currents ``(I_min, I_max)`` of Table 1's lowest and highest firing rate."""
    low, high = current_for_rate(np.array([params.rate_min_hz, params.rate_max_hz]), params)
    return float(low), float(high)


def encode(z: NDArray, params: LIFParameters = TABLE_1) -> NDArray:
    """Input current of each neuron from its feature, any shape; clipped to the band."""
    low, high = current_band(params)
    return low + (high - low) * np.clip(z, 0, 1)


def normalise(rate_hz: NDArray, params: LIFParameters = TABLE_1) -> NDArray:
    """Map firing rates from Table 1's band to [0, 1]."""
    return (rate_hz - params.rate_min_hz) * (1 / (params.rate_max_hz - params.rate_min_hz))


def encoder_backward(
    z: NDArray, du: NDArray, params: LIFParameters = TABLE_1, *, clip_slope: float = 0.0
) -> NDArray:
    """Carry a cotangent of the normalised rates back to the features.

    The derivative of the neuron is the exact ``d rate / d I`` of its closed form.

    Parameters
    ----------
    z, du : array
        Features, and the cotangent of the normalised rates, of one shape.
    clip_slope : float
        Where `encode` clips, the true derivative is zero and a feature that has left the band
        could never come back. Training uses this fraction of the slope at the edge instead;
        0 gives the exact derivative.

    Returns
    -------
    dz : array
    """
    low, high = current_band(params)
    slope = rate_derivative(encode(z, params), params)
    slope *= (high - low) / (params.rate_max_hz - params.rate_min_hz)
    clipped = (z < 0) | (z > 1)
    return du * np.where(clipped, clip_slope * slope, slope)
