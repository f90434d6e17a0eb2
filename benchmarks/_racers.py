"""The default network in NumPy and in PyTorch, and a comparison of what they compute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import _bench
from bio_scnn.errors import InputError
from bio_scnn.network.architecture import IMAGE_CHANNELS, Architecture, network_input
from bio_scnn.network.cnn import Params
from bio_scnn.network.conv2d import Array
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.runtime.memory import keep_freed_memory
from bio_scnn.training.batches import Batch, batch_of
from bio_scnn.training.gradients import loss_and_grads
from bio_scnn.training.settings import TrainingSettings
from bio_scnn.training.state import initial_state

TASKS = ("forward", "step")
OURS, DEFAULT, CHANNELS_LAST = "bio_scnn", "PyTorch", "PyTorch, channels last"
RUNNERS = (OURS, DEFAULT, CHANNELS_LAST)
CLIP_SLOPE = TrainingSettings.clip_slope
# Largest differences of outputs and of any gradient, relative to the largest value. In single
# precision now and then the input of a rectifier falls on the other side of zero, which changes
# gradients by some 1e-3, PyTorch's among themselves as well.
TOLERANCES = {"float64": (1e-9, 1e-9), "float32": (1e-5, 1e-2)}


class Runner(NamedTuple):
    """The two tasks of an entrant; arrays are laid out as ours."""

    forward: Callable[[], Array]
    step: Callable[[], tuple[float, Params]]


def make_case(side: int, images: int) -> tuple[HybridSCNN, Batch]:
    """The default network with random weights, and random pictures with holes, in float32."""
    rng = np.random.default_rng(0)
    architecture = Architecture()
    coarse = rng.random((images, side // 8, side // 8, IMAGE_CHANNELS))
    fine = rng.random((images, side, side, IMAGE_CHANNELS))
    truth = (0.8 * coarse.repeat(8, axis=1).repeat(8, axis=2) + 0.2 * fine).astype(np.float32)
    mask = rng.random((images, side // 4, side // 4)).repeat(4, axis=1).repeat(4, axis=2) < 0.2
    batch = batch_of(truth, mask, architecture, "hole")
    state = initial_state(architecture, TrainingSettings(), batch)
    last = f"conv{len(architecture.layers) + 1}.weight"  # is zero in a new network
    shape = state.params[last].shape
    weight = rng.standard_normal(shape) / np.sqrt(np.prod(shape[:3]))
    return HybridSCNN(architecture, state.params | {last: weight.astype(np.float32)}), batch


def numpy_runner(
    model: HybridSCNN, batch: Batch, pool: ThreadPoolExecutor, threads: int
) -> Runner:
    """The network in NumPy, as in training: a shard per thread, gradients added in order."""
    count = min(threads, len(batch.truth))
    shards = [batch.shard(index, count) for index in range(count)]

    def restore() -> Array:
        parts = pool.map(lambda s: model.forward(s.fill, s.mask), shards)
        restored = np.empty_like(batch.truth)
        for index, part in enumerate(parts):
            restored[index::count] = part
        return restored

    def step() -> tuple[float, Params]:
        losses, gradients = zip(
            *pool.map(
                lambda s: loss_and_grads(model, s, clip_slope=CLIP_SLOPE),
                shards,
            ),
            strict=True,
        )
        total = gradients[0]
        for more in gradients[1:]:
            total = {name: value + more[name] for name, value in total.items()}
        return sum(losses), total

    return Runner(restore, step)


def torch_runner(model: HybridSCNN, batch: Batch, threads: int, channels_last: bool) -> Runner:
    """The same in PyTorch, as a user would write it."""
    import torch

    from bio_scnn.network.torch_model import to_torch

    torch.set_num_threads(threads)
    layout = torch.channels_last if channels_last else torch.contiguous_format

    def tensor(array: Array) -> torch.Tensor:  # channels first
        return torch.tensor(array).movedim(-1, 1).contiguous(memory_format=layout)

    network = to_torch(model, clip_slope=CLIP_SLOPE).to(memory_format=layout)
    x = tensor(network_input(model.architecture, batch.fill, batch.mask))
    truth, weight = tensor(batch.truth), tensor(batch.weight[..., np.newaxis])

    def restore() -> Array:
        with torch.no_grad():
            return network(x).movedim(1, -1).numpy()

    def step() -> tuple[float, Params]:
        network.zero_grad()
        loss = (weight * (network(x) - truth) ** 2).sum()
        loss.backward()
        gradients = {}
        for name, parameter in network.named_parameters():
            gradient = parameter.grad.numpy()
            gradients[name] = gradient.transpose(2, 3, 1, 0) if gradient.ndim == 4 else gradient
        return loss.item(), gradients

    return Runner(restore, step)


@contextmanager
def make_runner(name: str, model: HybridSCNN, batch: Batch, threads: int) -> Iterator[Runner]:
    """Any of `RUNNERS`."""
    if name == OURS:
        with ThreadPoolExecutor(threads) as pool:
            yield numpy_runner(model, batch, pool, threads)
    else:
        yield torch_runner(model, batch, threads, name == CHANNELS_LAST)


def differences(ours: Runner, theirs: Runner) -> dict[str, float]:
    """Largest differences of outputs and gradients, relative to the largest value."""

    def relative(a: Array, b: Array) -> float:
        return float(np.abs(a - b).max() / np.abs(b).max())

    (loss, gradients), (their_loss, their_gradients) = ours.step(), theirs.step()
    return {
        "output": relative(ours.forward(), theirs.forward()),
        "loss": abs(loss / their_loss - 1),
        "gradient": max(relative(gradients[name], g) for name, g in their_gradients.items()),
    }


def check(
    model: HybridSCNN, batch: Batch, pool: ThreadPoolExecutor, threads: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Compare the networks in both precisions; refuse to race what does not compute the same."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for precision, (tolerance, gradient_tolerance) in TOLERANCES.items():
        images = Batch._make(a if a.dtype == bool else a.astype(precision) for a in batch)
        ours = numpy_runner(model.astype(precision), images, pool, threads)
        for name in RUNNERS[1:]:
            theirs = torch_runner(model.astype(precision), images, threads, name == CHANNELS_LAST)
            found.setdefault(precision, {})[name] = values = differences(ours, theirs)
            if (
                max(values["output"], values["loss"]) > tolerance
                or values["gradient"] > gradient_tolerance
            ):
                raise InputError(f"{name} and {OURS} differ in {precision}: {values}")
    return found


@contextmanager
def as_in_training() -> Iterator[None]:
    """An allocator that keeps freed memory, which serves both, and a thread per shard of ours."""
    keep_freed_memory()
    with threadpool_limits(1, user_api="blas"):
        yield


def step_memory(name: str, side: int, images: int, threads: int) -> int:
    """Peak memory of training steps in this process, in bytes above what it had before."""
    with as_in_training():
        model, batch = make_case(side, images)
        with make_runner(name, model, batch, threads) as runner:
            before = _bench.resident_bytes()
            for _ in range(4):
                runner.step()
            return _bench.high_water_bytes() - before
