"""Winograd's minimal filtering for 3 x 3 kernels: a quarter of the multiplications.

An output tile of 4 x 4 pixels is computed from the 6 x 6 input pixels it sees::

    Y = A^T [ (G g G^T) * (B^T d B) ] A

Summed over input channels, the product ``*`` in the middle is one matrix product for each of the
36 positions in a transformed tile. The transforms on either side are matrix products too: with
tiles unrolled to columns, ``B^T d B`` is the Kronecker product of ``B^T`` with itself times a
``(36, tiles x channels)`` matrix. The backward rules are these steps transposed, in reverse.

Taps that are `dilation` pixels apart see only every `dilation`-th row and column, and each of
these sub-grids is an image of its own.

In float32 the rounding errors are about three times those of direct summation, 2e-6 of the largest
value (benchmarks/README.md); in float64 they are of no concern.

References
----------
A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.3.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Array = NDArray[np.floating]

TILE = 4  # output pixels along the side of a tile
_SIDE = TILE + 2  # input pixels
EXPANSION = _SIDE**2 / TILE**2  # values of transformed tiles per value of the image

# Where polynomials are evaluated, besides infinity. Among simple binary fractions these are the
# ones that round least: half as much as the usual 0, 1, -1, 2 and -2.
_POINTS = np.array([0, 0.75, -0.75, 1.5, -1.5])


def _transforms() -> tuple[Array, Array, Array]:
    """``B^T``, ``G`` and ``A^T`` after Toom and Cook, each as Kronecker product with itself.

    Filtering is the transpose of multiplying polynomials, which is done by evaluating both at
    some points (``A`` and ``G``), multiplying the values, and interpolating (``B``). The value at
    infinity is the leading coefficient.
    """
    powers = np.vander(_POINTS, _SIDE, increasing=True)
    differences = _POINTS[:, np.newaxis] - _POINTS + np.eye(len(_POINTS))
    B_T, G, A_T = np.zeros((_SIDE, _SIDE)), np.zeros((_SIDE, 3)), np.zeros((TILE, _SIDE))
    for i in range(len(_POINTS)):
        B_T[i, :-1] = np.poly(np.delete(_POINTS, i))[::-1]
    B_T[-1] = np.poly(_POINTS)[::-1]
    G[:-1] = powers[:, :3] / differences.prod(axis=1, keepdims=True)
    A_T[:, :-1] = powers[:, :TILE].T
    G[-1, -1] = A_T[-1, -1] = 1
    return np.kron(B_T, B_T), np.kron(G, G), np.kron(A_T, A_T)


_INPUT, _KERNEL, _OUTPUT = _transforms()  # (36, 36), (36, 9), (16, 36)


def transform_kernel(weight: Array) -> Array:
    """``G g G^T`` of kernels ``(3, 3, C_in, C_out)``: an array ``(36, C_in, C_out)``."""
    _, _, *channels = weight.shape
    matrix = _KERNEL.astype(weight.dtype)
    return (matrix @ weight.reshape(9, -1)).reshape(-1, *channels)


def transform_kernel_backward(cotangent: Array) -> Array:
    """Carry a cotangent of `transform_kernel`'s result back to the kernels."""
    _, *channels = cotangent.shape
    matrix = _KERNEL.T.astype(cotangent.dtype)
    return (matrix @ cotangent.reshape(len(_KERNEL), -1)).reshape(3, 3, *channels)


def correlate(x: Array, kernel: Array, dilation: int, out: Array) -> None:
    """Cross-correlate images with transformed kernels.

    Parameters
    ----------
    x : array, shape (N, H + 2 dilation, W + 2 dilation, C_in)
    kernel : array, shape (36, C_in, C_out)
        From `transform_kernel`.
    dilation : int
    out : array, shape (N, H, W, C_out)
        Filled with the result. H and W are multiples of ``TILE * dilation``.
    """
    product = np.matmul(_unroll(_INPUT, x, dilation), kernel)
    y = _tiles(out, TILE, dilation)
    y[...] = (_OUTPUT.astype(x.dtype) @ product.reshape(len(kernel), -1)).reshape(y.shape)


def correlate_backward(x: Array, kernel: Array, dy: Array, dilation: int, dx: Array) -> Array:
    """Carry a cotangent back through `correlate`.

    Parameters
    ----------
    x, kernel, dilation
        What `correlate` was given.
    dy : array, shape (N, H, W, C_out)
        Cotangent of its output.
    dx : array, shape of x
        The cotangent of x is added to it.

    Returns
    -------
    array, shape of kernel
    """
    dproduct = _unroll(_OUTPUT.T, dy, dilation)
    dkernel = np.matmul(_unroll(_INPUT, x, dilation).swapaxes(1, 2), dproduct)
    dunrolled = np.matmul(dproduct, kernel.swapaxes(1, 2))
    tiles = _tiles(dx, _SIDE, dilation)
    matrix = _INPUT.T.astype(x.dtype)
    dtiles = (matrix @ dunrolled.reshape(len(kernel), -1)).reshape(tiles.shape)
    for place in itertools.product(
        range(_SIDE), repeat=2
    ):  # tiles overlap: one pixel of each at a time
        tiles[place] += dtiles[place]
    return dkernel


def _unroll(matrix: Array, x: Array, dilation: int) -> Array:
    """Transform all tiles with a matrix of ``side^2`` columns: ``(rows, tiles, C)``."""
    side = math.isqrt(matrix.shape[1])
    columns = _tiles(x, side, dilation).reshape(side**2, -1)
    return (matrix.astype(x.dtype) @ columns).reshape(len(matrix), -1, x.shape[-1])


def _tiles(x: Array, side: int, dilation: int) -> Array:
    """View of every tile, TILE pixels apart: ``(side, side, N, rows, d, columns, d, C)``."""
    n, height, width, channels = x.shape
    s_n, s_h, s_w, s_c = x.strides
    d, step = dilation, TILE * dilation
    rows, columns = ((size // d - side + TILE) // TILE for size in (height, width))
    return as_strided(
        x,
        (side, side, n, rows, d, columns, d, channels),
        (s_h * d, s_w * d, s_n, s_h * step, s_h, s_w * step, s_w, s_c),
    )
