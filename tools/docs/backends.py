"""The page docs/backends.md: one spiking network on CPU and GPU, in each format and framework.

::

    python -m tools.docs.backends                                   # a table of this machine's CPU
    python -m tools.docs.backends --device cuda --rows gpu.json     # and of its GPU
    python -m tools.docs.backends --read --out docs/backends.md     # benchmarks/results/backends
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from bio_scnn.errors import InputError
from bio_scnn.runtime.files import write_whole
from bio_scnn.runtime.provenance import installed_version, machine, now
from tools.docs import RESULTS, ROOT
from tools.docs._backends_networks import WAYS, Problem, Trace, problem, reference
from tools.docs._backends_page import page

MEASURED = RESULTS / "backends"
SEED = 0
LIMIT_S = 55.0
CPU_FORMATS = ("float64", "float32", "bfloat16")
GPU_FORMATS = ("float64", "float32", "tf32", "bfloat16", "autocast bfloat16")
COMPILED = ("float32", "bfloat16")

Row = dict[str, Any]


def measured(traces: list[Trace], expected: list[Trace]) -> Row:
    """Differences from the reference: spikes, V, the first departure, and classes."""
    wrong = [found.spikes != right.spikes for found, right in zip(traces, expected, strict=True)]
    spikes = int(sum(right.spikes.sum() for right in expected))
    steps = [np.flatnonzero(layer.any((1, 2))) for layer in wrong]
    firsts = [int(found[0]) if len(found) else len(expected[0].V) for found in steps]
    first = min(firsts)
    apart = [
        np.abs(found.V[:first] - right.V[:first]).max(initial=0.0)
        for found, right in zip(traces, expected, strict=True)
    ]
    classes = [layer[-1].spikes.sum(0).argmax(1) for layer in (traces, expected)]
    row: Row = {
        "spikes": spikes,
        "wrong": int(sum(layer.sum() for layer in wrong)),
        "v": float(max(apart)),
        "classes": int(np.count_nonzero(classes[0] != classes[1])),
        "batch": len(classes[0]),
    }
    if first < len(expected[0].V):
        layer = firsts.index(first)
        margin = expected[layer].margin
        assert margin is not None
        row |= {"step": first + 1, "layer": layer + 1}
        row["margin"] = float(np.abs(margin[first][wrong[layer][first]]).min())
    return row


def run(way: str, given: Problem, device: str, dtype: str, compiled: bool) -> list[Trace]:
    """The traces of a network in one framework, device and format.

    Raises
    ------
    Exception
        Any that the framework raises.
    AssertionError
        If a second run from the start gives other spikes or another V.
    """
    import torch

    torch.backends.cuda.matmul.allow_tf32 = dtype == "tf32"
    torch.backends.cudnn.allow_tf32 = dtype == "tf32"
    auto = dtype.startswith("autocast")
    stored = torch.float32 if auto or dtype == "tf32" else getattr(torch, dtype)
    _, build, _ = WAYS[way]
    network = build(given, device, stored, torch.compile if compiled else lambda f: f)
    x = torch.as_tensor(given.spikes, device=device, dtype=stored)
    found = []
    for _ in range(2):
        with torch.no_grad(), torch.autocast("cuda", torch.bfloat16) if auto else nullcontext():
            layers = network(x)
        found.append([tuple(part.double().cpu().numpy() for part in layer) for layer in layers])
    for once, again in zip(*found, strict=True):
        same = all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
        assert same, "a second run of the same input gives another result"
    return [Trace(spikes, V) for spikes, V in found[0]]


def cases(way: str, device: str) -> Iterator[tuple[str, str, bool]]:
    """Device, format and compilation of the runs of a way, the quick ones first."""
    alternative = way.split()[-2:-1] in (["cuda"], ["triton"], ["cupy"])  # of a GPU alone
    if not alternative:
        yield from (("cpu", dtype, False) for dtype in CPU_FORMATS)
    if device == "cuda":
        yield from (("cuda", dtype, False) for dtype in GPU_FORMATS)
    if way.endswith(" m") and (not alternative or "cupy" in way):
        return  # 200 steps in one graph take minutes to compile
    yield from ((device, dtype, True) for dtype in COMPILED if device == "cuda" or not alternative)


def child(way: str, device: str) -> None:
    """The rows of one way, each printed as a line of JSON as soon as it is known."""
    package = WAYS[way][0]
    version = installed_version(package)
    if not version:
        print(json.dumps({"way": way, "error": f"{package} is not installed here"}), flush=True)
        return
    import torch

    torch.set_num_threads(1)
    given = problem(np.random.default_rng(SEED))
    expected = reference(given)
    for place, dtype, compiled in cases(way, device):
        row: Row = {"way": way, "version": version, "device": place, "format": dtype}
        row["compiled"] = compiled
        try:
            row |= measured(run(way, given, place, dtype, compiled), expected)
        except InputError as error:  # of this version, whatever the format
            print(json.dumps({"way": way, "error": str(error)}), flush=True)
            return
        except Exception as error:  # whatever a framework raises is its row
            words = str(error).strip().splitlines() or [""]
            row["error"] = f"{type(error).__name__}: {words[0][:160]}"
        print(json.dumps(row), flush=True)


def rows_of(way: str, device: str, deadline: float) -> list[Row]:
    """The rows of one way, from a process of its own that may crash or hang."""
    command = [sys.executable, "-m", "tools.docs.backends", "--way", way, "--device", device]
    left = deadline - time.monotonic()
    if left < 5:
        return [{"way": way, "error": "not run: no time left"}]
    end = ""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | WAYS[way][2],
            capture_output=True,
            text=True,
            timeout=left,
        )
        printed = done.stdout
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [""])[-1][:160]
            end = f"ended with code {done.returncode}: {last}"
    except subprocess.TimeoutExpired as late:
        printed = late.stdout.decode() if isinstance(late.stdout, bytes) else ""
        end = "what is missing had no time left"
    rows = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return [*rows, {"way": way, "error": end}] if end else rows


def about(device: str) -> Row:
    """The machine and the versions of a run."""
    found: Row = {**machine(), "date": now(), "torch": installed_version("torch")}
    if device == "cuda":
        import torch

        found["gpu"] = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return found


def read(paths: Sequence[Path] = ()) -> list[dict[str, Any]]:
    """Measured rows and their machines, of some files or of those in benchmarks/results."""
    paths = paths or sorted(MEASURED.glob("*.json"))
    return [json.loads(path.read_text("utf-8")) for path in paths]


def main(argv: list[str] | None = None) -> None:
    """Measure on this machine, or make the page of measured rows."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs.backends", description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--only", help="a word of the ways to run, such as spikingjelly")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds in all")
    parser.add_argument("--rows", type=Path, help="JSON file for the rows")
    parser.add_argument(
        "--read", type=Path, nargs="*", help="JSON files instead of a run (default: the kept ones)"
    )
    parser.add_argument("--out", type=Path, help="Markdown file for the page")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.way:
        child(args.way, args.device)
        return
    if args.read is not None:
        runs = read(args.read)
    else:
        ways = [way for way in WAYS if args.device == "cuda" or not set(way.split()) & GPU_ONLY]
        ways = [way for way in ways if (args.only or "") in way]
        deadline = time.monotonic() + args.limit
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            found = list(pool.map(lambda way: rows_of(way, args.device, deadline), ways))
        runs = [{"about": about(args.device), "rows": [row for rows in found for row in rows]}]
    if args.rows:
        write_whole(args.rows, (json.dumps(runs[0], indent=1) + "\n").encode())
    text = page(runs)
    if args.out:
        write_whole(args.out, text.encode())
    print(text)


GPU_ONLY = {"cuda", "triton", "cupy"}


if __name__ == "__main__":
    main()
