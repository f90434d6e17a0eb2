"""Image files decoded without losing depth, page by page, with all that they say besides.

Pillow does most of the work, tifffile all TIFF files that it decodes; `png` knows what Pillow does
not do with PNG files.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from bio_scnn.data import png, tiff
from bio_scnn.data.ends import jpeg_fault, webp_is_damaged
from bio_scnn.data.forms import Form, form_of_tiff, plain
from bio_scnn.data.ifd import ORIENTATION
from bio_scnn.data.limits import MAX_PIXELS, check_size, open_image
from bio_scnn.data.metadata import Metadata, of_pillow
from bio_scnn.data.netpbm import read_netpbm16
from bio_scnn.data.palettes import of_palette
from bio_scnn.data.upright import orientation_of, upright
from bio_scnn.errors import InputError
from bio_scnn.runtime.printed import printed_lines

_STRIP = 2**20


@dataclass(frozen=True)
class Stored:
    """One page of a picture file: its pixels, and all that is needed to store them again.

    Attributes
    ----------
    pixels : array, shape (H, W) or (H, W, C)
        Upright, to be worked on: grey or RGB, with or without alpha; inks; or channels of a TIFF
        file that are none of these.
    form : Form
    metadata : Metadata
    pages : int
        Of the file.
    doubts : tuple of str
        Damage in the file, in words, that leaves a picture.
    """

    pixels: NDArray
    form: Form
    metadata: Metadata
    pages: int = 1
    doubts: tuple[str, ...] = ()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the decoders: odd metadata is no reason to print at a command line."""
    log = logging.getLogger("tifffile")
    was_disabled, log.disabled = log.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = was_disabled


def load_pixels(path: Path, strip: int = _STRIP, limit: int = MAX_PIXELS) -> NDArray:
    """Pixels of the first page of an image file, in the depth it is stored in.

    Parameters
    ----------
    path : Path
        An existing file.
    strip : int
        Pixels that are copied at a time, so that a large image is not held twice.
    limit : int
        Pixels that are read at most.

    Returns
    -------
    image : ndarray
        Upright, grey or RGB, with or without alpha; of shape (H, W) or (H, W, C) unless the file
        is odd.

    Raises
    ------
    Exception
        Of nearly any type, if the file is broken; an `InputError` if that says what is wrong.
    """
    page = load_page(path, 0, limit, strip)
    try:
        return plain(page.form, page.pixels)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


@quiet()
def load_page(path: Path, number: int, limit: int = MAX_PIXELS, strip: int = _STRIP) -> Stored:
    """One page of an image file, whatever its format; from 0.

    Errors are those of `load_pixels`, and an `InputError` if there is no such page.
    """
    with path.open("rb") as start:
        header = start.read(26)
    if header[:4] in tiff.MAGIC:
        page = tiff.read_tiff(path, number, limit)
        if page.pixels is not None:
            return Stored(page.pixels, page.form, page.metadata, page.pages, page.doubts)
        with printed_lines() as lines:
            read = _tiff_by_pillow(path, page, strip, limit)
        if said := [line for line in lines if line.startswith("Fax")]:
            raise InputError(f"{path}: its fax data are damaged ({said[0]})")
        said = [f"its data are damaged ({line.rstrip('.')})" for line in lines[:1]]
        return replace(read, doubts=page.doubts or tuple(said))
    if (netpbm := read_netpbm16(path, header, limit)) is not None:
        _check_number(path, number, 1)
        return Stored(netpbm, Form(), Metadata())
    # Not by its name: Pillow 13 maps a plain file of that name into memory, and forgets that one
    # stored sideways has as many rows as the picture has columns.
    damaged: list[str] = []
    with contextlib.ExitStack() as stack:
        file: BinaryIO = stack.enter_context(path.open("rb"))
        if header[:8] == png.SIGNATURE and (damaged := png.damaged_chunks(file)):
            file = io.BytesIO(png.without_damaged(path))
        opened = stack.enter_context(open_image(file, path, limit))
        doubts = _doubts(path, opened.format, damaged) if number == 0 else ()
        return replace(_by_pillow(path, opened, number, strip), doubts=doubts)


def _doubts(path: Path, kind: str | None, damaged: list[str]) -> tuple[str, ...]:
    """Damage that leaves a picture; other damage is refused."""
    fault = jpeg_fault(path.read_bytes()) if kind in ("JPEG", "MPO") else ""
    if fault == "early":
        raise InputError(f"{path}: its JPEG data end before the last row; get the whole file")
    name = "JPEG" if fault else "WebP"
    if fault or (kind == "WEBP" and webp_is_damaged(path.read_bytes())):
        return (
            f"its {name} data are damaged: some of its pixels, most likely all below some row, "
            "are wrong and are taken as they are; get the whole file, or mark them as missing",
        )
    if not damaged:
        return ()
    left = "; all but pixels are left out" if damaged != ["IDAT"] else ""
    return (f"wrong checksums in {' and '.join(damaged)}: the file is damaged{left}",)


def _check_number(path: Path, number: int, pages: int) -> None:
    if number >= pages:
        raise InputError(f"{path}: has {pages} page(s); there is no page {number + 1}")


def _by_pillow(path: Path, opened: Image.Image, number: int, strip: int) -> Stored:
    several = opened.format not in ("MPO", "ICO", "PSD")  # else previews, sizes or layers
    pages = getattr(opened, "n_frames", 1) if several else 1
    _check_number(path, number, pages)
    orientation = 1
    with contextlib.suppress(Exception):  # of nearly any type, if the block is broken
        orientation = orientation_of(opened.getexif().get(ORIENTATION, 1))
    chunks: tuple[png.Chunk, ...] = ()
    bits, colour_type = 8, -1
    if opened.format == "PNG":
        with path.open("rb") as file:
            bits, colour_type = file.read(26)[24:26]
            chunks = png.kept_chunks(file)
    metadata = of_pillow(opened, orientation, chunks)
    if bits in (2, 4) and colour_type == 0:
        metadata = metadata.without(f"its {bits} bits a pixel, written as 8")
    if not several and getattr(opened, "n_frames", 1) > 1:
        metadata = metadata.without(f"{opened.format}'s further pictures")
    opened.seek(number)
    if bits == 16 and (colour_type != 0 or "transparency" in opened.info):
        if pages > 1:
            raise InputError(f"{path}: is an animation of 16 bits, which cannot be read")
        return Stored(upright(png.read_png16(path), orientation), Form(), metadata)
    opened.load()
    if opened.format == "PNG" and number == 0:
        width, height = opened.size
        png.check_complete(path, np.asarray(opened.crop((0, max(height - 2, 0), width, height))))
    if pages > 1:
        timing = {"duration": opened.info.get("duration", 0), "loop": opened.info.get("loop")}
        metadata = replace(metadata, animation=timing)
    image: Image.Image = opened
    key = np.zeros(0, int)
    if image.mode in ("1", "L", "RGB") and isinstance(image.info.get("transparency"), int | tuple):
        key = np.atleast_1d(np.asarray(image.info["transparency"], np.int64))
    if len(key) == len(image.getbands()):
        pixels = _pixels(image.convert("L") if image.mode == "1" else image, strip)
        if opened.format == "PNG" and bits < 8:
            key = np.minimum(key, 2**bits - 1) * (255 // (2**bits - 1))
        return Stored(upright(png.with_key(pixels, key), orientation), Form(), metadata, pages)
    pixels, form = _of_mode(image, strip)
    # Frames share no palette; the decoder has put together what each of them shows.
    form = Form() if pages > 1 else form
    return Stored(upright(pixels, orientation), form, metadata, pages)


def _of_mode(image: Image.Image, strip: int) -> tuple[NDArray, Form]:
    """Pixels to work on, and form, of an image as it is stored."""
    mode = image.mode
    if mode == "1":
        return _pixels(image.convert("L"), strip), Form("bilevel")
    if mode in ("L", "LA", "RGB", "RGBA", "F"):
        return _pixels(image, strip), Form()
    if mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16), Form()
    if mode == "I":  # what Pillow makes of 16-bit PGM
        return np.asarray(image).clip(0, 65535).astype(np.uint16), Form()
    if mode == "P":
        image.apply_transparency()
        kind = "RGBA" if image.palette and image.palette.mode == "RGBA" else "RGB"
        table = np.asarray(image.getpalette(kind), np.uint8).reshape(-1, len(kind))
        return of_palette(_pixels(image, strip), table)
    if mode == "CMYK":
        return 255 - _pixels(image, strip), Form("inks", photometric=5, extrasamples=())
    if mode in ("La", "RGBa", "PA"):
        return _pixels(image.convert({"La": "LA"}.get(mode, "RGBA")), strip), Form()
    return _pixels(image.convert("RGB"), strip), Form()  # YCbCr, LAB, HSV, RGBX


def _pixels(image: Image.Image, strip: int) -> NDArray:
    """Array of an image, copied in strips: `np.array` holds a large one three times meanwhile."""
    width, height = image.size
    one = np.asarray(image.crop((0, 0, 1, 1)))
    pixels = np.empty((height, width, *one.shape[2:]), one.dtype)
    rows = max(strip // max(width, 1), 1)
    for top in range(0, height, rows):
        part = pixels[top : top + rows]
        part[:] = np.asarray(image.crop((0, top, width, top + len(part))))
    return pixels


def _tiff_by_pillow(path: Path, page: tiff.TiffPage, strip: int, limit: int) -> Stored:
    """Page of a TIFF file that is compressed in a way that Pillow knows."""
    photometric, extra = page.form.photometric or 0, page.form.extrasamples or ()
    with path.open("rb") as file:
        try:
            image = open_image(file, path, limit)
        except UnidentifiedImageError as error:
            raise InputError(f"{path}: {_UNSUPPORTED}") from error
        image.seek(page.directory)
        check_size(path, image.size, limit)
        mode, depth = image.mode, 1 if page.dtype is None else page.dtype.itemsize
        if depth > 1 and mode in ("RGB", "RGBA"):
            native = _read_tiff16(path, image)
        else:
            ImageOps.exif_transpose(image, in_place=True)
            if depth == 1 and mode in ("1", "P", "CMYK", "RGB", "YCbCr", "RGBA", "LA"):
                pixels, form = _of_mode(image, strip)
                return Stored(pixels, form, page.metadata, page.pages)
            native = _pixels(image, strip)
        if mode == "LAB":
            native[..., 1:] ^= 128  # Pillow's own has no sign
        elif page.dtype is not None and native.ndim == 2:
            if mode == "I" and page.dtype.itemsize == 2:
                native = native.astype(page.dtype)
            if mode == "L" or native.dtype.kind == "f":
                photometric = 1  # Pillow has turned it over, or nobody would
            if native.dtype.itemsize == page.dtype.itemsize:
                native = native.astype(native.dtype.newbyteorder("=")).view(page.dtype)
    native = tiff.widened(native, page.bits)
    if page.dtype is None or native.dtype != page.dtype:
        raise InputError(f"{path}: {_UNSUPPORTED}")
    return Stored(*form_of_tiff(native, photometric, extra), page.metadata, page.pages)


_UNSUPPORTED = (
    "its TIFF compression is unsupported at this depth; use zlib or none, or install imagecodecs "
    "(pip install imagecodecs)"
)


def _read_tiff16(path: Path, opened: Image.Image) -> NDArray[np.uint16]:
    """Decode a 16-bit colour TIFF, such as one with LZW compression, through Pillow.

    As for PNG: Pillow keeps one byte of each sample, chosen by the byte order it is told.
    """
    index = opened.tell()

    def decoded(byte_order: str) -> NDArray:
        with path.open("rb") as file, open_image(file, path, sys.maxsize) as again:
            again.seek(index)
            args = tuple(again.tile[0].args or ())
            if len(again.tile) > 1 or args[:1] not in (("RGB;16N",), ("RGBA;16N",)):
                raise InputError(f"{path}: {_UNSUPPORTED}")
            args = (args[0][:-1] + byte_order, *args[1:])
            again.tile = [again.tile[0]._replace(args=args)]
            return np.asarray(ImageOps.exif_transpose(again))

    high, low = ("L", "B") if sys.byteorder == "little" else ("B", "L")
    return png.joined(decoded(high), decoded(low))
