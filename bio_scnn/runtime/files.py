"""Files that nobody ever sees half of, nor loses, and numbers that may stand in JSON."""

from __future__ import annotations

import contextlib
import itertools
import math
import operator
import os
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from bio_scnn.errors import InputError


def write_whole(path: Path, data: bytes | Callable[[BinaryIO], None]) -> None:
    """Write a file completely or not at all; missing folders are created.

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
                file.flush()
                os.fsync(file.fileno())  # else a crash may leave the new name with nothing in it
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


def write_keeping(
    path: Path, data: bytes, same: Callable[[bytes, bytes], bool] = operator.eq
) -> Path | None:
    """Write as `write_whole` does, and keep another content of that name under a new one.

    Parameters
    ----------
    path : Path
    data : bytes
    same : callable
        Tells of what is there and of what is written if the first can go.

    Returns
    -------
    kept : Path or None
        ``NAME-1.SUFFIX``, ``NAME-2.SUFFIX``, ..., if another content was there.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    kept = None
    try:
        if path.is_file() and not same(path.read_bytes(), data):
            kept = _kept(path)
    except OSError as error:
        raise InputError(
            f"{path}: an earlier file of that name cannot be kept ({error.strerror or error})"
        ) from error
    write_whole(path, data)
    return kept


def _kept(path: Path) -> Path:
    """New name of a file, which nothing has; two processes never choose the same."""
    for number in itertools.count(1):
        aside = path.with_name(f"{path.stem}-{number}{path.suffix}")
        try:
            os.link(path, aside)
        except FileExistsError:
            continue
        except OSError:  # the file system knows no links
            if aside.exists():
                continue
            os.rename(path, aside)
        return aside
    raise AssertionError("numbers do not end")


def same_name(name: str) -> str:
    """Name as file systems compare it that know no case: equal for names that may clash."""
    return unicodedata.normalize("NFC", name).casefold()


def place_of(path: Path) -> str:
    """Place of a file, links followed, to compare: equal for paths that may be one file."""
    return same_name(os.path.realpath(path))


def encodable(text: str) -> str:
    """Text that any encoding of Unicode holds and no terminal obeys.

    File names may hold bytes that are no text, and escape sequences; both are written as
    ``\\x1b``. Line breaks and tabs stay.
    """
    safe = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c in "\n\t" or c.isprintable() else _escaped(c) for c in safe)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode() if not character.isspace() else " "


def finite(value: Any) -> Any:
    """Copy of nested dicts, lists and tuples for JSON, with None for NaN and infinities."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
