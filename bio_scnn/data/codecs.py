"""Image file formats: files to arrays and back, without losing depth.

Pillow does most of the work. It reads 16-bit colour PNG files as 8-bit and has no 16-bit colour
mode to write from, so those go through its public ``zip`` decoder twice (high and low bytes) and
through a few lines of PNG encoding here; TIFF files deeper than 8 bits go through tifffile.
"""

import contextlib
import io
import logging
import re
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageOps

from bio_scnn.errors import InputError

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_COLOUR_TYPE = {1: 0, 3: 2, 2: 4, 4: 6}  # channels -> colour type
_ORIENTATION = 274  # the EXIF and TIFF tag
_TIFFFILE_DECODES = (1, 8, 32946, 34925)  # none, two codes of zlib, LZMA; without further packages


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the decoders: odd metadata is no reason to print at a command line."""
    log = logging.getLogger("tifffile")
    was_disabled, log.disabled = log.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = was_disabled


@_quiet()
def load_pixels(path: Path, strip: int = 2**20) -> np.ndarray:
    """Pixels of an image file, whatever its format, in the depth it is stored in.

    Parameters
    ----------
    path : Path
        An existing file.
    strip : int
        Pixels that are copied at a time, so that a large image is not held twice.

    Returns
    -------
    image : ndarray
        Upright; of shape (H, W) or (H, W, C) unless the file is odd.

    Raises
    ------
    Exception
        Of nearly any type, if the file is broken; an `InputError` if that says what is wrong.
    """
    with path.open("rb") as file:
        header = file.read(26)
    if header[:8] == _PNG_SIGNATURE and header[24:25] == b"\x10" and header[25] != 0:
        return _read_png16(path)
    if (netpbm := _read_netpbm16(path, header)) is not None:
        return netpbm
    if header[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        deep = _read_deep_tiff(path)
        if deep is not None:
            return deep
    # Not by its name: Pillow 13 maps a plain file of that name into memory, and forgets that one
    # stored sideways has as many rows as the picture has columns.
    with path.open("rb") as file, Image.open(file) as opened:
        image: Image.Image = opened
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode in ("1", "L", "LA", "RGB", "RGBA", "F"):
            pass
        elif image.mode.startswith("I;16"):
            return np.asarray(image).astype(np.uint16)
        elif image.mode == "I":  # what Pillow makes of 16-bit PGM
            return np.asarray(image).clip(0, 65535).astype(np.uint16)
        elif image.mode in ("P", "PA"):
            image = _expand_palette(image)
        elif image.mode in ("La", "RGBa"):
            image = image.convert(image.mode.upper())
        else:  # CMYK, YCbCr, LAB, HSV, RGBX
            image = image.convert("RGB")
        if image.mode == "1":
            image = image.convert("L")
        return _pixels(image, strip)


def _pixels(image: Image.Image, strip: int) -> np.ndarray:
    """Array of an image, copied in strips: `np.array` holds a large one three times meanwhile."""
    width, height = image.size
    one = np.asarray(image.crop((0, 0, 1, 1)))
    pixels = np.empty((height, width, *one.shape[2:]), one.dtype)
    rows = max(strip // max(width, 1), 1)
    for top in range(0, height, rows):
        part = pixels[top : top + rows]
        part[:] = np.asarray(image.crop((0, top, width, top + len(part))))
    return pixels


def _expand_palette(image: Image.Image) -> Image.Image:
    has_alpha = image.mode == "PA" or "transparency" in image.info
    expanded = image.convert("RGBA" if has_alpha else "RGB")
    red, green, blue, *alpha = expanded.split()
    if red.tobytes() == green.tobytes() == blue.tobytes():  # a palette of greys is a grey image
        return Image.merge("LA", (red, *alpha)) if has_alpha else red
    return expanded


def _png_chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    data = path.read_bytes()
    start = len(_PNG_SIGNATURE)
    while start + 12 <= len(data):
        (length,) = struct.unpack(">I", data[start : start + 4])
        yield data[start + 4 : start + 8], data[start + 8 : start + 8 + length]
        start += 12 + length


def _read_png16(path: Path) -> np.ndarray:
    """Decode a 16-bit PNG with more than one channel.

    Pillow keeps only one byte of each sample, but lets the caller say which: reading the samples
    as big-endian gives the high bytes, reading them as little-endian the low ones.
    """
    with Image.open(path) as opened:
        size, orientation = opened.size, opened.getexif().get(_ORIENTATION, 1)
    chunks = list(_png_chunks(path))
    colour_type, _, _, interlaced = chunks[0][1][9:13]
    stream = b"".join(data for kind, data in chunks if kind == b"IDAT")

    def decoded(mode: str, raw_mode: str) -> np.ndarray:
        return np.asarray(Image.frombytes(mode, size, stream, "zip", raw_mode, interlaced))

    if colour_type == _PNG_COLOUR_TYPE[2]:  # both samples of a pixel as one 32-bit number
        pixels = decoded("I", "I;32B").view(np.uint32)
        image = np.stack([pixels >> 16, pixels & 0xFFFF], axis=-1).astype(np.uint16)
    else:
        mode = "RGB" if colour_type == _PNG_COLOUR_TYPE[3] else "RGBA"
        high = decoded(mode, f"{mode};16B").astype(np.uint16)
        image = high << 8 | decoded(mode, f"{mode};16L")
    return _upright(image, orientation)


def _read_deep_tiff(path: Path) -> np.ndarray | None:
    """Decode the first page of a TIFF file, or None if Pillow reads it in full depth."""
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        if page.bitspersample <= 8:
            return None
        if page.compression not in _TIFFFILE_DECODES:
            return _read_tiff16(path) if page.samplesperpixel > 1 else None
        ends = np.add(page.dataoffsets, page.databytecounts)
        if len(ends) == 0 or ends.max() > path.stat().st_size:  # tifffile would fill in zeros
            raise InputError(f"{path}: not a readable image (it is truncated)")
        image = page.asarray()
        if page.planarconfig == 2 and image.ndim == 3:
            image = np.moveaxis(image, 0, -1)
        orientation = page.tags[_ORIENTATION].value if _ORIENTATION in page.tags else 1
        inverted = page.photometric == 0
    if image.dtype == np.float16:
        image = image.astype(np.float32)
    if image.dtype not in (np.uint16, np.float32, np.float64):
        raise InputError(f"{path}: has {image.dtype} pixels; expected uint8, uint16 or float")
    if inverted and image.dtype == np.uint16:
        image = 65535 - image
    return _upright(image.astype(image.dtype.newbyteorder("=")), orientation)


def _read_tiff16(path: Path) -> np.ndarray:
    """Decode a 16-bit colour TIFF, such as one with LZW compression, through Pillow.

    As for PNG: Pillow keeps one byte of each sample, chosen by the byte order it is told.
    """

    def decoded(byte_order: str) -> np.ndarray:
        with Image.open(path) as opened:
            args = tuple(opened.tile[0].args or ())
            if len(opened.tile) > 1 or args[:1] not in (("RGB;16N",), ("RGBA;16N",)):
                raise InputError(f"{path}: its TIFF compression is unsupported; use zlib or none")
            args = (args[0][:-1] + byte_order, *args[1:])
            opened.tile = [opened.tile[0]._replace(args=args)]
            return np.asarray(ImageOps.exif_transpose(opened))

    high, low = ("L", "B") if sys.byteorder == "little" else ("B", "L")
    return decoded(high).astype(np.uint16) << 8 | decoded(low)


def _read_netpbm16(path: Path, header: bytes) -> np.ndarray | None:
    """Decode a binary PGM or PPM file of 16 bits, or None if this is not one."""
    if header[:2] not in (b"P5", b"P6"):
        return None
    data = path.read_bytes()
    gap = rb"(?:\s|#[^\n]*\n)+"
    found = re.match(rb"P[56]" + gap + gap.join([rb"(\d+)"] * 3) + rb"\s", data)
    if found is None or int(found[3]) <= 255:
        return None
    width, height, white = (int(number) for number in found.groups())
    shape = (height, width) if header[:2] == b"P5" else (height, width, 3)
    pixels = np.frombuffer(data, ">u2", int(np.prod(shape)), found.end()).reshape(shape)
    if white == 65535:
        return pixels.astype(np.uint16)
    return np.rint(pixels * (65535 / white)).clip(0, 65535).astype(np.uint16)


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Undo one of the eight EXIF orientations."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image


def dump_pixels(image: np.ndarray, channels: int, suffix: str) -> bytes:
    """Bytes of an image file of a format.

    Parameters
    ----------
    image : ndarray of uint8, uint16, float32 or float64, shape (H, W) or (H, W, channels)
        Contiguous, and of a depth that the format holds.
    channels : int
        1 for (H, W).
    suffix : str
        Names the format; in lower case, with its dot.

    Returns
    -------
    data : bytes
    """
    height, width = image.shape[:2]
    if suffix in (".ppm", ".pgm"):
        white = np.iinfo(image.dtype).max
        header = f"P{5 if channels == 1 else 6}\n{width} {height}\n{white}\n".encode()
        return header + image.astype(image.dtype.newbyteorder(">")).tobytes()
    if suffix == ".png" and image.dtype == np.uint16:
        return _dump_png16(image, channels)
    buffer = io.BytesIO()
    if suffix in (".tif", ".tiff"):
        tifffile.imwrite(
            buffer,
            image,
            photometric="minisblack" if channels < 3 else "rgb",
            planarconfig="contig" if channels > 1 else None,
            extrasamples=["unassalpha"] if channels in (2, 4) else None,
            compression="zlib",
            metadata=None,
        )
    else:
        options: dict[str, dict[str, Any]] = {
            ".jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
            ".jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
            ".webp": {"format": "WEBP", "lossless": True, "exact": True},
        }
        Image.fromarray(image).save(buffer, **options.get(suffix, {"format": suffix[1:].upper()}))
    return buffer.getvalue()


def _dump_png16(image: np.ndarray, channels: int) -> bytes:
    height, width = image.shape[:2]
    rows = image.astype(">u2").reshape(height, -1).view(np.uint8)
    # Filter 1: each byte less the one a pixel before it, which compresses photographs well.
    filtered = np.ones((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 1:] = rows
    filtered[:, 1 + 2 * channels :] -= rows[:, : -2 * channels]
    header = struct.pack(">IIBBBBB", width, height, 16, _PNG_COLOUR_TYPE[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes())), (b"IEND", b""))
    return _PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
