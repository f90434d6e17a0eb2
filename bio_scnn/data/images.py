"""Images and masks as the rest of the package sees them: read, written, scaled to [0, 1].

`codecs` and `encoders` know the file formats; what cannot be used is refused here, by name.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from bio_scnn.data.codecs import load_pixels
from bio_scnn.data.encoders import dump_pixels
from bio_scnn.data.limits import MAX_PIXELS
from bio_scnn.data.mask_reading import mask_of
from bio_scnn.data.unread import why_unread
from bio_scnn.errors import InputError
from bio_scnn.runtime.files import write_whole
from bio_scnn.runtime.memory import give_back_freed_memory

IMAGE_SUFFIXES = frozenset({
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".tif", ".tiff", ".bmp",
    ".dib", ".webp", ".avif", ".gif", ".jp2", ".j2k", ".jpx", ".jpc", ".tga", ".icb",
    ".vda", ".vst", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".pcx",
})  # fmt: skip
"""Names of files that are looked for in folders; of formats that Pillow or tifffile reads."""

_Read = TypeVar("_Read")

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


def read_image(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read an image file in the depth it is stored in.

    Parameters
    ----------
    path : path-like
        A file of any format that Pillow or tifffile reads. Of several frames the first is read.
    max_pixels : int
        No image that declares more is decoded.

    Returns
    -------
    image : ndarray of uint8, uint16, float32 or float64
        (H, W) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB or (H, W, 4) RGB and alpha.
        Palettes and 1-bit images are expanded to 8 bits, a transparent colour becomes an alpha
        channel, colours multiplied by alpha are divided by it, CMYK, CIE Lab and YCbCr are
        converted to RGB, and the EXIF orientation is applied.

    Raises
    ------
    InputError
        If there is no such file, or it is not a readable image of one of these shapes.
    """
    path = Path(path)
    image = checked(path, lambda: load_pixels(path, limit=max_pixels))
    if image.size == 0 or image.ndim not in (2, 3):
        raise InputError(f"{path}: has shape {image.shape}; expected (H, W) or (H, W, 1 to 4)")
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim == 3 and image.shape[2] > 4:
        raise InputError(f"{path}: has {image.shape[2]} channels; expected 1 to 4")
    give_back_freed_memory(image.nbytes)  # a decoder holds the picture once more
    return np.ascontiguousarray(image)


def checked(path: Path, read: Callable[[], _Read]) -> _Read:
    """Result of reading a file; whatever goes wrong is an `InputError` of one line."""
    if path.is_symlink() and not path.exists():
        raise InputError(f"{path}: is a link that leads to no file; give the path of an image")
    if not path.exists():
        raise InputError(f"{path}: no such file; give the path of an image")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the path of one image")
    if not path.is_file():  # of a pipe or a device, reading might never end
        raise InputError(f"{path}: is no regular file; give the path of an image")
    try:
        return read()
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: too large to read safely ({error})") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: not a readable image ({why_unread(path)})") from error
    except Exception as error:  # decoders raise nearly anything at broken files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable image ({reason})") from error


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
    write_whole(Path(path), image_file(path, image))


def image_file(path: str | os.PathLike, image: np.ndarray) -> bytes:
    """Bytes of the file that `write_image` writes, with its parameters and errors."""
    path, image = Path(path), np.asarray(image)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    channels = check_held(path, image)
    give_back_freed_memory(image.nbytes)  # an encoder, too
    try:
        return dump_pixels(np.ascontiguousarray(image), channels, path.suffix.lower())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be written ({error})") from error


def check_held(path: Path, image: np.ndarray) -> int:
    """Number of channels of an image that the format holds; others are refused."""
    suffix = path.suffix.lower()
    if suffix not in _WRITABLE:
        known = " ".join(sorted(_WRITABLE))
        raise InputError(f"{path}: cannot write files of type {suffix or 'none'!r}; use {known}")
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
    return channels


def output_path_for(source: str | os.PathLike, folder: str | os.PathLike | None = None) -> Path:
    """Default path of the restored version of an image.

    Parameters
    ----------
    source : path-like
        The damaged image.
    folder : path-like, optional
        Folder of the result; by default that of `source`.

    Returns
    -------
    path : Path
        ``<name>_restored.png``, or ``.tif`` for TIFF and PFM sources, which may hold floats. Both
        keep the known pixels bit for bit; the source's own format might not.
    """
    source = Path(source)
    suffix = source.suffix if source.suffix.lower() in (".tif", ".tiff") else ".png"
    suffix = ".tif" if source.suffix.lower() == ".pfm" else suffix
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


def read_rgb(path: str | os.PathLike) -> np.ndarray:
    """Read an image as (H, W, 3) uint8: grey is repeated, alpha dropped, depth reduced."""
    image = read_image(path)
    if image.ndim == 3 and image.shape[2] in (2, 4):
        image = image[..., :-1]
    if image.ndim == 2 or image.shape[2] == 1:
        image = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    if image.dtype == np.uint8:
        return image
    scale = 255.0 if image.dtype.kind == "f" else 255.0 / 65535.0
    return np.rint(np.clip(np.nan_to_num(image) * scale, 0, 255)).astype(np.uint8)


def read_mask(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a mask by itself, as `bio_scnn.data.mask_reading.mask_of` does without a picture.

    Parameters
    ----------
    path : path-like
        Any file that `read_image` reads.
    max_pixels : int
        As for `read_image`.

    Returns
    -------
    mask : ndarray of bool, shape (H, W)
        True = missing.

    Raises
    ------
    InputError
        If the file cannot be read, or is no mask.
    """
    try:
        return mask_of(read_image(path, max_pixels)).mask
    except InputError as error:
        raise InputError(f"{'' if str(path) in str(error) else f'{path} '}{error}") from error
