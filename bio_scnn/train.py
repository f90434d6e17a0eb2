"""Train a model: ``python -m bio_scnn.train``."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bio_scnn.commands.options import add_scheduler_option, run
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import config_path
from bio_scnn.runtime.config import from_table, read_toml
from bio_scnn.runtime.memory import keep_freed_memory
from bio_scnn.runtime.places import open_place
from bio_scnn.runtime.processes import threads
from bio_scnn.training.run import Execution, train
from bio_scnn.training.run_files import RunFiles
from bio_scnn.training.settings import PRECISIONS, Config

if TYPE_CHECKING:
    from bio_scnn.training.on_torch import Device

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
  python -m bio_scnn.train --data photos/ --backend torch --device cuda --precision tf32
      the same training in PyTorch, on a GPU
  python -m bio_scnn.train --steps 200 --output runs/try
      a short try without any data: scikit-image's photographs and generated images
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m bio_scnn.train",
        description="Train a hybrid spiking-convolutional network for inpainting.",
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
    p.add_argument(
        "--workers", type=int, metavar="N",
        help="processes that prepare patches (default: 1; 8 on a GPU, if there are cores)",
    )  # fmt: skip
    p.add_argument(
        "--keep-patches", type=Path, metavar="DIR",
        help="keep prepared patches there, some 0.6 MB each, for other trainings on the same ones",
    )  # fmt: skip
    p.add_argument(
        "--backend", choices=("numpy", "torch"), default="numpy",
        help="what computes; both are given the same batches and the same update (default: numpy)",
    )  # fmt: skip
    p.add_argument("--device", default="cpu", help="of PyTorch: cpu, cuda, ... (default: cpu)")
    p.add_argument(
        "--precision", choices=PRECISIONS, default="float32",
        help="of PyTorch's convolutions and matrix products (default: float32)",
    )  # fmt: skip
    add_scheduler_option(p)
    p.add_argument("--quiet", action="store_true", help="print errors only")
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and train."""
    keep_freed_memory()
    args = parser().parse_args(argv)
    for name in ("jobs", "workers"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise InputError(f"--{name} is {getattr(args, name)}; it must be at least 1")
    device = _device(args)
    workers = args.workers or (min(8, threads()) if device and device.name != "cpu" else 1)
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
    with open_place(args.jobs or config.training.shards, args.scheduler) as where:
        train(
            config,
            files,
            resume=args.resume,
            quiet=args.quiet,
            command=command,
            execution=Execution(where, workers, args.keep_patches, device),
        )


def _device(args: argparse.Namespace) -> Device | None:
    """The device of PyTorch that is asked for, or None for NumPy."""
    if args.backend == "numpy":
        for name in ("device", "precision"):
            if getattr(args, name) != parser().get_default(name):
                raise InputError(f"--{name} is for --backend torch")
        return None
    if args.scheduler:
        raise InputError("--backend torch does not work on a cluster; leave out --scheduler")
    try:
        from bio_scnn.training.on_torch import Device
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise InputError("--backend torch needs PyTorch: pip install torch") from None
    return Device(args.device, args.precision).checked()


if __name__ == "__main__":
    run(main)
