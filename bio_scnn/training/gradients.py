"""Loss of a batch and its gradients, and the noise and scale of its features."""

from __future__ import annotations

import dataclasses
import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.network.architecture import network_input
from bio_scnn.network.cnn import LayerTape, Params
from bio_scnn.network.conv2d import Array
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.units import Unit
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


class NoiseDraw(NamedTuple):
    """Noise of the features of each image: its standard deviation, and where it starts in a table.

    Drawing all of it anew for every step would cost a tenth of the training.
    """

    std: NDArray[np.float64]  # (N,)
    start: NDArray[np.intp]  # (N,)


@lru_cache(maxsize=1)
def noise_table(seed: int, size: int) -> Array:
    """Standard normal numbers, float32, that all noise of a training is cut out of.

    Parameters
    ----------
    seed : int
    size : int
        Values of one image that the table must hold; it holds at least four million.
    """
    rng = np.random.default_rng([seed, 7])
    return rng.standard_normal(max(2 * size, 2**22), dtype=np.float32)


def draw_noise(
    unit: Unit, settings: TrainingSettings, step: int, part: int, images: int, size: int
) -> NoiseDraw | None:
    """The noise of a shard's features, or none if every standard deviation is zero.

    Parameters
    ----------
    unit, settings
    step, part : int
        Number of the step, and of the shard.
    images, size : int
        Of the shard, and features of each.
    """
    levels = [unit.noise_std(std) for std in settings.feature_noise]
    if not any(levels):
        return None
    rng = np.random.default_rng([settings.seed, 2, step, part])
    choices = len(noise_table(settings.seed, size)) - size + 1
    return NoiseDraw(rng.choice(levels, images), rng.integers(choices, size=images))


def feature_noise(
    model: HybridSCNN, settings: TrainingSettings, batch: Batch, step: int, part: int
) -> Array | None:
    """Noise for the features of a shard, or none if every standard deviation is zero."""
    shape = model.architecture.feature_shape(*batch.mask.shape[1:])
    size = math.prod(shape)
    draw = draw_noise(model.unit, settings, step, part, len(batch.truth), size)
    if draw is None:
        return None
    noise = np.empty((len(batch.truth), *shape), np.float32)
    table = noise_table(settings.seed, size)
    for patch, std, start in zip(noise, *draw, strict=True):
        np.multiply(table[start : start + size].reshape(shape), np.float32(std), out=patch)
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
