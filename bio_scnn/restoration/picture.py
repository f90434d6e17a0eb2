"""A picture in the unit range, its checks, and which channels are restored together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.network.architecture import IMAGE_CHANNELS
from bio_scnn.restoration.orientation import Orientation
from bio_scnn.restoration.scale import Scale
from bio_scnn.runtime.config import shorter, shown


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


def plain_array(value: Any, name: str) -> NDArray:
    """The array of an image or a mask, of whatever holds one.

    Raises
    ------
    InputError
        If NumPy makes none of it.
    """
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise InputError(f"{name} ({shown(value)}) is no array: {shorter(str(error))}") from None


def check_picture(image: NDArray, mask: NDArray[np.bool_]) -> None:
    """Refuse an image or a mask that cannot be restored from.

    Raises
    ------
    InputError
        On a wrong shape or type, or an empty or a full mask.
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
        raise InputError("the mask is full: every pixel is missing; at least one must be known")


def colour_groups(channels: int) -> list[list[int]]:
    """Numbers of channels that are restored together: colours as one, all others alone."""
    if channels in (IMAGE_CHANNELS, IMAGE_CHANNELS + 1):
        rest = range(IMAGE_CHANNELS, channels)
        return [list(range(IMAGE_CHANNELS)), *([c] for c in rest)]
    return [[c] for c in range(channels)]
