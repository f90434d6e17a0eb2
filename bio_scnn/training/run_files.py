"""Files of a training run: state, log, curves, configuration."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import tomli_w

from bio_scnn.data.masks import MASK_KINDS
from bio_scnn.errors import InputError
from bio_scnn.network.architecture import param_shapes
from bio_scnn.network.checkpoint import check_params, load_tensors, save_tensors
from bio_scnn.network.cnn import Params
from bio_scnn.runtime.config import from_table, parse_json, read_toml, shown
from bio_scnn.runtime.files import write_whole
from bio_scnn.training.settings import Config
from bio_scnn.training.state import TrainingState

STATE_FORMAT = "bio_scnn.training.1"


@dataclass(frozen=True)
class RunFiles:
    """The files of one training run, all in one folder and named after the configuration."""

    folder: Path
    name: str

    @property
    def model(self) -> Path:
        return self.folder / f"{self.name}.safetensors"

    @property
    def config(self) -> Path:
        return self.folder / f"{self.name}.toml"

    @property
    def state(self) -> Path:
        return self.folder / f"{self.name}.state.safetensors"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}-log.csv"

    @property
    def curves(self) -> Path:
        return self.folder / f"{self.name}-curves.png"


LOG_COLUMNS = ("step", "loss", "learning_rate", *(f"psnr_{kind}" for kind in MASK_KINDS), "mse")

Log = list[dict[str, float]]


class Snapshot(NamedTuple):
    """A run after a step: all that it goes on from."""

    state: TrainingState
    losses: tuple[float, ...]  # of the steps since the last row of the log
    log: Log


def save_state(path: Path, run: Snapshot, config: Config, photographs: str) -> None:
    """Store a run, so that `load_state` goes on exactly where it was.

    `photographs` is the digest of their names, by which other data are noticed.
    """
    state = run.state.as_arrays()
    tensors = {
        f"{part}/{name}": value
        for part in ("params", "m", "v", "ema")
        for name, value in getattr(state, part).items()
    }
    metadata = {
        "format": STATE_FORMAT,
        "step": str(state.step),
        "config": json.dumps(config.portable()),
        "log": json.dumps(run.log),
        "losses": json.dumps(run.losses),
        "photographs": photographs,
    }
    save_tensors(path, tensors, metadata)


def load_state(path: Path, config: Config, photographs: str) -> Snapshot:
    """Load a run; configuration and data must be those it was started with.

    Raises
    ------
    InputError
        If there is none, it is another run's, or damaged.
    """
    if not path.exists():
        raise InputError(f"nothing has been saved in {path} yet; leave out --resume")
    tensors, metadata = load_tensors(path, STATE_FORMAT)
    for key in ("step", "config", "log", "photographs"):
        if key not in metadata:
            raise InputError(f"{path} is damaged: its description has no {key}")
    if metadata["photographs"] != photographs:
        raise InputError(f"{path} was started with other photographs; give the same --data")
    # A setting that the file does not know yet had the value that is the default.
    table = parse_json(metadata["config"], f"{path}, config,")
    written = from_table(Config, table, f"{path}, config")
    stored, asked = written.portable(), config.portable()
    for table in asked:
        for name in asked[table]:
            if stored[table].get(name) != asked[table][name]:
                raise InputError(
                    f"{path} was started with {table}.{name} = {stored[table].get(name)!r}, not "
                    f"{asked[table][name]!r}; resume with the same settings, or start anew"
                )
    step = _step(path, metadata["step"], config.training.steps)
    losses = parse_json(metadata.get("losses", "[]"), f"{path}, losses,")
    log = parse_json(metadata["log"], f"{path}, log,")
    if not (isinstance(losses, list) and all(map(_is_number, losses))):
        raise InputError(f"{path} is damaged: its losses are no list of numbers")
    if not (isinstance(log, list) and all(_is_row(row, step) for row in log)):
        raise InputError(f"{path} is damaged: its log is no list of rows with {LOG_COLUMNS[0]}")
    state = TrainingState(step, **_parts(path, tensors, param_shapes(config.architecture)))
    return Snapshot(state, tuple(losses), log)


_PARTS = ("params", "m", "v", "ema")


def _parts(
    path: Path, tensors: Params, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Params]:
    """Weights, moments and average of a state, once they are those of the architecture."""
    parts: dict[str, Params] = {part: {} for part in _PARTS}
    for key, value in tensors.items():
        part, _, name = key.partition("/")
        if part not in parts:
            raise InputError(f"{path} is damaged: {shown(key)} is no part of a training")
        parts[part][name] = value
    for part, params in parts.items():
        check_params(params, shapes, f"{path}: {part}")
    if any((value < 0).any() for value in parts["v"].values()):
        raise InputError(f"{path} is damaged: v, a mean of squares, is negative")
    if len({value.dtype for params in parts.values() for value in params.values()}) > 1:
        raise InputError(f"{path} is damaged: its arrays are of several types")
    return parts


def _step(path: Path, text: str, steps: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) <= steps):
        raise InputError(f"{path} is damaged: it is at step {shown(text)} of {steps}")
    return int(text)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_row(row: Any, step: int) -> bool:
    """True of a row of the log, of a step that was done."""
    if not isinstance(row, dict) or not all(map(_is_number, row.values())):
        return False
    known = set(LOG_COLUMNS)
    return row.keys() <= known and 0 < row.get("step", 0) <= step


def write_log(path: Path, log: Log) -> None:
    """Write the log as CSV."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, LOG_COLUMNS)
    writer.writeheader()
    writer.writerows(log)
    write_whole(path, text.getvalue().encode())


def draw_curves(path: Path, log: Log, title: str) -> None:
    """Draw loss and validation PSNR over the steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [row["step"] for row in log]
    left.semilogy(steps, [row["loss"] for row in log], lw=0.8)
    left.set(xlabel="step", ylabel="training loss", title=title)
    for kind in MASK_KINDS:
        points = [(r["step"], r[f"psnr_{kind}"]) for r in log if f"psnr_{kind}" in r]
        if points:
            right.plot(*zip(*points, strict=True), ".-", label=kind)
    right.set(xlabel="step", ylabel="hole PSNR (dB)", title="validation")
    if right.lines:
        right.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, format="png")
    write_whole(path, buffer.getvalue())


def keep_config(path: Path, config: Config) -> None:
    """Write the configuration, unless the file says the same already, perhaps with comments."""
    if path.exists():
        with contextlib.suppress(InputError):
            if from_table(Config, read_toml(path), str(path)).portable() == config.portable():
                return
    write_whole(path, tomli_w.dumps(config.portable()).encode())
