"""HDF5 files as nested tables, read with NumPy alone: groups, arrays, strings, gzip.

This is what the NIR package and h5py write by default. What is rarer (links, other filters, the
layouts of newer versions of the format) is refused by name.

References
----------
The HDF Group, "HDF5 File Format Specification Version 3.0".
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.hdf5_parts import (
    KNOWN_FILTERS,
    Damaged,
    ElementType,
    element_type,
    filters_of,
    shape_of,
    unpacked,
)
from bio_scnn.errors import InputError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_UNDEFINED = 2**64 - 1
_DEEPEST = 32  # groups in groups
_UNPACKED, _PACKED_BY = 2**26, 16
"""Bytes that arrays may have in any file, and times its size that they may have in a large one."""


class UnsupportedHDF5(InputError):
    """A part of the format that is not read here; h5py may read it."""


def read_hdf5(path: str | Path) -> dict[str, Any]:
    """Groups and arrays of a file.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict
        A dict for each group; for each dataset an array, a str, or a NumPy scalar.

    Raises
    ------
    InputError
        If the file is missing, no HDF5, or damaged.
    UnsupportedHDF5
        If it has parts that are not read here.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    data = path.read_bytes()
    if data[:8] != SIGNATURE:
        raise InputError(f"{path} is not an HDF5 file: its signature is missing")
    file = _File(path, data)
    try:
        return file.group(file.root(), "", 0)
    except (struct.error, LookupError, ValueError, OverflowError, Damaged, zlib.error) as e:
        if isinstance(e, InputError):  # which is a ValueError
            raise
        raise InputError(f"{path} is no readable HDF5 file: truncated or damaged ({e})") from None


@dataclass(frozen=True)
class _Message:
    kind: int
    data: bytes


class _File:
    """Bytes of a file, and what was seen of them."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.data = path, data
        self.seen: set[int] = set()
        self.left = max(_UNPACKED, _PACKED_BY * len(data))

    def take(self, form: str, at: int) -> tuple[Any, ...]:
        if not 0 <= at <= len(self.data):
            raise Damaged(f"address {at} lies outside the file")
        return struct.unpack_from("<" + form, self.data, at)

    def bytes_at(self, at: int, size: int) -> bytes:
        found = self.data[at : at + size]
        if at < 0 or len(found) != size:
            raise Damaged(f"{size} bytes at {at} lie outside the file")
        return found

    def unsupported(self, what: str) -> UnsupportedHDF5:
        return UnsupportedHDF5(
            f"{self.path}: {what}; it is not read without h5py (pip install h5py)"
        )

    def root(self) -> int:
        """Address of the root group's header."""
        version = self.data[8]
        if version in (0, 1):
            offset, length = self.take("BB", 13)
            at = 24 + 4 * (version == 1) + 32 + 8
            found, sizes = self.take("Q", at)[0], (offset, length)
        elif version in (2, 3):
            sizes, found = self.take("BB", 9), self.take("Q", 36)[0]
        else:
            raise self.unsupported(f"its superblock has version {version}")
        if sizes != (8, 8):
            raise self.unsupported(f"its addresses have {sizes[0]} bytes")
        return found

    def messages(self, at: int) -> list[_Message]:
        """Messages of an object header, in the order of the file."""
        if at in self.seen:
            raise InputError(f"{self.path}: the object at {at} is linked more than once")
        self.seen.add(at)
        if self.data[at : at + 4] == b"OHDR":
            flags = self.data[at + 5]
            at += 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
            width = 1 << (flags & 3)
            size = int.from_bytes(self.bytes_at(at, width), "little")
            blocks, new, ordered = [(at + width, size)], True, bool(flags & 4)
        else:
            (version, size) = (self.take("B", at)[0], self.take("I", at + 8)[0])
            if version != 1:
                raise Damaged(f"no object header at {at}")
            blocks, new, ordered = [(at + 16, size)], False, False
        found: list[_Message] = []
        for start, size in blocks:  # grows: a block may be continued in another
            position, end = start, start + size
            while position + (4 if new else 8) <= end:
                if new:
                    kind, length = self.take("BH", position)
                    position += 4 + 2 * ordered
                else:
                    kind, length = self.take("HH", position)
                    position += 8
                content = self.bytes_at(position, length)
                position += length
                if kind == 0x10:
                    where, how_long = struct.unpack("<QQ", content[:16])
                    blocks.append((where + 4, how_long - 8) if new else (where, how_long))
                    if len(blocks) > 1000:
                        raise Damaged("an object header goes on without end")
                elif kind:
                    found.append(_Message(kind, content))
        return found

    def group(self, at: int, where: str, depth: int) -> dict[str, Any]:
        return self.table(self.messages(at), where, depth)

    def table(self, messages: list[_Message], where: str, depth: int) -> dict[str, Any]:
        """Everything below a group."""
        if depth > _DEEPEST:
            raise InputError(
                f"{self.path}: groups are nested over {_DEEPEST} deep at {where[:60]}"
            )
        table = {}
        for name, address in self.links(messages, where):
            inner, place = self.messages(address), f"{where}/{name}"
            kinds = {m.kind for m in inner}
            if kinds & {0x11, 0x02, 0x06}:
                table[name] = self.table(inner, place, depth + 1)
            elif 0x08 in kinds:
                table[name] = self.values(inner, place)
            else:
                raise InputError(f"{self.path}: {place} is neither a group nor an array")
        return table

    def links(self, messages: list[_Message], where: str) -> Iterator[tuple[str, int]]:
        for message in messages:
            if message.kind == 0x11:
                tree, heap = struct.unpack("<QQ", message.data[:16])
                names = self.take("Q", heap + 24)[0]
                yield from self.symbols(tree, names, where)
            elif message.kind == 0x06:
                yield self.link(message.data, where)
            elif message.kind == 0x02:
                at = 2 + 8 * bool(message.data[1] & 1)
                if struct.unpack_from("<Q", message.data, at)[0] != _UNDEFINED:
                    raise self.unsupported(f"{where or '/'} is a group in a newer format")

    def symbols(self, tree: int, names: int, where: str) -> Iterator[tuple[str, int]]:
        """Names and addresses of a group of the older format."""
        for node in self.leaves(tree, 0, 8):
            if self.data[node : node + 4] != b"SNOD":
                raise Damaged(f"no symbols at {node}")
            for i in range(self.take("H", node + 6)[0]):
                name_at, header, cached = self.take("QQI", node + 8 + 40 * i)
                start = names + name_at
                name = self.data[start : self.data.index(b"\0", start)].decode("utf-8")
                if cached == 2:
                    raise self.linked(f"{where}/{name}")
                yield name, header

    def linked(self, where: str) -> InputError:
        return InputError(f"{self.path}: {where} is a link to somewhere else")

    def link(self, data: bytes, where: str) -> tuple[str, int]:
        flags, at, kind = data[1], 2, 0
        if flags & 8:
            kind, at = data[at], at + 1
        at += 8 * bool(flags & 4) + bool(flags & 0x10)
        width = 1 << (flags & 3)
        size = int.from_bytes(data[at : at + width], "little")
        name = data[at + width : at + width + size].decode("utf-8")
        if kind:
            raise self.linked(f"{where}/{name}")
        return name, struct.unpack_from("<Q", data, at + width + size)[0]

    def leaves(self, tree: int, kind: int, key: int) -> Iterator[int]:
        """Addresses that the leaves of a B-tree of version 1 point to."""
        return (child for child, _ in self.entries(tree, kind, key, 0))

    def entries(self, tree: int, kind: int, key: int, depth: int) -> Iterator[tuple[int, bytes]]:
        """Addresses and keys in the leaves of a B-tree of version 1."""
        if self.data[tree : tree + 4] != b"TREE" or self.data[tree + 4] != kind or depth > 32:
            raise Damaged(f"no B-tree at {tree}")
        level, used = self.take("BH", tree + 5)
        for i in range(used):
            at = tree + 24 + i * (key + 8)
            child = self.take("Q", at + key)[0]
            if level:
                yield from self.entries(child, kind, key, depth + 1)
            else:
                yield child, self.bytes_at(at, key)

    def values(self, messages: list[_Message], where: str) -> Any:
        """Values of a dataset."""
        parts = {m.kind: m.data for m in messages}
        shape = shape_of(parts[0x01])
        if shape is None:
            raise InputError(f"{self.path}: {where} is empty")
        form = element_type(parts[0x03])
        if form is None:
            raise self.unsupported(f"{where} holds neither numbers nor text")
        size = math.prod(shape) * form.size
        self.left -= size
        if self.left < 0:
            raise InputError(
                f"{self.path}: {where} is declared as {shape}, by far more than a file of "
                f"{len(self.data)} bytes holds"
            )
        raw = self.raw(parts, shape, form, where)
        if form.dtype is None:
            text = [self.text(raw[i * 16 : i * 16 + 16]) for i in range(math.prod(shape))]
            array = np.array(text, dtype=object).reshape(shape)
        else:
            array = np.frombuffer(raw, form.dtype).reshape(shape)
            array = array.astype(form.dtype.newbyteorder("="))
        if shape:
            return array
        value = array[()]
        return value.decode("utf-8", "replace").rstrip("\0") if isinstance(value, bytes) else value

    def text(self, element: bytes) -> str:
        """A string of variable length, in a heap."""
        size, heap, wanted = struct.unpack("<IQI", element)
        if not size:
            return ""
        if self.data[heap : heap + 4] != b"GCOL":
            raise Damaged(f"no heap of strings at {heap}")
        at, end = heap + 16, heap + self.take("Q", heap + 8)[0]
        while at + 16 <= end:
            index, length = self.take("H", at)[0], self.take("Q", at + 8)[0]
            if index == wanted:
                return self.bytes_at(at + 16, size).decode("utf-8", "replace")
            if not index:
                break
            at += 16 + (length + 7) // 8 * 8
        raise Damaged(f"no string {wanted} in the heap at {heap}")

    def raw(
        self, parts: dict[int, bytes], shape: tuple[int, ...], form: ElementType, where: str
    ) -> bytes:
        """Bytes of a dataset."""
        layout, size = parts[0x08], math.prod(shape) * form.size
        version, kind = layout[0], layout[1]
        if version not in (3, 4) or (version == 4 and kind == 2) or kind > 2:
            raise self.unsupported(f"{where} has a layout of another version of the format")
        if kind == 0:
            return layout[4 : 4 + size]
        if kind == 1:
            at = struct.unpack_from("<Q", layout, 2)[0]
            return bytes(size) if at == _UNDEFINED else self.bytes_at(at, size)
        rank = layout[2]
        tree, *chunk = struct.unpack_from(f"<Q{rank}I", layout, 3)
        if rank != len(shape) + 1 or not all(chunk):
            raise Damaged(f"{where} has chunks of another shape")
        filters = filters_of(parts[0x0B]) if 0x0B in parts else []
        if unknown := [f for f in filters if f[0] not in KNOWN_FILTERS]:
            raise self.unsupported(f"{where} is packed by filter {unknown[0][0]}")
        whole: NDArray[np.uint8] = np.zeros((*shape, form.size), np.uint8)
        if tree != _UNDEFINED:
            for at, key in self.entries(tree, 1, 8 + 8 * rank, 0):
                packed, mask, *corner = struct.unpack(f"<II{rank}Q", key)
                block = unpacked(self.bytes_at(at, packed), filters, mask, math.prod(chunk))
                piece = np.frombuffer(block, np.uint8).reshape(*chunk[:-1], form.size)
                target = tuple(
                    slice(c, min(c + n, s)) for c, n, s in zip(corner, chunk, shape, strict=False)
                )
                inside = tuple(slice(0, t.stop - t.start) for t in target)
                whole[target] = piece[inside]
        return whole.tobytes()
