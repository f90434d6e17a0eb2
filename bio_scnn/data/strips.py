"""Strips and tiles of TIFF files that are missing, end early or are damaged.

Decoders fill in what is missing, cut off what is too much, and say little of it.
"""

from __future__ import annotations

from pathlib import Path

import tifffile

from bio_scnn.data.ends import jpeg_fault
from bio_scnn.data.fax import FAX_TAGS, fax_ends_early, fax_is_damaged, fax_rows_differ
from bio_scnn.errors import InputError

_FAX, _JPEG, _PACKBITS = (2, 3, 4), 7, 32773  # TIFF's numbers of compressions
_MOST_PARTS = 1024  # at the end of the file, that are looked at
_FILLING = b"\x80\0"  # bytes that may fill up a strip of PackBits


def check_parts(path: Path, page: tifffile.TiffPage) -> None:
    """Refuse strips and tiles that are not there; without place and size GDAL leaves them out."""
    parts = zip(page.dataoffsets, page.databytecounts, strict=False)
    for number, (start, size) in enumerate(parts, 1):
        if (start == 0) != (size == 0):
            kind = "tile" if page.is_tiled else "strip"
            raise InputError(
                f"{path}: not a readable image (its {kind} {number} of {len(page.dataoffsets)} "
                f"is missing: {size} bytes at {start})"
            )


def check_data(path: Path, file: tifffile.TiffFile, page: tifffile.TiffPage) -> tuple[str, ...]:
    """Refuse JPEG, fax and PackBits data that end early; other damage is told.

    Returns
    -------
    tuple of str
        Damage that leaves a picture, in words.
    """
    if page.compression not in (*_FAX, _JPEG, _PACKBITS):
        return ()
    parts = [*enumerate(zip(page.dataoffsets, page.databytecounts, strict=False))][-_MOST_PARTS:]
    told: dict[int, str] = {}
    for number, (start, size) in parts:
        if start + size > file.filehandle.size:
            break
        file.filehandle.seek(start)
        fault = _fault(path, file.filehandle.read(size), page, number)
        if fault == "early":
            kind = {_JPEG: "JPEG", _PACKBITS: "PackBits"}.get(page.compression, "fax")
            raise InputError(
                f"{path}: its {kind} data end before the last row; get the whole file"
            )
        if fault:
            told[number + 1] = fault
    if not told:
        return ()
    kind, first = "tile" if page.is_tiled else "strip", min(told)
    more = f" and {len(told) - 1} more" if len(told) > 1 else ""
    return (
        f"its {told[first]} data are damaged in {kind} {first} of {len(page.dataoffsets)}{more}: "
        "some of its pixels are wrong and are taken as they are; get the whole file, or mark them "
        "as missing",
    )


def _fault(path: Path, data: bytes, page: tifffile.TiffPage, number: int) -> str:
    """Kind of the data of a part if they are damaged, or "early"."""
    if page.compression == _JPEG:
        fault = jpeg_fault(data[:2] + (page.jpegtables or b"")[2:-2] + data[2:])
        return "JPEG" if fault == "damaged" else fault
    shape = _shape(page, number)
    if min(shape) <= 0:
        return ""
    if page.compression == _PACKBITS:
        return _packbits_fault(data, page, shape)
    if fax_is_damaged(data, page.compression):
        raise InputError(
            f"{path}: its fax data are damaged (strip {number + 1} has zeros that are no code)"
        )
    coding = {code: page.tags[code].value for code in FAX_TAGS if code in page.tags}
    if fax_ends_early(data, shape, coding):
        return "early"
    return "fax" if fax_rows_differ(data, shape, coding) else ""


def _shape(page: tifffile.TiffPage, number: int) -> tuple[int, int]:
    """Rows and columns of a part."""
    if page.is_tiled:
        return page.tilelength, page.tilewidth
    rows = max(page.rowsperstrip, 1)
    each = -(-page.imagelength // rows)  # strips of a plane
    return min(rows, page.imagelength - number % each * rows), page.imagewidth


def _packbits_fault(data: bytes, page: tifffile.TiffPage, shape: tuple[int, int]) -> str:
    if page.photometric == 6:  # some of its colours have fewer pixels
        return ""
    samples = 1 if page.planarconfig == 2 else page.samplesperpixel
    row = -(-shape[1] * samples * page.bitspersample // 8)
    unpacked, used = _unpacked(data, shape[0] * row)
    if unpacked < shape[0] * row:
        return "early"
    if unpacked == shape[0] * row and not data[used:].strip(_FILLING):
        return ""
    whole = page.rowsperstrip * row  # some encoders fill up the last strip
    filled = not page.is_tiled and shape[0] * row < whole == _unpacked(data, whole)[0]
    return "" if filled else "PackBits"


def _unpacked(data: bytes, most: int) -> tuple[int, int]:
    """Bytes that PackBits data have unpacked, up to a number, and bytes used for them."""
    place = unpacked = 0
    while unpacked < most and place < len(data):
        head = data[place]
        if head < 128:
            place += 2 + head
            unpacked += 1 + head
        elif head > 128:
            place += 2
            unpacked += 257 - head
        else:
            place += 1
    return unpacked - max(place - len(data), 0), place
