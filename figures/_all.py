"""All scripts of this folder, one after the other, in one process."""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from pathlib import Path

from common import FOLDER, arguments, parser
from tqdm import tqdm


def scripts(folder: Path) -> list[str]:
    """Names of the scripts, those that draw something."""
    return sorted(path.stem for path in folder.glob("[a-z]*.py") if path.stem != "common")


def main(argv: Sequence[str] | None = None) -> None:
    """Run every script with the same options."""
    description = "Draw every figure and table of this folder."
    args = arguments(parser(description, photographs=True), argv)
    started = time.monotonic()
    for name in tqdm(scripts(FOLDER), disable=None):
        tqdm.write(f"[{time.monotonic() - started:3.0f} s] {name}")
        importlib.import_module(name).main(args)
