"""The NumPy network against PyTorch: ``python benchmarks/race_pytorch.py``.

Both run the default network with the same weights on the same batch, in float32: a forward pass,
and a training step (forward, loss, backward; without the optimiser's update). Outputs and
gradients are compared first. Repetitions are interleaved, so that whatever else the machine does
slows all alike; a ratio is the median over the rounds. The peak memory of a training step is
measured in a process of its own for each.

``benchmarks/README.md`` says what came out and how it came about.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from bio_scnn.cli import run
from bio_scnn.cnn import Params
from bio_scnn.errors import InputError
from bio_scnn.files import write_whole
from bio_scnn.layers import Array
from bio_scnn.memory import keep_freed_memory
from bio_scnn.model import IMAGE_CHANNELS, Architecture, HybridSCNN, network_input
from bio_scnn.training import (
    Batch,
    TrainingSettings,
    batch_of,
    forward,
    initial_state,
    loss_and_grads,
)

TASKS = ("forward", "step")
OURS, DEFAULT, CHANNELS_LAST = "bio_scnn", "PyTorch", "PyTorch, channels last"
RUNNERS = (OURS, DEFAULT, CHANNELS_LAST)
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
    """As `bio_scnn.training.fit` does it: a shard per thread, gradients added in order."""
    architecture, params, lif = model.architecture, model.params, model.lif
    count = min(threads, len(batch.truth))
    shards = [batch.shard(index, count) for index in range(count)]

    def restore() -> Array:
        parts = pool.map(lambda s: forward(architecture, params, lif, s.fill, s.mask), shards)
        restored = np.empty_like(batch.truth)
        for index, part in enumerate(parts):
            restored[index::count] = part
        return restored

    def step() -> tuple[float, Params]:
        losses, gradients = zip(
            *pool.map(
                lambda s: loss_and_grads(architecture, params, lif, s, clip_slope=CLIP_SLOPE),
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

    from bio_scnn.torch_model import to_torch

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
    entrants: list[tuple[str, str, Callable[[], Any]]] = [
        (name, task, getattr(runner, task)) for name, runner in runners.items() for task in TASKS
    ]
    entrants.append(("product", "product", product))
    seconds: dict[str, dict[str, list[float]]] = {}
    for index in range(-2, rounds):  # two to warm up
        for name, task, work in (
            entrants[index % len(entrants) :] + entrants[: index % len(entrants)]
        ):
            start = time.perf_counter()
            work()
            elapsed = time.perf_counter() - start
            if index >= 0:
                seconds.setdefault(name, {}).setdefault(task, []).append(elapsed)
    return {
        name: {task: np.array(values) for task, values in tasks.items()}
        for name, tasks in seconds.items()
    }


def high_water_bytes(reset: bool = False) -> int:
    """Largest resident memory of this process so far (Linux); then forget it if asked."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    if reset:
        Path("/proc/self/clear_refs").write_text("5", "ascii")
    return 1024 * peak


def step_memory(name: str, side: int, images: int, threads: int) -> int:
    """Peak memory of training steps in this process, in bytes above what it had before."""
    model, batch = make_case(side, images)
    with make_runner(name, model, batch, threads) as runner:
        high_water_bytes(reset=True)
        before = high_water_bytes()
        for _ in range(4):
            runner.step()
        return high_water_bytes() - before


def measure_memory(args: argparse.Namespace) -> dict[str, int] | None:
    """`step_memory` of every runner, each in a process of its own; none but on Linux."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    options = ["--patch", args.patch, "--batch", args.batch, "--threads", args.threads]
    found = {}
    for name in RUNNERS:
        command = [sys.executable, __file__, "--memory-of", name, *map(str, options)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[name] = int(done.stdout)
    return found


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


def table(summary: dict[str, Any]) -> str:
    """Text for people."""
    lines = [
        f"{'':9}{'':24}{'ms':>8}  {'quartiles':>15}{'its time / ours':>17}  {'quartiles':>11}"
        f"{'GFLOP/s':>9}{'of GEMM':>9}"
    ]
    for task, rows in summary["tasks"].items():
        for name, row in rows.items():
            low, high = row["quartiles_ms"]
            r_low, r_high = row["ratio_quartiles"]
            lines.append(
                f"{task:9}{name:24}{row['median_ms']:8.1f}  {low:7.1f}-{high:7.1f}"
                f"{row['ratio']:17.2f}  {r_low:5.2f}-{r_high:5.2f}"
                f"{row['gflops']:9.0f}{row['of_product']:9.0%}"
            )
    lines.append(f"GEMM of 1024 x 1024, all threads: {summary['product_gflops']:.0f} GFLOP/s")
    if summary["memory_bytes"]:
        ours = summary["memory_bytes"][OURS]
        for name, value in summary["memory_bytes"].items():
            lines.append(
                f"memory   {name:24}{value / 2**20:8.0f} MiB; ours / its {ours / value:.2f}"
            )
    return "\n".join(lines)


def plot(seconds: dict[str, dict[str, Array]]) -> bytes:
    """Every repetition's time relative to ours in the same round, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3), layout="constrained")
    labels, ratios = [], []
    for task in TASKS:
        for name in RUNNERS[1:]:
            labels.append(f"{task}: {name}")
            ratios.append(seconds[name][task] / seconds[OURS][task])
    axes.boxplot(
        ratios[::-1], orientation="horizontal", tick_labels=labels[::-1], showfliers=False
    )
    axes.axvline(1, color="tab:red")
    axes.set(
        xlabel="its time / time of bio_scnn (right of the line: slower than bio_scnn)", xlim=0
    )
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=120)
    pyplot.close(figure)
    return target.getvalue()


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small and few: does it work?")
    parser.add_argument("--output", type=Path, default=Path("race_pytorch"), metavar="DIR")
    parser.add_argument("--patch", type=int, metavar="PIXELS", help="side (default: 128)")
    parser.add_argument("--batch", type=int, metavar="IMAGES", help="(default: 6)")
    parser.add_argument("--threads", type=int, default=2, help="of each (default: 2)")
    parser.add_argument("--rounds", type=int, help="repetitions of everything (default: 40)")
    parser.add_argument("--memory-of", choices=RUNNERS, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    for name, quick, usual in (("patch", 32, 128), ("batch", 2, 6), ("rounds", 3, 40)):
        if getattr(args, name) is None:
            setattr(args, name, quick if args.quick else usual)
        if getattr(args, name) < 1:
            raise InputError(f"--{name} is {getattr(args, name)}; it must be at least 1")
    if args.patch % 8:
        raise InputError(f"--patch is {args.patch}; it must be a multiple of 8")
    if args.threads < 1:
        raise InputError(f"--threads is {args.threads}; it must be at least 1")
    return args


def main(arguments: list[str] | None = None) -> None:
    args = parse(arguments)
    if find_spec("torch") is None:
        raise InputError("the race needs PyTorch, not installed here: pip install torch")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.5 and not args.memory_of:
        print(
            f"warning: others keep {load:.1f} cores busy; PyTorch's threads, which wait for one "
            "another at every layer, suffer more than ours. --threads 1 is fair.",
            file=sys.stderr,
        )
    keep_freed_memory()  # as in training; it serves both
    with threadpool_limits(1, user_api="blas"):  # as in training: ours has a thread per shard
        if args.memory_of:
            print(step_memory(args.memory_of, args.patch, args.batch, args.threads))
            return
        model, batch = make_case(args.patch, args.batch)
        with ThreadPoolExecutor(args.threads) as pool:
            found = check(model, batch, pool, args.threads)
            runners = {OURS: numpy_runner(model, batch, pool, args.threads)}
            for name in RUNNERS[1:]:
                runners[name] = torch_runner(model, batch, args.threads, name == CHANNELS_LAST)
            seconds = race(runners, product_runner(pool, args.threads), args.rounds)
    flops = task_flops(model.architecture, args.patch, args.batch)
    summary = {
        "command": {name: getattr(args, name) for name in ("patch", "batch", "threads", "rounds")},
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "load_before": load,
        },
        "versions": {"numpy": np.__version__, "torch": sys.modules["torch"].__version__},
        "differences": found,
        "gflop": {task: value / 1e9 for task, value in flops.items()},
        **summarise(seconds, flops, args.threads * 2 * 1024**3),
        "memory_bytes": measure_memory(args),
    }
    print(table(summary))
    write_whole(args.output / "race_pytorch.json", json.dumps(summary, indent=1).encode() + b"\n")
    write_whole(args.output / "race_pytorch.png", plot(seconds))
    print(f"written: {args.output / 'race_pytorch.json'} and .png")


if __name__ == "__main__":
    run(main)
