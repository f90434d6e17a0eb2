"""Reading of a picture as a mask: painted, erased, or the difference from a copy.

A mask is two-valued, but what people have is not: edges are smoothed, JPEG rings around them,
black is not quite black. So a threshold decides, halfway between the darkest and the brightest
value.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.copies import Difference, difference, is_copy
from bio_scnn.errors import InputError

_BETWEEN = (0.05, 0.5)  # of the picture, and of what is missing: more than that is told
_NO_MASK = 0.5  # of the picture: more between the two values than that is no mask
_DARK = 0.1  # of white: nothing that is not brighter was painted
_FLAT = 0.1  # of white: colours that differ less are one
_TORN = (0.25, 0.75)  # opaque parts of a layer for which its meaning cannot be told


class Reading(NamedTuple):
    """A mask as it was read.

    Attributes
    ----------
    mask : bool array, shape (H, W)
        True where a pixel is missing.
    how : str
        Rule by which it was read, for people.
    warnings : tuple of str
        Doubts about it, a line each.
    """

    mask: NDArray[np.bool_]
    how: str
    warnings: tuple[str, ...] = ()


def mask_of(
    pixels: NDArray, picture: NDArray | None = None, *, may_be_empty: bool = False
) -> Reading:
    """Mask that an image shows.

    It is, by the first of these that fits: the difference from the picture, if it is a copy of
    that, painted over or erased; what is opaque in a layer of one colour, or transparent if that
    is less; what is coloured on white, grey or a photograph; or what is bright.

    Parameters
    ----------
    pixels : array of unsigned integers or floats, shape (H, W) or (H, W, 1 to 4)
        The mask's image.
    picture : array, shape (H, W) or (H, W, 1 to 4), optional
        The picture that it is a mask of.
    may_be_empty : bool
        A copy in which nothing is painted is a mask as well, as of a page without damage.

    Returns
    -------
    Reading

    Raises
    ------
    InputError
        If it is the picture itself, or no mask.
    """
    colour, alpha = _split(pixels)
    opaque = None
    if alpha is not None and alpha.min() != alpha.max():
        opaque = alpha > _half(alpha)
    if picture is not None and picture.shape[:2] == colour.shape[:2]:
        of_picture, its_alpha = _split(picture)
        if is_copy(colour, of_picture, opaque):
            erased = None if opaque is None else ~opaque
            found = difference(colour, of_picture)
            if erased is not None and its_alpha is not None:  # not what never was there
                since = erased & (its_alpha > _half(its_alpha))
                if not since.any() and not found.mask.any():  # the picture has the very holes
                    return Reading(erased, "where it is transparent, as the picture is")
                erased = since
            return _painted(found, erased, may_be_empty)
    if opaque is not None:
        if _flat(colour[opaque]):
            return _layer(opaque)
        colour = np.where(opaque[..., np.newaxis], colour, np.zeros((), colour.dtype))
    return _bright(colour)


def shows(pixels: NDArray, picture: NDArray) -> bool:
    """Answer if an image is a copy of a picture that was painted over."""
    (colour, alpha), (of_picture, _) = _split(pixels), _split(picture)
    opaque = None if alpha is None or alpha.min() == alpha.max() else alpha > _half(alpha)
    return is_copy(colour, of_picture, opaque)


def _split(pixels: NDArray) -> tuple[NDArray, NDArray | None]:
    """Colours (H, W, 1 or 3) and alpha (H, W) of an image; that of NaN is 0."""
    if pixels.dtype.kind == "f" and not (there := np.isfinite(pixels)).all():
        pixels = np.nan_to_num(pixels, posinf=0, neginf=0)
        if pixels.ndim == 2 or pixels.shape[2] in (1, 3):
            there = there.reshape(*pixels.shape[:2], -1).all(axis=2)
            return pixels.reshape(*pixels.shape[:2], -1), there.astype(pixels.dtype)
    if pixels.ndim == 2:
        return pixels[..., np.newaxis], None
    if pixels.shape[2] in (2, 4):
        return pixels[..., :-1], pixels[..., -1]
    return pixels, None


def _half(values: NDArray) -> float:
    """Middle of the range of values."""
    return (float(values.min()) + float(values.max())) / 2


def _white(values: NDArray) -> float:
    """White of a type; of values up to 255 that are stored in 16 bits, 255."""
    if values.dtype.kind == "f":
        return max(1.0, float(values.max(initial=0)))
    white = np.iinfo(values.dtype).max
    return 255.0 if white > 255 and values.max(initial=0) <= 255 else float(white)


def _flat(colours: NDArray) -> bool:
    """True if colours (n, C) are one, but for noise."""
    low, high = colours.min(axis=0).astype(float), colours.max(axis=0).astype(float)
    return bool((high - low <= _FLAT * _white(colours)).all())


def _painted(found: Difference, erased: NDArray[np.bool_] | None, may_be_empty: bool) -> Reading:
    mask, how = found.mask, "where it differs from the picture"
    warnings: tuple[str, ...] = ()
    if found.lossy:
        warnings = (
            f"is a lossy copy of the picture: what differs by more than {found.levels} of 255 "
            "levels counts as missing; saved as PNG it would be exact",
        )
    if erased is not None:
        mask = mask | erased
        how = "where it is erased or differs from the picture"
    if not mask.any() and not may_be_empty:
        raise InputError(
            "is the picture itself: nothing is painted over or erased in it; paint what is "
            "missing in any colour and save it under another name"
        )
    return Reading(mask, how, warnings)


def _layer(opaque: NDArray[np.bool_]) -> Reading:
    """Mask of a layer of one colour: what was painted on nothing, or erased from it."""
    share = float(opaque.mean())
    mask, how = (opaque, "where it is opaque") if share <= 0.5 else (~opaque, "where it is erased")
    warnings: tuple[str, ...] = ()
    if _TORN[0] < share < _TORN[1]:
        warnings = (
            f"has one colour and is opaque on {100 * share:.0f} %: the smaller part, {how[12:]}, "
            "is taken as missing; --mask-invert takes the other",
        )
    return Reading(mask, how, warnings)


def _bright(colour: NDArray) -> Reading:
    """Mask of what is coloured, or else bright."""
    channels = [colour[..., c] for c in range(colour.shape[2])]
    value = functools.reduce(np.maximum, channels)
    chroma = value - functools.reduce(np.minimum, channels)
    if chroma.any():
        strong = chroma > max(0.5 * float(chroma.max()), 0.125 * float(value.max()))
        rest = value[~strong]
        # On black, whatever is bright is meant, coloured or not.
        if strong.any() and rest.size:
            dark = rest <= max(_DARK, 0.25) * float(value.max())
            if np.count_nonzero(dark) < 0.5 * rest.size:
                return _told(strong, "where it is coloured", chroma)
    bottom, top = value.min(), value.max()
    if bottom == top:  # 1 is white where 0 and 1 are all there is
        full = float(top) > _DARK * _white(value) or top == 1
        return Reading(np.full(value.shape, full), f"of one value, {top:g}")
    two_valued = ((value == bottom) | (value == top)).all()
    if two_valued:
        marked, other = (bottom, top) if top == 0 else (top, bottom)  # -1 is true for some
        return Reading(value == marked, f"where it is {marked:g}, not {other:g}")
    if float(top) <= _DARK * _white(value):
        raise InputError(
            f"has no value above {top:g} of {_white(value):g}, and more than two: nothing in it "
            "is painted white; make missing pixels white and the others black"
        )
    return _told(value > _half(value), f"where it is above {_half(value):g}", value)


def _told(mask: NDArray[np.bool_], how: str, value: NDArray) -> Reading:
    """Reading of values, with a doubt if many lie around the middle of their range."""
    quarter = (float(value.max()) - float(value.min())) / 4
    low, high = _half(value) - quarter, _half(value) + quarter
    between = float(np.mean((value > low) & (value < high)))
    missing = float(mask.mean())
    if between > _NO_MASK:
        raise InputError(
            f"is not a mask: {100 * between:.0f} % of it is neither dark nor bright; make missing "
            "pixels white and the others black, or paint over a copy of the picture"
        )
    warnings: tuple[str, ...] = ()
    if between > _BETWEEN[0] or between > _BETWEEN[1] * missing:
        warnings = (
            f"is not two-valued: {100 * between:.1f} % lies between; missing is {how}, "
            f"{100 * missing:.1f} %",
        )
    return Reading(mask, how, warnings)
