"""A picture scaled to [0, 1], its checks, and which channels are restored together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.network.architecture import IMAGE_CHANNELS
from bio_scnn.restoration.orientation import Orientation

_ROWS = 2**20  # pixels whose values are looked at at a time


class Scale(NamedTuple):
    """Linear map of a picture's values to [0, 1]: of `low` to 0 and of ``low + span`` to 1."""

    low: float = 0.0
    span: float = 1.0

    def to_unit(self, values: NDArray) -> NDArray:
        """Values mapped to [0, 1]: float64 for integers, otherwise in their own precision."""
        scaled = values - self.low
        scaled /= self.span
        return scaled

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
    """`Scale` of an image: of its depth, or the range of its known floats if they leave [0, 1].

    Integers of more than 8 bits may hold fewer, such as 8 or 12, as scanners and cameras store
    them: the scale is that of the fewest bits that hold all known values, and of 8 at least.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C)
    mask : bool array, shape (H, W)
        True where a pixel is missing.
    """
    if image.dtype.kind == "f":
        known = ~mask.reshape(*mask.shape, *[1] * (image.ndim - mask.ndim))
        low = float(np.min(image, where=known, initial=np.inf))
        high = float(np.max(image, where=known, initial=-np.inf))
        if low < 0 or high > 1:
            return Scale(low, high - low or 1.0)
    if image.dtype.kind == "u" and image.dtype.itemsize > 1:
        return Scale(0.0, 2.0 ** _bits_used(image, mask) - 1)
    return type_scale(image.dtype)


def _bits_used(image: NDArray, mask: NDArray[np.bool_]) -> int:
    """Bits that the known values need, 8 at least; looked for some rows at a time."""
    bits, all_bits = 8, 8 * image.dtype.itemsize
    rows = max(_ROWS // mask.shape[1], 1)
    for top in range(0, mask.shape[0], rows):
        known = image[top : top + rows][~mask[top : top + rows]]
        bits = max(bits, int(known.max(initial=0)).bit_length())
        if bits == all_bits:
            break
    return bits


@dataclass(frozen=True)
class UnitPicture:
    """Channels of a picture in [0, 1], zero where missing, scaled where they are looked at.

    So a large picture needs no second copy, of eight times the size.

    Attributes
    ----------
    channels : array, shape (H, W, C)
    mask : bool array, shape (H, W)
        True where a pixel is missing.
    scale : Scale
    """

    channels: NDArray
    mask: NDArray[np.bool_]
    scale: Scale

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the channels, (H, W, C)."""
        return self.channels.shape

    def __getitem__(self, where: Any, /) -> NDArray[np.float64]:
        """The values of some pixels, chosen by rows or by rows and columns."""
        values = self.channels[where].astype(np.float64)
        values[self.mask[where]] = self.scale.low  # may hold anything, which might overflow
        return self.scale.to_unit(values)

    def turned(self, turn: Orientation) -> UnitPicture:
        """A view of the picture in another orientation."""
        return replace(self, channels=turn.view(self.channels), mask=turn.view(self.mask))


def check_picture(image: NDArray, mask: NDArray[np.bool_]) -> None:
    """Refuse an image or a mask that cannot be restored from.

    Raises
    ------
    InputError
        On a wrong shape or type, an empty or a full mask, or known values that are not finite.
    """
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise InputError(f"the image has shape {image.shape}; it must be (H, W) or (H, W, C)")
    if image.dtype.kind not in "ubf" or image.dtype == np.uint64:
        raise InputError(
            f"the image holds {image.dtype}; it must hold unsigned integers of up to 32 bits or "
            "floats"
        )
    if mask.shape != image.shape[:2]:
        raise InputError(
            f"the mask has shape {mask.shape}, the image {image.shape[:2]}; they must be equal"
        )
    if not mask.any():
        raise InputError("the mask is empty: no pixel is missing, there is nothing to restore")
    if mask.all():
        raise InputError("the mask is full: every pixel is missing, there is nothing to go by")
    if image.dtype.kind == "f":
        unusable = ~np.isfinite(image)
        unusable[mask] = False
        if unusable.any():
            raise InputError(
                f"{np.count_nonzero(unusable)} known values of the image are NaN or infinite; "
                "mark those pixels as missing in the mask"
            )


def colour_groups(channels: int) -> list[list[int]]:
    """Numbers of channels that are restored together: colours as one, all others alone."""
    if channels in (IMAGE_CHANNELS, IMAGE_CHANNELS + 1):
        rest = range(IMAGE_CHANNELS, channels)
        return [list(range(IMAGE_CHANNELS)), *([c] for c in rest)]
    return [[c] for c in range(channels)]
