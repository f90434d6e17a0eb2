"""Fax data of TIFF files (CCITT T.4 and T.6) that end early or are damaged.

libtiff fills in what it cannot decode, and says little of it. So a strip is decoded once more with
noise behind it; if that shows, it ended early. And its decoded rows are coded again: rows of T.4
have one code each, which must be what the file holds.
"""

from __future__ import annotations

import contextlib
import io
import re
import struct
import sys
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from bio_scnn.data.limits import open_image
from bio_scnn.runtime.printed import printed_lines

FAX_TAGS = (259, 266, 292, 293)
"""Tags of TIFF that say how a fax is coded."""

_NOISE = [np.random.default_rng(n).integers(0, 255, 256, np.uint8).tobytes() for n in range(3)]
_BYTES, _T4, _T6 = 2, 3, 4  # TIFF's numbers of the codes of fax
_END_OF_LINE = "000000000001"
_ROW_END = np.array([*map(int, _END_OF_LINE)], np.uint8)
_TAIL = 64  # bytes of a fax in which its end is looked for
_ZEROS = 4  # that a code may end in
_NO_CODE = bytes(3)  # longer than zeros in any code, those of its neighbours included
_CODER = {_BYTES: "tiff_ccitt", _T4: "group3"}  # Pillow's names
_ROW_ENDS = re.compile("0*" + _END_OF_LINE)
_TWO_WAYS = 1  # bit of the options of T.4: rows told by the row above
_TURNED = bytes(int(f"{n:08b}"[::-1], 2) for n in range(256))
_FILLED = 64  # zeros at the end of rows in whole bytes, of which some fill up the strip


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


def fax_rows_differ(data: bytes, shape: tuple[int, int], tags: dict[int, int]) -> bool:
    """Answer if some rows of a strip of T.4 are not what their pixels are coded as.

    That is so if a code is damaged, since their pixels were filled up or cut off to make a row. If
    it is so of most rows, its encoder has codes of its own.

    Parameters
    ----------
    data, shape, tags
        As for `fax_ends_early`.
    """
    if tags[259] not in _CODER or tags.get(292, 0) & _TWO_WAYS:
        return False
    pixels = _fax(data, shape, tags)
    if not pixels:
        return False
    if tags.get(266) == 2:
        data = data.translate(_TURNED)
    coded = _coded_rows(pixels, shape, _CODER[tags[259]])
    if tags[259] == _BYTES:
        return data.rstrip(b"\0") != b"".join(coded).rstrip(b"\0")
    there, right = _rows(data), [_rows(row)[0] for row in coded]
    differ = [a.rstrip("0") != b.rstrip("0") for a, b in zip(there, right, strict=False)]
    return 0 < sum(differ) <= len(differ) / 2


def _coded_rows(pixels: bytes, shape: tuple[int, int], coder: str) -> list[bytes]:
    """Each row of black and white pixels as libtiff codes it."""
    image, file = Image.frombytes("1", shape[::-1], pixels), io.BytesIO()
    image.save(file, "TIFF", compression=coder, tiffinfo={278: 1})
    with _opened(file.getvalue()) as coded:
        places = zip(coded.tag_v2[273], coded.tag_v2[279], strict=True)
    return [file.getvalue()[start : start + size] for start, size in places]


def _rows(data: bytes) -> list[str]:
    """Bits of the rows of T.4, between the codes that end them."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    return _ROW_ENDS.split((bits + ord("0")).tobytes().decode())[1:] or [""]


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
        256: shape[1], 257: shape[0], 258: 1, 262: 1, 277: 1, 278: shape[0], 279: len(data),
    } | tags  # fmt: skip
    entries[273] = 8 + 2 + 12 * (len(entries) + 1) + 4
    parts = [b"II*\0", struct.pack("<IH", 8, len(entries))]
    parts += [struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items())]
    file = b"".join([*parts, bytes(4), data])
    with contextlib.suppress(OSError), printed_lines(), _opened(file) as image:
        return image.tobytes()
    return b""


def _opened(data: bytes) -> TiffImageFile:
    image = open_image(io.BytesIO(data), Path(), sys.maxsize)  # its size has been checked
    assert isinstance(image, TiffImageFile)
    return image
