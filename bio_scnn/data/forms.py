"""Forms in which files hold pictures: bits, palettes, inks, CIE Lab, multiplied alpha, integers.

Each has a picture to work on, grey or RGB with or without alpha, and a way back. The way back is
exact: a pixel that was not restored has the very values of its file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.cielab import lab_to_rgb, rgb_to_lab
from bio_scnn.errors import InputError

Kind = Literal["plain", "bilevel", "palette", "inks", "lab"]
COLOURS = 256  # of a palette
_LARGEST = 2**53  # integer up to which all are floats
_ROWS = 2**20  # pixels converted at a time


@dataclass(frozen=True)
class Form:
    """Form of a picture in its file, where that is another thing than the pixels to work on.

    Attributes
    ----------
    kind : {'plain', 'bilevel', 'palette', 'inks', 'lab'}
    dtype : data type, optional
        Of the file, if the pixels to work on are floats that stand for its integers, or wider.
    kept : array, optional
        Values of the file, if the pixels to work on were converted and cannot be turned back.
    palette : array, shape (n, C), optional
        Its colours that the picture uses, in channels of the pixels to work on.
    photometric, extrasamples : int and tuple of int, optional
        Of a TIFF file.
    """

    kind: Kind = "plain"
    dtype: np.dtype | None = None
    kept: NDArray | None = None
    palette: NDArray[np.uint8] | None = None
    photometric: int | None = None
    extrasamples: tuple[int, ...] | None = None

    @property
    def has_alpha(self) -> bool:
        """True if the last of two or four channels is transparency."""
        if self.kind in ("inks", "lab"):
            return False
        return self.extrasamples is None or self.extrasamples in ((1,), (2,))


def form_of_tiff(
    native: NDArray, photometric: int, extrasamples: tuple[int, ...]
) -> tuple[NDArray, Form]:
    """Pixels to work on, and the form, of what a TIFF page holds.

    Raises
    ------
    InputError
        If its pixels are of a type that cannot be worked on.
    """
    form = Form(photometric=photometric, extrasamples=extrasamples)
    kind = native.dtype.kind
    if kind == "b":
        pixels = native.astype(np.uint8) * np.uint8(255)
        return (255 - pixels if photometric == 0 else pixels), _of(form, kind="bilevel")
    if native.dtype.itemsize > 8 or kind not in "iuf":
        raise InputError(f"has {native.dtype} pixels; expected integers or floats")
    if kind in "iu" and native.dtype.itemsize == 8:  # to be held by floats of 64 bits
        low, high = int(native.min(initial=0)), int(native.max(initial=0))
        if max(-low, high) > _LARGEST:
            raise InputError(
                f"has {native.dtype} pixels; expected integers of at most 2^53, and one is "
                f"{max(low, high, key=abs)}"
            )
    if photometric in (8, 9) and native.dtype in (np.uint8, np.uint16, np.int8, np.int16):
        values = native.view(f"u{native.dtype.itemsize}")
        icc = photometric == 9
        pixels = _in_slabs(lambda slab: lab_to_rgb(slab, icc), values, np.dtype(np.float32))
        return pixels, _of(form, kind="lab", kept=values)
    if native.dtype == np.float16:
        return native.astype(np.float32), _of(form, dtype=native.dtype)
    if kind in "iu" and native.dtype not in (np.uint8, np.uint16):
        exact = np.float32 if native.dtype.itemsize <= 2 else np.float64
        return native.astype(exact), _of(form, dtype=native.dtype)
    if photometric == 0 and kind == "u":  # white is zero
        return _turned_over(native, extrasamples), form
    if photometric == 5 and kind == "u":
        return np.iinfo(native.dtype).max - native, _of(form, kind="inks")
    if extrasamples == (1,):
        pixels = _in_slabs(divided_by_alpha, native, native.dtype)
        return pixels, _of(form, kept=native)
    return native, form


def _of(form: Form, **changes: object) -> Form:
    return Form(**(form.__dict__ | changes))


def settle(form: Form, pixels: NDArray, mask: NDArray[np.bool_]) -> None:
    """Round restored pixels, in place, to what the form can hold.

    That is black or white, a palette, or an alpha of nothing but opaque and transparent.
    """
    if form.kind == "bilevel":
        pixels[mask] = np.where(pixels[mask] >= 128, 255, 0)
    elif form.kind == "palette" and form.palette is not None:
        values = pixels[mask].reshape(-1, form.palette.shape[1])
        pixels[mask] = _nearest(values, form.palette).reshape(pixels[mask].shape)
    elif form.has_alpha and pixels.dtype.kind == "u" and pixels.shape[2:] in ((2,), (4,)):
        alpha, top = pixels[..., -1], np.iinfo(pixels.dtype).max
        half = ((alpha > 0) & (alpha < top) & ~mask).any()
        if not half and ((alpha == 0) & ~mask).any():
            alpha[mask] = np.where(alpha[mask] > top // 2, top, 0)


def _nearest(values: NDArray[np.uint8], palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours next to some values, of a palette whose free places are given to them."""
    from PIL import Image
    from scipy.spatial import cKDTree

    wanted = np.unique(np.concatenate([palette, values]), axis=0)
    if len(wanted) > COLOURS:
        free = COLOURS - len(palette)
        wanted = palette
        if free > 0:
            grey = values if values.shape[1] in (3, 4) else np.repeat(values[:, :1], 3, axis=1)
            if values.shape[1] == 2:
                grey = np.concatenate([grey, values[:, 1:]], axis=1)
            line = Image.fromarray(np.ascontiguousarray(grey[np.newaxis]))
            few = line.quantize(free, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
            colours = np.unique(np.asarray(few.convert(line.mode))[0], axis=0)[:free]
            chosen = {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[values.shape[1]]
            wanted = np.concatenate([palette, colours[:, chosen]])
    return wanted[cKDTree(wanted).query(values)[1]]


def stored(form: Form, pixels: NDArray, mask: NDArray[np.bool_]) -> NDArray:
    """Values for a file of the same form, of pixels that were worked on and settled.

    Parameters
    ----------
    form : Form
        Of the pixels; a palette's are left as colours.
    pixels : array, shape (H, W) or (H, W, C)
    mask : bool array, shape (H, W)
        True where they were restored. All others come out as they were.
    """
    if form.kind == "bilevel":
        values = pixels >= 128
        return ~values if form.photometric == 0 else values
    if form.kind == "inks":
        return np.iinfo(pixels.dtype).max - pixels
    if form.dtype is not None and form.dtype.kind in "iu":
        limits = np.iinfo(form.dtype)
        return np.rint(pixels).clip(limits.min, limits.max).astype(form.dtype)
    if form.dtype is not None:
        return pixels.astype(form.dtype)
    if form.kept is not None:
        values = form.kept.copy()
        if form.kind == "lab":
            values[mask] = rgb_to_lab(pixels[mask], values.dtype, form.photometric == 9)
        else:
            values[mask] = multiplied_by_alpha(pixels[mask])
        return values
    if form.photometric == 0 and form.kind == "plain" and pixels.dtype.kind == "u":
        return _turned_over(pixels, form.extrasamples or ())
    return pixels


def _turned_over(values: NDArray, extrasamples: tuple[int, ...]) -> NDArray:
    """Grey of which white is zero, or back; further channels, such as alpha, stay."""
    if not extrasamples:
        return np.iinfo(values.dtype).max - values
    turned = values.copy()
    turned[..., 0] = np.iinfo(values.dtype).max - values[..., 0]
    return turned


def plain(form: Form, pixels: NDArray) -> NDArray:
    """Grey or RGB, with or without alpha, of 8 or 16 bits or floats: for any other format.

    Raises
    ------
    InputError
        If the file holds integers that are none of these.
    """
    if form.dtype is not None and form.dtype.kind in "iu":
        raise InputError(f"has {form.dtype} pixels; expected uint8, uint16 or float")
    if form.kind == "inks":
        alpha = pixels.shape[-1] == 5 and form.extrasamples in ((1,), (2,))
        return _in_slabs(lambda slab: _inks_to_rgb(slab, alpha), pixels, pixels.dtype)
    if form.kind == "lab" and form.kept is not None:
        most = np.iinfo(form.kept.dtype).max
        return _in_slabs(lambda slab: np.rint(slab * most), pixels, form.kept.dtype)
    return pixels


def _in_slabs(convert: Callable[[NDArray], NDArray], source: NDArray, dtype: np.dtype) -> NDArray:
    """A picture converted some rows at a time, so that its floats are never all there."""
    height, width = source.shape[:2]
    rows = max(_ROWS // width, 1)
    result: NDArray | None = None
    for top in range(0, height, rows):
        part = convert(source[top : top + rows])
        if result is None:
            result = np.empty((height, *part.shape[1:]), dtype)
        result[top : top + rows] = part
    assert result is not None
    return result


def _top(dtype: np.dtype) -> float:
    return float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0


def divided_by_alpha(values: NDArray) -> NDArray:
    """Colours as they are, of those multiplied by alpha, their last channel; black under zero."""
    top = _top(values.dtype)
    alpha = values[..., -1:].astype(np.float64)
    colours = np.divide(values[..., :-1] * top, alpha, out=np.zeros(values[..., :-1].shape),
                        where=alpha > 0)  # fmt: skip
    colours = colours.clip(0, top)
    if values.dtype.kind == "u":
        colours = np.rint(colours)
    return np.concatenate([colours, alpha], axis=-1).astype(values.dtype)


def multiplied_by_alpha(values: NDArray) -> NDArray:
    """Colours multiplied by alpha, their last channel."""
    top = _top(values.dtype)
    colours = values[..., :-1] * (values[..., -1:].astype(np.float64) / top)
    if values.dtype.kind == "u":
        colours = np.rint(colours)
    return np.concatenate([colours, values[..., -1:]], axis=-1).astype(values.dtype)


def _inks_to_rgb(values: NDArray, alpha: bool) -> NDArray:
    """RGB of complements of C, M, Y and K, with that of a fifth channel as alpha."""
    top = np.iinfo(values.dtype).max
    light = np.rint(values[..., :3].astype(np.float64) * values[..., 3:4] / top)
    return np.concatenate([light, top - values[..., 4:]], axis=-1) if alpha else light


def indexed(pixels: NDArray, palette: NDArray[np.uint8]) -> tuple[NDArray, NDArray[np.uint8]]:
    """Numbers of a picture's colours, and those colours: a palette's, and at the end new ones.

    Parameters
    ----------
    pixels : array of uint8, shape (H, W) or (H, W, C)
        Of no more than 256 colours together with the palette.
    palette : array, shape (n, C)
    """
    width = palette.shape[1]

    def codes(colours: NDArray) -> NDArray[np.uint32]:
        flat = colours.reshape(-1, width)
        packed = flat[:, 0].astype(np.uint32)
        for channel in range(1, width):
            packed |= flat[:, channel].astype(np.uint32) << np.uint32(8 * channel)
        return packed

    every, result = codes(palette), np.empty(pixels.shape[:2], np.uint8)
    rows = max(_ROWS // pixels.shape[1], 1)
    for top in range(0, len(pixels), rows):
        wanted = codes(pixels[top : top + rows])
        found, known = _places(every, wanted)
        if not known.all():
            every = np.concatenate([every, np.unique(wanted[~known])])
            found, _ = _places(every, wanted)
        result[top : top + rows] = found.reshape(-1, pixels.shape[1])
    colours = every[:, np.newaxis] >> (8 * np.arange(width, dtype=np.uint32))
    return result, (colours & 255).astype(np.uint8)


def _places(every: NDArray, wanted: NDArray) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Places of numbers among others that are in no order, and whether they are there."""
    order = np.argsort(every, kind="stable")
    near = np.searchsorted(every[order], wanted).clip(max=len(every) - 1)
    found = order[near]
    return found, every[found] == wanted
