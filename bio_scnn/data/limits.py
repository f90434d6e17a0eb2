"""Limits that a picture's declared size is held to, before anything of that size is made."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageFile

from bio_scnn.errors import InputError

MAX_PIXELS = 2**28
"""Pixels of a picture that is read unless told otherwise: a photograph of 200 megapixels is."""

_BYTES_EACH = 16  # of a pixel: four floats; of more than that, fewer pixels are read
_PILLOW = threading.RLock()  # its own limit is a global variable


def check_size(path: Path, size: tuple[int, int], limit: int, bytes_each: float = 1.0) -> None:
    """Refuse a picture of a declared width and height that is too large to be read unasked.

    Raises
    ------
    InputError
        If it has more than `limit` pixels, or fewer of more than 16 bytes each.
    """
    pixels = size[0] * size[1]
    if pixels * max(bytes_each / _BYTES_EACH, 1.0) > limit:
        raise InputError(
            f"{path}: says it has {size[0]} x {size[1]} pixels, {pixels / 1e6:,.0f} million; no "
            f"more than {limit / 1e6:,.0f} million are read; if it is no decompression bomb, "
            f"--max-pixels {pixels} (max_pixels={pixels} in Python) lifts the limit"
        )


def open_image(file: BinaryIO, path: Path, limit: int) -> ImageFile.ImageFile:
    """File opened by Pillow, held to `limit` in place of Pillow's own."""
    with _PILLOW:
        theirs, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            opened = Image.open(file)
        finally:
            Image.MAX_IMAGE_PIXELS = theirs
    check_size(path, opened.size, limit)
    return opened
