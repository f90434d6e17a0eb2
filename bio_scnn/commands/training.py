"""Options of command lines that train: backend, device, precision and patches."""

from __future__ import annotations

import argparse
from pathlib import Path

from bio_scnn.errors import InputError
from bio_scnn.runtime.processes import threads
from bio_scnn.training.run import Execution
from bio_scnn.training.settings import PRECISIONS

_GPU_WORKERS = 8
_DEFAULTS = {"device": "cpu", "precision": "float32"}


def add_execution_options(p: argparse.ArgumentParser) -> None:
    """Add the options that `execution_of` reads."""
    p.add_argument(
        "--workers", type=int, metavar="N",
        help="number of processes that prepare patches (default: 1; on a GPU 8, or the number of "
        "cores if that is less)",
    )  # fmt: skip
    p.add_argument(
        "--keep-patches", type=Path, metavar="DIR",
        help="folder that keeps prepared patches, about 0.6 MB each, for other trainings",
    )  # fmt: skip
    p.add_argument(
        "--backend", choices=("numpy", "torch"), default="numpy",
        help="library that computes; the batches and the update are the same (default: numpy)",
    )  # fmt: skip
    p.add_argument(
        "--device",
        default=_DEFAULTS["device"],
        help="PyTorch device: cpu, cuda, ... (default: %(default)s)",
    )
    p.add_argument(
        "--precision", choices=PRECISIONS, default=_DEFAULTS["precision"],
        help="precision of PyTorch's convolutions and matrix products (default: %(default)s)",
    )  # fmt: skip


def execution_of(args: argparse.Namespace) -> Execution:
    """Execution that the options request.

    Raises
    ------
    InputError
        If the options contradict one another, or PyTorch or the device is missing.
    """
    if args.workers is not None and args.workers < 1:
        raise InputError(f"--workers is {args.workers}; it must be at least 1")
    if args.backend == "numpy":
        for name, default in _DEFAULTS.items():
            if getattr(args, name) != default:
                raise InputError(f"--{name} is for --backend torch")
        return Execution(workers=args.workers or 1, patches=args.keep_patches)
    try:
        from bio_scnn.training.on_torch import Device
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise InputError("--backend torch needs PyTorch: pip install torch") from None
    device = Device.named(args.device, args.precision)
    workers = args.workers or (1 if args.device == "cpu" else min(_GPU_WORKERS, threads()))
    return Execution(workers=workers, patches=args.keep_patches, device=device)
