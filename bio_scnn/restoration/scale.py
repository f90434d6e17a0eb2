"""Scale of a picture: the linear map of its values to [0, 1], from the values that are known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError

_OWN = 1 / 8  # of the type's range: a picture that uses less is scaled by its own
_TRIM = 0.5  # percent at either end that may be outliers
_FAR = 8.0  # they are outliers if the whole range is so many times that of the others
_SAMPLE = 2**18  # pixels that percentiles are taken of
_FEW_ROWS = 16  # that are looked at before all are
_LARGEST = 1e4  # of a scaled value, so that single precision holds what is made of it


class Scale(NamedTuple):
    """Linear map of a picture's values to [0, 1]: of `low` to 0 and of ``low + span`` to 1."""

    low: float = 0.0
    span: float = 1.0

    def to_unit(self, values: NDArray) -> NDArray:
        """Values mapped to [0, 1]: float64 for integers, otherwise in their own precision.

        Outliers of the scale are mapped outside, at most to 10,000.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = np.subtract(values, self.low, dtype=np.float64)
            scaled /= self.span
        if values.dtype.kind != "f":
            return scaled
        np.clip(scaled, -_LARGEST, _LARGEST, out=scaled)
        return scaled.astype(values.dtype, copy=False)

    def from_unit(self, values: NDArray, dtype: np.typing.DTypeLike) -> NDArray:
        """Values of [0, 1] mapped back to a type, rounded for integers."""
        scaled = self.low + self.span * values
        if np.dtype(dtype).kind in "ub":
            scaled = np.rint(scaled)
        return scaled.astype(dtype)


def type_scale(dtype: np.dtype) -> Scale:
    """`Scale` of a type: unsigned integers use their whole range, floats [0, 1]."""
    return Scale(0.0, float(np.iinfo(dtype).max)) if dtype.kind == "u" else Scale()


def scale_of(image: NDArray, mask: NDArray[np.bool_]) -> Scale:
    """`Scale` of an image: its type's, or its own where it uses little of that or leaves it.

    The type's range is [0, 1] of floats and, of unsigned integers, that of the fewest bits that
    hold all known values, 8 at least: 16-bit files may hold 8 or 12. Floats that use less than an
    eighth of it, or leave it, are scaled by the range of their known values. If half a percent of
    them stretches a range more than eightfold, they are left out; of 8-bit images they are not.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C)
    mask : bool array, shape (H, W)
        True where a pixel is not known.

    Raises
    ------
    InputError
        If the range of the known values overflows.
    """
    whole = type_scale(image.dtype)
    if image.dtype.kind == "b" or image.dtype == np.uint8:
        return whole
    usual_low, usual_high = _usual(image, mask)
    low, high = known_range(image, mask)
    with np.errstate(over="ignore"):
        outliers = 0 < _FAR * (usual_high - usual_low) < high - low
    if outliers:
        low, high = usual_low, usual_high
    if image.dtype.kind == "u":
        return Scale(0.0, 2.0 ** max(int(high).bit_length(), 8) - 1)
    inside = whole.low <= low and high <= whole.low + whole.span
    if inside and (high - low >= _OWN * whole.span or high == low):
        return whole
    span = high - low or 1.0
    if not np.isfinite(span):
        raise InputError(
            f"the known values go from {low:g} to {high:g}, which is too far; "
            "name those that mean no data (--nodata VALUE)"
        )
    return Scale(low, span)


def known_range(image: NDArray, mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Smallest and largest of the values that are known; (0, 0) if there are none."""
    if mask.all():
        return 0.0, 0.0
    known = ~mask.reshape(*mask.shape, *[1] * (image.ndim - mask.ndim))
    first = image[np.unravel_index(np.argmax(~mask), mask.shape)].flat[0]
    low = float(np.min(image, where=known, initial=first))
    return low, float(np.max(image, where=known, initial=first))


def unit_limits(image: NDArray, mask: NDArray[np.bool_], scale: Scale) -> tuple[float, float]:
    """Scaled values that a restored pixel may have: [0, 1], or the known range if it is wider."""
    if scale == type_scale(image.dtype):
        return 0.0, 1.0
    low, high = scale.to_unit(np.array(known_range(image, mask)))
    return min(float(low), 0.0), max(float(high), 1.0)


def constant_channels(channels: NDArray, mask: NDArray[np.bool_]) -> dict[int, np.generic]:
    """Channels (H, W, C) that are known to have one value everywhere, and that value."""
    found: dict[int, np.generic] = {}
    first = np.unravel_index(np.argmax(~mask), mask.shape)
    step = max(len(mask) // _FEW_ROWS, 1)
    for number in range(channels.shape[-1]):
        channel = channels[..., number]
        value = channel[first]
        few = ((channel[::step] == value) | mask[::step]).all()  # nearly always tells
        if few and ((channel == value) | mask).all():
            found[number] = value
    return found


def _usual(image: NDArray, mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Range of the known values but for half a percent at either end, from a sample of them."""
    step = max(int(np.sqrt(mask.size / _SAMPLE)), 1)
    known = image[::step, ::step][~mask[::step, ::step]]
    if known.size == 0:
        known = image[~mask]
    if known.size == 0:
        return 0.0, 0.0
    low, high = np.percentile(known.astype(np.float64), (_TRIM, 100 - _TRIM), method="nearest")
    return float(low), float(high)
