"""Pictures to restore, with all that their files say, and the files of the restored ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bio_scnn.data.codecs import Stored, load_page
from bio_scnn.data.encoders import TIFF, dump_pages, to_write
from bio_scnn.data.images import check_held, checked
from bio_scnn.data.limits import MAX_PIXELS
from bio_scnn.errors import InputError
from bio_scnn.runtime.memory import give_back_freed_memory


def read_picture(path: str | os.PathLike, page: int = 0, max_pixels: int = MAX_PIXELS) -> Stored:
    """Read one page or frame of a picture, with all that `picture_file` needs to write it again.

    Parameters
    ----------
    path : path-like
        A file of any format that Pillow or tifffile reads.
    page : int
        Number of the page, from 0.
    max_pixels : int
        No picture that declares more is decoded.

    Returns
    -------
    Stored
        Its `pixels` are those to restore. They are as `read_image` reads them, with two
        exceptions: for CMYK they are the complements of the inks, and TIFF files may have other
        integers or more channels.

    Raises
    ------
    InputError
        If there is no such file or page, or it is not a readable picture.
    """
    path = Path(path)
    read = checked(path, lambda: load_page(path, page, max_pixels))
    if read.pixels.size == 0 or read.pixels.ndim not in (2, 3):
        raise InputError(f"{path}: has shape {read.pixels.shape}; expected (H, W) or (H, W, C)")
    give_back_freed_memory(read.pixels.nbytes)
    pixels = read.pixels[..., 0] if read.pixels.shape[2:] == (1,) else read.pixels
    return replace(read, pixels=np.ascontiguousarray(pixels))


def picture_file(
    path: str | os.PathLike, pages: Sequence[tuple[Stored, np.ndarray, np.ndarray]]
) -> tuple[bytes, list[str]]:
    """Bytes of a restored picture's file, with all properties of the original that it can hold.

    Parameters
    ----------
    path : path-like
        Its suffix names the format, as for `write_image`.
    pages : sequence of (Stored, pixels, mask)
        Each as `read_picture` read it, its restored pixels, and True where they were missing.

    Returns
    -------
    data : bytes
    lost : list of str
        Names of what could not be kept.

    Raises
    ------
    InputError
        If the format does not hold such pages.
    """
    path = Path(path)
    suffix, written, lost = path.suffix.lower(), [], []
    for page, pixels, mask in pages:
        if page.pages > len(pages):
            page = replace(page, metadata=page.metadata.of_one_page())
        try:
            one, without = to_write(page, pixels, mask, suffix)
        except InputError as error:
            raise InputError(f"{path}: cannot be written: {error}; use .tif") from error
        if suffix not in TIFF and one.form.kind == "plain" and one.values.dtype != bool:
            check_held(path, one.values)
        written.append(one)
        lost += [name for name in without if name not in lost]
    animated = all(page.metadata.animation for page, *_ in pages)
    if len(pages) > 1 and suffix not in (TIFF if not animated else (*TIFF, ".png", ".webp")):
        raise InputError(
            f"{path}: {suffix} does not hold {len(pages)} pages; use .tif"
            f"{' or .png' * animated}, or restore one with --page"
        )
    give_back_freed_memory(sum(one.values.nbytes for one in written))
    try:
        return dump_pages(written, suffix), lost
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: cannot be written ({error})") from error
