"""Errors of a restored image against the truth: over the whole image and over the hole alone.

Known pixels are kept by the network, so whole-image numbers mostly tell how small the hole was;
those of the hole tell how well it was filled.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bio_scnn.errors import InputError
from bio_scnn.restoration.scale import type_scale

STRIP = 2**22  # values that are scaled to float64 at a time: a large picture's would take long


@dataclass(frozen=True)
class Evaluation:
    """Errors of one restored image.

    Attributes
    ----------
    mse, hole_mse : float
        Mean squared error over the whole image and over the missing pixels, intensities in [0, 1].
    hole_psnr : float
        Peak signal-to-noise ratio over the missing pixels, in dB; infinite for a perfect fill.
    ssim : float
        Structural similarity of the whole image; 1 for a perfect one, NaN below 3 x 3 pixels.
    coverage : float
        Fraction of missing pixels.
    """

    mse: float
    hole_mse: float
    hole_psnr: float
    ssim: float
    coverage: float


def mse(a: np.ndarray, b: np.ndarray, *, strip: int = STRIP) -> float:
    """Mean squared error over all pixels and channels.

    Parameters
    ----------
    a, b : ndarray, shape (H, W) or (H, W, C)
        Floats in [0, 1], or integers, which are divided by the largest of their type.
    strip : int
        Values that are scaled to float64 at a time.

    Returns
    -------
    mse : float
        Of intensities in [0, 1].
    """
    a, b = _comparable(a, b)
    squares = (np.sum((_scaled(a[rows]) - _scaled(b[rows])) ** 2) for rows in strips(a, strip))
    return float(sum(squares) / a.size)


def hole_mse(a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> float:
    """Mean squared error over the missing pixels and all their channels.

    Parameters
    ----------
    a, b : ndarray, shape (H, W) or (H, W, C)
        Images as in `mse`.
    mask : ndarray of bool, shape (H, W)
        True = missing.

    Returns
    -------
    mse : float
        Of intensities in [0, 1].

    Raises
    ------
    InputError
        If shapes differ, the mask is not boolean, or nothing is missing.
    """
    a, b = _comparable(a, b)
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise InputError(f"mask has {mask.dtype} pixels; give bool, True = missing")
    if mask.shape != a.shape[:2]:
        raise InputError(f"mask has shape {mask.shape}; the image needs {a.shape[:2]}")
    if not mask.any():
        raise InputError("mask has no missing pixel, so there is no hole to evaluate")
    return float(np.mean((_scaled(a[mask]) - _scaled(b[mask])) ** 2))


def hole_psnr(a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> float:
    """Peak signal-to-noise ratio over the missing pixels, in dB; infinite if they are equal.

    Parameters and errors are those of `hole_mse`.

    Notes
    -----
    ``PSNR = -10 log10(MSE)``, the peak being 1.
    """
    error = hole_mse(a, b, mask)
    return float("inf") if error == 0.0 else float(-10 * np.log10(error))


def ssim(a: np.ndarray, b: np.ndarray, *, strip: int = STRIP) -> float:
    """Mean structural similarity in 7 x 7 windows, averaged over the channels.

    Images less than 7 pixels wide or high get the largest odd window that fits.

    Parameters
    ----------
    a, b : ndarray, shape (H, W) or (H, W, C)
        Images as in `mse`, at least 3 pixels wide and high.
    strip : int
        As in `mse`.

    Returns
    -------
    ssim : float
        1 for equal images.

    References
    ----------
    .. [1] Z. Wang et al., "Image quality assessment: from error visibility to structural
       similarity", IEEE Transactions on Image Processing, 2004.
    """
    from skimage.metrics import structural_similarity  # is slow to load

    a, b = _comparable(a, b)
    shorter = min(a.shape[:2])
    if shorter < 3:
        raise InputError(f"image of shape {a.shape} is too small for SSIM; give 3 x 3 or more")
    window = min(7, shorter - 1 + shorter % 2)
    found, weights = [], []
    for rows in strips(a, strip, window - 1):
        similarity = structural_similarity(
            _scaled(a[rows]),
            _scaled(b[rows]),
            win_size=window,
            data_range=1.0,
            channel_axis=2 if a.ndim == 3 else None,
        )
        found.append(similarity)
        weights.append(rows.stop - rows.start - window + 1)  # rows whose windows lie within
    return float(np.average(found, weights=weights))


def evaluate(
    restored: np.ndarray, truth: np.ndarray, mask: np.ndarray, *, strip: int = STRIP
) -> Evaluation:
    """All measures of this module for a restored image.

    Parameters
    ----------
    restored, truth : ndarray, shape (H, W) or (H, W, C)
        Images as in `mse`; one may have integers and the other floats.
    mask : ndarray of bool, shape (H, W)
        True = missing.
    strip : int
        As in `mse`.

    Returns
    -------
    evaluation : Evaluation
        Turn it into a dict with `dataclasses.asdict`.
    """
    return Evaluation(
        mse=mse(restored, truth, strip=strip),
        hole_mse=hole_mse(restored, truth, mask),
        hole_psnr=hole_psnr(restored, truth, mask),
        ssim=ssim(restored, truth, strip=strip) if min(mask.shape) >= 3 else float("nan"),
        coverage=float(np.mean(mask)),
    )


def _comparable(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a), np.asarray(b)
    for image in (a, b):
        if image.dtype.kind not in "ufb":
            raise InputError(
                f"image has {image.dtype} pixels; give unsigned integers, or floats in [0, 1]"
            )
    if a.shape != b.shape:
        raise InputError(f"images have shapes {a.shape} and {b.shape}; they must be equal")
    if a.ndim not in (2, 3) or a.size == 0:
        raise InputError(f"image has shape {a.shape}; expected (H, W) or (H, W, C)")
    return a, b


def _scaled(image: np.ndarray) -> np.ndarray:
    if image.dtype.kind == "u":
        return type_scale(image.dtype).to_unit(image)
    return image.astype(np.float64)


def strips(image: np.ndarray, values: int, overlap: int = 0) -> Iterator[slice]:
    """Rows of an image, about so many values at a time; neighbours share `overlap` rows."""
    own = len(image) - overlap
    each = max(values // (image.size // len(image)), 1)
    for top in range(0, own, each):
        yield slice(top, min(top + each, own) + overlap)
