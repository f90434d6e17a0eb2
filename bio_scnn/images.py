"""Reading and writing images and masks, without losing depth.

Pillow does most of the work. It reads 16-bit colour PNG files as 8-bit and has no 16-bit colour
mode to write from, so those go through its public ``zip`` decoder twice (high and low bytes) and
through a few lines of PNG encoding here; TIFF files deeper than 8 bits go through tifffile.
"""

import os
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageOps

from bio_scnn.errors import InputError

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".ppm", ".pgm", ".gif"}
)

# Which depths and channel counts a format holds, by suffix.
_EIGHT, _SIXTEEN = np.dtype(np.uint8), np.dtype(np.uint16)
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_WRITABLE: dict[str, tuple[tuple[np.dtype, ...], tuple[int, ...]]] = {
    ".png": ((_EIGHT, _SIXTEEN), (1, 2, 3, 4)),
    ".tif": ((_EIGHT, _SIXTEEN, *_FLOATS), (1, 2, 3, 4)),
    ".jpg": ((_EIGHT,), (1, 3)),
    ".bmp": ((_EIGHT,), (1, 3)),
    ".webp": ((_EIGHT,), (3, 4)),
    ".ppm": ((_EIGHT,), (3,)),
    ".pgm": ((_EIGHT, _SIXTEEN), (1,)),
}
_SAME_AS = {".jpeg": ".jpg", ".tiff": ".tif"}

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_COLOUR_TYPE = {1: 0, 3: 2, 2: 4, 4: 6}  # channels -> colour type
_ORIENTATION = 274  # the EXIF and TIFF tag


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
        with warnings.catch_warnings():
            # Odd metadata is no reason to refuse an image, nor to print at a command line.
            warnings.simplefilter("ignore")
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


def _decode(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        header = file.read(26)
    if header[:8] == _PNG_SIGNATURE and header[24:25] == b"\x10" and header[25] != 0:
        return _read_png16(path)
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
    """Decode the first page of a TIFF file, or None if 8 bits are enough for it."""
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        if page.bitspersample <= 8:
            return None
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


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Undo one of the eight EXIF orientations."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image
