"""Pictures turned upright, as the EXIF orientation of their file says."""

from __future__ import annotations

import re
import struct
from typing import Any

from numpy.typing import NDArray

from bio_scnn.data.ifd import upright_block

_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation(?:=["']|>))[2-9]""")


def orientation_of(value: Any) -> int:
    """One of the eight orientations; 1, upright, for whatever else a file may say."""
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1


def upright(image: NDArray, orientation: int) -> NDArray:
    """Pixels (H, W, ...) turned upright from one of the eight EXIF orientations, as a view."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image


def upright_exif(block: bytes, orientation: int) -> bytes:
    """EXIF block of the picture turned upright; empty if the block is damaged."""
    try:
        return upright_block(block.removeprefix(b"Exif\0\0"), orientation >= 5)
    except (struct.error, KeyError, IndexError):
        return b""


def upright_xmp(packet: bytes) -> bytes:
    """XMP packet of the picture turned upright."""
    return _XMP_ORIENTATION.sub(rb"\g<1>1", packet)
