"""Run every benchmark: ``python -m benchmarks``, with the options of the scripts."""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from collections.abc import Sequence

from tqdm import tqdm

from benchmarks._bench import arguments, missing, parser
from bio_scnn.commands.options import run
from bio_scnn.errors import InputError
from tools import scripts


def main(argv: Sequence[str] | None = None, package: str = "benchmarks") -> None:
    """Run every script of a package, each in a process of its own, with the same options.

    A script that lacks what it needs is left out.

    Raises
    ------
    InputError
        If scripts failed; the others have run.
    """
    args = arguments(parser("Run every benchmark."), argv)
    words = ["--output", str(args.output.resolve()), *(["--quick"] if args.quick else [])]
    checkout = scripts.folder(package).parent
    started = time.monotonic()
    failed = []
    for name in tqdm(scripts.names(package), disable=None):
        tqdm.write(f"[{time.monotonic() - started:3.0f} s] {name}")
        sys.stdout.flush()  # or it comes after what the script prints
        module = f"{package}.{name}"
        if lacking := missing(*getattr(importlib.import_module(module), "NEEDS", ())):
            tqdm.write(f"left out: {lacking} not installed")
        elif subprocess.run([sys.executable, "-m", module, *words], cwd=checkout).returncode:
            failed.append(name)
    tqdm.write(f"[{time.monotonic() - started:3.0f} s] done")
    if failed:
        raise InputError(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    run(main)
