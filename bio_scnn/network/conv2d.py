"""Convolution and pixel shuffling in NumPy, each forward rule beside its backward rule.

Batches are ``(N, H, W, C)``, kernels ``(k, k, C_in, C_out)``, and "convolution" means
cross-correlation, as everywhere in deep learning. The padding is zero and as even as it can be,
so that an output has ``ceil(size / stride)`` rows and columns whatever the input's size.

Nearly all the arithmetic is in matrix products. A stride is folded away first: a convolution of
stride 2 is one of stride 1 on an image whose 2 x 2 pixels have become channels. What is left is
done in one of three ways, whichever moves the least memory per multiplication:

- Winograd's algorithm for 3 x 3 kernels between many channels (`bio_scnn.network.winograd`);
- the windows of the input copied side by side (im2col), times the kernels;
- for few output channels, the input times the kernel of each tap, and these products shifted and
  added. Its transpose, the windows of the output's cotangent copied side by side, is the backward
  rule of both: the same matrix gives the gradients of the input and of the kernel.

The work is cut into blocks of rows or images that stay in a core's L2 cache. NumPy releases the
interpreter lock in products and copies, so several threads, each with blocks of its own, run side
by side; the blocks, and hence the rounding, do not depend on their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from bio_scnn.network import winograd

Array = NDArray[np.floating]
Block = tuple[slice, slice]  # images, rows

# Of what a block's largest product reads and writes. Fewer and larger products pay even where
# this exceeds the L2 cache (1 or 2 MiB).
_BLOCK_BYTES = 3 * 1024 * 1024
_WINOGRAD_CHANNELS = 32  # with fewer, the transforms cost more than they save


class _Unstrided(NamedTuple):
    """A convolution of stride 1 that does the same as one of any stride."""

    x: Array
    weight: Array
    dilation: int
    before: tuple[int, int]  # zeros to be put before the rows and columns


def same_padding(size: int, k: int, stride: int, dilation: int) -> tuple[int, int, int]:
    """Output length, and zeros before and after, along one axis."""
    out = -(-size // stride)
    total = max((out - 1) * stride + dilation * (k - 1) + 1 - size, 0)
    return out, total // 2, total - total // 2


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
    if x.shape[-1] != weight.shape[2]:
        raise ValueError(f"input has {x.shape[-1]} channels; the kernel expects {weight.shape[2]}")
    n, height, width = len(x), -(-x.shape[1] // stride), -(-x.shape[2] // stride)
    x, weight, dilation, before = _unstride(x, weight, stride, dilation)
    k, _, c_in, c_out = weight.shape
    halo, unit = dilation * (k - 1), 1
    correlate: Callable[..., None]  # of a block's padded input, into out
    if _winograd_pays(weight):
        unit = winograd.TILE * dilation
        kernel = winograd.transform_kernel(weight)
        correlate = partial(winograd.correlate, kernel=kernel, dilation=dilation)
        values = winograd.EXPANSION * (c_in + c_out)
    elif 4 * c_out <= c_in:
        correlate = partial(_correlate_shifted, weight=weight, dilation=dilation)
        values = c_in + k * k * c_out
    else:
        correlate = partial(_correlate_windows, weight=weight, dilation=dilation)
        values = k * k * c_in + c_out
    rows, columns = _round_up(height, unit), _round_up(width, unit)
    padded = _embed(x, before, (rows + halo, columns + halo))
    whole = np.empty((n, rows, columns, c_out), x.dtype)
    y = whole[:, :height, :width]

    def work(block: Block) -> None:
        images, lines = block
        correlate(padded[images, lines.start : lines.stop + halo], out=whole[block])
        part = y[block]
        part += bias
        if skip is not None:
            part += skip[block]
        if relu:
            np.maximum(part, 0, out=part)

    for _ in (pool.map if pool else map)(work, _blocks(whole, values, unit)):
        pass
    return np.ascontiguousarray(y)


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
    same = _unstride(x, weight, stride, dilation)
    if need_dx and _winograd_pays(same.weight):
        dx, dweight = _backward_winograd(same, dy)
    elif need_dx:
        dx, dweight = _backward_windows(same, dy)
    else:
        dx, dweight = None, _backward_kernel(same, dy)
    dbias = np.ones(dy[..., 0].size, dy.dtype) @ dy.reshape(-1, dy.shape[-1])
    if stride > 1:
        k = len(weight)
        reach = dilation * (k - 1) + 1
        dweight = _unfold_kernel(dweight, stride)[:reach:dilation, :reach:dilation]
        if dx is not None:
            _, top, _ = same_padding(x.shape[1], k, stride, dilation)
            _, left, _ = same_padding(x.shape[2], k, stride, dilation)
            dx = depth_to_space(dx, stride)
            dx = dx[:, top : top + x.shape[1], left : left + x.shape[2]]
    return dx, dweight, dbias


def _unstride(x: Array, weight: Array, stride: int, dilation: int) -> _Unstrided:
    """Turn ``stride x stride`` pixels, and the taps that see them, into channels."""
    k, _, c_in, c_out = weight.shape
    h_out, top, _ = same_padding(x.shape[1], k, stride, dilation)
    w_out, left, _ = same_padding(x.shape[2], k, stride, dilation)
    if stride == 1:
        return _Unstrided(x, weight, dilation, (top, left))
    reach = dilation * (k - 1) + 1
    side = -(-reach // stride)  # of the kernel on the folded image
    spread = np.zeros((1, side * stride, side * stride, c_in * c_out), weight.dtype)
    spread[0, :reach:dilation, :reach:dilation] = weight.reshape(k, k, -1)
    folded = space_to_depth(spread, stride).reshape(side, side, -1, c_out)
    shape = ((h_out + side - 1) * stride, (w_out + side - 1) * stride)
    return _Unstrided(space_to_depth(_embed(x, (top, left), shape), stride), folded, 1, (0, 0))


def _unfold_kernel(weight: Array, stride: int) -> Array:
    """The inverse of what `_unstride` does to a kernel, up to its spread."""
    side, _, _, c_out = weight.shape
    return depth_to_space(weight.reshape(1, side, side, -1), stride)[0].reshape(
        side * stride, side * stride, -1, c_out
    )


def _winograd_pays(weight: Array) -> bool:
    return len(weight) == 3 and min(weight.shape[2:]) >= _WINOGRAD_CHANNELS


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def _embed(x: Array, before: tuple[int, int], shape: tuple[int, int]) -> Array:
    """Zeros of a height and width, with images in them `before` rows and columns from the edge."""
    n, height, width, channels = x.shape
    if (height, width) == shape:
        return x
    padded = np.empty((n, *shape, channels), x.dtype)
    top, left = before
    bottom, right = top + height, left + width
    padded[:, top:bottom, left:right] = x
    padded[:, :top] = padded[:, bottom:] = 0
    padded[:, top:bottom, :left] = padded[:, top:bottom, right:] = 0
    return padded


def _blocks(y: Array, values_per_pixel: float, unit: int = 1) -> Iterator[Block]:
    """Cut a batch into blocks of whole images, or of `unit` rows of one image, for the cache."""
    n, height, width, _ = y.shape
    size = max(1, int(_BLOCK_BYTES / (width * values_per_pixel * y.itemsize)))  # in rows
    images = max(1, size // height)
    lines = min(height, max(1, size // unit) * unit)
    for image in range(0, n, images):
        for line in range(0, height, lines):
            yield slice(image, min(image + images, n)), slice(line, min(line + lines, height))


def _windows(x: Array, k: int, dilation: int) -> Array:
    """A matrix whose rows are all the windows of padded images (im2col)."""
    n, height, width, channels = x.shape
    halo = dilation * (k - 1)
    s_n, s_h, s_w, s_c = x.strides
    view = as_strided(
        x,
        (n, height - halo, width - halo, k, k, channels),
        (s_n, s_h, s_w, s_h * dilation, s_w * dilation, s_c),
        writeable=False,
    )
    return view.reshape(-1, k * k * channels)


def _correlate_windows(x: Array, out: Array, weight: Array, dilation: int) -> None:
    """Windows times kernels."""
    k, _, _, c_out = weight.shape
    np.matmul(_windows(x, k, dilation), weight.reshape(-1, c_out), out=out.reshape(-1, c_out))


def _correlate_shifted(x: Array, out: Array, weight: Array, dilation: int) -> None:
    """Pixels times kernels, shifted and added."""
    k, _, c_in, c_out = weight.shape
    _, height, width, _ = out.shape
    products = x.reshape(-1, c_in) @ weight.transpose(2, 0, 1, 3).reshape(c_in, -1)
    products = products.reshape(*x.shape[:3], k, k, c_out)
    out[...] = 0
    for i, j in product(range(k), repeat=2):
        top, left = i * dilation, j * dilation
        out += products[:, top : top + height, left : left + width, i, j]


def _backward_windows(same: _Unstrided, dy: Array) -> tuple[Array, Array]:
    """Gradients of input and kernel from the windows of the output's cotangent."""
    x, weight, dilation, before = same
    k, _, c_in, c_out = weight.shape
    _, height, width, _ = x.shape
    halo = dilation * (k - 1)
    shape = (height + halo, width + halo)
    padded = _embed(dy, (halo - before[0], halo - before[1]), shape)
    # Seen from an input pixel, the taps lie the other way round.
    turned = weight[::-1, ::-1].swapaxes(2, 3).reshape(-1, c_in)
    dx = np.empty(x.shape, x.dtype)
    dturned = np.zeros((c_in, len(turned)), x.dtype)
    for images, lines in _blocks(x, len(turned) + c_in):
        columns = _windows(padded[images, lines.start : lines.stop + halo], k, dilation)
        np.matmul(columns, turned, out=dx[images, lines].reshape(-1, c_in))
        dturned += x[images, lines].reshape(-1, c_in).T @ columns
    dweight = dturned.reshape(c_in, k, k, c_out)[:, ::-1, ::-1].transpose(1, 2, 0, 3)
    return dx, dweight


def _backward_kernel(same: _Unstrided, dy: Array) -> Array:
    """Gradient of the kernel alone, from the windows of the input."""
    x, weight, dilation, before = same
    k, _, c_in, c_out = weight.shape
    halo = dilation * (k - 1)
    padded = _embed(x, before, (dy.shape[1] + halo, dy.shape[2] + halo))
    dmatrix = np.zeros((k * k * c_in, c_out), x.dtype)
    for images, lines in _blocks(dy, len(dmatrix) + c_out):
        columns = _windows(padded[images, lines.start : lines.stop + halo], k, dilation)
        dmatrix += columns.T @ dy[images, lines].reshape(-1, c_out)
    return dmatrix.reshape(weight.shape)


def _backward_winograd(same: _Unstrided, dy: Array) -> tuple[Array, Array]:
    """Gradients of input and kernel through the transforms of `bio_scnn.network.winograd`."""
    x, weight, dilation, (top, left) = same
    _, height, width, _ = x.shape
    unit, halo = winograd.TILE * dilation, 2 * dilation
    rows, columns = (_round_up(size, unit) for size in dy.shape[1:3])
    dy = _embed(dy, (0, 0), (rows, columns))
    padded = _embed(x, (top, left), (rows + halo, columns + halo))
    kernel = winograd.transform_kernel(weight)
    dpadded, dkernel = np.zeros_like(padded), np.zeros_like(kernel)
    values = winograd.EXPANSION * sum(weight.shape[2:])
    for images, lines in _blocks(dy, values, unit):
        block = images, slice(lines.start, lines.stop + halo)
        dkernel += winograd.correlate_backward(
            padded[block], kernel, dy[images, lines], dilation, dpadded[block]
        )
    dx = dpadded[:, top : top + height, left : left + width]
    return dx, winograd.transform_kernel_backward(dkernel)


def space_to_depth(x: Array, factor: int) -> Array:
    """Fold ``f x f`` pixels into channels: ``(..., H, W, C) -> (..., H/f, W/f, f*f*C)``."""
    *batch, h, w, c = x.shape
    folded = x.reshape(*batch, h // factor, factor, w // factor, factor, c)
    return folded.swapaxes(-4, -3).reshape(*batch, h // factor, w // factor, -1)


def depth_to_space(x: Array, factor: int) -> Array:
    """Unfold channels into pixels: the inverse, and the adjoint, of `space_to_depth`."""
    *batch, h, w, c = x.shape
    folded = x.reshape(*batch, h, w, factor, factor, c // factor**2)
    return folded.swapaxes(-4, -3).reshape(*batch, h * factor, w * factor, -1)
