"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from bio_scnn.errors import InputError


def write_whole(path: Path, data: bytes) -> None:
    """Write beside `path` and rename into place; folders on the way are created.

    Raises
    ------
    InputError
        If the file cannot be written; what was there before is untouched.
    """
    beside = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(data)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
