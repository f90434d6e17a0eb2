"""JPEG and fax data that end early or are damaged: decoders fill in grey or white, and go on.

Their decoders say nothing of it. But whatever follows the data of a whole picture is not looked
at, and what follows the data of half a one is taken for its pixels. So the data are decoded once
more with noise behind them: if that shows, they ended early. Damage in the middle lets the pixels
end before the data or after them: noise in place of the last data must show.
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
from numpy.typing import NDArray
from PIL import Image

from bio_scnn.data.limits import open_image
from bio_scnn.runtime.printed import printed_lines

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

FAX_TAGS = (259, 266, 292, 293)
"""Tags of TIFF that say how a fax is coded."""

_BYTES, _T4, _T6 = 2, 3, 4  # TIFF's numbers of the codes of fax
_END_OF_LINE = "000000000001"
_ROW_END = np.array([*map(int, _END_OF_LINE)], np.uint8)
_TAIL = 64  # bytes of a fax in which its end is looked for
_ZEROS = 4  # that a code may end in
_NO_CODE = bytes(3)  # longer than zeros in any code, those of its neighbours included
_FILLED = 64  # zeros at the end of rows in whole bytes, of which some fill up the strip


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


def fax_is_damaged(data: bytes, code: int) -> bool:
    """Answer if a strip of a fax holds zeros that are no code, where decoders stop.

    In that of rows which end in a code of their own (T.4), zeros may fill up a row.

    Parameters
    ----------
    data : bytes
    code : int
        TIFF's number of its coding.
    """
    used = data.rstrip(b"\0")
    if code == _BYTES and (len(data) - len(used) > _FILLED or not used):
        return True
    return code in (_BYTES, _T6) and _NO_CODE in used


def fax_ends_early(data: bytes, shape: tuple[int, int], tags: dict[int, int]) -> bool:
    """Answer if a strip of a fax (CCITT T.4 or T.6) ends before its last row.

    Parameters
    ----------
    data : bytes
    shape : (rows, columns)
    tags : dict of int
        `FAX_TAGS` that the file has.
    """
    order: Literal["little", "big"] = "little" if tags.get(266) == 2 else "big"
    behind = [np.unpackbits(np.frombuffer(noise, np.uint8)) for noise in _NOISE]
    if tags[259] == _T4:
        behind = [np.concatenate([_ROW_END, noise[:97]] * 4) for noise in behind]
    data = data[: len(data.rstrip(b"\0")) + 2]
    first, last = data[:-_TAIL], np.frombuffer(data[-_TAIL:], np.uint8)
    bits, shown = np.unpackbits(last, bitorder=order), _fax(data, shape, tags)

    def followed(cut: int, noise: NDArray) -> bytes:
        longer = np.packbits(np.concatenate([bits[:cut], noise]), bitorder=order)
        return _fax(first + longer.tobytes(), shape, tags)

    return shown != b"" and not any(
        all(followed(cut, noise) == shown for noise in behind) for cut in _cuts(bits, tags[259])
    )


def _cuts(bits: NDArray, code: int) -> list[int]:
    """Places where the last code of the last row may end, of the last bits of a fax."""
    text = "".join(map(str, bits))
    used = len(text.rstrip("0"))
    if code == _BYTES:  # whole bytes, whose last code may be zeros
        whole = -(-used // 8) * 8
        return [*{whole, min(whole + 8, len(text))}]
    if code == _T6 and text[:used].endswith(2 * _END_OF_LINE):
        return [used - 2 * len(_END_OF_LINE)]
    if code == _T4 and (end := re.search(f"(?:0*{_END_OF_LINE}1?)+$", text[:used])):
        return [end.start()]
    return [*range(used, min(used + _ZEROS, len(text)) + 1)]


def _fax(data: bytes, shape: tuple[int, int], tags: dict[int, int]) -> bytes:
    """Bits of a strip of a fax, by libtiff; none if it refuses it."""
    entries = {
        256: shape[1], 257: shape[0], 258: 1, 262: 0, 277: 1, 278: shape[0], 279: len(data),
    } | tags  # fmt: skip
    entries[273] = 8 + 2 + 12 * (len(entries) + 1) + 4
    parts = [b"II*\0", struct.pack("<IH", 8, len(entries))]
    parts += [struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items())]
    file = b"".join([*parts, bytes(4), data])
    with contextlib.suppress(OSError), printed_lines(), _opened(file) as image:
        return image.tobytes()
    return b""
