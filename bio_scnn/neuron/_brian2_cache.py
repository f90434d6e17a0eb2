"""Compiled modules kept for later processes, with digests that tell which are damaged."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from pathlib import Path

from bio_scnn.errors import InputError
from bio_scnn.runtime.files import write_whole

_SUFFIXES = (".so", ".pyd")


@functools.cache
def drop_damaged(directory: Path) -> None:
    """Remove compiled modules that are not what was recorded; Brian2 builds them again.

    Once per process: what is loaded stays as it is. A damaged one could end the process.
    """
    for record in directory.glob("*.sha256"):
        module = record.with_suffix("")
        with contextlib.suppress(OSError):
            if record.read_text("ascii", "replace") != _digest(module):
                module.unlink(missing_ok=True)
                record.unlink(missing_ok=True)


def record(directory: Path) -> None:
    """Write the digests of modules that have none yet; they have computed a known result."""
    for module in directory.glob("_cython_magic_*"):
        beside = module.with_name(f"{module.name}.sha256")
        if module.suffix in _SUFFIXES and not beside.exists():
            with contextlib.suppress(OSError, InputError):
                write_whole(beside, _digest(module).encode())


def _digest(module: Path) -> str:
    return hashlib.sha256(module.read_bytes()).hexdigest()
