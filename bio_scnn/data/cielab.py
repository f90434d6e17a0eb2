"""CIE L*a*b* as TIFF files hold it, to sRGB and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Bradford's adaptation of the white of print, D50, to that of screens, D65.
_TO_D65 = np.array(
    [
        [0.9555766, -0.0230393, 0.0631636],
        [-0.0282895, 1.0099416, 0.0210077],
        [0.0122982, -0.0204830, 1.3299098],
    ]
)


def lab_to_rgb(values: NDArray, icc: bool) -> NDArray:
    """sRGB in [0, 1] of CIE L*a*b* (D50) as TIFF files hold it."""
    from skimage.color import lab2xyz, xyz2rgb

    deep = values.dtype == np.uint16
    lightness = values[..., :1] * (100.0 / ((65280 if icc else 65535) if deep else 255))
    middle = 1 << (8 * values.dtype.itemsize - 1)
    # Two's complement and an offset of half the range differ by the highest bit.
    opponents = (values[..., 1:3] if icc else values[..., 1:3] ^ middle).astype(np.float64)
    opponents = (opponents - middle) / (256 if deep else 1)
    lab = np.concatenate([lightness, opponents], axis=-1)
    return xyz2rgb(lab2xyz(lab, illuminant="D50") @ _TO_D65.T).astype(np.float32)


def rgb_to_lab(colours: NDArray, dtype: np.dtype, icc: bool) -> NDArray:
    """CIE L*a*b* of colours (n, 3), as `lab_to_rgb` reads it."""
    from skimage.color import rgb2xyz, xyz2lab

    deep, bits = dtype == np.uint16, 8 * dtype.itemsize
    xyz = rgb2xyz(colours[np.newaxis].astype(np.float64)) @ np.linalg.inv(_TO_D65).T
    lab = xyz2lab(xyz, illuminant="D50")[0]
    lightness = np.rint(lab[:, :1] / 100 * ((65280 if icc else 65535) if deep else 255))
    middle = 1 << (bits - 1)
    opponents = np.rint(lab[:, 1:] * (256 if deep else 1)) + middle
    values = np.concatenate([lightness, opponents], axis=-1).clip(0, (1 << bits) - 1).astype(dtype)
    if not icc:
        values[:, 1:] ^= dtype.type(middle)
    return values
