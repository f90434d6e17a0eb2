"""TIFF files read with tifffile: pages and their tags."""

from __future__ import annotations

import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from bio_scnn.data.forms import Form, form_of_tiff
from bio_scnn.data.ifd import EXIF, GPS, ORIENTATION, Entry, read_directory
from bio_scnn.data.limits import check_size
from bio_scnn.data.metadata import ICC, XMP, Metadata, kept_tags
from bio_scnn.data.palettes import of_palette
from bio_scnn.data.strips import check_data, check_parts
from bio_scnn.data.upright import orientation_of, upright, upright_xmp
from bio_scnn.errors import InputError

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOST_SAMPLES, _MOST_PAGES = 64, 10_000
# Without imagecodecs tifffile decodes: none, two codes of zlib, PackBits, LZMA. With it, also LZW,
# Zstandard, and others that lose nothing.
_PLAIN = (1, 8, 32946, 32773, 34925)
_WITH_CODECS = (5, 34887, 50000)


class TiffPage(NamedTuple):
    """One page of a TIFF file; without pixels if tifffile cannot decode them, but Pillow may."""

    pixels: NDArray | None
    form: Form
    metadata: Metadata
    pages: int  # of the file
    directory: int  # its number among all
    dtype: np.dtype | None
    bits: int = 8  # of a sample
    doubts: tuple[str, ...] = ()


def has_codecs() -> bool:
    """True if the package imagecodecs is installed."""
    return find_spec("imagecodecs") is not None


def read_tiff(path: Path, number: int, limit: int) -> TiffPage:
    """Read one page of a TIFF file.

    Parameters
    ----------
    path : Path
    number : int
        Of the page, from 0; reduced copies of pages and masks of them do not count.
    limit : int
        Pixels that are read at most.

    Raises
    ------
    InputError
        If there is no such page, or it declares to be too large.
    """
    with tifffile.TiffFile(path) as file:
        if len(file.pages) > _MOST_PAGES:
            raise InputError(f"{path}: has {len(file.pages)} pages; no more than {_MOST_PAGES}")
        found = [(n, page) for n, page in enumerate(pages_of(file)) if not page.subfiletype & 5]
        if number >= len(found):
            raise InputError(f"{path}: has {len(found)} page(s); there is no page {number + 1}")
        index, page = found[number]
        samples = page.samplesperpixel
        size = (page.imagewidth, page.imagelength)
        check_size(path, size, limit, samples * page.bitspersample / 8)
        if samples > _MOST_SAMPLES or page.imagedepth > 1:
            raise InputError(f"{path}: has {samples} channels, {page.imagedepth} deep; too many")
        tag = page.tags.get(ORIENTATION)
        orientation = orientation_of(tag.value if tag else 1)
        metadata = _metadata(file, page, orientation, len(file.pages) - len(found))
        doubts = check_data(path, file, page)
        native = _decoded(path, page)
        if native is None:
            extra = tuple(map(int, page.extrasamples))
            form = Form(photometric=int(page.photometric), extrasamples=extra)
            bits = page.bitspersample
            return TiffPage(None, form, metadata, len(found), index, page.dtype, bits, doubts)
        native = upright(native, orientation)
        native = np.ascontiguousarray(native, native.dtype.newbyteorder("="))
        pixels, form = _formed(path, native, page)
    return TiffPage(pixels, form, metadata, len(found), index, page.dtype, doubts=doubts)


def pages_of(file: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    """Pages of an open file, those that are no pages of their own included."""
    return [page for page in file.pages if isinstance(page, tifffile.TiffPage)]


def _decoded(path: Path, page: tifffile.TiffPage) -> NDArray | None:
    if page.photometric in (32803, 34892):
        raise InputError(f"{path}: is a raw photograph; develop it first")
    known = _PLAIN + (_WITH_CODECS if has_codecs() else ())
    if page.compression not in known or page.photometric in (6, 32844, 32845):
        return None
    if page.bitspersample not in (1, 8, 16, 32, 64) and not has_codecs():
        return None
    if page.dtype is None or (page.bitspersample == 1 and page.samplesperpixel > 1):
        return None
    check_parts(path, page)
    ends = np.add(page.dataoffsets, page.databytecounts)
    if len(ends) == 0 or ends.max() > path.stat().st_size:  # tifffile would fill in zeros
        raise InputError(f"{path}: not a readable image (it is truncated)")
    try:
        native = page.asarray()
    except (ValueError, NotImplementedError, ImportError) as error:  # each, by what lacks
        if "imagecodecs" in str(error):
            return None
        raise
    if page.planarconfig == 2 and native.ndim == 3:
        native = np.moveaxis(native, 0, -1)
    return native


def _formed(path: Path, native: NDArray, page: tifffile.TiffPage) -> tuple[NDArray, Form]:
    photometric = int(page.photometric)
    if photometric == 3:
        if native.dtype != np.uint8 or page.colormap is None or native.ndim != 2:
            raise InputError(
                f"{path}: has a palette of {native.dtype}; expected one of 256 colours"
            )
        return of_palette(native, (page.colormap.T >> 8).astype(np.uint8))
    native = widened(native, page.bitspersample)
    try:
        return form_of_tiff(native, photometric, tuple(map(int, page.extrasamples)))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def widened(native: NDArray, bits: int) -> NDArray:
    """Samples of an odd number of bits, such as 12, so that white is white in whole bytes."""
    if native.dtype.kind != "u" or bits in (1, 8, 16, 32, 64) or native.dtype == np.uint8:
        return native  # Pillow has done it for 2 and 4 bits
    return np.rint(native * (np.iinfo(native.dtype).max / (2**bits - 1))).astype(native.dtype)


def _metadata(
    file: tifffile.TiffFile, page: tifffile.TiffPage, orientation: int, left: int
) -> Metadata:
    order, big = file.byteorder, file.is_bigtiff
    entries = []
    for tag in page.tags:
        code, dtype, count, value, _ = tag.astuple()
        entries.append(Entry(int(code), int(dtype), int(count or 0), bytes(value)))
    values = {entry.code: entry.value for entry in entries}
    main, lost = kept_tags(entries, orientation)
    directories = {0: main}
    size = file.filehandle.size

    def read(start: int, length: int) -> bytes:
        file.filehandle.seek(start)
        return file.filehandle.read(min(length, size))

    for code in (EXIF, GPS):
        if code in page.tags:
            try:
                place = page.tags[code].offset + (12 if big else 8)
                (start,) = struct.unpack(
                    order + "Q" if big else order + "I", read(place, 8 if big else 4)
                )
                below = read_directory(read, start, order, big)
                directories[code] = kept_tags(below, orientation)[0]
            except struct.error:
                lost.append("a damaged EXIF directory")
    if left or 330 in values:
        lost.append("reduced copies and masks of pages")
    if file.is_imagej and (file.imagej_metadata or {}).get("images", 1) > len(file.pages):
        lost.append("ImageJ's further frames")
        directories[0] = [entry for entry in main if entry.code not in (270, 50838, 50839)]
    bits = page.bitspersample
    if bits not in (1, 8, 16, 32, 64) and page.photometric != 3 and page.dtype is not None:
        lost.append(f"its {bits} bits a sample, written as {8 * page.dtype.itemsize}")
    coding: dict[str, Any] = {"compression": int(page.compression), "byteorder": order}
    if page.is_tiled:
        coding["tile"] = (page.tilelength, page.tilewidth)
    if page.predictor == 2:
        coding["predictor"] = 2
    return Metadata(
        icc=values.get(ICC, b""),
        xmp=upright_xmp(values.get(XMP, b"")),
        order=order,
        directories=directories,
        resolution=_resolution(page, orientation),
        coding=coding,
        lost=tuple(lost),
    )


def _resolution(page: tifffile.TiffPage, orientation: int) -> Any:
    pair = [page.tags[code].value for code in (282, 283) if code in page.tags]
    if len(pair) != 2 or not all(isinstance(v, tuple) and len(v) == 2 and v[1] for v in pair):
        return None
    unit = page.tags[296].value if 296 in page.tags else 2
    x, y = (numerator / denominator for numerator, denominator in pair)
    if not (0 < x < 1e9 and 0 < y < 1e9) or unit not in (1, 2, 3):
        return None
    return (y, x, int(unit)) if orientation >= 5 else (x, y, int(unit))
