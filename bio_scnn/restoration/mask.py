"""Mask of a picture's page, from whatever a request gives for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.codecs import Stored
from bio_scnn.data.forms import plain
from bio_scnn.data.mask_files import finished, read_mask_for
from bio_scnn.data.mask_reading import Reading
from bio_scnn.errors import InputError
from bio_scnn.restoration.proposal import proposed
from bio_scnn.restoration.request import NO_DATA, PROPOSED, Request


def given_mask(
    path: Path, source: Stored, page: int, empty: NDArray[np.bool_] | None, request: Request
) -> Reading:
    """Mask of a page as it was given, proposed, or of its pixels that hold no data.

    Parameters
    ----------
    path : Path
        The picture's file.
    source : Stored
        Its page.
    page : int
        From 0.
    empty : bool array, shape (H, W), optional
        Pixels that hold no data.
    request : Request
        Gives one mask for all pages, or one for each.

    Raises
    ------
    InputError
        If there are too few or too many masks, or one cannot be used.
    """
    mask = _of_page(path, source.pages, page, request)
    one_of_many = source.pages > 1 and request.page is None  # of which some may have no damage
    if mask == NO_DATA:
        if empty is None and one_of_many:
            empty = np.zeros(source.pixels.shape[:2], bool)
        if empty is None:
            raise InputError(
                f"{path} has no pixel without data: no NaN, infinity or value of its nodata tag; "
                "name the value by --nodata"
            )
        return Reading(empty, "where it holds no data")
    if mask == PROPOSED:
        if source.pages > 1 and request.page is None:
            raise InputError(f"{path} has {source.pages} pages; --mask auto needs --page for one")
        reading = proposed(path, source.pixels, empty)
    else:
        reading = read_mask_for(
            path, mask, _shown(source), page, request.max_pixels, may_be_empty=one_of_many
        )
    return finished(
        reading,
        mask,
        invert=request.mask_invert,
        grow=request.mask_grow,
        most=request.max_missing,
        may_be_empty=one_of_many,
    )


def _of_page(path: Path, pages: int, page: int, request: Request) -> Path:
    masks = request.masks
    if len(masks) == 1:
        return masks[0]
    if len(masks) != pages:
        raise InputError(
            f"{path} has {pages} page(s), and {len(masks)} masks are given; give one, or one for "
            "each page"
        )
    return masks[page]


def _shown(source: Stored) -> NDArray:
    """Pixels as other programs show them, of which a mask may be a copy."""
    try:
        return plain(source.form, source.pixels)
    except InputError:  # no image that a mask could be painted on
        return source.pixels
