"""JPEG and WebP data that end early or are damaged: decoders fill in grey, and go on.

Their decoders say nothing of it. But whatever follows the data of a whole picture is not looked
at, and what follows the data of half a one is taken for its pixels. So JPEG data are decoded once
more with noise behind them: if that shows, they ended early. Damage in the middle lets the pixels
end before the data or after them: noise in place of the last data must show, and a WebP picture
cannot be decoded without them.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from bio_scnn.data.limits import open_image

_NOISE = [np.random.default_rng(n).integers(0, 255, 256, np.uint8).tobytes() for n in range(3)]
# Behind each restart marker as well: decoders look for the next one where they expect it.
_BEHIND = _NOISE[0] + b"".join(b"\xff" + bytes([0xD0 + n % 8]) + _NOISE[n % 3] for n in range(16))
_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_RESTART = re.compile(rb"\xff+([\xd0-\xd7])")
_RESERVED = range(0x02, 0xC0)  # markers that no file has
_LAST = 8  # bytes of a scan, at least, that are replaced by noise
_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
_START, _END, _SCAN, _PROGRESSIVE = b"\xd8", b"\xd9", 0xDA, (0xC2, 0xCA)
_NOT_NEEDED = (*range(0xE1, 0xEE), 0xEF, 0xFE)  # applications but for JFIF and Adobe; comments
_ROWS = 256  # compared at a time
_WEBP, _ALPHA = (b"VP8 ", b"VP8L"), b"ALPH"  # chunks of pixels, and of alpha that stands apart
_FRAME, _FRAME_HEAD = b"ANMF", 16  # chunk of a frame, in which chunks stand behind its header
_WEBP_LAST = 8  # bytes, of which encoders fill in three at most


class _Segment(NamedTuple):
    """Segment of a JPEG file: its marker, and its place and that of what follows."""

    kind: int
    start: int
    stop: int


def _segments(data: bytes) -> Iterator[_Segment]:
    """Segments of a JPEG file up to its end, which is the last of them if there is one."""
    place = 2
    while (found := _MARKER.search(data, place)) is not None:
        start, place = found.end() - 2, found.end()
        kind = data[start + 1]
        if kind == _END[0]:
            yield _Segment(kind, start, place)
            return
        if kind != 0x01:
            if len(data) < place + 2:
                return
            place += max(struct.unpack_from(">H", data, place)[0], 2)
        yield _Segment(kind, start, place)


def jpeg_fault(data: bytes) -> Literal["", "early", "damaged"]:
    """Fault of a JPEG file that its decoder does not tell: it ends early, or is damaged.

    Damage that leaves as many blocks as there were, such as a wrong brightness, is not noticed.

    Parameters
    ----------
    data : bytes
        The file. One without an end, which is refused by its decoder, has none of these faults.
    """
    needed, scans, end, progressive = [b"\xff" + _START], [], -1, False
    coded: list[bytes] = []  # of each of the needed, what follows its header
    segments = [*_segments(data)]
    for segment, following in itertools.pairwise(segments):
        progressive |= segment.kind in _PROGRESSIVE
        if segment.kind == _SCAN:
            scans.append(data[segment.start + 4 : segment.stop])
        if segment.kind not in _NOT_NEEDED:
            needed.append(data[segment.start : segment.stop])
            coded.append(data[segment.stop : following.start])
        if following.kind == _END[0]:
            end = following.start
        if following.kind in _RESERVED and scans:
            return "damaged"
    if end < 0 or not scans:
        return ""
    if progressive and _lacks_scans(scans):
        return "early"

    def digest(contents: list[bytes], more: bytes = b"") -> str:
        parts = [needed[0]]
        for header, content in zip(needed[1:], contents, strict=True):
            parts += [header, content]
        return _digest(b"".join([*parts, more, b"\xff", _END]), progressive)

    shown = digest(coded)
    if digest(coded, _BEHIND) != shown:
        return "early"
    if len(scans) > 1 or any(_RESTART.search(content) for content in coded):
        orders = [[found[1][0] - 0xD0 for found in _RESTART.finditer(one)] for one in coded]
        if any(order != [n % 8 for n in range(len(order))] for order in orders):
            return "damaged"
        return "damaged" if digest([*map(_followed, coded)]) != shown else ""
    at = max(range(len(coded)), key=lambda number: len(coded[number]))
    content = coded[at].rstrip(b"\0")  # some cameras fill up
    # So many bytes have, on average, the blocks of a square of 8 by 4 pixels.
    last = max(32 * len(content) // max(_area(data, segments), 1), _LAST)
    if len(content) < 4 * last or len({*content[-last:]}) <= 2:  # of one code, noise has no other
        return ""
    without = [
        [*coded[:at], content[:-last] + (noise * (last // 256 + 1))[:last], *coded[at + 1 :]]
        for noise in _NOISE
    ]
    return "damaged" if all(digest(contents) == shown for contents in without) else ""


def _area(data: bytes, segments: list[_Segment]) -> int:
    """Pixels that a JPEG file declares."""
    for segment in segments:
        if segment.kind in _FRAMES and len(data) >= segment.start + 9:
            height, width = struct.unpack_from(">HH", data, segment.start + 5)
            return int(height * width)
    return 0


def _followed(content: bytes) -> bytes:
    """Coded pixels with noise behind each part that stands for itself."""
    noise = _NOISE[0][:64]
    return _RESTART.sub(lambda found: noise + found[0], content) + noise * bool(content)


def _lacks_scans(scans: list[bytes]) -> bool:
    """Answer if the scans of a progressive file leave bits of a coefficient untold."""
    left: dict[int, np.ndarray] = {}
    for scan in scans:
        number = scan[0] if scan else 0
        if len(scan) < 2 * number + 4:
            return False
        first, last, bits = scan[2 * number + 1 : 2 * number + 4]
        for component in scan[1 : 2 * number + 1 : 2]:
            left.setdefault(component, np.full(64, 99))[first : last + 1] = bits & 15
    return any((bits > 0).any() for bits in left.values())


def _digest(data: bytes, whole: bool) -> str:
    """Digest of a decoded JPEG file, of a quarter of its size unless all of it is needed."""
    digest = hashlib.sha256()
    with contextlib.suppress(OSError, SyntaxError, ValueError), _opened(data) as image:
        if not whole:
            image.draft(None, (max(image.width // 4, 1), max(image.height // 4, 1)))
        for top in range(0, image.height, _ROWS):
            part = image.crop((0, top, image.width, min(top + _ROWS, image.height)))
            digest.update(part.tobytes())
    return digest.hexdigest()


def _opened(data: bytes) -> Image.Image:
    return open_image(io.BytesIO(data), Path(), sys.maxsize)  # its size has been checked


def webp_is_damaged(data: bytes) -> bool:
    """Answer if the pixels of a WebP file end before its data do, as after damage.

    Parameters
    ----------
    data : bytes
        The file. Damage that leaves as many bytes for the pixels is not noticed.
    """
    for alpha, (kind, content) in _webp_pictures(data, len(b"RIFF....WEBP")):
        chunks = [(kind, content)] if alpha is None else [(_ALPHA, alpha), (kind, content)]
        for number, (name, whole) in enumerate(chunks):
            cut = [*chunks]
            cut[number] = (name, whole[:-_WEBP_LAST])
            if (shown := _webp(cut)) and shown == _webp(chunks):
                return True
    return False


def _webp_pictures(data: bytes, place: int) -> Iterator[tuple[bytes | None, tuple[bytes, bytes]]]:
    """Alpha, if it stands apart, and chunk of pixels of each picture of a WebP file."""
    alpha = None
    while place + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, place)
        content = data[place + 8 : place + 8 + size]
        if kind == _FRAME:
            yield from _webp_pictures(content, _FRAME_HEAD)
        elif kind == _ALPHA:
            alpha = content
        elif kind in _WEBP:
            yield alpha, (kind, content)
            alpha = None
        place += 8 + size + size % 2


def _webp(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Pixels of chunks of a WebP file; none if they cannot be decoded."""
    pixels = chunks[-1][1]
    if len(chunks) > 1 and len(pixels) >= 10:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", pixels, 6))
        sides = struct.pack("<II", width - 1 & 0xFFFFFF, height - 1 & 0xFFFFFF)
        chunks = [(b"VP8X", b"\x10\0\0\0" + sides[:3] + sides[4:7]), *chunks]
    body = b"".join(
        kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
        for kind, content in chunks
    )
    file = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
    with contextlib.suppress(OSError, SyntaxError, ValueError), _opened(file) as image:
        return image.tobytes()
    return b""
