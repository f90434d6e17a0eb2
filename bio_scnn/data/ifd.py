"""Directories of TIFF files and EXIF blocks, entry by entry, each value as its bytes.

So any tag is carried over as it is, whatever it means and however it is spelt; libraries that
decode the values and encode them again lose types and letters that are not ASCII.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

EXIF, GPS = 34665, 34853  # tags of the main directory that point to these two
ORIENTATION = 274
_INTEROPERABILITY = 40965  # points to a further directory, which says nothing of use
_THUMBNAIL, _THUMBNAIL_LENGTH = 513, 514
# Pairs of tags that change places when rows become columns: resolutions, and sizes in pixels.
_SIDES = ((282, 283), (40962, 40963), (41486, 41487))
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
_MOST_BYTES = 2**26  # of one value: profiles of devices have a few megabytes


class Entry(NamedTuple):
    """One tag of a directory: code, TIFF type, number of values, and those in the file's order."""

    code: int
    dtype: int
    number: int
    value: bytes


def read_directory(
    read: Callable[[int, int], bytes], offset: int, order: str, big: bool = False
) -> list[Entry]:
    """Entries of a directory.

    Parameters
    ----------
    read : callable
        Bytes from an offset on, of a given number.
    offset : int
        Of the directory.
    order : {'<', '>'}
        Little- or big-endian.
    big : bool
        As BigTIFF lays them out.

    Raises
    ------
    struct.error
        If it is cut off. An entry whose value lies outside the file is left out.
    """
    head, form, width = ("Q", "HHQ", 20) if big else ("H", "HHI", 12)
    (count,) = struct.unpack(order + head, read(offset, struct.calcsize(head)))
    if count > 4096:
        raise struct.error("a directory of more than 4096 entries")
    table = read(offset + struct.calcsize(head), count * width)
    field = 8 if big else 4
    entries = []
    for start in range(0, count * width, width):
        code, dtype, number = struct.unpack_from(order + form, table, start)
        size = _SIZES.get(dtype, 0) * number
        value = table[start + width - field : start + width][:size]
        if size > field:
            (where,) = struct.unpack_from(
                order + ("Q" if big else "I"), table, start + width - field
            )
            value = read(where, size) if size <= _MOST_BYTES else b""
        if size and len(value) == size and code != _INTEROPERABILITY:
            entries.append(Entry(code, dtype, number, value))
    return entries


def directory_bytes(entries: Sequence[Entry], offset: int, order: str) -> bytes:
    """Bytes of a directory that stands at an offset, its values behind it; no other follows."""
    entries = sorted(entries)
    table = struct.pack(f"{order}H", len(entries))
    values = b""
    begin = offset + 2 + 12 * len(entries) + 4
    for code, dtype, count, value in entries:
        table += struct.pack(f"{order}HHI", code, dtype, count)
        if len(value) <= 4:
            table += value.ljust(4, b"\0")
        else:
            table += struct.pack(f"{order}I", begin + len(values))
            values += value + bytes(len(value) % 2)
    return table + bytes(4) + values


def swapped(entries: Sequence[Entry]) -> list[Entry]:
    """Entries of a picture whose rows became columns."""
    other = {a: b for pair in _SIDES for a, b in (pair, pair[::-1])}
    return [entry._replace(code=other.get(entry.code, entry.code)) for entry in entries]


def read_block(block: bytes) -> tuple[str, dict[int, list[Entry]]]:
    """Byte order and directories of an EXIF block: the main one as 0, `EXIF`, and `GPS`.

    Raises
    ------
    struct.error, KeyError
        If it is none.
    """
    order = {b"II": "<", b"MM": ">"}[block[:2]]

    def read(start: int, size: int) -> bytes:
        return block[start : start + size]

    (first,) = struct.unpack_from(f"{order}I", block, 4)
    main = read_directory(read, first, order)
    directories = {0: [entry for entry in main if entry.code not in (EXIF, GPS)]}
    for entry in main:
        if entry.code in (EXIF, GPS) and len(entry.value) == 4:
            (start,) = struct.unpack(f"{order}I", entry.value)
            directories[entry.code] = read_directory(read, start, order)
    return order, directories


def block_bytes(order: str, directories: dict[int, list[Entry]]) -> bytes:
    """EXIF block of directories, as `read_block` gives them."""
    main = list(directories.get(0, []))
    below = {code: entries for code, entries in directories.items() if code and entries}
    if not main and not below:
        return b""
    blank = [Entry(code, 4, 1, bytes(4)) for code in below]
    start, data = 8 + len(directory_bytes(main + blank, 8, order)), b""
    for code, entries in below.items():
        main.append(Entry(code, 4, 1, struct.pack(f"{order}I", start + len(data))))
        data += directory_bytes(entries, start + len(data), order)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    return head + directory_bytes(main, 8, order) + data


def upright_block(block: bytes, sideways: bool) -> bytes:
    """EXIF block of a picture that was turned upright, all else at its place.

    Its orientation becomes 1. Its thumbnail, which shows the picture as it was, is blanked.

    Parameters
    ----------
    block : bytes
        Begins with the byte order.
    sideways : bool
        Whether rows have become columns.

    Raises
    ------
    struct.error, KeyError
        If it is no EXIF block.
    """
    order = {b"II": "<", b"MM": ">"}[block[:2]]
    data = bytearray(block)

    def number(place: int) -> int:
        return struct.unpack_from(f"{order}I", data, place)[0]

    def places(start: int) -> dict[int, int]:
        (count,) = struct.unpack_from(f"{order}H", data, start)
        starts = range(start + 2, start + 2 + 12 * count, 12)
        return {struct.unpack_from(f"{order}H", data, place)[0]: place for place in starts}

    main = places(number(4))
    if ORIENTATION in main:
        struct.pack_into(f"{order}HIHH", data, main[ORIENTATION] + 2, 3, 1, 1, 0)
    end = number(4) + 2 + 12 * struct.unpack_from(f"{order}H", data, number(4))[0]
    if 0 < (after := number(end)) < len(data):
        thumbnail = places(after)
        if _THUMBNAIL in thumbnail and _THUMBNAIL_LENGTH in thumbnail:
            start, size = (number(thumbnail[tag] + 8) for tag in (_THUMBNAIL, _THUMBNAIL_LENGTH))
            data[start : start + size] = bytes(len(data[start : start + size]))
        struct.pack_into(f"{order}I", data, end, 0)
    if sideways:
        found = [main, places(number(main[EXIF] + 8)) if EXIF in main else {}]
        for first, second in _SIDES:
            for there in found:
                if first in there and second in there:
                    a, b = there[first] + 2, there[second] + 2
                    data[a : a + 10], data[b : b + 10] = data[b : b + 10], data[a : a + 10]
    return bytes(data)
