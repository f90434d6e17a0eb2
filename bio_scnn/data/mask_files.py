"""Mask files: found for a picture by name, read for it, turned with it, inverted and grown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.datasets import find_images
from bio_scnn.data.forms import plain
from bio_scnn.data.limits import MAX_PIXELS
from bio_scnn.data.mask_reading import Reading, mask_of, shows
from bio_scnn.data.orientation import stored_orientation, turned_back
from bio_scnn.data.pictures import read_picture
from bio_scnn.data.upright import upright
from bio_scnn.errors import InputError
from bio_scnn.runtime.files import same_name

_ENDINGS = ("_mask", "-mask", ".mask", " mask")
_BEGINNINGS = ("mask_", "mask-")
_STRIP = 2**22  # pixels of a mask that is grown, looked at together
MOST_MISSING = 0.95
"""Fraction of missing pixels above which a mask is refused, unless another is named."""
MUCH_MISSING = 0.5
"""Fraction of missing pixels above which a mask draws a warning."""

HOW_TO = (
    "say what is missing: (1) paint over it in a copy of the picture, in any colour, save that as "
    "PNG, and give --mask painted.png; (2) or paint it white on black in a picture of the same "
    "size; (3) or use --mask auto to propose a mask for scratches and dust"
)
"""Three ways to make a mask, for whoever has none."""


def masks_for(path: Path, masks: Sequence[Path], only: bool = True) -> tuple[Path, ...]:
    """Mask files of a picture: those given, or the one of its name in a folder or among many.

    Parameters
    ----------
    path : Path
        The picture.
    masks : sequence of Path
        Files, or folders of them.
    only : bool
        Whether it is the only picture, so that files need not have its name.

    Returns
    -------
    files : tuple of Path
        Several only if several files are given for the only picture: one for each page.

    Raises
    ------
    InputError
        If no file has the picture's name, or several do.
    """
    if not any(mask.is_dir() for mask in masks) and (only or len(masks) == 1):
        return tuple(masks)
    files = [file for mask in masks for file in (find_images(mask) if mask.is_dir() else [mask])]
    files = [file for file in files if os.path.realpath(file) != os.path.realpath(path)]
    inside = any(os.path.realpath(mask) == os.path.realpath(path.parent) for mask in masks)
    fitting = [file for file in files if _named_for(path, file, plain=not inside)]
    where = ", ".join(map(str, masks))
    if not fitting:
        raise InputError(
            f"{path}: no mask of its name in {where}; name it {path.stem}.png or "
            f"{path.stem}_mask.png"
        )
    if len(fitting) > 1:
        raise InputError(
            f"{path}: {fitting[0].name} and {fitting[1].name} in {where} may both be its mask; "
            "keep one"
        )
    return (fitting[0],)


def _named_for(path: Path, mask: Path, *, plain: bool) -> bool:
    stem, names = same_name(mask.stem), (same_name(path.stem), same_name(path.name))
    if stem in names:
        return plain
    return any(stem == name + ending for name in names for ending in _ENDINGS) or any(
        stem == beginning + name for name in names for beginning in _BEGINNINGS
    )


def is_mask_beside(path: Path, names: set[str]) -> bool:
    """Answer if a file is named as the mask of another picture, of whose stems `names` are."""
    stem = same_name(path.stem)
    rests = [stem.removesuffix(ending) for ending in _ENDINGS if stem.endswith(ending)]
    rests += [stem.removeprefix(start) for start in _BEGINNINGS if stem.startswith(start)]
    return any(rest in names for rest in rests)


def read_mask_for(
    path: Path,
    mask: Path,
    image: NDArray,
    page: int = 0,
    max_pixels: int = MAX_PIXELS,
    *,
    may_be_empty: bool = False,
) -> Reading:
    """Read the mask of a picture, turned as that is.

    A mask of the size that the picture is stored in, before its EXIF orientation is applied, is
    turned as the picture is; one with an orientation that the picture does not have is turned
    back.

    Parameters
    ----------
    path, mask : Path
        Files of the picture and of the mask.
    image : array, shape (H, W) or (H, W, C)
        The picture, upright.
    page : int
        Of the picture, from 0; of a mask file with several pages the one of that number.
    max_pixels : int
        No mask that declares more is read.
    may_be_empty : bool
        As for `mask_of`.

    Returns
    -------
    Reading
        Its mask has the shape (H, W) of the picture.

    Raises
    ------
    InputError
        If the file is the picture itself, is not a mask, or has another size.
    """
    same = mask.exists() and path.exists() and mask.samefile(path)
    if same and not (image.shape[2:] in ((2,), (4,)) and image[..., -1].min() == 0):
        raise InputError(
            f"{mask} is given as picture and as mask; give a mask of its own: {HOW_TO}"
        )
    pixels, doubts = _pixels(mask, page, max_pixels)
    pixels, turned = _turned(path, mask, image, pixels)
    if pixels.shape[:2] != image.shape[:2]:
        which = f", page {page + 1}," if page else ""
        raise InputError(
            f"{mask} has {pixels.shape[0]} x {pixels.shape[1]} pixels, {path}{which} "
            f"{image.shape[0]} x {image.shape[1]}; they must be of the same size"
        )
    try:
        reading = mask_of(pixels, image, may_be_empty=may_be_empty)
    except InputError as error:
        raise InputError(f"{mask} {error}") from error
    warnings = [f"{mask} {line}" for line in reading.warnings]
    doubts = tuple(f"{mask}: {doubt}" for doubt in doubts)
    return reading._replace(warnings=(*doubts, *turned, *warnings))


def _pixels(mask: Path, page: int, max_pixels: int) -> tuple[NDArray, tuple[str, ...]]:
    """Pixels of a mask's page, of a file with one page of that, and doubts; numbers as such."""
    found = read_picture(mask, 0, max_pixels)
    if page > 0 and found.pages > 1:
        if page >= found.pages:
            raise InputError(f"{mask} has {found.pages} pages, and none for page {page + 1}")
        found = read_picture(mask, page, max_pixels)
    whole = found.form.dtype is not None and found.form.dtype.kind in "iu"
    pixels = found.pixels if whole else plain(found.form, found.pixels)
    if pixels.ndim == 3 and pixels.shape[2] > 4:
        raise InputError(f"{mask}: has {pixels.shape[2]} channels; expected 1 to 4")
    return pixels, found.doubts


def _turned(
    path: Path, mask: Path, image: NDArray, pixels: NDArray
) -> tuple[NDArray, tuple[str, ...]]:
    """Pixels of a mask turned as its picture is, and a doubt, if any."""
    of_picture, of_mask = stored_orientation(path), stored_orientation(mask)
    if of_picture == of_mask:
        return pixels, ()
    fits = pixels.shape[:2] == image.shape[:2]
    if of_mask == 1 and not fits and of_picture >= 5:
        return upright(pixels, of_picture), ()
    if of_picture == 1 and not fits and of_mask >= 5:
        return turned_back(pixels, of_mask), ()
    if of_mask == 1 and fits:
        stored = upright(pixels, of_picture)
        if stored.shape[:2] == image.shape[:2]:
            if shows(pixels, image):  # a copy tells how it lies
                return pixels, ()
            if shows(stored, image):
                return stored, ()
            return pixels, (
                f"{path} is stored turned (EXIF orientation {of_picture}) and {mask} is not: it "
                "is taken to lie on the upright picture",
            )
    return pixels, ()


def grown(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """Mask with all pixels that are at most `by` pixels from a missing one."""
    if by == 0 or not mask.any():
        return mask
    from scipy import ndimage

    result = np.empty_like(mask)
    rows = max(_STRIP // mask.shape[1], 4 * by)
    for top in range(0, len(mask), rows):
        start = max(top - by, 0)
        part = mask[start : top + rows + by]
        near = ndimage.distance_transform_edt(~part) <= by if part.any() else part
        result[top : top + rows] = near[top - start :][:rows]
    return result


def finished(
    reading: Reading,
    mask: Path,
    *,
    invert: bool = False,
    grow: int = 0,
    most: float = MOST_MISSING,
    may_be_empty: bool = False,
) -> Reading:
    """Reading inverted and grown as asked, refused if it leaves too little.

    Raises
    ------
    InputError
        If nothing (unless that may be), all, or more than the fraction `most` is missing.
    """
    missing = grown(~reading.mask if invert else reading.mask, grow)
    how = f"where it is not so: {reading.how}" if invert else reading.how
    share = float(missing.mean())
    other = "leave out --mask-invert" if invert else "say --mask-invert"
    if share == 0 and not may_be_empty:
        raise InputError(
            f"the mask is empty: in {mask} no pixel is marked (read: missing {how}), there is "
            "nothing to restore; make missing pixels white and the others black"
        )
    if share == 1:
        raise InputError(
            f"the mask is full: in {mask} every pixel is marked (read: missing {how}); make "
            "missing pixels white and the others black"
        )
    if share > most:
        raise InputError(
            f"{mask} marks {100 * share:.1f} % as missing (read: missing {how}), more than "
            f"{100 * most:g} %: if the other part is meant, {other}; if not, say --max-missing 1"
        )
    warnings = reading.warnings
    if share > MUCH_MISSING:
        warnings += (
            f"{mask} marks {100 * share:.1f} % as missing (read: missing {how}); if the other "
            f"part is meant, {other}",
        )
    return Reading(missing, how, warnings)
