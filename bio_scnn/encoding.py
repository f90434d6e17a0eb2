"""Between the convolutions and the neurons: features -> currents, rates -> normalised rates.

::

    feature z --clip to [0, 1]--> I = I_min + (I_max - I_min) z --LIF--> rate
    normalised rate u = (rate - rate_min) / (rate_max - rate_min)

``I_min`` and ``I_max`` are the currents that drive a neuron at Table 1's two firing rates, so that
``u`` spans [0, 1] exactly. Between the ends ``u`` lies above ``z``: the curve of rate against
current is concave.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.fi_curve import current_for_rate, rate_derivative
from bio_scnn.table1 import TABLE_1, LIFParameters


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
