"""Forward pass of a batch, its loss and its gradients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.network import cnn
from bio_scnn.network.architecture import Architecture, network_input
from bio_scnn.network.cnn import Params
from bio_scnn.network.conv2d import Array, conv2d, conv2d_backward
from bio_scnn.network.units import rates_backward, rates_of
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.training.batches import Batch
from bio_scnn.training.settings import TrainingSettings


def forward(
    architecture: Architecture,
    params: Params,
    lif: LIFParameters,
    fill: Array,
    mask: NDArray[np.bool_],
    rng: np.random.Generator | None = None,
) -> Array:
    """Restore a batch in the weights' precision, with the closed form of the neurons.

    The noise that belongs to some neurons is drawn from the generator; without one there is none.
    """
    x = network_input(architecture, fill, mask)
    z = conv2d(x, params["snn.weight"], params["snn.bias"])
    if rng is not None and (std := architecture.feature_noise(0.0)):
        z += std * rng.standard_normal(z.shape)
    u = rates_of(architecture.neurons, z, lif)
    y, _ = cnn.forward(architecture.layers, params, u)
    return architecture.compose(fill, y)


def loss_and_grads(
    architecture: Architecture,
    params: Params,
    lif: LIFParameters,
    batch: Batch,
    *,
    clip_slope: float = 0.0,
    feature_noise: Array | None = None,
) -> tuple[float, Params]:
    """Weighted squared error of a batch, and its gradient with respect to every parameter.

    Parameters
    ----------
    architecture, params, lif
        The network.
    batch : Batch
    clip_slope : float
        See `bio_scnn.network.units.encoder_backward`; with 0 the gradient is exact.
    feature_noise : array, optional
        Added to the features, of their shape.

    Returns
    -------
    loss : float
    grads : dict of arrays, keys of params
    """
    x = network_input(architecture, batch.fill, batch.mask)
    z = conv2d(x, params["snn.weight"], params["snn.bias"])
    if feature_noise is not None:
        z += feature_noise
    u = rates_of(architecture.neurons, z, lif)
    y, traces = cnn.forward(architecture.layers, params, u, keep=True)
    error = architecture.compose(batch.fill, y) - batch.truth
    weighted = batch.weight[..., np.newaxis] * error
    loss = float(np.vdot(weighted, error))
    dy = architecture.compose_backward(batch.fill, 2 * weighted)
    du, grads = cnn.backward(architecture.layers, params, traces, dy)
    dz = rates_backward(architecture.neurons, z, du, lif, clip_slope=clip_slope)
    _, grads["snn.weight"], grads["snn.bias"] = conv2d_backward(
        x, params["snn.weight"], dz, need_dx=False
    )
    return loss, grads


def feature_noise(
    architecture: Architecture, settings: TrainingSettings, batch: Batch, rng: np.random.Generator
) -> Array | None:
    """Noise for the features of a batch, or none if every standard deviation is zero."""
    levels = [architecture.feature_noise(std) for std in settings.feature_noise]
    if not any(levels):
        return None
    height, width = (side // architecture.fold for side in batch.mask.shape[1:])
    noise = np.zeros((len(batch.truth), height, width, architecture.channels), np.float32)
    for patch, std in zip(noise, rng.choice(levels, len(noise)), strict=True):
        if std:
            rng.standard_normal(dtype=np.float32, out=patch)
            patch *= std
    return noise


def scale_features(params: Params, architecture: Architecture, batch: Batch) -> Params:
    """Rescale the spiking layer's kernels so that every feature lies well inside its band.

    Features outside [0, 1] are clipped by the encoder: a channel that starts there learns slowly.
    """
    x = network_input(architecture, batch.fill, batch.mask)
    z = conv2d(x, params["snn.weight"], params["snn.bias"])
    mean, std = z.mean(axis=(0, 1, 2)), z.std(axis=(0, 1, 2))
    weight = params["snn.weight"] * (0.25 / std)
    bias = 0.4 + (params["snn.bias"] - mean) * (0.25 / std)
    return params | {"snn.weight": weight, "snn.bias": bias}
