"""The convolution in front of the spiking neurons, in SciPy: image -> feature maps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy  # whose parts load when they are first used
from numpy.typing import NDArray

from bio_scnn.runtime.processes import threads

_BLOCK = 24  # pixels a side; of 16 to 64 the fastest for kernels of 3 x 3


def feature_maps(x: NDArray, weight: NDArray, bias: NDArray) -> NDArray[np.float64]:
    """Cross-correlate an image's channels with the kernels of the spiking layer.

    In float64 by the overlap-save method: small blocks of the image, which overlap by the
    kernel's side less one, are transformed by `scipy.fft`, multiplied with the kernels'
    transforms and summed over the channels, and transformed back. Of each, what the period has
    not wrapped round is kept. Zeros lie beyond the frame.

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
    (height, width, c_in), kernel, c_out = x.shape, len(weight), len(bias)
    side = max(_BLOCK, 4 * kernel)
    step, before = side - kernel + 1, kernel // 2
    down, right = -(-height // step), -(-width // step)
    padded = np.zeros((c_in, down * step + kernel - 1, right * step + kernel - 1))
    padded[:, before : before + height, before : before + width] = np.moveaxis(x, -1, 0)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (c_in, side, side))
    blocks = windows[0, ::step, ::step]  # (down, right, C_in, side, side)
    # The conjugate makes a correlation of what would be a convolution.
    kernels = scipy.fft.rfft2(weight.astype(np.float64), (side, side), axes=(0, 1)).conj()
    z = np.empty((down * step, right * step, c_out))

    def correlate(row: int) -> None:
        spectra = scipy.fft.rfft2(blocks[row])
        by_frequency = np.ascontiguousarray(spectra.transpose(2, 3, 0, 1))
        kept = scipy.fft.irfft2(by_frequency @ kernels, (side, side), axes=(0, 1))[:step, :step]
        band = z[row * step : (row + 1) * step]
        np.add(kept.transpose(0, 2, 1, 3), bias, out=band.reshape(step, right, step, c_out))

    with ThreadPoolExecutor(threads()) as pool:  # SciPy lets other threads run while it transforms
        for _ in pool.map(correlate, range(down)):
            pass
    return z[:height, :width]
