"""Stamps of results: inside an image file, of which settings it is, and that it is complete.

A stamp is a comment of a fixed length: two SHA-256 digests, of the settings and of the file
without its stamp. PNG, JPEG and WebP files have places for comments; in others it follows the end
of the image, where no reader looks.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib

_FORM = b"bio_scnn result: settings %s, content %s\n"
_FOUND = re.compile(rb"bio_scnn result: settings ([0-9a-f]{64}), content ([0-9a-f]{64})\n")
_KEYWORD = b"bio_scnn\0"  # of a PNG's text
_PNG, _END = b"\x89PNG\r\n\x1a\n", 12  # bytes of the last chunk of a PNG


def stamped(data: bytes, settings: str) -> bytes:
    """Bytes of an image file with a stamp.

    Parameters
    ----------
    data : bytes
        The image file.
    settings : str
        SHA-256 of the settings, 64 hexadecimal digits.
    """
    text = _FORM % (settings.encode(), hashlib.sha256(data).hexdigest().encode())
    if data.startswith(_PNG):
        return data[:-_END] + _png_chunk(text) + data[-_END:]
    if data.startswith(b"\xff\xd8"):
        place = _after_applications(data)
        return data[:place] + _jpeg_comment(text) + data[place:]
    if data[:4] == b"RIFF":
        return _riff(data + _riff_chunk(text))
    return data + text


def settings_of(data: bytes) -> str | None:
    """Settings that the stamp of an image file states; None if it has none or is not complete."""
    return _read(data)[0]


def same_but_stamp(one: bytes, other: bytes) -> bool:
    """Answer if two image files are equal without their stamps."""
    return one == other or _read(one)[1] == _read(other)[1]


def _read(data: bytes) -> tuple[str | None, bytes]:
    """Settings of a stamp, and the file without it; None and the whole file without one."""
    for found in _FOUND.finditer(data):
        text = found[0]
        if data.startswith(_PNG):
            whole, before = _png_chunk(text), 8 + len(_KEYWORD)
        elif data.startswith(b"\xff\xd8"):
            whole, before = _jpeg_comment(text), 4
        elif data[:4] == b"RIFF":
            whole, before = _riff_chunk(text), 8
        else:
            whole, before = text, 0
        start = found.start() - before
        if start < 0 or data[start : start + len(whole)] != whole:
            continue
        rest = data[:start] + data[start + len(whole) :]
        rest = _riff(rest) if data[:4] == b"RIFF" else rest
        if hashlib.sha256(rest).hexdigest().encode() == found[2]:
            return found[1].decode(), rest
    return None, data


def _png_chunk(text: bytes) -> bytes:
    body = b"tEXt" + _KEYWORD + text
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def _jpeg_comment(text: bytes) -> bytes:
    return b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text


def _after_applications(data: bytes) -> int:
    """Place after the segments of a JPEG that have to come first."""
    place = 2
    while data[place] == 0xFF and 0xE0 <= data[place + 1] <= 0xEF:
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return place


def _riff_chunk(text: bytes) -> bytes:
    return b"bscn" + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2)


def _riff(data: bytes) -> bytes:
    """A WebP file with its length put right."""
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
