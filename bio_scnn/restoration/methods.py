"""Inpainting methods to compare: the network, classical fills, OpenCV's."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bio_scnn.network.fills import Holes, Values, biharmonic_values, harmonic_values, mean_values
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.options import Quality, SpikingOptions
from bio_scnn.restoration.inpainting import restore
from bio_scnn.restoration.picture import UnitPicture
from bio_scnn.restoration.scale import scale_of, unit_limits

Method = Callable[[NDArray, NDArray[np.bool_]], NDArray]
"""From an image and its mask, True where a pixel is missing, to the image with those filled."""

REFERENCE = "biharmonic (scikit-image)"

CLASSICAL: dict[str, Values] = {
    "mean of known pixels": mean_values,
    "harmonic": harmonic_values,
    REFERENCE: biharmonic_values,
}


def holes_of(image: NDArray, mask: NDArray[np.bool_]) -> Holes:
    """Holes of an image, scaled to [0, 1], whose equations several fills can share."""
    channels = image.reshape(*mask.shape, -1)
    return Holes(UnitPicture(channels, mask, scale_of(image, mask)), mask)


def filled(image: NDArray, mask: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray:
    """Copy of an image with scaled values, (missing pixels, C), put into its holes."""
    whole, scale = image.copy(), scale_of(image, mask)
    inside = np.clip(values, *unit_limits(image, mask, scale))
    scaled = scale.from_unit(inside, image.dtype)
    whole.reshape(*mask.shape, -1)[mask] = scaled
    return whole


def classical(values: Values) -> Method:
    """A classical fill as one of the methods."""
    return lambda image, mask: filled(image, mask, values(holes_of(image, mask)))


def mean_of_fills(holes: Holes) -> NDArray[np.float64]:
    """Mean of the harmonic and the biharmonic fill: the network before it learns."""
    return (harmonic_values(holes) + biharmonic_values(holes)) / 2


def opencv(name: str) -> Method:
    """OpenCV's Telea or Navier-Stokes fill, radius 3."""
    import cv2

    flag = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}[name]

    def method(image: NDArray, mask: NDArray[np.bool_]) -> NDArray:
        return cv2.inpaint(np.ascontiguousarray(image), mask.astype(np.uint8), 3, flag)

    return method


def network(model: HybridSCNN, options: SpikingOptions, quality: Quality) -> Method:
    """A model as one of the methods; its noise, if any, is seeded."""

    def method(image: NDArray, mask: NDArray[np.bool_]) -> NDArray:
        return restore(image, mask, model=model, options=options, quality=quality, seed=0).image

    return method


def peers() -> dict[str, Method]:
    """The classical fills that are installed, by name."""
    methods = {name: classical(values) for name, values in CLASSICAL.items()}
    methods["mean of harmonic and biharmonic"] = classical(mean_of_fills)
    try:
        methods["Telea (OpenCV)"] = opencv("telea")
        methods["Navier-Stokes (OpenCV)"] = opencv("navier-stokes")
    except ImportError:
        print("OpenCV is not installed: its two fills are left out", file=sys.stderr)
    return methods
