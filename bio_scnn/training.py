"""Training: batches, loss and gradients, Adam, and a loop that can stop and go on bit for bit.

A batch is a function of the seed and the step alone, and the images of a batch are dealt out to
a fixed number of shards whose gradients are added in order. A run that is killed and resumed
therefore ends at the very same weights, whatever the number of threads.
"""

from __future__ import annotations

import multiprocessing
import queue
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bio_scnn import cnn
from bio_scnn.cnn import Params
from bio_scnn.encoding import encode, encoder_backward, normalise
from bio_scnn.errors import InputError
from bio_scnn.fi_curve import firing_rate
from bio_scnn.fills import FILLS, harmonic_fill
from bio_scnn.layers import Array, conv2d, conv2d_backward
from bio_scnn.masks import random_training_mask
from bio_scnn.model import Architecture, init_params, network_input
from bio_scnn.sampler import PatchSampler
from bio_scnn.table1 import LIFParameters

# Patches that the harmonic fill restores well count little more than perfectly restored ones.
_HARDNESS_FLOOR = 1e-3


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained; every field may stand in a configuration's training table.

    Attributes
    ----------
    steps, batch, patch : int
        Gradient steps, images per step, and their side in pixels.
    loss : {'hole', 'image'}
        Squared error over the missing pixels, each image weighed by how hard its holes are (the
        error of the harmonic fill), or the plain MSE over all pixels.
    learning_rate, warmup, schedule
        Highest rate, steps of linear warm-up, and what follows: 'cosine' to zero, or 'constant'.
    beta1, beta2 : float
        Decay rates of Adam's moments.
    clip_norm : float
        Largest norm of the gradient; 0 for no limit.
    ema : float
        Decay of the moving average of the weights that is validated and kept; 0 for none.
    feature_noise : float
        Standard deviation of the static noise on the features.
    clip_slope : float
        See `bio_scnn.encoding.encoder_backward`.
    seed : int
        Of everything: weights, patches, masks, noise.
    shards : int
        Parts of a batch that can be worked on side by side.
    log_every, validate_every : int
        Steps between rows of the log, and between validations (and checkpoints).
    """

    steps: int = 20_000
    batch: int = 6
    patch: int = 128
    loss: Literal["hole", "image"] = "hole"
    learning_rate: float = 1e-3
    warmup: int = 500
    schedule: Literal["cosine", "constant"] = "cosine"
    beta1: float = 0.9
    beta2: float = 0.99
    clip_norm: float = 1.0
    ema: float = 0.998
    feature_noise: float = 0.0
    clip_slope: float = 0.1
    seed: int = 0
    shards: int = 2
    log_every: int = 50
    validate_every: int = 1000

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "patch", "shards", "log_every", "validate_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}; it must be at least 0")
        if not 0 < self.learning_rate <= 1:
            raise InputError(f"learning_rate is {self.learning_rate}; it must be in (0, 1]")
        for name in ("warmup", "clip_norm", "feature_noise", "clip_slope"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; it must be a number of at least 0")
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


def make_batch(
    sampler: PatchSampler, architecture: Architecture, settings: TrainingSettings, step: int
) -> Batch:
    """The batch of a step, in float32: a function of the settings and the step alone."""
    rng = np.random.default_rng([settings.seed, 1, step])
    size = settings.patch
    truth = sampler.patches(rng, settings.batch, size)
    mask = np.stack([random_training_mask((size, size), rng) for _ in truth])
    return batch_of(truth, mask, architecture, settings.loss)


def batch_of(
    truth: Array, mask: NDArray[np.bool_], architecture: Architecture, loss: str
) -> Batch:
    """Fill the holes of images and weigh their pixels."""
    fill = np.stack([FILLS[architecture.fill](*pair) for pair in zip(truth, mask, strict=True)])
    if loss == "image":
        weight = np.full(mask.shape, 1 / truth.size)
    else:
        easy = fill
        if architecture.fill != "harmonic":
            easy = np.stack([harmonic_fill(*pair) for pair in zip(truth, mask, strict=True)])
        values = mask.sum(axis=(1, 2)) * truth.shape[-1]
        hardness = ((easy - truth) ** 2).sum(axis=(1, 2, 3)) / values
        per_value = 1 / (len(truth) * values * (hardness + _HARDNESS_FLOOR))
        weight = mask * per_value[:, None, None]
    return Batch(truth, fill.astype(truth.dtype), mask, weight.astype(truth.dtype))


def batches(
    sampler: PatchSampler, architecture: Architecture, settings: TrainingSettings, first: int
) -> Iterator[Batch]:
    """Batches from step `first` to the last, made ahead of time in a process of their own."""
    context = multiprocessing.get_context("spawn")
    ready = context.Queue(maxsize=4)
    args = (ready, sampler, architecture, settings, first)
    worker = context.Process(target=_produce, args=args, daemon=True)
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
    parent = multiprocessing.parent_process()

    def put(item: Batch | Exception) -> bool:
        while parent is not None and parent.is_alive():
            try:
                ready.put(item, timeout=2)
                return True
            except queue.Full:
                pass
        ready.cancel_join_thread()  # nobody will empty the pipe any more
        return False

    try:
        with threadpool_limits(1):
            told = len(sampler.skipped)
            for step in range(first, settings.steps):
                for path, reason in sampler.skipped[told:]:
                    print(f"skipped {path}: {reason}", file=sys.stderr, flush=True)
                told = len(sampler.skipped)
                if not put(make_batch(sampler, architecture, settings, step)):
                    return
    except Exception as error:
        put(error)


def forward(
    architecture: Architecture,
    params: Params,
    lif: LIFParameters,
    fill: Array,
    mask: NDArray[np.bool_],
) -> Array:
    """Restore a batch in the weights' precision, with the closed form of the neurons."""
    x = network_input(architecture, fill, mask)
    z = conv2d(x, params["snn.weight"], params["snn.bias"])
    u = normalise(firing_rate(encode(z, lif), lif), lif)
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
    u = normalise(firing_rate(encode(z, lif), lif), lif)
    y, traces = cnn.forward(architecture.layers, params, u, keep=True)
    error = architecture.compose(batch.fill, y) - batch.truth
    weighted = batch.weight[..., np.newaxis] * error
    loss = float(np.vdot(weighted, error))
    dy = 2 * architecture.output_scale * weighted
    du, grads = cnn.backward(architecture.layers, params, traces, dy)
    dz = encoder_backward(z, du, lif, clip_slope=clip_slope)
    _, grads["snn.weight"], grads["snn.bias"] = conv2d_backward(
        x, params["snn.weight"], dz, need_dx=False
    )
    return loss, grads


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
        Weights, Adam's moments, and the moving average of the weights.
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
    return s.learning_rate * 0.5 * (1 + np.cos(np.pi * done))


def adam_step(state: TrainingState, grads: Params, settings: TrainingSettings) -> TrainingState:
    """One step of Adam (Kingma & Ba 2015, algorithm 1), after limiting the gradient's norm."""
    s = settings
    norm = np.sqrt(sum(float(np.vdot(g, g)) for g in grads.values()))
    scale = min(1.0, s.clip_norm / norm) if s.clip_norm and norm else 1.0
    t = state.step + 1
    rate = learning_rate(s, state.step) * np.sqrt(1 - s.beta2**t) / (1 - s.beta1**t)
    # The average starts as the plain mean of the first steps, so that it holds no random weights.
    decay = min(s.ema, state.step / t)
    params, m, v, ema = {}, {}, {}, {}
    for name, p in state.params.items():
        g = scale * grads[name]
        m[name] = s.beta1 * state.m[name] + (1 - s.beta1) * g
        v[name] = s.beta2 * state.v[name] + (1 - s.beta2) * g * g
        params[name] = p - (rate * m[name] / (np.sqrt(v[name]) + 1e-8)).astype(p.dtype)
        ema[name] = decay * state.ema[name] + (1 - decay) * params[name] if s.ema else params[name]
    return TrainingState(t, params, m, v, ema)


def fit(
    state: TrainingState,
    source: Iterator[Batch],
    architecture: Architecture,
    lif: LIFParameters,
    settings: TrainingSettings,
    on_step: Callable[[TrainingState, float], None],
    threads: int | None = None,
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
        Shards worked on at a time; by default all of them. The result does not depend on it.

    Returns
    -------
    TrainingState

    Raises
    ------
    FloatingPointError
        If the loss is no longer finite.
    """
    parts = min(settings.shards, settings.batch)

    def work(part: int, batch: Batch, params: Params, step: int) -> tuple[float, Params]:
        shard = batch.shard(part, parts)
        noise = None
        if settings.feature_noise:
            rng = np.random.default_rng([settings.seed, 2, step, part])
            height, width = (side // architecture.fold for side in shard.mask.shape[1:])
            shape = (len(shard.truth), height, width, architecture.channels)
            noise = settings.feature_noise * rng.standard_normal(shape, dtype=np.float32)
        return loss_and_grads(
            architecture,
            params,
            lif,
            shard,
            clip_slope=settings.clip_slope,
            feature_noise=noise,
        )

    # One thread per shard, each with a BLAS of one thread: the copies between the matrix
    # products then run side by side as well.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads or parts) as pool:
        for batch in source:
            jobs = [
                pool.submit(work, part, batch, state.params, state.step) for part in range(parts)
            ]
            losses, gradients = zip(*(job.result() for job in jobs), strict=True)
            loss = sum(losses)
            if not np.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} at step {state.step}")
            total = gradients[0]
            for more in gradients[1:]:
                total = {name: value + more[name] for name, value in total.items()}
            state = adam_step(state, total, settings)
            on_step(state, loss)
    return state
