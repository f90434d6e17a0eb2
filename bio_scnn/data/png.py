"""PNG files beyond what Pillow does: 16 bits a sample, and chunks carried over as they are.

Pillow reads 16-bit colour as 8-bit and has no 16-bit colour mode to write from, so those samples
go through its public ``zip`` decoder twice (high and low bytes), and through a few lines of
encoding.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bio_scnn.data.metadata import Metadata
from bio_scnn.errors import InputError

Chunk = tuple[bytes, bytes]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPE = {1: 0, 3: 2, 2: 4, 4: 6}  # channels -> colour type
_HEAD = len(SIGNATURE) + 25  # signature and IHDR
# They say how colours are meant, or when they were made. Others are kept if their name says that
# they may be by a program that does not know them: its last letter is small.
_KEPT = {b"cHRM", b"gAMA", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"tIME"}
_REBUILT = {b"iCCP", b"eXIf", b"pHYs"}  # from the metadata
_TEXTS_REBUILT = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")
# Passes of an interlaced picture: first column and row, and steps between them.
_ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip
_PART = 2**20  # bytes unpacked at a time
_MOST = 2**26  # bytes of one chunk to keep


def chunks(file: BinaryIO, data: bool = False) -> Iterator[tuple[bytes, bytes]]:
    """Chunks of an open PNG file, in their order: pixels only on demand, and broken ones as well.

    Parameters
    ----------
    file : binary file
    data : bool
        With the contents of pixel data, which are passed over otherwise.
    """
    file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        pixels = kind in (b"IDAT", b"fdAT")
        if not data if pixels else length > _MOST:
            file.seek(length + 4, 1)
            yield kind, b""
        else:
            yield kind, file.read(length)
            file.seek(4, 1)
        if kind == b"IEND":
            return


def damaged_chunks(file: BinaryIO) -> list[str]:
    """Names of chunks of an open PNG file with a wrong checksum; the file stands where it did."""
    start, wrong = file.tell(), dict[str, None]()
    file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8:
        left, kind = struct.unpack(">I4s", head)
        found = zlib.crc32(kind)
        while left > 0 and (part := file.read(min(left, _PART))):
            found, left = zlib.crc32(part, found), left - len(part)
        stored = file.read(4)
        if len(stored) < 4:
            break  # its decoder says so
        if stored != struct.pack(">I", found):
            wrong[kind.decode("ascii", "backslashreplace")] = None
        if kind == b"IEND":
            break
    file.seek(start)
    return list(wrong)


def without_damaged(path: Path) -> bytes:
    """A PNG file without chunks whose checksum is wrong, but for pixels, which have another.

    Raises
    ------
    InputError
        If nothing can be read without them.
    """
    parts, kinds = [SIGNATURE], []
    with path.open("rb") as file:
        for kind, data in chunks(file, data=True):
            if _is_sound(file, kind, data) or kind in (b"IDAT", b"fdAT", b"IEND"):
                parts.append(_coded((kind, data)))
            elif kind[:1].isupper():
                kinds.append(kind.decode("ascii", "backslashreplace"))
    if kinds:
        raise InputError(f"{path}: its chunk {kinds[0]} is damaged: its checksum is wrong")
    return b"".join(parts)


def _is_sound(file: BinaryIO, kind: bytes, data: bytes) -> bool:
    """Compare a chunk with its checksum, at which the file stands, and stays."""
    stored = file.read(4)
    file.seek(-len(stored), 1)
    return stored == _coded((kind, data))[-4:]


def kept_chunks(file: BinaryIO) -> tuple[Chunk, ...]:
    """Chunks of a PNG file that stay true when missing pixels are filled in."""
    return tuple(
        (kind, data)
        for kind, data in chunks(file)
        if data
        and (kind in _KEPT or (kind.isalpha() and kind[:1].islower() and kind[3:].islower()))
        and kind not in _REBUILT
        and not data.startswith(_TEXTS_REBUILT)
        and _is_sound(file, kind, data)
    )


def chunks_of(metadata: Metadata) -> list[Chunk]:
    """Chunks that say what the metadata says."""
    found = list(metadata.chunks)
    if metadata.icc:
        found.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.resolution:
        x, y, _ = metadata.resolution
        if (dpi := metadata.dpi) is not None:
            x, y = (value / 0.0254 for value in dpi)
        most = 2**31 - 1
        sides = (min(max(round(value), 1), most) for value in (x, y))
        found.append((b"pHYs", struct.pack(">IIB", *sides, dpi is not None)))
    if block := metadata.block:
        found.append((b"eXIf", block))
    if metadata.xmp:
        found.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    if metadata.comment:
        text = metadata.comment.decode("utf-8", "replace").replace("\0", "")
        found.append((b"iTXt", b"Comment\0\0\0\0\0" + text.encode()))
    return found


def with_chunks(png: bytes, added: Sequence[Chunk]) -> bytes:
    """The same PNG file with chunks behind its header."""
    if not added:
        return png
    return b"".join((png[:_HEAD], *map(_coded, added), memoryview(png)[_HEAD:]))


def _coded(chunk: Chunk) -> bytes:
    kind, data = chunk
    check = struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
    return struct.pack(">I", len(data)) + kind + data + check


def read_png16(path: Path) -> NDArray[np.uint16]:
    """Pixels of a 16-bit PNG with more than one channel, or with a transparent colour.

    Pillow keeps only one byte of each sample, but lets the caller say which: reading the samples
    as big-endian gives the high bytes, reading them as little-endian the low ones.
    """
    with path.open("rb") as file:
        found = list(chunks(file, data=True))
    width, height, _, colour_type, _, _, interlaced = struct.unpack(">IIBBBBB", found[0][1])
    stream = b"".join(data for kind, data in found if kind == b"IDAT")
    key = next((data for kind, data in found if kind == b"tRNS"), b"")

    def decoded(mode: str, raw_mode: str) -> NDArray:
        image = Image.frombytes(mode, (width, height), stream, "zip", raw_mode, interlaced)
        return np.asarray(image)

    if colour_type == COLOUR_TYPE[1]:
        image = decoded("I;16", "I;16B").astype(np.uint16)
    elif colour_type == COLOUR_TYPE[2]:  # both samples of a pixel as one 32-bit number
        pixels = decoded("I", "I;32B").view(np.uint32)
        image = np.stack([pixels >> 16, pixels & 0xFFFF], axis=-1).astype(np.uint16)
    else:
        mode = "RGB" if colour_type == COLOUR_TYPE[3] else "RGBA"
        image = joined(decoded(mode, f"{mode};16B"), decoded(mode, f"{mode};16L"))
    check_complete(path, image[-2:])
    if colour_type in (COLOUR_TYPE[1], COLOUR_TYPE[3]) and len(key) == 2 * (
        image.size // (width * height)
    ):
        return with_key(image, np.frombuffer(key, ">u2"))
    return image


def joined(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Samples of 16 bits of their high and low bytes, which need no third array of that size."""
    result = np.empty(high.shape, "<u2")
    halves = result.view(np.uint8).reshape(*high.shape, 2)
    halves[..., 0], halves[..., 1] = low, high
    return result.astype(np.uint16, copy=False)


def check_complete(path: Path, rows: NDArray) -> None:
    """Refuse a PNG file whose pixels end before its header says; Pillow takes the rest as black.

    Parameters
    ----------
    path : Path
    rows : array
        The last decoded rows. Only where one is all zero can pixels be missing.

    Raises
    ------
    InputError
        If pixels are missing.
    """
    if all(row.any() for row in rows):
        return
    inflated, inflater, needed = 0, zlib.decompressobj(), 0
    with path.open("rb") as file:
        for kind, data in chunks(file, data=True):
            if kind == b"IHDR":
                needed = _raw_size(data)
            elif kind == b"IDAT":
                while data and inflated < needed and not inflater.eof:
                    inflated += len(inflater.decompress(data, _PART))
                    data = inflater.unconsumed_tail
    inflated += 0 if inflater.eof else len(inflater.flush())
    if inflated < needed:
        raise InputError(f"{path}: its pixels end after {inflated:,} of {needed:,} bytes")


def _raw_size(header: bytes) -> int:
    """Bytes of the pixels of a PNG file, unpacked, with one for the filter of each row."""
    width, height, bits, colour_type, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    channels = {3: 1, **{kind: number for number, kind in COLOUR_TYPE.items()}}[colour_type]
    size = 0
    for left, top, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -((left - width) // across), -((top - height) // down)
        if columns > 0:
            size += rows * (1 + -(-columns * bits * channels // 8))
    return size


def with_key(image: NDArray, key: NDArray) -> NDArray:
    """Image with an alpha channel that is 0 where it has the transparent colour."""
    image = image.reshape(*image.shape[:2], -1)
    opaque = np.zeros(image.shape[:2], bool)
    for channel, value in enumerate(key):
        opaque |= image[..., channel] != value
    alpha = opaque.astype(image.dtype) * np.iinfo(image.dtype).max
    return np.concatenate([image, alpha[..., np.newaxis]], axis=-1)


def dump_png16(image: NDArray[np.uint16], channels: int) -> bytes:
    """Bytes of a PNG file of 16-bit samples."""
    height, width = image.shape[:2]
    rows = image.astype(">u2").reshape(height, -1).view(np.uint8)
    # Filter 1: each byte less the one a pixel before it, which compresses photographs well.
    filtered = np.ones((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 1:] = rows
    filtered[:, 1 + 2 * channels :] -= rows[:, : -2 * channels]
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPE[channels], 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes())), (b"IEND", b""))
    return SIGNATURE + b"".join(map(_coded, parts))
