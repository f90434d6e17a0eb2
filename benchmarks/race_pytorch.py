"""The network in NumPy, beside the same in PyTorch.

The default network with the same random weights on the same batch (six patches of 128 x 128), in
float32, in one process: *forward* is the restored batch, from filled images and masks, through the
closed form of the neurons; *step* is forward, loss, and the gradient of every parameter. Adam and
the preparation of batches are not in it.

bio_scnn works as in training: one thread per shard of the batch, each with a BLAS of one thread.
PyTorch runs the network of `bio_scnn.network.torch_model.to_torch`, with the same LIF rate layer,
in its default layout and in channels-last, as a user would write it. Both have the same number of
threads, and glibc's allocator as `bio_scnn.runtime.memory.keep_freed_memory` sets it.

Outputs, loss and gradients are compared first, or there is no race: to 1e-9 in float64, to 1e-5
(gradients 1e-2) in float32, where an input of a rectifier may fall on the other side of zero;
either layout of PyTorch, too, then differs by some 1e-3 from its own gradient in float64.

GFLOP/s count two operations per tap of every convolution, also where Winograd's algorithm gets by
with fewer, and are compared with a 1024 x 1024 matrix product (GEMM) in each thread, measured in
every round. Peak memory is the resident high-water mark over four steps above what the process had
before them, each in a process of its own (Linux only).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import _bench
import common
import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, ORANGE, VERMILION
from threadpoolctl import threadpool_limits

from bio_scnn.commands.options import run
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

TITLE = "The network beside PyTorch"
NEEDS = ("torch",)
TASKS = ("forward", "step")
OURS, DEFAULT, CHANNELS_LAST = "bio_scnn", "PyTorch", "PyTorch, channels last"
RUNNERS = (OURS, DEFAULT, CHANNELS_LAST)
# Of each option: its value with --quick, and otherwise.
USUAL = {"patch": (32, 128), "batch": (2, 6), "rounds": (3, 9)}
CLIP_SLOPE = TrainingSettings.clip_slope

# Largest differences of outputs and of any gradient, relative to the largest value. In single
# precision now and then the input of a rectifier falls on the other side of zero, which changes
# gradients by some 1e-3, PyTorch's among themselves as well.
TOLERANCES = {"float64": (1e-9, 1e-9), "float32": (1e-5, 1e-2)}


class Runner(NamedTuple):
    """What is raced: both give arrays laid out as ours."""

    forward: Callable[[], Array]
    step: Callable[[], tuple[float, Params]]


def layer_flops(architecture: Architecture, side: int) -> list[int]:
    """Floating-point operations of each convolution of a forward pass on one square image.

    A multiplication and an addition per tap, also for taps on the padding, and also where an
    algorithm gets by with fewer: the convention of all such counts.
    """
    a = architecture
    side //= a.fold
    channels, rates = a.channels, a.channels
    flops = [2 * side**2 * a.kernel**2 * a.input_channels * channels]
    for layer in a.layers:
        side = -(-side // layer.stride)
        seen = channels + rates * layer.see_rates
        flops.append(2 * side**2 * layer.kernel**2 * seen * layer.channels)
        side *= layer.upsample
        channels = layer.channels // layer.upsample**2
    return flops


def task_flops(architecture: Architecture, side: int, images: int) -> dict[str, int]:
    """Operations of each task: backward costs twice forward, but the image needs no gradient."""
    first, *rest = layer_flops(architecture, side)
    return {"forward": images * (first + sum(rest)), "step": images * (2 * first + 3 * sum(rest))}


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
    """As `bio_scnn.training.loop.fit` does it: a shard per thread, gradients added in order."""
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
        images = Batch(*(a if a.dtype == bool else a.astype(precision) for a in batch))
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


def product_runner(pool: ThreadPoolExecutor, threads: int, side: int = 1024) -> Callable[[], None]:
    """One float32 matrix product in each thread: what the machine gives at best."""
    rng = np.random.default_rng(1)
    places = [rng.random((3, side, side), dtype=np.float32) for _ in range(threads)]

    def work() -> None:
        list(pool.map(lambda m: np.matmul(m[0], m[1], out=m[2]), places))

    return work


def race(
    runners: dict[str, Runner], product: Callable[[], None], rounds: int
) -> dict[str, dict[str, Array]]:
    """Seconds of every repetition: by runner and task, and of the matrix product."""
    entrants: dict[tuple[str, str], Callable[[], Any]] = {
        (name, task): getattr(runner, task) for name, runner in runners.items() for task in TASKS
    }
    entrants["product", "product"] = product
    seconds: dict[str, dict[str, Array]] = {}
    for (name, task), values in _bench.in_turns(entrants, rounds, warm=2).items():
        seconds.setdefault(name, {})[task] = values
    return seconds


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


def measure_memory(side: int, images: int, threads: int) -> dict[str, int] | None:
    """`step_memory` of every runner, each in a process of its own; none but on Linux."""
    if not _bench.has_memory():
        return None
    return {n: _bench.alone(__file__, "step_memory", n, side, images, threads) for n in RUNNERS}


def summarise(
    seconds: dict[str, dict[str, Array]], flops: dict[str, int], product_flops: float
) -> dict[str, Any]:
    """Medians, spread, ratios to ours, and rates against the machine's matrix product."""
    peak = product_flops / np.median(seconds["product"]["product"])
    rows: dict[str, Any] = {}
    for task in TASKS:
        for name in RUNNERS:
            own = seconds[name][task]
            low, middle, high = np.percentile(own, [25, 50, 75])
            ratios = own / seconds[OURS][task]
            rate = flops[task] / middle
            rows.setdefault(task, {})[name] = {
                "median_ms": 1e3 * middle,
                "quartiles_ms": [1e3 * low, 1e3 * high],
                "ratio": float(np.median(ratios)),  # above 1: slower than ours
                "ratio_quartiles": np.percentile(ratios, [25, 75]).tolist(),
                "gflops": rate / 1e9,
                "of_product": rate / peak,
            }
    return {"tasks": rows, "product_gflops": peak / 1e9}


def measure(
    quick: bool,
    *,
    patch: int | None = None,
    batch: int | None = None,
    threads: Sequence[int] = (2, 1),
    rounds: int | None = None,
) -> dict[str, Any]:
    """Race with each number of threads, after a comparison; what is None is a usual value.

    Raises
    ------
    InputError
        If PyTorch is not there, or does not compute the same.
    """
    if _bench.missing(*NEEDS):
        raise InputError("the race needs PyTorch, not installed here: pip install torch")
    side, images, rounds = (
        (small if quick else usual) if value is None else value
        for value, (small, usual) in zip((patch, batch, rounds), USUAL.values(), strict=True)
    )
    found = {}
    with as_in_training():
        model, batch_of_both = make_case(side, images)
        flops = task_flops(model.architecture, side, images)
        for count in threads:
            with ThreadPoolExecutor(count) as pool:
                compared = check(model, batch_of_both, pool, count)
                runners = {OURS: numpy_runner(model, batch_of_both, pool, count)}
                for name in RUNNERS[1:]:
                    last = name == CHANNELS_LAST
                    runners[name] = torch_runner(model, batch_of_both, count, last)
                seconds = race(runners, product_runner(pool, count), rounds)
            found[str(count)] = {
                **summarise(seconds, flops, count * 2 * 1024**3),
                # Six processes that import PyTorch are too many for a quick look.
                "memory_bytes": None
                if quick and count != threads[0]
                else measure_memory(side, images, count),
                "differences": compared,
            }
    return {
        "command": {"patch": side, "batch": images, "rounds": rounds},
        "threads": found,
        "gflop": {task: value / 1e9 for task, value in flops.items()},
        "versions": _bench.versions("numpy", *NEEDS),
    }


def table(data: dict[str, Any]) -> str:
    """Times, ratios, rates and memory, with each number of threads."""
    parts = []
    for threads, summary in data["threads"].items():
        lines = []
        for task, rows in summary["tasks"].items():
            for name, row in rows.items():
                low, high = row["ratio_quartiles"]
                lines.append(
                    [
                        f"{task}, {name}",
                        f"{row['median_ms']:.1f} ms",
                        f"{row['ratio']:.2f} ({low:.2f}-{high:.2f})",
                        f"{row['gflops']:.0f}",
                        f"{row['of_product']:.0%}",
                    ]
                )
        for name, value in (summary["memory_bytes"] or {}).items():
            share = value / summary["memory_bytes"][OURS]
            lines.append(
                [f"memory of a step, {name}", f"{value / 2**20:.0f} MiB", f"{share:.2f}", "", ""]
            )
        title = f"{threads} thread{'s' if threads != '1' else ''}"
        header = [title, "time", "its / ours (quartiles)", "GFLOP/s", "of GEMM"]
        parts.append(_bench.markdown(header, lines))
    return "\n\n".join(parts)


def goals(data: dict[str, Any]) -> list[str]:
    """What was aimed at: to be as fast as PyTorch in either of its layouts."""
    return [
        _bench.goal(
            f"time of {name} divided by ours, {task}, threads: {threads}",
            summary["tasks"][task][name]["ratio"],
            1,
            least=True,
        )
        for name in RUNNERS[1:]
        for threads, summary in data["threads"].items()
        for task in TASKS
    ]


def draw(data: dict[str, Any]) -> Any:
    """The ratios with their quartiles."""
    figure, axes = plt.subplots(figsize=(common.COLUMN, 1.8))
    labels = [f"{task}, {name}" for task in TASKS for name in RUNNERS[1:]][::-1]
    looks = zip(data["threads"].items(), (BLUE, ORANGE), "os", strict=False)
    for number, ((threads, summary), color, marker) in enumerate(looks):
        rows = [summary["tasks"][task][name] for task in TASKS for name in RUNNERS[1:]][::-1]
        ratios = np.array([row["ratio"] for row in rows])
        quartiles = np.array([row["ratio_quartiles"] for row in rows]).T
        axes.errorbar(
            ratios,
            np.arange(len(rows)) - 0.15 * number,
            xerr=np.abs(quartiles - ratios),
            fmt=marker,
            ms=3,
            color=color,
            label=f"threads: {threads}",
        )
    axes.axvline(1, color=VERMILION, lw=0.8)
    axes.set_yticks(range(len(labels)), labels=labels)
    axes.set(xlabel="its time / time of bio_scnn")
    axes.set_xlim(0, 1.1 * axes.get_xlim()[1])
    axes.legend(loc="lower left")
    return figure


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _bench.parser(__doc__)
    parser.add_argument("--patch", type=int, metavar="PIXELS", help="side (default: 128)")
    parser.add_argument("--batch", type=int, metavar="IMAGES", help="(default: 6)")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[2, 1], metavar="N",
        help="of each, one number after the other (default: 2 1)",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, help="repetitions of everything (default: 9)")
    args = _bench.arguments(parser, arguments)
    for name, values in (
        *((name, [getattr(args, name)]) for name in USUAL),
        ("threads", args.threads),
    ):
        for value in values:
            if value is not None and value < 1:
                raise InputError(f"--{name} is {value}; it must be at least 1")
    if args.patch is not None and args.patch % 8:
        raise InputError(f"--patch is {args.patch}; it must be a multiple of 8")
    return args


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, race, print, draw, save."""
    args = parse(arguments)
    options = {name: getattr(args, name) for name in (*USUAL, "threads")}
    _bench.finish(args, __file__, measure(args.quick, **options), table, draw)


if __name__ == "__main__":
    run(main)
