"""Draw every figure and table: ``python -m figures``, with the options of the scripts."""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence

from tqdm import tqdm

from bio_scnn.commands.options import run
from figures.common import arguments, parser
from tools import scripts


def main(argv: Sequence[str] | None = None, package: str = "figures") -> None:
    """Run every script of a package with the same options, in one process."""
    args = arguments(parser("Draw every figure and table.", photographs=True), argv)
    started = time.monotonic()
    for name in tqdm(scripts.names(package), disable=None):
        tqdm.write(f"[{time.monotonic() - started:3.0f} s] {name}")
        importlib.import_module(f"{package}.{name}").main(args)


if __name__ == "__main__":
    run(main)
