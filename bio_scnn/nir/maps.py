"""Nodes without a state (weights, convolutions, pools) as functions and sparse matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.nir.graph import Node
from bio_scnn.nir.shapes import paddings, pair

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = NDArray[Any]
Rounded = Callable[[Array], Array]


def map_of(node: Node, dtype: Any, rounded: Rounded) -> Callable[[Array], Array]:
    """A node's map as a function of one step's input, which computes in a number format.

    Parameters
    ----------
    node : Node
        Of a type in `graph.MAPS`.
    dtype : numpy dtype
    rounded : callable
        Rounds numbers of the dtype to the format.
    """
    v = node.values
    match node.kind:
        case "Affine" | "Linear":
            weight = rounded(v["weight"].astype(dtype))
            bias = rounded(v["bias"].astype(dtype)) if node.kind == "Affine" else None

            def linear(x: Array) -> Array:
                y = rounded(np.matmul(weight, x[..., np.newaxis])[..., 0])
                return y if bias is None else rounded(y + bias)

            return linear
        case "Scale":
            scale = rounded(v["scale"].astype(dtype))
            return lambda x: rounded(scale * x)
        case "Conv1d" | "Conv2d":
            return _convolution(node, dtype, rounded)
        case "SumPool2d" | "AvgPool2d":
            kernel = pair(v["kernel_size"], 2)
            parts = kernel[0] * kernel[1] if node.kind == "AvgPool2d" else 1

            def pool(x: Array) -> Array:
                total = rounded(windows(x, kernel, node).sum(axis=(-2, -1), dtype=dtype))
                return total if parts == 1 else rounded(total / dtype(parts))

            return pool
        case _:
            return lambda x: x.reshape(node.output_shape)


def windows(x: Array, kernel: Sequence[int], node: Node, fill: float = 0) -> Array:
    """Windows of a padded input: ``(channels, *positions, *kernel)``."""
    sides = len(kernel)
    around = paddings(node.values, x.shape[1:], kernel)
    stride = pair(node.values["stride"], sides)
    dilation = pair(node.values.get("dilation", np.array(1)), sides)
    padded = np.pad(x, [(0, 0), *around], constant_values=fill)
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    axes = tuple(range(1, sides + 1))
    slide: Any = np.lib.stride_tricks.sliding_window_view
    view = slide(padded, reach, axis=axes)
    steps = [slice(None), *(slice(None, None, s) for s in stride)]
    return view[(*steps, *(slice(None, None, d) for d in dilation))]


def _convolution(node: Node, dtype: Any, rounded: Rounded) -> Callable[[Array], Array]:
    weight = rounded(node.values["weight"].astype(dtype))
    bias = rounded(np.broadcast_to(node.values["bias"], weight.shape[:1]).astype(dtype))
    groups, kernel = int(node.values["groups"]), weight.shape[2:]
    flat = weight.reshape(groups, weight.shape[0] // groups, -1)

    def convolve(x: Array) -> Array:
        view = windows(x, kernel, node)
        split = view.reshape(groups, -1, *view.shape[1:])
        sides = len(kernel)
        # Channels and kernel in front, positions behind, as the weights have them.
        front = (0, 1, *range(2 + sides, 2 + 2 * sides), *range(2, 2 + sides))
        columns = split.transpose(front).reshape(groups, flat.shape[2], -1)
        y = rounded(np.matmul(flat, columns)).reshape(node.output_shape)
        return rounded(y + bias.reshape(-1, *(1,) * sides))

    return convolve


def matrix_of(node: Node) -> tuple[csr_array, NDArray[np.float64]]:
    """A node's map of flattened arrays as a sparse matrix, and its constant.

    Returns
    -------
    (outputs, inputs) sparse array, (outputs,) array
    """
    from scipy import sparse

    inputs = int(np.prod(node.input_shape))
    constant, v = np.zeros(node.size), node.values
    match node.kind:
        case "Affine" | "Linear":
            weight = np.asarray(v["weight"], dtype=np.float64)
            blocks = weight.reshape(-1, *weight.shape[-2:])
            if node.kind == "Affine":
                constant = np.broadcast_to(v["bias"], node.output_shape).astype(float).ravel()
            diagonal = sparse.block_diag([sparse.coo_array(block) for block in blocks])
            return sparse.csr_array(diagonal), constant
        case "Scale":
            scale = np.broadcast_to(v["scale"], node.input_shape).astype(float).ravel()
            return sparse.csr_array(sparse.diags_array(scale)), constant
        case "Conv1d" | "Conv2d" | "SumPool2d" | "AvgPool2d":
            return _windowed_matrix(node, inputs)
        case _:
            return sparse.csr_array(sparse.eye_array(inputs)), constant


def _windowed_matrix(node: Node, inputs: int) -> tuple[csr_array, NDArray[np.float64]]:
    """Matrix of a convolution or a pool, from the places that each window sees."""
    from scipy import sparse

    v, channels = node.values, node.input_shape[0]
    if "weight" in v:
        weight = np.asarray(v["weight"], dtype=np.float64)
        groups, kernel = int(v["groups"]), weight.shape[2:]
        constant = np.broadcast_to(v["bias"], weight.shape[:1]).astype(float)
    else:
        kernel, groups = pair(v["kernel_size"], 2), channels
        share = 1.0 if node.kind == "SumPool2d" else 1.0 / (kernel[0] * kernel[1])
        weight = np.full((channels, 1, *kernel), share)
        constant = np.zeros(channels)
    places = np.arange(inputs).reshape(node.input_shape)
    seen = windows(places, kernel, node, fill=-1)  # (channels, positions, kernel)
    sides = len(kernel)
    seen = seen.reshape(groups, channels // groups, -1, int(np.prod(kernel)))
    outputs, positions = weight.shape[0], seen.shape[2]
    columns = np.repeat(seen, outputs // groups, axis=0)  # (outputs, channels, positions, kernel)
    numbers = np.broadcast_to(weight.reshape(outputs, weight.shape[1], 1, -1), columns.shape)
    rows = np.arange(outputs * positions).reshape(outputs, 1, positions, 1)
    rows = np.broadcast_to(rows, columns.shape)
    inside = columns >= 0
    whole = sparse.csr_array(
        (numbers[inside], (rows[inside], columns[inside])), shape=(outputs * positions, inputs)
    )
    assert sides == len(node.input_shape) - 1
    return whole, np.repeat(constant, positions)
