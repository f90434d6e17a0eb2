"""Binary PGM and PPM files of 16 bits, which Pillow reads as 8 bits or as other numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.limits import check_size


def read_netpbm16(path: Path, header: bytes, limit: int) -> NDArray | None:
    """Decode a binary PGM or PPM file of 16 bits, or None if this is not one."""
    if header[:2] not in (b"P5", b"P6"):
        return None
    data = path.read_bytes()
    gap = rb"(?:\s|#[^\n]*\n)+"
    found = re.match(rb"P[56]" + gap + gap.join([rb"(\d{1,9})"] * 3) + rb"\s", data)
    if found is None or int(found[3]) <= 255:
        return None
    width, height, white = (int(number) for number in found.groups())
    check_size(path, (width, height), limit)
    shape = (height, width) if header[:2] == b"P5" else (height, width, 3)
    pixels = np.frombuffer(data, ">u2", int(np.prod(shape)), found.end()).reshape(shape)
    if white == 65535:
        return pixels.astype(np.uint16)
    return np.rint(pixels * (65535 / white)).clip(0, 65535).astype(np.uint16)
