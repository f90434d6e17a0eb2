"""Convolution and pixel shuffling in NumPy, each forward rule beside its backward rule.

Batches are ``(N, H, W, C)``, kernels ``(k, k, C_in, C_out)``, and "convolution" means
cross-correlation, as everywhere in deep learning. The padding is zero and as even as it can be,
so that an output has ``ceil(size / stride)`` rows and columns whatever the input's size.

The arithmetic is one matrix product per block of output rows: the windows of a block are copied
side by side (im2col) into a matrix small enough to stay in a core's L2 cache, and the product is
written straight into the output. NumPy releases the interpreter lock in both steps, so several
threads, each with images of its own, run side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Array = NDArray[np.floating]

_BLOCK_BYTES = 768 * 1024  # of the window matrix; L2 is 1 MiB or more on the cores we target


class _Windows(NamedTuple):
    """The zero-padded input, and every window of it as a view."""

    padded: Array  # (N, H + padding, W + padding, C)
    view: Array  # (N, H_out, W_out, k, k, C)
    offset: tuple[int, int]  # rows and columns of padding before the image


def same_padding(size: int, k: int, stride: int, dilation: int) -> tuple[int, int, int]:
    """Output length, and zeros before and after, along one axis."""
    out = -(-size // stride)
    total = max((out - 1) * stride + dilation * (k - 1) + 1 - size, 0)
    return out, total // 2, total - total // 2


def _windows(x: Array, k: int, stride: int, dilation: int) -> _Windows:
    n, height, width, channels = x.shape
    h_out, top, bottom = same_padding(height, k, stride, dilation)
    w_out, left, right = same_padding(width, k, stride, dilation)
    padded = np.zeros((n, top + height + bottom, left + width + right, channels), x.dtype)
    padded[:, top : top + height, left : left + width] = x
    s_n, s_h, s_w, s_c = padded.strides
    view = as_strided(
        padded,
        (n, h_out, w_out, k, k, channels),
        (s_n, s_h * stride, s_w * stride, s_h * dilation, s_w * dilation, s_c),
        writeable=False,
    )
    return _Windows(padded, view, (top, left))


def _blocks(view: Array) -> Iterator[tuple[int, slice]]:
    """Split the output rows of each image so that a block's window matrix fits the cache."""
    n, h_out, w_out, *window = view.shape
    row_bytes = w_out * int(np.prod(window)) * view.itemsize
    rows = max(1, min(h_out, _BLOCK_BYTES // row_bytes))
    for image in range(n):
        for start in range(0, h_out, rows):
            yield image, slice(start, min(start + rows, h_out))


def conv2d(
    x: Array,
    weight: Array,
    bias: Array,
    *,
    stride: int = 1,
    dilation: int = 1,
    skip: Array | None = None,
    relu: bool = False,
    pool: Executor | None = None,
) -> Array:
    """Cross-correlate a batch with kernels, add bias (and a skip connection), rectify.

    Parameters
    ----------
    x : array, shape (N, H, W, C_in)
    weight : array, shape (k, k, C_in, C_out)
    bias : array, shape (C_out,)
    stride, dilation : int
    skip : array, shape (N, H_out, W_out, C_out), optional
        Added before the rectification.
    relu : bool
        Return ``max(0, y)``.
    pool : concurrent.futures.Executor, optional
        Threads that share the blocks of rows; the result does not depend on them.

    Returns
    -------
    array, shape (N, ceil(H / stride), ceil(W / stride), C_out)
    """
    k, _, c_in, c_out = weight.shape
    if x.shape[-1] != c_in:
        raise ValueError(f"input has {x.shape[-1]} channels; the kernel expects {c_in}")
    view = _windows(x, k, stride, dilation).view
    matrix = weight.reshape(-1, c_out)
    y = np.empty((*view.shape[:3], c_out), x.dtype)

    def work(place: tuple[int, slice]) -> None:
        image, rows = place
        block = y[image, rows]
        np.matmul(view[image, rows].reshape(-1, len(matrix)), matrix, out=block.reshape(-1, c_out))
        block += bias
        if skip is not None:
            block += skip[image, rows]
        if relu:
            np.maximum(block, 0, out=block)

    for _ in (pool.map if pool else map)(work, _blocks(view)):
        pass
    return y


def conv2d_backward(
    x: Array,
    weight: Array,
    dy: Array,
    *,
    stride: int = 1,
    dilation: int = 1,
    need_dx: bool = True,
) -> tuple[Array | None, Array, Array]:
    """Carry a cotangent back through `conv2d` (without its skip and rectification).

    Parameters
    ----------
    x, weight : array
        What `conv2d` was given.
    dy : array, shape (N, H_out, W_out, C_out)
        Cotangent of the output.
    need_dx : bool
        False where the input needs no gradient, as in a first layer.

    Returns
    -------
    dx, dweight, dbias : arrays shaped as x (or None), weight and bias
    """
    k, _, c_in, c_out = weight.shape
    windows = _windows(x, k, stride, dilation)
    dmatrix = np.zeros((k * k * c_in, c_out), x.dtype)
    for image, rows in _blocks(windows.view):
        columns = windows.view[image, rows].reshape(-1, len(dmatrix))
        dmatrix += columns.T @ dy[image, rows].reshape(-1, c_out)
    dx = None
    if need_dx and stride == 1 and k % 2:
        # With an odd kernel and stride 1 the adjoint is itself such a convolution, with the
        # kernel turned by half a circle and its channels exchanged.
        turned = np.ascontiguousarray(weight[::-1, ::-1].swapaxes(2, 3))
        dx = conv2d(dy, turned, np.zeros(c_in, x.dtype), dilation=dilation)
    elif need_dx:
        dx = _scatter(windows, weight, dy, x.shape, stride, dilation)
    return dx, dmatrix.reshape(weight.shape), dy.sum(axis=(0, 1, 2))


def _scatter(
    windows: _Windows,
    weight: Array,
    dy: Array,
    shape: tuple[int, ...],
    stride: int,
    dilation: int,
) -> Array:
    """The adjoint of gathering windows (col2im), for any stride and kernel."""
    k, _, c_in, c_out = weight.shape
    matrix = weight.reshape(-1, c_out)
    total = np.zeros(windows.padded.shape, dy.dtype)
    for image, rows in _blocks(windows.view):
        columns = dy[image, rows].reshape(-1, c_out) @ matrix.T
        columns = columns.reshape(rows.stop - rows.start, -1, k, k, c_in)
        h, w = columns.shape[:2]
        for i in range(k):
            for j in range(k):
                top, left = rows.start * stride + i * dilation, j * dilation
                total[
                    image,
                    top : top + (h - 1) * stride + 1 : stride,
                    left : left + (w - 1) * stride + 1 : stride,
                ] += columns[:, :, i, j]
    top, left = windows.offset
    return total[:, top : top + shape[1], left : left + shape[2]]


def space_to_depth(x: Array, factor: int) -> Array:
    """Fold ``factor x factor`` pixels into channels: ``(N, H, W, C) -> (N, H/f, W/f, f*f*C)``."""
    n, h, w, c = x.shape
    folded = x.reshape(n, h // factor, factor, w // factor, factor, c)
    return folded.transpose(0, 1, 3, 2, 4, 5).reshape(n, h // factor, w // factor, -1)


def depth_to_space(x: Array, factor: int) -> Array:
    """Unfold channels into pixels: the inverse, and the adjoint, of `space_to_depth`."""
    n, h, w, c = x.shape
    folded = x.reshape(n, h, w, factor, factor, c // factor**2)
    return folded.transpose(0, 1, 3, 2, 4, 5).reshape(n, h * factor, w * factor, -1)
