"""Methods that fill missing pixels, side by side: the network, classical fills, OpenCV's."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.images import from_float, to_float
from bio_scnn.network.fills import biharmonic_fill, harmonic_fill, mean_fill
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.options import Quality, SpikingOptions
from bio_scnn.restoration.inpainting import restore

Method = Callable[[NDArray, NDArray[np.bool_]], NDArray]

REFERENCE = "biharmonic (scikit-image)"


def classical(fill: Callable[[NDArray, NDArray[np.bool_]], NDArray]) -> Method:
    """A fill of float images as one of 8-bit images."""

    def method(image: NDArray, mask: NDArray[np.bool_]) -> NDArray:
        channels = to_float(image).reshape(*mask.shape, -1)
        return from_float(fill(channels, mask).reshape(image.shape), image.dtype)

    return method


def mean_of_fills(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The mean of the harmonic and the biharmonic fill: the network before it learns."""
    return (harmonic_fill(image, mask) + biharmonic_fill(image, mask)) / 2


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
    """The classical fills that are installed."""
    methods = {
        "mean of known pixels": classical(mean_fill),
        "harmonic": classical(harmonic_fill),
        REFERENCE: classical(biharmonic_fill),
        "mean of harmonic and biharmonic": classical(mean_of_fills),
    }
    try:
        methods["Telea (OpenCV)"] = opencv("telea")
        methods["Navier-Stokes (OpenCV)"] = opencv("navier-stokes")
    except ImportError:
        print("OpenCV is not installed: its two fills are left out", file=sys.stderr)
    return methods
