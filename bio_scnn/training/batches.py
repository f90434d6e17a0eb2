"""Batches of patches with holes: prepared in groups, shown several times, each time otherwise.

The dear part, cutting patches and filling their holes, is done for a group of batches at a time.
A batch is then a function of its group, the settings and the step. What works on arrays here works
on tensors too.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.masks import random_training_mask
from bio_scnn.data.sampler import PatchSampler
from bio_scnn.network.architecture import IMAGE_CHANNELS, Architecture
from bio_scnn.network.conv2d import Array
from bio_scnn.training.settings import TrainingSettings

# The error (MSE) below which a patch counts as perfectly filled: at a PSNR of 37 dB.
_HARDNESS_FLOOR = 2e-4


class Batch(NamedTuple):
    """Images ``(N, H, W, 3)`` with fills and masks, and the loss's weight of every pixel."""

    truth: Array
    fill: Array
    mask: NDArray[np.bool_]
    weight: Array  # (N, H, W)

    def shard(self, index: int, count: int) -> Batch:
        """Every `count`-th image."""
        part = slice(index, None, count)
        return Batch(self.truth[part], self.fill[part], self.mask[part], self.weight[part])


class Prepared(NamedTuple):
    """Patches with their holes filled ``(N, H, W, 3 len(fills))``, for several batches."""

    truth: Array
    fill: Array
    mask: NDArray[np.bool_]


class Showing(NamedTuple):
    """Patches of one batch, and the look that each is shown in; a row for each patch.

    A turn, a flip and a change of colours are what the exact fills commute with: the fill of a
    patch that is changed is the changed fill.
    """

    chosen: NDArray[np.intp]  # place in the group
    turns: NDArray[np.intp]  # quarter turns
    flip: NDArray[np.bool_]  # left to right, after the turn
    channels: NDArray[np.intp]  # (N, 3), the channel that each is taken from
    gain: NDArray[np.float64]  # of intensities
    shift: NDArray[np.float64]  # added to them


def prepare(
    sampler: PatchSampler, architecture: Architecture, settings: TrainingSettings, group: int
) -> Prepared:
    """The patches of a group of ``pool * reuse`` steps, in float32."""
    rng = np.random.default_rng([settings.seed, 1, group])
    size = settings.patch
    truth = sampler.patches(rng, settings.pool * settings.batch, size)
    mask = np.stack(
        [random_training_mask((size, size), rng, settings.varied_masks) for _ in truth]
    )
    return fill_holes(truth, mask, architecture)


def fill_holes(truth: Array, mask: NDArray[np.bool_], architecture: Architecture) -> Prepared:
    """Fill the holes of images in the architecture's ways."""
    pairs = zip(truth, mask, strict=True)
    fill = np.stack([architecture.guess(*pair).astype(truth.dtype) for pair in pairs])
    return Prepared(truth, fill, mask)


def showing(settings: TrainingSettings, step: int) -> Showing:
    """The patches of a step's batch and their looks: a function of the settings and the step."""
    turn, slot = divmod(step % settings.group_steps, settings.pool)
    order = np.random.default_rng([settings.seed, 4, step // settings.pool])
    chosen = order.permutation(settings.pool * settings.batch)
    chosen = chosen[slot * settings.batch :][: settings.batch]
    n = len(chosen)
    if turn == 0:  # the first time they are shown as they were drawn
        as_drawn = np.tile(np.arange(IMAGE_CHANNELS), (n, 1))
        return Showing(
            chosen, np.zeros(n, int), np.zeros(n, bool), as_drawn, np.ones(n), np.zeros(n)
        )
    return random_looks(np.random.default_rng([settings.seed, 5, step]), chosen)


def random_looks(rng: np.random.Generator, chosen: NDArray[np.intp]) -> Showing:
    """Random turns, flips and changes of colours for the patches chosen."""
    n = len(chosen)
    channels = rng.permuted(np.tile(np.arange(IMAGE_CHANNELS), (n, 1)), axis=1)
    # Nothing is clipped: a fill of clipped intensities would not be the clipped fill.
    contrast = rng.uniform(0.6, 1.0, n)
    middle = 0.5 + rng.uniform(-0.5, 0.5, n) * (1 - contrast)
    gain = contrast * rng.choice([1, 1, 1, 1, -1], n)
    shift = middle - 0.5 * gain
    return Showing(chosen, rng.integers(4, size=n), rng.random(n) < 0.5, channels, gain, shift)


def show(prepared: Prepared, looks: Showing) -> Prepared:
    """The patches of a batch, each in its look."""
    n = len(looks.chosen)
    shown = Prepared(*(np.empty((n, *array.shape[1:]), array.dtype) for array in prepared))
    for place, (index, turns, flip, channels, gain, shift) in enumerate(zip(*looks, strict=True)):
        for source, target in zip(prepared, shown, strict=True):
            turned = np.rot90(source[index], turns)
            turned = turned[:, ::-1] if flip else turned
            if source is prepared.mask:
                target[place] = turned
                continue
            # One channel at a time: to index them by a list takes several times as long.
            for own, other in enumerate(channels):
                np.multiply(
                    turned[..., other::IMAGE_CHANNELS],
                    float(gain),
                    out=target[place, ..., own::IMAGE_CHANNELS],
                )
            target[place] += float(shift)
    return shown


def make_batch(
    prepared: Prepared, architecture: Architecture, settings: TrainingSettings, step: int
) -> Batch:
    """The batch of a step, of its group's patches."""
    return weigh(show(prepared, showing(settings, step)), architecture, settings.loss)


def batch_of(
    truth: Array, mask: NDArray[np.bool_], architecture: Architecture, loss: str
) -> Batch:
    """Fill the holes of images and weigh their pixels."""
    return weigh(fill_holes(truth, mask, architecture), architecture, loss)


def weigh(prepared: Prepared, architecture: Architecture, loss: str) -> Batch:
    """Weigh the pixels of images whose holes are filled."""
    weight = pixel_weights(prepared, architecture, loss)
    return Batch(*prepared, weight.astype(prepared.truth.dtype))


def pixel_weights(prepared: Prepared, architecture: Architecture, loss: str) -> Array:
    """Weight of every pixel in the loss, ``(N, H, W)``; of tensors as well.

    See `bio_scnn.training.settings.TrainingSettings.loss`.
    """
    truth, fill, mask = prepared
    if loss == "image":
        return 0 * truth[..., 0] + 1 / math.prod(truth.shape)
    values = mask.sum((1, 2)) * truth.shape[-1]
    error = architecture.untrained(fill) - truth
    hardness = (mask[..., None] * error**2).sum((1, 2, 3)) / values
    per_value = 1 / (len(truth) * values * (hardness + _HARDNESS_FLOOR))
    return mask * per_value[:, None, None]
