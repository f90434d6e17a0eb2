"""Command lines of the scripts in figures/ and benchmarks/."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from bio_scnn.errors import InputError


def folder(package: str) -> Path:
    """Folder of a package, such as ``"figures"``."""
    file = importlib.import_module(package).__file__
    assert file is not None
    return Path(file).parent


def names(package: str) -> list[str]:
    """Names of a package's scripts: the modules that have a command line of their own."""
    return sorted(
        path.stem
        for path in folder(package).glob("[a-z]*.py")
        if 'if __name__ == "__main__":' in path.read_text("utf-8")
    )


def parser(
    package: str, description: str | None, examples: Sequence[str]
) -> argparse.ArgumentParser:
    """Parser of the running script, whose help ends with examples of its command line."""
    program = Path(sys.argv[0])
    module = f"{package}.{program.stem}" if program.stem in names(package) else package
    lines = [f"  python -m {module} {words}" for words in examples]
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        epilog="\n".join(["examples:" if len(lines) > 1 else "example:", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def check_output(folder: Path) -> None:
    """Refuse a file as the folder of results, before anything is measured.

    Raises
    ------
    InputError
        If it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--output {folder} is a file; it must be a folder")
