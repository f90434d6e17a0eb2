"""Cases of code and words from outside: adapters, command lines, and recordings of neurons."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np

from bio_scnn import InputError, evaluate, explore, run_inpaint, train, validate
from bio_scnn.commands.options import run
from bio_scnn.crossval import Adapter, check_lif
from tests.hostile.calls import VALUES
from tests.hostile.headers import RGB, by_pillow
from tests.hostile.mutations import array_mutated, bytes_mutated, one_of


class Unfit(Adapter):
    """An adapter whose layer gives something else than spikes and potentials."""

    name = "unfit"
    result: object = None

    def build(self, setup) -> None:
        self.shape = setup.neurons

    def run(self, current):
        if isinstance(self.result, BaseException):
            raise self.result
        if callable(self.result):
            return self.result(current)
        return self.result


RESULTS = (
    *VALUES, ValueError("no\nway"), KeyError("x"), MemoryError(), RecursionError("deep"),
    ZeroDivisionError(), SystemExit(3), Exception("\x1b[31m" * 99),
    lambda current: (current > 9, current[:, :-1]),
    lambda current: (current[:-1] > 9, None),
    lambda current: (np.full(current.shape, np.nan), current),
    lambda current: (-np.ones(current.shape), current),
    lambda current: (np.ones(current.shape) * 1e308, np.full(current.shape, np.inf)),
    lambda current: current.__setitem__(slice(None), 0.0),
    lambda current: current.astype(complex),
)  # fmt: skip


class Adapters:
    """A wrong adapter: each check has a verdict of one line, none of them 'passed' by chance."""

    path = None

    def __init__(self, _folder: Path) -> None:
        from bio_scnn.crossval.suite import check_names

        self.names = list(check_names())

    def damage(self, rng: np.random.Generator) -> None:
        self.adapter = Unfit()
        self.adapter.result = one_of(rng, RESULTS)
        self.checks = [one_of(rng, self.names)]

    def __str__(self) -> str:
        return f"{self.checks[0]} of {self.adapter.result!r}"[:120]

    def use(self) -> None:
        report = check_lif(self.adapter, checks=self.checks, on_fail=None, explain=False)
        (result,) = report.results
        assert result.status in ("failed", "error", "skipped"), result
        assert result.reason.replace("\n", "").isprintable(), result.reason


class Recordings:
    """A recording of a neuron: CSV, npy or npz."""

    def __init__(self, folder: Path) -> None:
        current = np.full(60, 9.0)
        V, spikes = np.zeros(60), np.zeros(60)
        for n in range(1, 60):
            V[n] = V[n - 1] * 0.9 + 0.1 * current[n]
            spikes[n] = V[n] >= 5
            V[n] *= 1 - spikes[n]
        self.columns = np.stack([current, V, spikes], 1)
        self.folder = folder

    def damage(self, rng: np.random.Generator) -> None:
        kind, columns = one_of(rng, ("csv", "npy", "npz")), self.columns
        whole = rng.random() < 0.4
        if whole:
            changed = array_mutated(columns, rng)
            columns = np.zeros((0, 3)) if changed is None else changed
        file = io.BytesIO()
        match kind:
            case "csv":
                rows = [",".join(map(str, row)) for row in np.atleast_2d(columns).tolist()]
                file.write("\n".join(["input,V,spike", *rows]).encode())
            case "npy":
                np.save(file, columns)
            case _:
                flat = columns.reshape(-1, columns.shape[-1]).T
                np.savez(file, **dict(zip(("input", "V", "spikes"), flat, strict=False)))
        data = file.getvalue() if whole else bytes_mutated(file.getvalue(), rng)
        self.path = self.folder / f"recorded.{kind}"
        self.path.write_bytes(data)

    def use(self) -> None:
        silently(validate.main, ["--recording", str(self.path), "--dt", "1"])


def silently(main, words: list[str]) -> str:
    """Output of a command line; its one line of an error is raised as `InputError`."""
    out, err = io.StringIO(), io.StringIO()
    end = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            run(lambda: main(words))
        except SystemExit as error:
            end = error.code
    if end == 0:
        return out.getvalue()
    lines = err.getvalue().splitlines()
    assert end in (1, 2), f"exit code {end}: {lines[-1:]}"
    said = [line for line in lines if "error: " in line]
    # A folder has a line for each bad file, and one for how many there were.
    assert len(said) == (2 if "could not be restored" in said[-1] else 1), said
    raise InputError(said[0].split("error: ", 1)[1])


NUMBERS = (
    "", "x", "-1", "0", "1", "2", "0.5", "-0.0", "nan", "inf", "-inf", "1e400", "9" * 500,
    "1e-320", "10**9", "99999999999999999999", "0x10", "1,5", " 3 ", "\x1b[31m", "٣", "a" * 999,
)  # fmt: skip
COMMANDS = {
    "run_inpaint": (run_inpaint.main, ("coverage", "seed", "mask-grow", "max-missing", "nodata",
                    "page", "max-pixels", "jobs", "duration", "dt", "noise", "feature-noise",
                    "quality", "readout", "mask-kind", "model", "truth", "engine", "mask")),
    "evaluate": (evaluate.main, ("size", "coverage", "model", "quality", "data", "crops", "dt")),
    "explore": (explore.main, ("window", "maps", "noise", "model", "seed", "duration", "mask")),
    "train": (train.main, ("config", "steps", "batch", "workers", "jobs", "shards", "seed",
              "learning-rate", "device", "start-from", "keep-patches", "val")),
    "validate": (validate.main, ("tau", "decay", "threshold", "only", "dt", "nir", "word",
                 "check-vectors", "recording", "R", "rest", "t-ref", "time-limit", "python")),
}  # fmt: skip


class CommandLines:
    """An option whose value is of another kind; of each command."""

    path = None

    def __init__(self, folder: Path) -> None:
        self.picture, self.folder = folder / "a.png", folder
        self.picture.write_bytes(by_pillow(RGB, "PNG"))

    def damage(self, rng: np.random.Generator) -> None:
        self.name = one_of(rng, sorted(COMMANDS))
        self.main, options = COMMANDS[self.name]
        self.option, self.value = one_of(rng, options), one_of(rng, NUMBERS)

    def __str__(self) -> str:
        return f"{self.name} --{self.option}={self.value!r}"[:120]

    def use(self) -> None:
        none = str(self.folder / "none")  # so that nothing is done with what is accepted
        words = {
            "run_inpaint": [str(self.picture), "--mask-kind=boxes", "--quality=fast", "--quiet",
                            "--no-panel", f"--output={self.folder / 'out'}"],
            "evaluate": ["--data", none],
            "explore": [none],
            "train": ["--config=paper", "--data", none, "--output", none],
            "validate": [none],
        }[self.name]  # fmt: skip
        silently(self.main, [*words, f"--{self.option}={self.value}"])
