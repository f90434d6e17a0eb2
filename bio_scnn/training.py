"""Training: batches, loss and gradients, and a loop that can stop and go on bit for bit.

A batch is a function of the seed and the step alone, and the images of a batch are dealt out to
a fixed number of shards whose gradients are added in order. A run that is killed and resumed
therefore ends at the very same weights, whoever works on the shards: threads here, however many,
or machines of a cluster.
"""

from __future__ import annotations

import math
import multiprocessing
import queue
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bio_scnn import cnn
from bio_scnn.cnn import Params
from bio_scnn.engine import Cluster
from bio_scnn.errors import InputError
from bio_scnn.layers import Array, conv2d, conv2d_backward
from bio_scnn.masks import random_training_mask
from bio_scnn.model import Architecture, init_params, network_input
from bio_scnn.neurons import rates_backward, rates_of
from bio_scnn.optimizers import adam, muon
from bio_scnn.processes import begin, interrupts_held
from bio_scnn.sampler import PatchSampler
from bio_scnn.table1 import LIFParameters

# The error (MSE) below which a patch counts as perfectly filled: at a PSNR of 37 dB.
_HARDNESS_FLOOR = 2e-4
# Patches with masks and fills that are prepared together, in units of the batch.
_GROUP = 8


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained; every field may stand in a configuration's training table.

    Attributes
    ----------
    steps, batch, patch : int
        Gradient steps, images per step, and their side in pixels.
    loss : {'hole', 'image'}
        Squared error over the missing pixels, each image weighed by how hard its holes are (the
        error of the untrained network, which for a residual is that of its fills' mean), or the
        plain MSE over all pixels.
    reuse : int
        Times that a patch with its mask is shown, turned and recoloured in different ways, within
        a few steps: finding the fills costs more than anything else about a patch.
    varied_masks : float
        Fraction of the masks that are unlike those of the evaluation, see
        `bio_scnn.masks.random_training_mask`.
    learning_rate, warmup, schedule
        Highest rate, steps of linear warm-up, and what follows: 'cosine' to zero, or 'constant'.
    optimizer : {'adam', 'muon'}
        What turns gradients into steps. Muon is for kernels only; biases have Adam in any case.
    beta1, beta2 : float
        Decay rates of Adam's moments; the first is that of Muon's momentum, too.
    clip_norm : float
        Largest norm of the gradient; 0 for no limit.
    ema : float
        Decay of the moving average of the weights that is validated and kept; 0 for none.
    feature_noise : tuple of float
        Standard deviations of the static noise on the features; every patch is given one of them.
    clip_slope : float
        See `bio_scnn.encoding.encoder_backward`.
    seed : int
        Of everything: weights, patches, masks, noise.
    shards : int
        Parts of a batch that can be worked on side by side, by so many threads or workers.
    log_every, validate_every : int
        Steps between rows of the log, and between validations (and checkpoints).
    """

    steps: int = 20_000
    batch: int = 6
    patch: int = 128
    reuse: int = 4
    varied_masks: float = 0.4
    loss: Literal["hole", "image"] = "hole"
    learning_rate: float = 1e-3
    warmup: int = 500
    schedule: Literal["cosine", "constant"] = "cosine"
    optimizer: Literal["adam", "muon"] = "adam"
    beta1: float = 0.9
    beta2: float = 0.99
    clip_norm: float = 1.0
    ema: float = 0.998
    feature_noise: tuple[float, ...] = (0.0,)
    clip_slope: float = 0.1
    seed: int = 0
    shards: int = 2
    log_every: int = 50
    validate_every: int = 1000

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "patch", "reuse", "shards", "log_every", "validate_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}; it must be at least 0")
        if not 0 < self.learning_rate <= 1:
            raise InputError(f"learning_rate is {self.learning_rate}; it must be in (0, 1]")
        if not self.feature_noise or not all(0 <= std < np.inf for std in self.feature_noise):
            raise InputError(
                f"feature_noise is {self.feature_noise}; it must be numbers of at least 0"
            )
        for name in ("warmup", "clip_norm", "clip_slope"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; it must be a number of at least 0")
        for name, known in (
            ("loss", ("hole", "image")),
            ("schedule", ("cosine", "constant")),
            ("optimizer", ("adam", "muon")),
        ):
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}; choose from {', '.join(known)}"
                )
        if not 0 <= self.varied_masks <= 1:
            raise InputError(f"varied_masks is {self.varied_masks}; it must be in [0, 1]")
        for name in ("beta1", "beta2", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be in [0, 1)")


class Batch(NamedTuple):
    """Images ``(N, H, W, 3)``, masks ``(N, H, W)``, and the loss's weight of every pixel."""

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
    fill = [architecture.guess(*pair) for pair in zip(truth, mask, strict=True)]
    return Prepared(truth, np.stack(fill).astype(truth.dtype), mask)


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
    fill = [architecture.guess(*pair) for pair in zip(truth, mask, strict=True)]
    return weigh(Prepared(truth, np.stack(fill).astype(truth.dtype), mask), architecture, loss)


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
        See `bio_scnn.encoding.encoder_backward`; with 0 the gradient is exact.
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


@dataclass(frozen=True)
class TrainingState:
    """Everything a run needs to go on: it is replaced, never changed, by a step.

    Attributes
    ----------
    step : int
        Steps done.
    params, m, v, ema : dict of arrays
        Weights, the optimizer's moments, and the moving average of the weights.
    """

    step: int
    params: Params
    m: Params
    v: Params
    ema: Params


def initial_state(
    architecture: Architecture, settings: TrainingSettings, batch: Batch
) -> TrainingState:
    """Random weights, with the first layer scaled on a batch."""
    params = init_params(architecture, np.random.default_rng([settings.seed, 0]))
    params = scale_features(params, architecture, batch)
    params = {name: value.astype(batch.truth.dtype) for name, value in params.items()}
    zeros = {name: np.zeros_like(value) for name, value in params.items()}
    return TrainingState(0, params, zeros, zeros, params)


def learning_rate(settings: TrainingSettings, step: int) -> float:
    """Rate of a step (counted from 0): linear warm-up, then the schedule."""
    s = settings
    if step < s.warmup:
        return s.learning_rate * (step + 1) / s.warmup
    if s.schedule == "constant":
        return s.learning_rate
    done = (step - s.warmup) / max(s.steps - s.warmup, 1)
    return s.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def descend(
    state: TrainingState,
    grads: Params,
    settings: TrainingSettings,
    pool: Executor | None = None,
) -> TrainingState:
    """One step of the optimizer, after limiting the gradient's norm.

    A pool's threads share the arrays; the result does not depend on them.
    """
    s = settings
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in grads.values()))
    scale = min(1.0, s.clip_norm / norm) if s.clip_norm and norm else 1.0
    t = state.step + 1
    rate = learning_rate(s, state.step)
    # The average starts as the plain mean of the first steps, so that it holds no random weights.
    decay = min(s.ema, state.step / t)

    def move(name: str) -> tuple[Array, Array, Array, Array]:
        p, g, m, v = state.params[name], scale * grads[name], state.m[name], state.v[name]
        if s.optimizer == "muon" and p.ndim == 4:
            step, m = muon(g, m, s.beta1)
        else:
            step, m, v = adam(g, m, v, t, s.beta1, s.beta2)
        p = p - (rate * step).astype(p.dtype)
        return p, m, v, decay * state.ema[name] + (1 - decay) * p if s.ema else p

    # The largest first, so that no thread is left with it while others have nothing to do.
    names = sorted(state.params, key=lambda name: -state.params[name].size)
    moved = dict(zip(names, (pool.map if pool else map)(move, names), strict=True))
    parts = zip(*(moved[name] for name in state.params), strict=True)
    return TrainingState(t, *(dict(zip(state.params, part, strict=True)) for part in parts))


def shard_gradients(
    numbered: tuple[int, Batch],
    params: Params,
    architecture: Architecture,
    lif: LIFParameters,
    settings: TrainingSettings,
    step: int,
) -> tuple[float, Params]:
    """Loss and gradients of one shard of a step's batch, which is given with its number."""
    part, shard = numbered
    rng = np.random.default_rng([settings.seed, 2, step, part])
    noise = feature_noise(architecture, settings, shard, rng)
    return loss_and_grads(
        architecture, params, lif, shard, clip_slope=settings.clip_slope, feature_noise=noise
    )


def fit(
    state: TrainingState,
    source: Iterator[Batch],
    architecture: Architecture,
    lif: LIFParameters,
    settings: TrainingSettings,
    on_step: Callable[[TrainingState, float], None],
    threads: int | None = None,
    cluster: Cluster | None = None,
) -> TrainingState:
    """Train to the last step.

    Parameters
    ----------
    state : TrainingState
        From `initial_state`, or from a checkpoint.
    source : iterator of Batch
        Batches from ``state.step`` on.
    architecture, lif, settings
    on_step : callable
        Told the new state and the step's loss.
    threads : int, optional
        Shards worked on at a time here; by default all of them. The result does not depend on it.
    cluster : Cluster, optional
        Whose workers work on the shards instead, each step's weights in hand. Nor does it depend
        on them, if their processors compute alike.

    Returns
    -------
    TrainingState

    Raises
    ------
    FloatingPointError
        If the loss is no longer finite.
    InputError
        If the cluster is lost.
    """
    parts = min(settings.shards, settings.batch)
    # One thread per shard, each with a BLAS of one thread: the copies between the matrix
    # products then run side by side as well.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads or parts) as pool:
        for batch in source:
            shards = [(part, batch.shard(part, parts)) for part in range(parts)]
            shared = (state.params, architecture, lif, settings, state.step)
            if cluster is None:
                jobs = [pool.submit(shard_gradients, shard, *shared) for shard in shards]
                found = [job.result() for job in jobs]
            else:
                found = cluster.all(shard_gradients, shards, *shared)
            losses, gradients = zip(*found, strict=True)
            loss = sum(losses)
            if not np.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} at step {state.step}")
            total = gradients[0]
            for more in gradients[1:]:
                total = {name: value + more[name] for name, value in total.items()}
            state = descend(state, total, settings, pool)
            on_step(state, loss)
    return state
