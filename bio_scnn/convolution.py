"""The convolution in front of the spiking neurons, in SciPy: image -> feature maps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy  # whose parts load when they are first used
from numpy.typing import NDArray


def feature_maps(x: NDArray, weight: NDArray, bias: NDArray) -> NDArray[np.float64]:
    """Cross-correlate an image's channels with the kernels of the spiking layer.

    Summed directly in float64, kernel by kernel, with zeros beyond the frame: slow beside the
    matrix products of `bio_scnn.layers` that training uses, and therefore their oracle.

    Parameters
    ----------
    x : array, shape (H, W, C_in)
    weight : array, shape (k, k, C_in, C_out)
    bias : array, shape (C_out,)

    Returns
    -------
    z : array, shape (H, W, C_out)
        Features. The value 0 drives a neuron at Table 1's lowest rate, 1 at its highest.
    """
    planes = np.ascontiguousarray(np.moveaxis(x, -1, 0), dtype=np.float64)
    weight = np.asarray(weight, np.float64)
    z = np.empty((*x.shape[:2], weight.shape[-1]))

    def convolve(c_out: int) -> None:
        feature = np.full(x.shape[:2], bias[c_out], np.float64)
        for c_in, plane in enumerate(planes):
            feature += scipy.ndimage.correlate(plane, weight[:, :, c_in, c_out], mode="constant")
        z[..., c_out] = feature

    with ThreadPoolExecutor() as pool:  # SciPy lets other threads run while it sums
        for _ in pool.map(convolve, range(len(bias))):
            pass
    return z
