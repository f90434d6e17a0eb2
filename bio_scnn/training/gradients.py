"""Loss of a batch and its gradients, and the noise and scale of its features."""

from __future__ import annotations

import dataclasses

import numpy as np

from bio_scnn.network.architecture import network_input
from bio_scnn.network.cnn import LayerTape, Params
from bio_scnn.network.conv2d import Array
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.training.batches import Batch
from bio_scnn.training.settings import TrainingSettings


def loss_and_grads(
    model: HybridSCNN,
    batch: Batch,
    *,
    clip_slope: float = 0.0,
    feature_noise: Array | None = None,
) -> tuple[float, Params]:
    """Weighted squared error of a batch, and its gradient with respect to every parameter.

    Parameters
    ----------
    model : HybridSCNN
    batch : Batch
    clip_slope : float
        See `bio_scnn.network.units.Unit.backward`; with 0 the gradient is exact.
    feature_noise : array, optional
        Added to the features, of their shape.

    Returns
    -------
    loss : float
    grads : dict of arrays, keys of the model's parameters
    """
    x = network_input(model.architecture, batch.fill, batch.mask)
    z = model.features(x)
    if feature_noise is not None:
        z += feature_noise
    tapes: list[LayerTape] = []
    error = model.decode(batch.fill, model.fire(z).rates, tapes) - batch.truth
    weighted = batch.weight[..., np.newaxis] * error
    loss = float(np.vdot(weighted, error))
    return loss, model.backward(x, z, batch.fill, tapes, 2 * weighted, clip_slope=clip_slope)


def feature_noise(
    model: HybridSCNN, settings: TrainingSettings, batch: Batch, rng: np.random.Generator
) -> Array | None:
    """Noise for the features of a batch, or none if every standard deviation is zero."""
    levels = [model.unit.noise_std(std) for std in settings.feature_noise]
    if not any(levels):
        return None
    architecture = model.architecture
    height, width = (side // architecture.fold for side in batch.mask.shape[1:])
    noise = np.zeros((len(batch.truth), height, width, architecture.channels), np.float32)
    for patch, std in zip(noise, rng.choice(levels, len(noise)), strict=True):
        if std:
            rng.standard_normal(dtype=np.float32, out=patch)
            patch *= std
    return noise


def scale_features(model: HybridSCNN, batch: Batch) -> HybridSCNN:
    """The network with its first kernels rescaled, so that features lie well inside their band.

    Features outside [0, 1] are clipped: a channel that starts there learns slowly.
    """
    z = model.features(network_input(model.architecture, batch.fill, batch.mask))
    mean, std = z.mean(axis=(0, 1, 2)), z.std(axis=(0, 1, 2))
    weight = model.params["snn.weight"] * (0.25 / std)
    bias = 0.4 + (model.params["snn.bias"] - mean) * (0.25 / std)
    params = model.params | {"snn.weight": weight, "snn.bias": bias}
    return dataclasses.replace(model, params=params)
