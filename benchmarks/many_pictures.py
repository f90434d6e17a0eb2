"""One job versus two: pictures, implementations to check, and the threads of training.

Whole commands run from start to end with ``--jobs 1`` and with ``--jobs 2``.
``python -m bio_scnn.run_inpaint`` restores a folder of pictures.
``python -m bio_scnn.validate`` checks implementations. Steps of training run with one thread and
with two. The results must not depend on the number: files are compared byte for byte, weights bit
for bit.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import astronaut

from benchmarks import _bench
from bio_scnn.commands.options import run
from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.data.images import write_image
from bio_scnn.data.masks import random_training_mask
from bio_scnn.errors import InputError
from bio_scnn.network.architecture import Architecture
from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.runtime.memory import keep_freed_memory
from bio_scnn.training.batches import batch_of
from bio_scnn.training.loop import fit
from bio_scnn.training.settings import TrainingSettings
from bio_scnn.training.state import initial_state
from tools import drawing

TITLE = "Two at a time"
GOAL = 1.8  # times as fast
# All that `make bench` installs; longest first, so that two at a time end together. The longest
# has to be well under half of the whole, or two at a time could not be twice as fast.
IMPLEMENTATIONS = (
    *("snntorch", "brian2-stock", "exact", "nengo", "paper-one-step", "closed-form"),
    *("nest-delta-ps", "nest-delta", "nest-exp"),
)


class Work(NamedTuple):
    """Work that is done one at a time and two at a time, with results to compare."""

    what: str
    entrants: dict[int, Callable[[], Any]]  # by the number at a time
    results: dict[int, Any]  # of the last repetition; must be equal
    rounds: int


def command(*words: Any, accept: Sequence[int] = (0,)) -> str:
    """Standard output of one of the package's commands; its errors end everything."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, words)], capture_output=True, text=True, check=False
    )
    if done.returncode not in accept:
        raise InputError(f"{words[0]} failed: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def restoring(folder: Path, count: int, side: int) -> Work:
    """A folder of pictures, cut from a photograph at places a few pixels apart."""
    photograph = astronaut()
    starts = np.linspace(0, photograph.shape[0] - side, count).astype(int)
    for number, start in enumerate(starts):
        crop = photograph[start : start + side, start : start + side]
        write_image(folder / "in" / f"{number:02}.png", crop)
    results: dict[int, Any] = {}

    def restore(jobs: int) -> None:
        output = folder / f"out{jobs}"
        words = [folder / "in", "--mask-kind", "boxes", "--quiet", "--output", output]
        command("bio_scnn.run_inpaint", *words, "--jobs", jobs)
        results[jobs] = {path.name: path.read_bytes() for path in sorted(output.iterdir())}

    entrants = {jobs: _bound(restore, jobs) for jobs in (1, 2)}
    return Work(f"run_inpaint, {count} pictures of {side} x {side}", entrants, results, 1)


def checking(names: Sequence[str]) -> Work:
    """Implementations; what the checks found, without times, must be the same."""
    results: dict[int, Any] = {}

    def validate(jobs: int) -> None:
        text = command("bio_scnn.validate", *names, "--json", "--jobs", jobs, accept=(0, 1))
        results[jobs] = _without_times(json.loads(text))

    entrants = {jobs: _bound(validate, jobs) for jobs in (1, 2)}
    return Work(f"validate, {len(names)} implementations", entrants, results, 1)


def _without_times(found: Any) -> Any:
    """A report without what is different whenever it is made."""
    if isinstance(found, dict):
        volatile = ("seconds", "date", "command", "made")
        return {key: _without_times(value) for key, value in found.items() if key not in volatile}
    return [_without_times(item) for item in found] if isinstance(found, list) else found


def training(steps: int, patch: int) -> Work:
    """Steps of the default network with Adam, on one batch."""
    settings = TrainingSettings(steps=steps, patch=patch)
    architecture, rng = Architecture(), np.random.default_rng(0)
    starts = rng.integers(0, astronaut().shape[0] - patch, (settings.batch, 2))
    truth = np.stack([astronaut()[r : r + patch, c : c + patch] / 255 for r, c in starts])
    mask = np.stack([random_training_mask((patch, patch), rng) for _ in starts])
    batch = batch_of(truth.astype(np.float32), mask, architecture, settings.loss)
    start = initial_state(architecture, settings, batch)
    results: dict[int, dict[str, bytes]] = {}

    def train(threads: int) -> None:
        source = itertools.repeat(batch, steps)
        state = fit(
            start, source, architecture, TABLE_1, settings, lambda state, loss: None, threads
        )
        results[threads] = {name: value.tobytes() for name, value in state.params.items()}

    keep_freed_memory()
    entrants = {threads: _bound(train, threads) for threads in (1, 2)}
    what = f"training, {steps} steps on {settings.batch} patches of {patch} x {patch}"
    return Work(what, entrants, results, 15)


def _bound(function: Callable[[int], None], number: int) -> Callable[[], None]:
    return lambda: function(number)


def measure(quick: bool) -> dict[str, Any]:
    """Everything one and two at a time, in turns.

    Raises
    ------
    InputError
        If the results are not the same.
    """
    count, side = (4, 96) if quick else (64, 256)
    names = [name for name in IMPLEMENTATIONS if not ENTRIES[name].missing()]
    names = names[-2:] if quick else names
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        works = [
            restoring(Path(folder), count, side),
            checking(names),
            training(*((2, 64) if quick else (10, 128))),
        ]
        for work in works:
            seconds = _bench.in_turns(work.entrants, 1 if quick else work.rounds, warm=0)
            if work.results[1] != work.results[2]:
                raise InputError(f"{work.what}: two at a time gave another result than one")
            rows.append(
                {
                    "what": work.what,
                    "one": _bench.spread(seconds[1]),
                    "two": _bench.spread(seconds[2]),
                    "ratio": _bench.ratio(seconds[1], seconds[2]),
                    "compared": len(work.results[1]),
                }
            )
    return {"rows": rows, "implementations": names}


def table(data: dict[str, Any]) -> str:
    """One row for each kind of work."""
    rows = [
        [
            row["what"],
            f"{row['one']['seconds']:.3g} s",
            f"{row['two']['seconds']:.3g} s",
            f"{row['ratio']:.2f}",
        ]
        for row in data["rows"]
    ]
    return "\n".join(
        [
            _bench.markdown(["", "one at a time", "two at a time", "times as fast"], rows),
            "",
            f"The results are the same. Implementations: {', '.join(data['implementations'])}.",
        ]
    )


def goals(data: dict[str, Any]) -> list[str]:
    """The goals, with two cores."""
    return [
        _bench.goal(f"{row['what']}: times as fast", row["ratio"], GOAL, least=True)
        for row in data["rows"]
    ]


@drawing.styled
def draw(data: dict[str, Any]) -> Any:
    """Bars: the speed of two at a time, as a multiple of one at a time."""
    figure, axes = plt.subplots(figsize=(drawing.COLUMN, 2.0))
    names = [row["what"].replace(", ", "\n", 1) for row in data["rows"]]
    axes.barh(names, [row["ratio"] for row in data["rows"]], color=drawing.BLUE)
    axes.axvline(GOAL, color=drawing.BLACK, lw=0.8, ls="--")
    axes.invert_yaxis()
    axes.set_xlabel("times as fast")
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, draw, save."""
    args = _bench.arguments(_bench.parser(__doc__), argv)
    _bench.finish(args, __file__, measure(args.quick), table, draw)


if __name__ == "__main__":
    run(main)
