"""The network in NumPy, compared with the same network in PyTorch.

The default network with the same random weights on the same batch (six patches of 128 x 128), in
float32, in one process: *forward* is the restored batch, from filled images and masks, through the
closed form of the neurons; *step* is forward, loss, and the gradient of every parameter. Adam and
the preparation of batches are excluded.

bio_scnn works as in training: one thread per shard of the batch, each with a BLAS of one thread.
PyTorch runs the network of `bio_scnn.network.torch_model.to_torch`, with the same LIF rate layer,
in its default layout and in channels-last, as a user would write it. Both have the same number of
threads, and glibc's allocator as `bio_scnn.runtime.memory.keep_freed_memory` sets it.

Outputs, loss and gradients must agree before the timing: to 1e-9 in float64, to 1e-5 (gradients
1e-2) in float32. There, rounding can move an input of a rectifier across zero. PyTorch, in either
layout, then also differs by some 1e-3 from its own gradient in float64.

GFLOP/s count two operations per tap of every convolution, even where Winograd's algorithm needs
fewer. They are compared with a 1024 x 1024 matrix product (GEMM) in each thread, measured in every
round. Peak memory is the increase of the resident high-water mark over four steps, each measured
in its own process (Linux only).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from benchmarks import _bench
from benchmarks._racers import (
    CHANNELS_LAST,
    OURS,
    RUNNERS,
    TASKS,
    Runner,
    as_in_training,
    check,
    make_case,
    numpy_runner,
    step_memory,
    torch_runner,
)
from bio_scnn.commands.options import run
from bio_scnn.errors import InputError
from bio_scnn.network.architecture import Architecture
from bio_scnn.network.conv2d import Array
from tools import drawing
from tools.drawing import BLUE, ORANGE, VERMILION, styled

TITLE = "The network beside PyTorch"
NEEDS = ("torch",)
# Of each option: its value with --quick, and otherwise.
USUAL = {"patch": (32, 128), "batch": (2, 6), "rounds": (3, 9)}


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


def measure_memory(side: int, images: int, threads: int) -> dict[str, int] | None:
    """`step_memory` of every runner, each in a process of its own; none but on Linux."""
    if not _bench.has_memory():
        return None
    return {n: _bench.alone(step_memory, n, side, images, threads) for n in RUNNERS}


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
    """The goals: as fast as PyTorch in either of its layouts."""
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


@styled
def draw(data: dict[str, Any]) -> Any:
    """The ratios with their quartiles."""
    figure, axes = plt.subplots(figsize=(drawing.COLUMN, 1.8))
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
