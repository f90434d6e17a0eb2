"""All scripts of this folder, one after the other."""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from pathlib import Path

from _bench import FOLDER, NotInstalled, arguments, parser
from tqdm import tqdm


def scripts(folder: Path = FOLDER) -> list[str]:
    """Names of the scripts, those that measure something."""
    return sorted(path.stem for path in folder.glob("[a-z]*.py"))


def main(argv: Sequence[str] | None = None) -> None:
    """Run every script with the same options; one that lacks what it needs is left out."""
    args = arguments(parser("Run every benchmark of this folder."), argv)
    words = ["--output", str(args.output), *(["--quick"] if args.quick else [])]
    started = time.monotonic()
    for name in tqdm(scripts(), disable=None):
        tqdm.write(f"[{time.monotonic() - started:3.0f} s] {name}")
        try:
            importlib.import_module(name).main(words)
        except NotInstalled as lacking:
            tqdm.write(f"left out: {lacking}")
    tqdm.write(f"[{time.monotonic() - started:3.0f} s] done")
