"""Options of the benchmarks, timing in turns, memory, and writing of results."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bio_scnn.runtime.files import finite
from bio_scnn.runtime.provenance import machine, versions
from tools import scripts

CHECKOUT = Path(__file__).parent.parent
RESULTS = CHECKOUT / "benchmarks" / "results"

BUSY = 0.5  # cores that others keep busy; beyond it times are not worth keeping

Key = TypeVar("Key", bound=Hashable)


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options of every script."""
    p = scripts.parser("benchmarks", description, ["--quick", "--output results/"])
    p.add_argument("--quick", action="store_true", help="small and few: does it work?")
    p.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="folder to write to (default: benchmarks/results; with --quick its folder quick, "
        "so that what was measured well is not replaced)",
    )
    return p


def arguments(p: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; what cannot be written to is refused before anything is measured.

    The namespace gets two more entries: how many cores others keep busy, and the pictures' format.
    """
    args = p.parse_args(argv)
    if args.output is None:
        args.output = RESULTS / "quick" if args.quick else RESULTS
    scripts.check_output(args.output)
    args.format = "svg"
    args.busy_cores = busy_cores()
    if args.busy_cores > BUSY:
        print(
            f"warning: others keep {args.busy_cores:.1f} cores busy; times are longer than they "
            "should be, and of programs with several threads most",
            file=sys.stderr,
        )
    return args


def busy_cores(seconds: float = 0.3) -> float:
    """Number of cores that others use while this process sleeps; outside Linux, the load."""
    if not Path("/proc/stat").exists():
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0

    def ticks() -> NDArray:
        line = Path("/proc/stat").read_text("ascii").splitlines()[0]
        return np.array(line.split()[1:9], dtype=float)

    before = ticks()
    time.sleep(seconds)
    spent = ticks() - before
    idle = spent[3] + spent[4]  # nothing to do, or waiting for a disk
    return float((1 - idle / max(spent.sum(), 1)) * (os.cpu_count() or 1))


def finish(
    args: argparse.Namespace,
    file: str,
    data: dict[str, Any],
    table: Callable[[dict[str, Any]], str],
    draw: Callable[[dict[str, Any]], Any],
) -> None:
    """Print the table; write numbers and picture, named as the script `file`."""
    from tools import drawing  # not into processes whose memory is measured

    about = {"machine": machine(), "busy_cores": round(args.busy_cores, 2), "quick": args.quick}
    facts = json.loads(json.dumps(finite(about | data)))  # what is shown is what is kept
    print(table(facts))
    drawing.save(args, Path(file).stem, draw(facts), facts)


def missing(*distributions: str) -> str:
    """Those of some packages that are not installed, as words; empty if all are there."""
    return " and ".join(name for name, version in versions(*distributions).items() if not version)


def in_turns(
    entrants: Mapping[Key, Callable[[], Any]], rounds: int, *, warm: int = 1
) -> dict[Key, NDArray[np.float64]]:
    """Seconds of every repetition of everything, ``(rounds,)`` each.

    Every round runs each entrant once, and begins with another; `warm` rounds more come first
    and do not count.
    """
    seconds: dict[Key, list[float]] = {name: [] for name in entrants}
    names = list(entrants)
    with tqdm(total=(warm + rounds) * len(names), leave=False, disable=None) as bar:
        for index in range(-warm, rounds):
            turn = index % len(names)
            for name in names[turn:] + names[:turn]:
                bar.set_description(str(name))
                start = time.perf_counter()
                entrants[name]()
                elapsed = time.perf_counter() - start
                if index >= 0:
                    seconds[name].append(elapsed)
                bar.update()
    return {name: np.array(values) for name, values in seconds.items()}


def spread(seconds: Sequence[float] | NDArray) -> dict[str, Any]:
    """Median and quartiles of what `in_turns` measured, in seconds."""
    low, middle, high = np.percentile(seconds, [25, 50, 75])
    return {"seconds": float(middle), "quartiles": [float(low), float(high)]}


def ratio(theirs: Sequence[float] | NDArray, ours: Sequence[float] | NDArray) -> float:
    """Median over the rounds of their time divided by ours: above 1, ours is faster."""
    return float(np.median(np.asarray(theirs) / np.asarray(ours)))


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column is words, the others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def goal(says: str, value: float, limit: float, *, least: bool = False, form: str = ".2f") -> str:
    """Line of a page on a goal: a number, its limit, and whether it was reached or missed."""
    reached = value >= limit if least else value <= limit
    bound = f"at {'least' if least else 'most'} {limit:g}"
    return f"{says}, {bound}: {value:{form}}, **{'reached' if reached else 'missed'}**"


def alone(function: Callable[..., Any], *arguments: Any, limit_s: float | None = None) -> Any:
    """Result of a module's function in a new process; arguments and result pass as JSON.

    After `limit_s` seconds, if given, `subprocess.TimeoutExpired` is raised.
    """
    code = (
        "import importlib, json, sys; "
        "function = getattr(importlib.import_module(sys.argv[1]), sys.argv[2]); "
        "print(json.dumps(function(*json.loads(sys.argv[3]))))"
    )
    words = [function.__module__, function.__name__, json.dumps(arguments)]
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, timeout=limit_s, cwd=CHECKOUT
    )
    return json.loads(done.stdout.splitlines()[-1])


def has_memory() -> bool:
    """True where the system tells the largest resident memory of a process, and can reset it."""
    return Path("/proc/self/clear_refs").exists()


def high_water_bytes(reset: bool = False) -> int:
    """Largest resident memory of this process so far (Linux); then forget it if asked."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    if reset:
        Path("/proc/self/clear_refs").write_text("5", "ascii")
    return 1024 * peak


def resident_bytes() -> int:
    """Resident memory of this process now (Linux)."""
    high_water_bytes(reset=True)
    return high_water_bytes()
