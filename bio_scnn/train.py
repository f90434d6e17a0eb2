"""Train a model: ``python -m bio_scnn.train``."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bio_scnn.commands.options import add_quiet_option, add_scheduler_option, run
from bio_scnn.commands.parser import CommandParser
from bio_scnn.commands.training import add_execution_options, execution_of
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import config_path, model_path
from bio_scnn.runtime.config import from_table, read_toml
from bio_scnn.runtime.memory import keep_freed_memory
from bio_scnn.runtime.places import open_place
from bio_scnn.training.run import train
from bio_scnn.training.run_files import RunFiles
from bio_scnn.training.settings import Config

EPILOG = """\
examples:
  python -m bio_scnn.train --data photos/ --output runs/first
      train the default configuration on every image below photos/
  python -m bio_scnn.train --data photos/ --output runs/first --resume
      continue after an interruption; the weights come out the same, bit for bit
  python -m bio_scnn.train --data photos/ --start-from inpaint --steps 2000 --learning-rate 5e-4
      continue from the shipped weights with your own photographs
  python -m bio_scnn.train --config models/paper.toml --data photos/
      train the paper's own setting
  python -m bio_scnn.train --data photos/ --scheduler tcp://host:8786 --batch 32 --shards 16
      compute the gradients of each step on 16 workers of a Dask cluster
  python -m bio_scnn.train --data photos/ --backend torch --device cuda --precision tf32
      the same training in PyTorch, on a GPU
  python -m bio_scnn.train --steps 20 --output runs/try
      a trial of a few minutes without data of your own, on scikit-image's photographs
"""

# Settings that have an option each.
SETTINGS = ("steps", "learning_rate", "batch", "shards", "seed")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser(
        "train",
        "Train a hybrid spiking-convolutional network for inpainting.",
        EPILOG,
    )
    p.add_argument(
        "--config",
        default="inpaint",
        metavar="TOML",
        help="configuration: a TOML file, or the name of a shipped model (default: inpaint)",
    )
    p.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of photographs, subfolders included (default: scikit-image's photographs)",
    )
    p.add_argument("--val", type=Path, metavar="DIR", help="folder of validation photographs")
    p.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="output folder (default: runs/NAME)"
    )
    p.add_argument("--resume", action="store_true", help="continue the run in the output folder")
    p.add_argument(
        "--start-from", metavar="MODEL",
        help="start with the weights of a trained network, given by file or by the name of a "
        "shipped model; its layers must have the same shapes, its neurons may differ",
    )  # fmt: skip
    p.add_argument(
        "--steps", type=int, help="number of gradient steps (default: from the configuration)"
    )
    p.add_argument(
        "--learning-rate",
        type=float,
        help="highest learning rate (default: from the configuration)",
    )
    p.add_argument("--batch", type=int, help="images per step (default: from the configuration)")
    p.add_argument(
        "--shards",
        type=int,
        help="parts of a batch that are computed in parallel (default: from the configuration)",
    )
    p.add_argument("--seed", type=int, help="random seed (default: from the configuration)")
    p.add_argument(
        "-j", "--jobs", type=int, metavar="N",
        help="number of shards computed at the same time, in one thread each (default: all shards "
        "of a batch); the weights do not depend on it",
    )  # fmt: skip
    add_execution_options(p)
    add_scheduler_option(p)
    add_quiet_option(p)
    return p


def configured(args: argparse.Namespace) -> Config:
    """The configuration that is named, with what the options change of it."""
    path = config_path(args.config)
    config = from_table(Config, read_toml(path), str(path))
    overrides = {name: getattr(args, name) for name in SETTINGS}
    settings: dict[str, Any] = {
        name: value for name, value in overrides.items() if value is not None
    }
    folders = {"folder": args.data, "val_folder": args.val}
    places: dict[str, Any] = {
        name: str(value) for name, value in folders.items() if value is not None
    }
    return dataclasses.replace(
        config,
        training=dataclasses.replace(config.training, **settings),
        data=dataclasses.replace(config.data, **places),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and train."""
    keep_freed_memory()
    args = parser().parse_args(argv)
    if args.jobs is not None and args.jobs < 1:
        raise InputError(f"--jobs is {args.jobs}; it must be at least 1")
    execution = execution_of(args)
    if execution.device is not None and args.scheduler:
        raise InputError("--backend torch does not work on a cluster; leave out --scheduler")
    config, name = configured(args), config_path(args.config).stem
    files = RunFiles(args.output or Path("runs") / name, name)
    # Where things lie on this machine is nobody's business: only the names go into the model.
    words = [
        Path(word).name if Path(word).is_absolute() else word
        for word in (sys.argv[1:] if argv is None else argv)
    ]
    command = shlex.join(["python", "-m", "bio_scnn.train", *words])
    with open_place(args.jobs or config.training.shards, args.scheduler) as where:
        train(
            config,
            files,
            resume=args.resume,
            quiet=args.quiet,
            command=command,
            execution=dataclasses.replace(execution, where=where),
            start_from=model_path(args.start_from) if args.start_from else None,
        )


if __name__ == "__main__":
    run(main)
