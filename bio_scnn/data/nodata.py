"""No-data values of a picture: pixels that hold nothing, as rasters and measurements have them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_GDAL_NODATA = 42113
_SINGLE = float(np.finfo(np.float32).max)
_DOUBLE = float(np.finfo(np.float64).max)

CODES = (
    -9999.0, -99999.0, -999999.0, -32768.0, -32767.0, 1e20, -1e20, 1e30, -1e30,
    9.969209968386869e36, -_SINGLE, _SINGLE, -_DOUBLE, _DOUBLE,
)  # fmt: skip
"""Values that floats mean no data by, where they stand apart from all others."""


def stored_nodata(path: str | os.PathLike) -> float | None:
    """No-data value that a TIFF file names itself (GDAL's tag 42113); None if there is none."""
    if Path(path).suffix.lower() not in (".tif", ".tiff") or not Path(path).is_file():
        return None
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            tag = file.pages.first.tags.get(_GDAL_NODATA)
            return None if tag is None else float(str(tag.value).strip(" \0"))
    except Exception:  # whoever reads the picture says what is wrong with the file
        return None


def no_data(
    image: NDArray, value: float | None = None, missing: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_] | None:
    """Pixels of an image that hold no data.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C)
    value : float, optional
        Means no data; of integers where every channel (but for alpha) has it. NaN and infinities
        always do, and so do `CODES` of floats if they lie further from all other values than those
        from each other.
    missing : bool array, shape (H, W), optional
        Pixels that are not looked at.

    Returns
    -------
    bool array, shape (H, W), or None if there are no such pixels
    """
    channels = image.reshape(*image.shape[:2], -1)
    found = np.zeros(image.shape[:2], bool)
    if image.dtype.kind == "f":
        found |= ~np.isfinite(channels).all(axis=-1)
        for code in _codes(channels, found if missing is None else found | missing):
            found |= (channels == code).any(axis=-1)
    if value is not None and np.isfinite(value):
        exact = _as_type(value, image.dtype)
        colours = channels[..., :-1] if channels.shape[-1] in (2, 4) else channels
        if exact is not None and image.dtype.kind == "f":
            found |= (channels == exact).any(axis=-1)
        elif exact is not None:
            found |= (colours == exact).all(axis=-1)
    if missing is not None:
        found &= ~missing
    return found if found.any() else None


def _as_type(value: float, dtype: np.dtype) -> NDArray | None:
    """A value as a type holds it; None if it does not."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.array(value).astype(dtype)
    limits = np.iinfo(dtype) if dtype.kind in "iu" else None
    if limits is None or value != int(value) or not limits.min <= value <= limits.max:
        return None
    return np.array(int(value)).astype(dtype)


def _codes(channels: NDArray, unused: NDArray[np.bool_]) -> list[float]:
    """`CODES` at an end of the range of an image's values and far from all others."""
    found: list[float] = []
    used = ~unused[..., np.newaxis]
    while True:
        low = float(np.min(channels, where=used, initial=np.inf))
        high = float(np.max(channels, where=used, initial=-np.inf))
        code = next((end for end in (low, high) if _is_code(end, channels.dtype)), None)
        if code is None:
            return _far(found, low, high) if low <= high else []
        found.append(code)
        used = used & (channels != code)


def _is_code(value: float, dtype: np.dtype) -> bool:
    with np.errstate(over="ignore"):
        return value in CODES or value in np.array(CODES).astype(dtype)


def _far(codes: list[float], low: float, high: float) -> list[float]:
    """Codes that are further from the range of the others than it is long."""
    with np.errstate(over="ignore"):
        return [code for code in codes if max(low - code, code - high) > high - low]
