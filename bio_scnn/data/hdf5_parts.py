"""Parts of an HDF5 dataset as its header has them: element type, shape, filters of chunks."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

GZIP, SHUFFLE, CHECKSUM = KNOWN_FILTERS = (1, 2, 3)
"""Numbers of the filters that are undone here."""


class Damaged(Exception):
    """A structure that is not where the file says it is."""


@dataclass(frozen=True)
class ElementType:
    """Type of a dataset's elements.

    Attributes
    ----------
    size : int, bytes
        In the file.
    dtype : numpy dtype or None
        None for a string of variable length, which lies elsewhere.
    """

    size: int
    dtype: np.dtype[Any] | None


def element_type(data: bytes) -> ElementType | None:
    """Type that a datatype message describes; None if it is neither a number nor a text."""
    kind, bits, (size,) = data[0] & 15, data[1], struct.unpack_from("<I", data, 4)
    order = ">" if bits & 1 else "<"
    if kind == 0 and size in (1, 2, 4, 8):
        return ElementType(size, np.dtype(f"{order}{'i' if bits & 8 else 'u'}{size}"))
    if kind == 1 and size in (2, 4, 8) and not bits & 0x40:
        return ElementType(size, np.dtype(f"{order}f{size}"))
    if kind == 3 and size:
        return ElementType(size, np.dtype(f"S{size}"))
    if kind == 8:  # an enumeration, as h5py writes bool
        return element_type(data[8:])
    if kind == 9 and bits & 15 == 1 and size == 16:
        return ElementType(size, None)
    return None


def shape_of(data: bytes) -> tuple[int, ...] | None:
    """Shape of a dataspace; None if it has no values."""
    version, rank = data[0], data[1]
    if version == 2 and data[3] == 2:
        return None
    return struct.unpack_from(f"<{rank}Q", data, 8 if version == 1 else 4)


def filters_of(data: bytes) -> list[tuple[int, tuple[int, ...]]]:
    """Filters of a pipeline: number and parameters, in the order in which they were applied."""
    version, count, at, found = data[0], data[1], 8 if data[0] == 1 else 2, []
    for _ in range(count):
        (kind,) = struct.unpack_from("<H", data, at)
        named = version == 1 or kind >= 256
        length = struct.unpack_from("<H", data, at + 2)[0] if named else 0
        at += 4 if named else 2
        _, values = struct.unpack_from("<HH", data, at)
        at += 4 + (-(-length // 8) * 8 if version == 1 else length)
        found.append((kind, struct.unpack_from(f"<{values}I", data, at)))
        at += 4 * (values + (version == 1 and values % 2))
    return found


def unpacked(
    block: bytes, filters: list[tuple[int, tuple[int, ...]]], mask: int, size: int
) -> bytes:
    """A chunk as it was before its filters; `size`: bytes it has then."""
    for number, (kind, values) in reversed(list(enumerate(filters))):
        if mask >> number & 1:
            continue
        if kind == GZIP:
            unpacker = zlib.decompressobj()
            block = unpacker.decompress(block, size + 4)
        elif kind == SHUFFLE:
            width = values[0]
            whole = len(block) // width * width
            planes = np.frombuffer(block[:whole], np.uint8).reshape(width, -1)
            block = planes.T.tobytes() + block[whole:]
        else:
            block = block[:-4]
    if len(block) != size:
        raise Damaged(f"a chunk of {len(block)} bytes should have {size}")
    return block
