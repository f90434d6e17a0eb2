"""Copies of a picture that were painted over: recognised, and where they differ.

A copy may have been saved with loss, so that every pixel is a little off. It is told from any
other image by the picture's own detail: most pixels agree with it, and most of those that are
unlike its most frequent value.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SAMPLE = 2**18  # pixels that are compared to recognise a copy
_AGREE = 0.5  # of the detail must agree
_GROUND = 0.25  # and of its most frequent value, which may be painted over; half of two values
_EXACT, _NEAR = 1.5, 26.0  # levels of 255: agreement of a lossless and of a lossy copy
_DETAIL = (8.0, 40.0)  # levels from the most frequent value, for the one and the other
_ENOUGH = 16  # pixels of detail
_PAINT, _EDGE = 48, 24  # levels of paint in a lossy copy, and of what belongs to it
_STRONGEST, _MOST = 0.75, 0.7  # of a part's pixels: give the paint's colour, and have it
_ONE_COLOUR = 64  # levels from the paint's colour
_MOSTLY = 0.4  # of the way from the picture's colour to the paint's
_LITTLE = 3  # levels by which a lossless copy hardly ever differs
_SPECK = 4  # pixels: fewer are noise of a lossy copy
_SLAB = 2**22  # values that are compared at a time


class Difference(NamedTuple):
    """Pixels in which a copy differs from the picture.

    Attributes
    ----------
    mask : bool array, shape (H, W)
    lossy : bool
        The copy was saved with loss.
    levels : int
        Differences up to so many of 255 levels are not counted.
    """

    mask: NDArray[np.bool_]
    lossy: bool
    levels: int


def is_copy(colour: NDArray, picture: NDArray, opaque: NDArray[np.bool_] | None = None) -> bool:
    """Answer if an image is a copy of a picture, painted over by less than about half.

    Parameters
    ----------
    colour, picture : array, shape (H, W, 1 or 3)
        Unsigned integers, or floats in [0, 1].
    opaque : bool array, shape (H, W), optional
        Pixels of the image that are not erased.
    """
    step = max(int(np.sqrt(colour.shape[0] * colour.shape[1] / _SAMPLE)), 1)
    every = (slice(None, None, step),) * 2
    away = _levels(colour[every], picture[every])
    grey = _eight(picture[every]).mean(axis=2)
    if opaque is not None:
        away, grey = away[opaque[every]], grey[opaque[every]]
    if away.size == 0 or not (_comparable(colour) and _comparable(picture)):
        return False
    least = _AGREE if _has_two_values(colour[every]) else _GROUND
    usual = np.bincount(np.rint(grey).astype(int).ravel()).argmax()
    for agreement, detail in zip((_EXACT, _NEAR), _DETAIL, strict=True):
        of_detail = np.abs(grey - usual) > detail
        chosen, ground = away[of_detail], away[~of_detail]
        if chosen.size < _ENOUGH:
            continue
        agree = min(np.mean(values <= agreement) for values in (away, chosen))
        # White scratches may be the most frequent value, and are painted over whole; paper not.
        paper = ground.size > chosen.size
        if agree >= _AGREE and (not paper or np.mean(ground <= agreement) >= least):
            return True
    return False


def _has_two_values(values: NDArray) -> bool:
    """True of black and white: a mask, or a scan, of which a mask shares half of the pixels."""
    return bool(((values == values.min()) | (values == values.max())).all())


def difference(colour: NDArray, picture: NDArray) -> Difference:
    """Pixels in which a copy, see `is_copy`, differs from the picture.

    Of a lossless copy all that differ; of a lossy one those that differ strongly, and what hangs
    together with them and differs clearly.
    """
    from scipy import ndimage

    away = np.empty(colour.shape[:2], np.uint8)
    rows = max(_SLAB // colour.shape[1], 1)
    for top in range(0, len(away), rows):
        slab = slice(top, top + rows)
        away[slab] = np.ceil(_levels(colour[slab], picture[slab]))
    exact = 0 if colour.dtype == picture.dtype else int(_EXACT)
    unlike = away > exact
    noise = float(np.median(away))
    # A brush touches few pixels, and those much; a lossy format nearly all, and those little.
    little = np.count_nonzero(unlike & (away <= exact + _LITTLE))
    if noise <= exact and 2 * little <= np.count_nonzero(unlike):
        return Difference(_closed(unlike), False, exact)
    edge, paint = (max(least, int(times * noise)) for least, times in ((_EDGE, 4), (_PAINT, 8)))
    labels, count = ndimage.label(away > edge, np.ones((3, 3), bool))
    strongest = ndimage.maximum(away, labels, np.arange(count + 1))
    kept = (strongest > min(paint, 254)) & (np.bincount(labels.ravel()) >= _SPECK)
    kept[0] = False
    mask = kept[labels]
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        if kept[number]:
            part = labels[place] == number
            ours, theirs = _eight(colour[place]), _eight(picture[place])
            mask[place] &= ~_smeared(ours, theirs, part, away[place], 3 * edge)
    return Difference(_closed(mask), True, edge)


def _smeared(
    copy: NDArray[np.float32],
    own: NDArray[np.float32],
    part: NDArray[np.bool_],
    away: NDArray[np.uint8],
    far: int,
) -> NDArray[np.bool_]:
    """Pixels of a part that were not painted themselves, but beside those that were.

    Lossy formats store colours at half the size. Where the paint has one colour, unlike that of
    the picture, the part of the way to it tells how much of a pixel is paint.
    """
    paint = np.median(copy[part & (away >= np.quantile(away[part], _STRONGEST))], axis=0)
    way, gone = paint - own, copy - own
    length, along, moved = (
        (a * b).sum(axis=2) for a, b in ((way, way), (gone, way), (gone, gone))
    )
    clear = part & (length > far * far)  # where the paint can be told from the picture
    whole = copy[clear & (moved > _MOSTLY * length)]
    if not len(whole) or np.mean(np.abs(whole - paint).max(axis=1) <= _ONE_COLOUR) < _MOST:
        return np.zeros_like(part)
    solid = clear & (along > _MOSTLY * length)
    return clear & ~solid & _with_neighbours(_with_neighbours(solid))


def _comparable(image: NDArray) -> bool:
    """True of integers, and of floats in [0, 1]."""
    return image.dtype.kind != "f" or bool(image.min() >= 0 and image.max() <= 1)


def _closed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask with the pixels between that happened to have the paint's colour."""
    return ~_with_neighbours(~_with_neighbours(mask))


def _with_neighbours(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask grown by one pixel in eight directions; ten times as fast as SciPy's filters."""
    rows = mask.copy()
    rows[1:] |= mask[:-1]
    rows[:-1] |= mask[1:]
    both = rows.copy()
    both[:, 1:] |= rows[:, :-1]
    both[:, :-1] |= rows[:, 1:]
    return both


def _levels(one: NDArray, other: NDArray) -> NDArray:
    """Largest difference of a colour, in levels of 255; grey is compared with every colour."""
    if not one.dtype == other.dtype == np.uint8:
        one, other = _eight(one), _eight(other)
    channels = range(max(one.shape[2], other.shape[2]))
    pairs = ((one[..., min(c, one.shape[2] - 1)], other[..., min(c, other.shape[2] - 1)])
             for c in channels)  # fmt: skip
    return functools.reduce(np.maximum, (np.maximum(a, b) - np.minimum(a, b) for a, b in pairs))


def _eight(image: NDArray) -> NDArray[np.float32]:
    """Colours as floats from 0 to 255."""
    if image.dtype.kind == "u":
        return image.astype(np.float32) * np.float32(255 / np.iinfo(image.dtype).max)
    return np.clip(image, 0, 1).astype(np.float32) * np.float32(255)
