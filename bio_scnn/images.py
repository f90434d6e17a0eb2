"""Reading and writing images and masks, without losing depth.

Pillow does most of the work. It reads 16-bit colour PNG files as 8-bit and has no 16-bit colour
mode to write from, so those go through its public ``zip`` decoder twice (high and low bytes) and
through a few lines of PNG encoding here; TIFF files deeper than 8 bits go through tifffile.
"""

import contextlib
import io
import logging
import os
import re
import struct
import sys
import uuid
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageOps

from bio_scnn.errors import InputError

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".ppm", ".pgm", ".gif"}
)

_EIGHT, _SIXTEEN = np.dtype(np.uint8), np.dtype(np.uint16)
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
# Which depths and numbers of channels a format holds.
_WRITABLE: dict[str, tuple[tuple[np.dtype, ...], tuple[int, ...]]] = {
    ".png": ((_EIGHT, _SIXTEEN), (1, 2, 3, 4)),
    ".tif": ((_EIGHT, _SIXTEEN, *_FLOATS), (1, 2, 3, 4)),
    ".tiff": ((_EIGHT, _SIXTEEN, *_FLOATS), (1, 2, 3, 4)),
    ".jpg": ((_EIGHT,), (1, 3)),
    ".jpeg": ((_EIGHT,), (1, 3)),
    ".webp": ((_EIGHT,), (3, 4)),
    ".bmp": ((_EIGHT,), (1, 3)),
    ".pgm": ((_EIGHT, _SIXTEEN), (1,)),
    ".ppm": ((_EIGHT, _SIXTEEN), (3,)),
}

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_COLOUR_TYPE = {1: 0, 3: 2, 2: 4, 4: 6}  # channels -> colour type
_ORIENTATION = 274  # the EXIF and TIFF tag
_TIFFFILE_DECODES = (1, 8, 32946, 34925)  # none, two codes of zlib, LZMA; without further packages


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read an image file in the depth it is stored in.

    Parameters
    ----------
    path : path-like
        A PNG, JPEG, TIFF, BMP, WebP, PPM, PGM or GIF file. Of several frames the first is read.

    Returns
    -------
    image : ndarray of uint8, uint16, float32 or float64
        (H, W) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB or (H, W, 4) RGB and alpha.
        Palettes and 1-bit images are expanded to 8 bits, CMYK and YCbCr are converted to RGB,
        and the EXIF orientation is applied.

    Raises
    ------
    InputError
        If there is no such file, or it is not a readable image of one of these shapes.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; give the path of an image")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the path of one image")
    try:
        with _quiet():
            image = _decode(path)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: too large to read safely ({error})") from error
    except Exception as error:  # decoders raise nearly anything at broken files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable image ({reason})") from error
    if image.size == 0 or image.ndim not in (2, 3):
        raise InputError(f"{path}: has shape {image.shape}; expected (H, W) or (H, W, 1 to 4)")
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim == 3 and image.shape[2] > 4:
        raise InputError(f"{path}: has {image.shape[2]} channels; expected 1 to 4")
    return np.ascontiguousarray(image)


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


def _decode(path: Path) -> np.ndarray:
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
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
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
        return np.array(image)


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
    if image.dtype not in (_SIXTEEN, *_FLOATS):
        raise InputError(f"{path}: has {image.dtype} pixels; expected uint8, uint16 or float")
    if inverted and image.dtype == _SIXTEEN:
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


def write_image(path: str | os.PathLike, image: np.ndarray) -> None:
    """Write an image file, in the format its suffix names and the depth the array has.

    The file appears whole or not at all; folders on the way are created.

    Parameters
    ----------
    path : path-like
        Ends in png, tif, tiff, jpg, jpeg, webp, bmp, pgm or ppm. All but JPEG keep every pixel.
    image : ndarray of uint8, uint16, float32 or float64
        Shape (H, W) or (H, W, C): grey, grey and alpha, RGB, RGB and alpha. Only PNG, TIFF and
        Netpbm hold 16 bits, and only TIFF holds floats; see `from_float`.

    Raises
    ------
    InputError
        If the format does not hold such an image, or the file cannot be written.
    """
    path, image = Path(path), np.asarray(image)
    suffix = path.suffix.lower()
    if suffix not in _WRITABLE:
        known = " ".join(sorted(_WRITABLE))
        raise InputError(f"{path}: cannot write files of type {suffix or 'none'!r}; use {known}")
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim not in (2, 3) or image.size == 0 or image.shape[2:] > (4,):
        raise InputError(
            f"{path}: cannot write shape {image.shape}; give (H, W) or (H, W, 1 to 4)"
        )
    channels = 1 if image.ndim == 2 else image.shape[2]
    depths, counts = _WRITABLE[suffix]
    if image.dtype not in depths or channels not in counts:
        better = ".png" if image.dtype in (_EIGHT, _SIXTEEN) else ".tif"
        raise InputError(
            f"{path}: {suffix} does not hold {channels} channel(s) of {image.dtype}; use {better}"
            + ("" if image.dtype in _WRITABLE[".tif"][0] else " and uint8, uint16 or float32")
        )
    beside = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        data = _encode(np.ascontiguousarray(image), channels, suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        os.replace(beside, path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be written ({reason})") from error
    finally:
        with contextlib.suppress(OSError):  # gone already, or never written
            beside.unlink()


def _encode(image: np.ndarray, channels: int, suffix: str) -> bytes:
    height, width = image.shape[:2]
    if suffix in (".ppm", ".pgm"):
        white = np.iinfo(image.dtype).max
        header = f"P{5 if channels == 1 else 6}\n{width} {height}\n{white}\n".encode()
        return header + image.astype(image.dtype.newbyteorder(">")).tobytes()
    if suffix == ".png" and image.dtype == _SIXTEEN:
        return _encode_png16(image, channels)
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


def _encode_png16(image: np.ndarray, channels: int) -> bytes:
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


def output_path_for(source: str | os.PathLike, folder: str | os.PathLike | None = None) -> Path:
    """Where the restored version of an image goes by default.

    Parameters
    ----------
    source : path-like
        The damaged image.
    folder : path-like, optional
        Folder of the result; by default that of `source`.

    Returns
    -------
    path : Path
        ``<name>_restored.png``, or ``.tif`` for a TIFF source, which may hold floats. Both keep
        the known pixels bit for bit; the source's own format might not.
    """
    source = Path(source)
    suffix = source.suffix if source.suffix.lower() in (".tif", ".tiff") else ".png"
    return Path(folder or source.parent, f"{source.stem}_restored{suffix}")


def to_float(image: np.ndarray) -> np.ndarray:
    """Scale an image to float64 in [0, 1].

    Parameters
    ----------
    image : ndarray of bool, uint8, uint16 or float, any shape
        Integers are divided by the largest of their type; floats must be in [0, 1] already.

    Returns
    -------
    image : ndarray of float64
        Always a copy.

    Raises
    ------
    InputError
        If floats are not finite or not in [0, 1], or the type is another one.
    """
    image = np.asarray(image)
    if image.dtype == bool:
        return image.astype(np.float64)
    if image.dtype in (_EIGHT, _SIXTEEN):
        return image / np.float64(np.iinfo(image.dtype).max)
    if image.dtype.kind != "f":
        raise InputError(f"image has {image.dtype} pixels; give uint8, uint16 or float in [0, 1]")
    if not np.isfinite(image).all():
        raise InputError(
            "image has NaN or infinite pixels; set those to 0 and mark them as missing"
        )
    if image.size and not (image.min() >= 0.0 and image.max() <= 1.0):
        raise InputError(
            f"image has values from {image.min():g} to {image.max():g}; scale floats to [0, 1]"
        )
    return image.astype(np.float64)


def from_float(image: np.ndarray, dtype: np.typing.DTypeLike) -> np.ndarray:
    """Undo `to_float`: clip to [0, 1], scale to the range of `dtype`, round half to even.

    Parameters
    ----------
    image : ndarray of float, any shape
        Intensities; what is outside [0, 1] is clipped.
    dtype : data type
        uint8, uint16 or a float type, which is only clipped.

    Returns
    -------
    image : ndarray of `dtype`
    """
    dtype = np.dtype(dtype)
    clipped = np.clip(np.asarray(image, np.float64), 0.0, 1.0)
    if dtype.kind == "f":
        return clipped.astype(dtype)
    if dtype not in (_EIGHT, _SIXTEEN):
        raise InputError(f"cannot turn an image into {dtype}; give uint8, uint16 or a float type")
    return np.rint(clipped * np.iinfo(dtype).max).astype(dtype)


def read_mask(path: str | os.PathLike) -> np.ndarray:
    """Read a mask: a pixel is missing where any colour channel is not zero.

    Alpha says nothing, since most programs write an opaque one unasked, unless it is all there is:
    where the colour is the same everywhere and alpha varies, non-zero alpha means missing. Prefer
    lossless formats: JPEG's ringing around edges is not zero and so counts as missing.

    Parameters
    ----------
    path : path-like
        Any file that `read_image` reads.

    Returns
    -------
    mask : ndarray of bool, shape (H, W)
        True = missing.
    """
    image = read_image(path)
    if image.ndim == 2:
        return image != 0
    if image.shape[2] == 3:
        return (image != 0).any(axis=2)
    colour, alpha = image[..., :-1], image[..., -1]
    if (colour == colour[0, 0]).all() and (alpha != alpha[0, 0]).any():
        return alpha != 0
    return (colour != 0).any(axis=2)
