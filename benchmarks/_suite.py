"""All scripts of this folder, one after the other, each in a process of its own."""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from _bench import FOLDER, arguments, missing, parser
from tqdm import tqdm

from bio_scnn.errors import InputError


def scripts(folder: Path) -> list[str]:
    """Names of the scripts, those that measure something."""
    return sorted(path.stem for path in folder.glob("[a-z]*.py"))


def main(argv: Sequence[str] | None = None) -> None:
    """Run every script with the same options; one that lacks what it needs is left out.

    Raises
    ------
    InputError
        If scripts failed; the others have run.
    """
    args = arguments(parser("Run every benchmark of this folder."), argv)
    words = ["--output", str(args.output), *(["--quick"] if args.quick else [])]
    started = time.monotonic()
    failed = []
    for name in tqdm(scripts(FOLDER), disable=None):
        tqdm.write(f"[{time.monotonic() - started:3.0f} s] {name}")
        sys.stdout.flush()  # or it comes after what the script prints
        if lacking := missing(*getattr(importlib.import_module(name), "NEEDS", ())):
            tqdm.write(f"left out: {lacking} not installed")
        elif subprocess.run([sys.executable, str(FOLDER / f"{name}.py"), *words]).returncode:
            failed.append(name)
    tqdm.write(f"[{time.monotonic() - started:3.0f} s] done")
    if failed:
        raise InputError(f"failed: {', '.join(failed)}")
