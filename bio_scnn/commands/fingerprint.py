"""Fingerprint of a restoration: equal if the pictures, the settings and the program are."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from bio_scnn._version import __version__
from bio_scnn.data.stamps import settings_of, stamped
from bio_scnn.network.checkpoint import model_path
from bio_scnn.restoration.request import Request


def fingerprint(path: Path, request: Request) -> str:
    """SHA-256 of all that a result depends on; of masks, models and pictures of their contents.

    Parameters
    ----------
    path : Path
        The picture.
    request : Request
        Its masks are files, not folders of them.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    drawn = not request.masks
    facts = {
        "version": __version__,
        "picture": _digest(path),
        "masks": [_digest(mask) if mask.is_file() else str(mask) for mask in request.masks],
        "mask": [request.mask_invert, request.mask_grow, request.nodata],
        "holes": [request.mask_kind, request.coverage] if drawn else None,
        "seed": request.seed,
        "model": _model_digest(request.model),
        "options": asdict(request.options),
        "quality": request.quality,
        "page": request.page,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def is_done(path: Path, request: Request) -> bool:
    """Answer if a picture's results are there, complete, and of these settings."""
    files = request.files_of(path)
    try:
        if not all(file.is_file() for file in files.values()):
            return False
        wanted = fingerprint(path, request)
        return all(settings_of(file.read_bytes()) == wanted for file in files.values())
    except OSError:
        return False


def with_fingerprint(files: dict[Path, bytes], settings: str) -> dict[Path, bytes]:
    """Files of a result with its fingerprint inside; unchanged without one."""
    return {path: stamped(data, settings) for path, data in files.items()} if settings else files


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def _model_digest(name: str) -> str:
    return _digest(Path(model_path(name)))
