"""Train a model: ``python -m bio_scnn.train``."""

from __future__ import annotations

import argparse
import contextlib
import csv
import dataclasses
import io
import json
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from tqdm import tqdm

from bio_scnn import training
from bio_scnn.checkpoint import load_tensors, save_model, save_tensors
from bio_scnn.cli import add_scheduler_option, run
from bio_scnn.config import from_table, read_toml, to_table
from bio_scnn.datasets import (
    DataSettings,
    embedded_images,
    find_images,
    split,
    validation_crops,
)
from bio_scnn.engine import Cluster, Engine, Here, engine
from bio_scnn.errors import InputError
from bio_scnn.files import write_whole
from bio_scnn.masks import MASK_KINDS, make_mask
from bio_scnn.memory import keep_freed_memory
from bio_scnn.metrics import hole_psnr, mse
from bio_scnn.model import Architecture, HybridSCNN
from bio_scnn.model_files import config_path
from bio_scnn.sampler import PatchSampler
from bio_scnn.table1 import TABLE_1, LIFParameters
from bio_scnn.training import TrainingSettings, TrainingState

STATE_FORMAT = "bio_scnn.training.1"

EPILOG = """\
examples:
  python -m bio_scnn.train --data photos/ --output runs/first
      train the default configuration on every image below photos/
  python -m bio_scnn.train --data photos/ --output runs/first --resume
      go on after an interruption, to the same weights, bit for bit
  python -m bio_scnn.train --config models/paper.toml --data photos/
      train the paper's own setting
  python -m bio_scnn.train --data photos/ --scheduler tcp://host:8786 --batch 32 --shards 16
      the gradients of every step from 16 workers of a Dask cluster, summed in order
  python -m bio_scnn.train --steps 200 --output runs/try
      a short try without any data: scikit-image's photographs and generated images
"""


@dataclass(frozen=True)
class Config:
    """A training configuration: one table of the TOML file per attribute."""

    architecture: Architecture = field(default_factory=Architecture)
    lif: LIFParameters = TABLE_1
    data: DataSettings = field(default_factory=DataSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        patch, multiple = self.training.patch, self.architecture.multiple
        if patch % multiple:
            raise InputError(f"patch is {patch}; this architecture needs a multiple of {multiple}")
        if self.training.reuse > 1 and "zero" in self.architecture.fills:
            raise InputError(
                f"reuse is {self.training.reuse}; patches that are shown again are recoloured, "
                "which a zero fill does not follow: set reuse to 1"
            )


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


@dataclass(frozen=True)
class ValidationSet:
    """Held-out crops ``(N, H, W, 3)``, and for each a mask of each kind, with the fills."""

    truth: np.ndarray
    masks: dict[str, np.ndarray]
    fills: dict[str, np.ndarray]

    @classmethod
    def make(
        cls, images: Sequence[Path], config: Config, skipped: list[tuple[Path, str]]
    ) -> ValidationSet:
        """Cut crops and draw masks, always the same for a seed; note unreadable images."""
        size, seed = 2 * config.training.patch, config.training.seed
        truth = validation_crops(images, size, min(2 * len(images), 24), seed, skipped)
        masks, fills = {}, {}
        for number, kind in enumerate(MASK_KINDS):
            rng = np.random.default_rng([seed, 3, number])
            masks[kind] = np.stack([make_mask(kind, (size, size), rng) for _ in truth])
            pairs = zip(truth, masks[kind], strict=True)
            filled = [config.architecture.guess(*pair).astype(truth.dtype) for pair in pairs]
            fills[kind] = np.stack(filled)
        return cls(truth, masks, fills)

    def scores(self, config: Config, params: training.Params) -> dict[str, float]:
        """Mean hole PSNR (dB) by kind of mask, and the MSE of the network's whole output."""
        means: dict[str, float] = {}
        errors = []
        rng = np.random.default_rng([config.training.seed, 6])
        for kind, masks in self.masks.items():
            psnr = []
            for truth, mask, fill in zip(self.truth, masks, self.fills[kind], strict=True):
                restored = training.forward(
                    config.architecture, params, config.lif, fill[None], mask[None], rng
                )[0]
                restored = np.clip(restored, 0, 1)
                psnr.append(hole_psnr(restored, truth, mask))
                errors.append(mse(restored, truth))
            means[f"psnr_{kind}"] = float(np.mean(psnr))
        return means | {"mse": float(np.mean(errors))}


def save_state(
    path: Path, state: TrainingState, config: Config, log: Log, photographs: str
) -> None:
    """Store a run, so that `load_state` goes on exactly where it was.

    `photographs` is the digest of their names, by which other data are noticed.
    """
    tensors = {
        f"{part}/{name}": value
        for part in ("params", "m", "v", "ema")
        for name, value in getattr(state, part).items()
    }
    metadata = {
        "format": STATE_FORMAT,
        "step": str(state.step),
        "config": json.dumps(_comparable(config)),
        "log": json.dumps(log),
        "photographs": photographs,
    }
    save_tensors(path, tensors, metadata)


def load_state(path: Path, config: Config, photographs: str) -> tuple[TrainingState, Log]:
    """Load a run; configuration and data must be those it was started with."""
    if not path.exists():
        raise InputError(f"nothing has been saved in {path} yet; leave out --resume")
    tensors, metadata = load_tensors(path, STATE_FORMAT)
    if metadata["photographs"] != photographs:
        raise InputError(f"{path} was started with other photographs; give the same --data")
    stored, asked = json.loads(metadata["config"]), _comparable(config)
    for table in asked:
        for name in asked[table]:
            if stored[table].get(name) != asked[table][name]:
                raise InputError(
                    f"{path} was started with {table}.{name} = {stored[table].get(name)!r}, not "
                    f"{asked[table][name]!r}; resume with the same settings, or start anew"
                )
    parts: dict[str, training.Params] = {"params": {}, "m": {}, "v": {}, "ema": {}}
    for key, value in tensors.items():
        part, _, name = key.partition("/")
        parts[part][name] = value
    return TrainingState(int(metadata["step"]), **parts), json.loads(metadata["log"])


def _comparable(config: Config) -> dict[str, Any]:
    """The configuration as JSON gives it back, without where the data happen to lie."""
    table = json.loads(json.dumps(to_table(config)))
    for name in ("folder", "val_folder", "memory_mb"):
        del table["data"][name]
    return table


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


def find_data(settings: DataSettings) -> tuple[list[Path], list[Path]]:
    """Training and validation photographs as the settings ask for."""
    if settings.folder:
        images, folder = find_images(settings.folder), Path(settings.folder)
    else:
        images = embedded_images()
        folder = images[0].parent
    if settings.val_folder:
        return images, find_images(settings.val_folder)
    return split(images, settings.val_fraction, settings.seed, folder=folder)


def validation_set(
    config: Config, photographs: list[Path], held_out: list[Path]
) -> tuple[ValidationSet, list[tuple[Path, str]]]:
    """Crops to validate on, of training photographs if no other can be read, and bad files."""
    skipped: list[tuple[Path, str]] = []
    try:
        return ValidationSet.make(held_out, config, skipped), skipped
    except InputError:
        print("no photograph is held out: validating on those of the training", file=sys.stderr)
        known = photographs or embedded_images()
        return ValidationSet.make(known, config, []), skipped


def keep_config(path: Path, config: Config) -> None:
    """Write the configuration, unless the file says the same already, perhaps with comments."""
    if path.exists():
        with contextlib.suppress(InputError):
            if _comparable(from_table(Config, read_toml(path), str(path))) == _comparable(config):
                return
    write_whole(path, tomli_w.dumps(_comparable(config)).encode())


def train(
    config: Config,
    files: RunFiles,
    *,
    resume: bool,
    quiet: bool,
    command: str,
    where: Engine | None = None,
) -> None:
    """Run a training from its first, or its last saved, step to the end."""
    if not resume and files.state.exists():
        raise InputError(
            f"{files.state} holds an unfinished or finished run; add --resume, or remove it"
        )
    photographs, held_out = find_data(config.data)
    sampler = PatchSampler(photographs, config.data, progress=not quiet)
    validation, skipped = validation_set(config, photographs, held_out)
    skipped = [*sampler.skipped, *skipped]
    if skipped:
        print(f"{len(skipped)} unreadable images skipped:", file=sys.stderr)
        for path, reason in skipped:
            named = "" if path.name in reason else f"{path}: "
            print(f"  {named}{' '.join(reason.split())}", file=sys.stderr)
    data = sampler.description()
    digest = str(data["names_sha256"])
    if resume:
        state, log = load_state(files.state, config, digest)
    else:
        prepared = training.prepare(sampler, config.architecture, config.training, 0)
        first = training.make_batch(prepared, config.architecture, config.training, 0)
        state, log = training.initial_state(config.architecture, config.training, first), []
        keep_config(files.config, config)

    losses: list[float] = []
    last = config.training.steps
    bar = tqdm(total=last, initial=state.step, unit="step", disable=quiet or None, smoothing=0.05)

    def on_step(state: TrainingState, loss: float) -> None:
        losses.append(loss)
        bar.update()
        validate = state.step % config.training.validate_every == 0 or state.step == last
        if state.step % config.training.log_every and not validate:
            return
        rate = training.learning_rate(config.training, state.step - 1)
        row = {"step": state.step, "loss": float(np.mean(losses)), "learning_rate": rate}
        losses.clear()
        log.append(row)
        bar.set_postfix(loss=f"{row['loss']:.4f}", refresh=False)
        if validate:
            row |= validation.scores(config, state.ema)
            scores = ", ".join(f"{k} {row[f'psnr_{k}']:.2f}" for k in MASK_KINDS)
            if not quiet:
                tqdm.write(f"step {state.step}: loss {row['loss']:.4f}; hole PSNR (dB) {scores}")
            save_state(files.state, state, config, log, digest)
            write_log(files.log, log)
            draw_curves(files.curves, log, files.name)

    source = training.batches(sampler, config.architecture, config.training, state.step)
    try:
        with bar:
            state = training.fit(
                state,
                source,
                config.architecture,
                config.lif,
                config.training,
                on_step,
                threads=where.jobs if isinstance(where, Here) else None,
                cluster=where if isinstance(where, Cluster) else None,
            )
    except FloatingPointError as error:
        raise InputError(f"training diverged: {error}; try a lower learning_rate") from error
    model = HybridSCNN(config.architecture, state.ema, config.lif)
    about = {
        "name": files.name,
        "command": command,
        "config": _comparable(config),
        "data": data | {"skipped": len(skipped)},
        "validation": {k: v for k, v in log[-1].items() if k.startswith(("psnr", "mse"))},
        "training_loss": log[-1]["loss"],
        "versions": {name: version(name) for name in ("bio-scnn", "numpy", "scipy")}
        | {"python": platform.python_version()},
    }
    save_model(files.model, model, about)
    if not quiet:
        print(f"model: {files.model}\nlog: {files.log}, {files.curves}")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m bio_scnn.train",
        description="Train a hybrid spiking-convolutional network for inpainting, in NumPy.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "--config",
        default="inpaint",
        metavar="TOML",
        help="what to train: a file, or the name of a shipped model (default: inpaint)",
    )
    p.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of photographs, nested as you like (default: scikit-image's photographs)",
    )
    p.add_argument("--val", type=Path, metavar="DIR", help="validation photographs")
    p.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="where to write (default: runs/NAME)"
    )
    p.add_argument("--resume", action="store_true", help="go on with the run in the output folder")
    p.add_argument("--steps", type=int, help="gradient steps, instead of the configuration's")
    p.add_argument("--batch", type=int, help="images per step, instead of the configuration's")
    p.add_argument(
        "--shards",
        type=int,
        help="parts of a batch that are worked on side by side, instead of the configuration's",
    )
    p.add_argument("--seed", type=int, help="seed, instead of the configuration's")
    p.add_argument(
        "-j", "--jobs", type=int, metavar="N",
        help="shards worked on at a time, each by a thread of its own (default: all of a batch); "
        "the weights do not depend on it",
    )  # fmt: skip
    add_scheduler_option(p)
    p.add_argument("--quiet", action="store_true", help="print errors only")
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and train."""
    keep_freed_memory()
    args = parser().parse_args(argv)
    if args.jobs is not None and args.jobs < 1:
        raise InputError(f"--jobs is {args.jobs}; it must be at least 1")
    path = config_path(args.config)
    config = from_table(Config, read_toml(path), str(path))
    overrides = {name: getattr(args, name) for name in ("steps", "batch", "shards", "seed")}
    settings: dict[str, Any] = {
        name: value for name, value in overrides.items() if value is not None
    }
    folders = {"folder": args.data, "val_folder": args.val}
    places: dict[str, Any] = {
        name: str(value) for name, value in folders.items() if value is not None
    }
    config = dataclasses.replace(
        config,
        training=dataclasses.replace(config.training, **settings),
        data=dataclasses.replace(config.data, **places),
    )
    files = RunFiles(args.output or Path("runs") / path.stem, path.stem)
    # Where things lie on this machine is nobody's business: only the names go into the model.
    words = [
        Path(word).name if Path(word).is_absolute() else word
        for word in (sys.argv[1:] if argv is None else argv)
    ]
    command = shlex.join(["python", "-m", "bio_scnn.train", *words])
    with engine(args.jobs or config.training.shards, args.scheduler) as where:
        train(
            config,
            files,
            resume=args.resume,
            quiet=args.quiet,
            command=command,
            where=where,
        )


if __name__ == "__main__":
    run(main)
