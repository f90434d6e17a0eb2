"""A picture scaled to [0, 1], its checks, and which channels are restored together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.network.architecture import IMAGE_CHANNELS
from bio_scnn.restoration.tiling import Orientation


@dataclass(frozen=True)
class UnitPicture:
    """Channels of a picture in [0, 1], zero where missing, scaled where they are looked at.

    So a large picture needs no second copy, of eight times the size.

    Attributes
    ----------
    channels : array, shape (H, W, C)
    mask : bool array, shape (H, W)
    low, span : float
        Of `unit_range`.
    """

    channels: NDArray
    mask: NDArray[np.bool_]
    low: float
    span: float

    @property
    def shape(self) -> tuple[int, ...]:
        return self.channels.shape

    def __getitem__(self, where: Any, /) -> NDArray[np.float64]:
        """The values of some pixels, chosen by rows or by rows and columns."""
        scaled = self.channels[where].astype(np.float64)
        scaled[self.mask[where]] = self.low  # may hold anything, which might overflow
        scaled -= self.low
        scaled /= self.span
        return scaled

    def turned(self, turn: Orientation) -> UnitPicture:
        """A view of the picture in another orientation."""
        return replace(self, channels=turn.view(self.channels), mask=turn.view(self.mask))


def _check(image: NDArray, mask: NDArray[np.bool_]) -> None:
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


def unit_range(image: NDArray, mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Offset and span of the values that are mapped to [0, 1].

    Integers use the range of their type. So do floats, [0, 1], unless known values leave it:
    then their own range is used.
    """
    if image.dtype.kind == "u":
        return 0.0, float(np.iinfo(image.dtype).max)
    if image.dtype.kind == "f":
        known = ~mask.reshape(*mask.shape, *[1] * (image.ndim - mask.ndim))
        low = float(np.min(image, where=known, initial=np.inf))
        high = float(np.max(image, where=known, initial=-np.inf))
        if low < 0 or high > 1:
            return low, high - low or 1.0
    return 0.0, 1.0


def _colour_groups(channels: int) -> list[list[int]]:
    """Which channels are restored together: colours as one, alpha and others on their own."""
    if channels in (IMAGE_CHANNELS, IMAGE_CHANNELS + 1):
        rest = range(IMAGE_CHANNELS, channels)
        return [list(range(IMAGE_CHANNELS)), *([c] for c in rest)]
    return [[c] for c in range(channels)]
