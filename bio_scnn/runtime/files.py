"""Files that nobody ever sees half of, and numbers that may stand in JSON."""

from __future__ import annotations

import contextlib
import math
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from bio_scnn.errors import InputError


def write_whole(path: Path, data: bytes | Callable[[BinaryIO], None]) -> None:
    """Write beside `path` and rename into place; folders on the way are created.

    Parameters
    ----------
    path : Path
    data : bytes, or callable
        What is written, or a function that writes it to an open file.

    Raises
    ------
    InputError
        If the file cannot be written; what was there before is untouched.
    """
    beside = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(beside, "xb") as file:
                if callable(data):
                    data(file)
                else:
                    file.write(data)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """A block that one process at a time is in, of all that name the same file.

    Others wait; a process that dies leaves it. Where files cannot be locked nobody waits.
    """
    try:
        import fcntl
    except ModuleNotFoundError:  # as on Windows
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def finite(value: Any) -> Any:
    """The same nest of dicts, lists and tuples, with None for numbers that JSON has not."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
