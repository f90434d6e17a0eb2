"""Batches of patches with holes, made ahead of training in a process of their own."""

from __future__ import annotations

import multiprocessing
import queue
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bio_scnn.data.masks import random_training_mask
from bio_scnn.data.sampler import PatchSampler
from bio_scnn.network.architecture import Architecture
from bio_scnn.network.conv2d import Array
from bio_scnn.runtime.processes import begin, interrupts_held
from bio_scnn.training.settings import TrainingSettings

# The error (MSE) below which a patch counts as perfectly filled: at a PSNR of 37 dB.
_HARDNESS_FLOOR = 2e-4

# Patches with masks and fills that are prepared together, in units of the batch.
_GROUP = 8


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


def prepare(
    sampler: PatchSampler, architecture: Architecture, settings: TrainingSettings, group: int
) -> Prepared:
    """The patches of a group of ``8 * reuse`` steps, in float32."""
    rng = np.random.default_rng([settings.seed, 1, group])
    size = settings.patch
    truth = sampler.patches(rng, _GROUP * settings.batch, size)
    mask = np.stack(
        [random_training_mask((size, size), rng, settings.varied_masks) for _ in truth]
    )
    return fill_holes(truth, mask, architecture)


def fill_holes(truth: Array, mask: NDArray[np.bool_], architecture: Architecture) -> Prepared:
    """Fill the holes of images in the architecture's ways."""
    pairs = zip(truth, mask, strict=True)
    fill = np.stack([architecture.guess(*pair).astype(truth.dtype) for pair in pairs])
    return Prepared(truth, fill, mask)


def make_batch(
    prepared: Prepared, architecture: Architecture, settings: TrainingSettings, step: int
) -> Batch:
    """The batch of a step, of its group's patches: a function of the settings and the step."""
    turn, slot = divmod(step % (_GROUP * settings.reuse), _GROUP)
    order = np.random.default_rng([settings.seed, 4, step // _GROUP])
    chosen = order.permutation(len(prepared.truth))[slot * settings.batch :][: settings.batch]
    shown = Prepared(prepared.truth[chosen], prepared.fill[chosen], prepared.mask[chosen])
    if turn:  # the first time they are shown as they were drawn
        rng = np.random.default_rng([settings.seed, 5, step])
        for place in range(len(chosen)):
            vary = random_variation(rng)
            for array in (shown.truth, shown.fill, shown.mask):
                array[place] = vary(array[place])
    return weigh(shown, architecture, settings.loss)


def random_variation(rng: np.random.Generator) -> Callable[[NDArray], NDArray]:
    """A random turn, flip and change of colours that the exact fills commute with.

    The result takes ``(H, W, 3 n)`` intensities or an ``(H, W)`` mask.
    """
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    channels = rng.permutation(3)
    # Nothing is clipped: a fill of clipped intensities would not be the clipped fill.
    contrast = rng.uniform(0.6, 1.0)
    offset = 0.5 + rng.uniform(-0.5, 0.5) * (1 - contrast)
    contrast *= rng.choice([1, 1, 1, 1, -1])

    def vary(array: NDArray) -> NDArray:
        turned = np.rot90(array, turns)
        turned = turned[:, ::-1] if flip else turned
        if array.ndim == 2:
            return turned
        images = turned.reshape(*turned.shape[:2], -1, 3)[..., channels]
        return (offset + contrast * (images.reshape(turned.shape) - 0.5)).astype(array.dtype)

    return vary


def batch_of(
    truth: Array, mask: NDArray[np.bool_], architecture: Architecture, loss: str
) -> Batch:
    """Fill the holes of images and weigh their pixels."""
    return weigh(fill_holes(truth, mask, architecture), architecture, loss)


def weigh(prepared: Prepared, architecture: Architecture, loss: str) -> Batch:
    """Weigh the pixels of images whose holes are filled."""
    truth, fill, mask = prepared
    if loss == "image":
        weight = np.full(mask.shape, 1 / truth.size)
    else:
        values = mask.sum(axis=(1, 2)) * truth.shape[-1]
        untrained = np.zeros((*mask.shape, architecture.output_channels), truth.dtype)
        error = architecture.compose(fill, untrained) - truth
        hardness = (mask[..., np.newaxis] * error**2).sum(axis=(1, 2, 3)) / values
        per_value = 1 / (len(truth) * values * (hardness + _HARDNESS_FLOOR))
        weight = mask * per_value[:, None, None]
    return Batch(truth, fill, mask, weight.astype(truth.dtype))


def batches(
    sampler: PatchSampler, architecture: Architecture, settings: TrainingSettings, first: int
) -> Iterator[Batch]:
    """Batches from step `first` to the last, made ahead of time in a process of their own."""
    context = multiprocessing.get_context("spawn")
    # Room for a whole group, so that the next one is prepared while this one is shown.
    ready = context.Queue(maxsize=_GROUP * settings.reuse)
    args = (ready, sampler, architecture, settings, first)
    worker = context.Process(target=_produce, args=args, daemon=True)
    with interrupts_held():
        worker.start()
    try:
        for _ in range(first, settings.steps):
            while True:
                try:
                    item = ready.get(timeout=5)
                    break
                except queue.Empty:
                    if not worker.is_alive():
                        raise RuntimeError(
                            f"the process that prepares batches died ({worker.exitcode})"
                        ) from None
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        worker.terminate()
        worker.join()
        ready.close()


def _produce(
    ready: multiprocessing.Queue,
    sampler: PatchSampler,
    architecture: Architecture,
    settings: TrainingSettings,
    first: int,
) -> None:
    """Fill a queue with batches, until the last step or until nobody is left to take them."""
    begin(1)
    try:
        with threadpool_limits(1):
            told = len(sampler.skipped)
            group, length = -1, _GROUP * settings.reuse
            for step in range(first, settings.steps):
                if step // length != group:
                    group = step // length
                    prepared = prepare(sampler, architecture, settings, group)
                for path, reason in sampler.skipped[told:]:
                    print(f"skipped {path}: {reason}", file=sys.stderr, flush=True)
                told = len(sampler.skipped)
                ready.put(make_batch(prepared, architecture, settings, step))
    except Exception as error:
        ready.put(error)
