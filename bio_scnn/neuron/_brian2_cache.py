"""Caches of Brian2: compiled modules, with digests that tell which are damaged, and bounds."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
from pathlib import Path

from bio_scnn.errors import InputError
from bio_scnn.runtime.files import write_whole

_SUFFIXES = (".so", ".pyd")

MOST_STATEMENTS = 512  # that Brian2 remembers; a simulation has about ten
MOST_EQUATIONS = 50  # that it remembers; a simulation has one set


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


def forget_simulations() -> None:
    """Drop the oldest entries of Brian2's caches.

    It keeps them for ever, others for each number of neurons: 80 kB a call.
    """
    from brian2.codegen.translation import make_statements
    from brian2.stateupdaters.base import StateUpdateMethod

    for function, most in (
        (make_statements, MOST_STATEMENTS),
        (StateUpdateMethod.apply_stateupdater, MOST_EQUATIONS),
    ):
        cache = getattr(function, "_cache", {})
        for key in list(itertools.islice(cache, max(len(cache) - most, 0))):
            cache.pop(key, None)
