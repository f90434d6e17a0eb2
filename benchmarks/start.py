"""Start-up time: importing the package, and one picture from the command line.

Each import runs in a fresh process and is timed inside it. The time excludes the start of Python
and most reading from disk, since the files were read just before. The picture is that of the demo.
`python -m bio_scnn.run_inpaint` restores it with every spike simulated, timed from start to exit.
Two cases are interleaved. In the first, the folder for compiled code (BIO_SCNN_CACHE) is empty, as
on a new machine; one picture is too little work to compile for. In the second, larger work has
left compiled neurons in that folder. Stages are those that `--json` prints.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt

from benchmarks import _bench
from bio_scnn.commands.options import run
from tools import drawing
from tools.drawing import BLUE, GREY, styled

TITLE = "Start-up"
# What is imported, and the package that brings it.
MODULES = {
    "bio_scnn": "bio_scnn",
    "brian2": "brian2",
    "torch": "torch",
    "snntorch": "snntorch",
}
IMPORT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
LOADS_BRIAN2 = "import sys, bio_scnn; print('brian2' in sys.modules)"
COMPILE = (
    "from bio_scnn import simulate; simulate([9.0], duration_ms=20, dt_ms=5, target='cython')"
)


class Plan(NamedTuple):
    """Numbers of repetitions; and more words on the demo's command line."""

    imports: int
    pictures: int
    words: tuple[str, ...] = ()


QUICK, FULL = Plan(1, 1), Plan(5, 3)


def measure(quick: bool) -> dict[str, Any]:
    """Seconds of imports and of a picture, with their quartiles."""
    return measured(QUICK if quick else FULL)


def measured(plan: Plan) -> dict[str, Any]:
    """The same, repeated as planned."""
    return {
        "imports": imports(plan.imports),
        "imports_brian2": python(LOADS_BRIAN2) == "True",
        "demo": demo(plan.pictures, plan.words),
        "versions": _bench.versions("numpy", *list(MODULES.values())[1:]),
    }


def python(code: str) -> str:
    """Last word that some code prints in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.split()[-1]


def imports(rounds: int) -> dict[str, Any]:
    """Seconds of every import; of what is not installed, its name."""
    found: dict[str, Any] = {}
    seconds: dict[str, list[float]] = {}
    for module, distribution in MODULES.items():
        if lacking := _bench.missing(distribution):
            found[module] = {"missing": lacking}
        else:
            seconds[module] = []
    entrants = {
        module: lambda module=module: seconds[module].append(float(python(IMPORT.format(module))))
        for module in seconds
    }
    warm = int(rounds > 1)  # the first one writes and reads files; for a quick look it will do
    _bench.in_turns(entrants, rounds, warm=warm)
    for module, every in seconds.items():
        kept = every[warm:]
        ratio = _bench.ratio(kept, seconds["bio_scnn"][warm:])
        found[module] = {**_bench.spread(kept), "best": min(kept), "ratio": ratio}
    return {module: found[module] for module in MODULES}


def demo(rounds: int, words: Sequence[str]) -> dict[str, Any]:
    """Seconds from start to exit with an empty and a used cache, and the median of each stage."""
    reports: dict[str, list[dict[str, Any]]] = {"empty": [], "used": []}
    with tempfile.TemporaryDirectory() as folder:

        def restore(cache: str) -> dict[str, Any]:
            output = str(Path(folder) / "restored")
            command = [
                sys.executable,
                "-m",
                "bio_scnn.run_inpaint",
                "--json",
                "-o",
                output,
                *words,
            ]
            environment = os.environ | {"BIO_SCNN_CACHE": cache}
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            )
            return json.loads(done.stdout)

        def empty() -> None:
            with tempfile.TemporaryDirectory() as cache:
                reports["empty"].append(restore(cache))

        def used() -> None:
            reports["used"].append(restore(compiled))

        compiled = str(Path(folder) / "cache")
        environment = os.environ | {"BIO_SCNN_CACHE": compiled}
        # Without a compiler it fails, and both caches stay empty.
        subprocess.run([sys.executable, "-c", COMPILE], env=environment, capture_output=True)
        seconds = _bench.in_turns({"empty": empty, "used": used}, rounds, warm=0)
    first = reports["used"][0]
    found: dict[str, Any] = {key: first[key] for key in ("neurons", "spikes", "engine")}
    for name, every in reports.items():
        stages = {
            stage: _bench.spread([report["stages"][stage] for report in every])["seconds"]
            for stage in first["stages"]
        }
        found[name] = {**_bench.spread(seconds[name]), "stages": stages}
    return found


def table(data: dict[str, Any]) -> str:
    """Imports beside that of bio_scnn, then the picture and its stages."""
    rows = []
    for module, row in data["imports"].items():
        words = ["not installed", "", ""]
        if "missing" not in row:
            words = [f"{row['seconds']:.2f} s", f"{row['best']:.2f} s", f"{row['ratio']:.1f}"]
        rows.append([f"`import {module}`", *words])
    demo = data["demo"]
    stages = list(demo["used"]["stages"])
    header = ["cache", "start to exit", *stages, "the rest"]
    pictures = []
    for name in ("empty", "used"):
        spent = list(demo[name]["stages"].values())
        rest = demo[name]["seconds"] - sum(spent)
        pictures.append([name, *(f"{s:.2f} s" for s in (demo[name]["seconds"], *spent, rest))])
    loads = "loads Brian2 as well" if data["imports_brian2"] else "does not load Brian2"
    return "\n\n".join(
        [
            _bench.markdown(["", "median", "best", "its time / ours"], rows),
            f"`import bio_scnn` {loads}. The picture of the demo, {demo['neurons']:,} neurons "
            f"with {demo['spikes']:,} spikes:",
            _bench.markdown(header, pictures),
        ]
    )


def goals(data: dict[str, Any]) -> list[str]:
    """The goals."""
    demo = data["demo"]
    return [
        _bench.goal("seconds of `import bio_scnn`", data["imports"]["bio_scnn"]["seconds"], 0.3),
        _bench.goal("seconds of the picture, empty cache", demo["empty"]["seconds"], 10),
        _bench.goal("seconds of the picture, used cache", demo["used"]["seconds"], 4),
    ]


@styled
def draw(data: dict[str, Any]) -> Any:
    """Bars of the imports, and of the picture's stages."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(drawing.COLUMN, 2.6))
    there = {name: row for name, row in data["imports"].items() if "missing" not in row}
    names = list(there)[::-1]
    above.barh(
        names,
        [there[name]["seconds"] for name in names],
        color=[BLUE if name == "bio_scnn" else GREY for name in names],
    )
    above.set(xlabel="import (s)")
    left = [0.0, 0.0]
    kinds = ("used", "empty")
    for stage in data["demo"]["used"]["stages"]:
        spent = [data["demo"][kind]["stages"][stage] for kind in kinds]
        below.barh(kinds, spent, left=left, label=stage)
        left = [a + b for a, b in zip(left, spent, strict=True)]
    rest = [data["demo"][kind]["seconds"] - of for kind, of in zip(kinds, left, strict=True)]
    below.barh(kinds, rest, left=left, color=GREY, label="the rest")
    below.set(xlabel="picture of the demo (s)", ylabel="cache")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, draw, save."""
    args = _bench.arguments(_bench.parser(__doc__), argv)
    _bench.finish(args, __file__, measure(args.quick), table, draw)


if __name__ == "__main__":
    run(main)
