"""Shapes of a NIR graph's nodes, from their fields and their sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.nir.graph import NEURONS, Edge, Shape

Values = Mapping[str, NDArray[Any]]

_BROADCAST = (*NEURONS, "Scale", "Delay", "Threshold")
"""Types whose fields may hold one number for all elements of what leads to them."""


def infer_shapes(
    kinds: Mapping[str, str],
    values: Mapping[str, Values],
    order: Sequence[str],
    edges: Sequence[Edge],
    name: str,
) -> dict[str, tuple[Shape, Shape]]:
    """Input and output shapes of all nodes.

    Parameters
    ----------
    kinds, values : mappings by the nodes' names
    order : sequence of str
        Each node after its sources, except in loops.
    edges : sequence of (str, str)
    name : str
        File, for messages.

    Raises
    ------
    InputError
        If a shape is missing, or two ends of an edge differ.
    """
    shapes: dict[str, tuple[Shape, Shape]] = {}
    for node in order:
        here = f"{name}: {kinds[node]} node {node!r}"
        own = own_input_shape(kinds[node], values[node], here)
        given = [shapes[a][1] for a, b in edges if b == node and a in shapes]
        one_for_all = own == (1,) and kinds[node] in _BROADCAST
        taken = given[0] if given and (own is None or one_for_all) else own
        if taken is None:
            raise InputError(f"{here} has no shape of its own, and nothing leads to it")
        try:
            shapes[node] = taken, output_shape(kinds[node], values[node], taken)
        except (ValueError, IndexError) as error:
            if isinstance(error, InputError):
                raise InputError(f"{here}: {error}") from None
            raise InputError(f"{here} cannot take an input of shape {taken} ({error})") from None
        if min(shapes[node][1], default=1) < 1:
            raise InputError(f"{here} has no output for an input of shape {taken}")
    for a, b in edges:
        if shapes[a][1] != shapes[b][0]:
            raise InputError(
                f"{name}: {a!r} puts out shape {shapes[a][1]}, but {b!r} takes {shapes[b][0]}"
            )
    return shapes


def own_input_shape(kind: str, values: Values, here: str) -> Shape | None:
    """Input shape that a node's fields fix; None if its sources decide it."""
    if kind in ("Input", "Output"):
        return _whole(values["shape"], f"{here}: shape") if "shape" in values else None
    if kind in NEURONS:
        return values["r"].shape
    if kind in ("Affine", "Linear"):
        weight = values["weight"]
        return (*weight.shape[:-2], weight.shape[-1])
    if kind in ("Delay", "Threshold", "Scale"):
        shape = values[{"Delay": "delay", "Threshold": "threshold"}.get(kind, "scale")].shape
        return shape or None
    if kind in ("Conv1d", "Conv2d") and "input_shape" in values:
        sides = int(kind[4])
        spatial = _whole(values["input_shape"], f"{here}: input_shape")[-sides:]
        channels = values["weight"].shape[1] * int(values["groups"])
        return (channels, *spatial) if len(spatial) == sides else None
    if kind == "Flatten" and "input_type" in values:
        return _whole(values["input_type"], f"{here}: input_type")
    return None


def _whole(value: NDArray[Any], what: str) -> Shape:
    flat = np.atleast_1d(value)
    if flat.dtype.kind not in "iu" or flat.ndim != 1 or np.any(flat < 1):
        raise InputError(f"{what} (={value!r}) must be whole numbers, at least 1")
    return tuple(int(n) for n in flat)


def output_shape(kind: str, values: Values, shape: Shape) -> Shape:
    """Shape of what a node makes of an input of a shape."""
    if kind in ("Affine", "Linear"):
        weight = values["weight"]
        return (*weight.shape[:-2], weight.shape[-2])
    if kind in ("Conv1d", "Conv2d"):
        sides = int(kind[4])
        if len(shape) != sides + 1:
            raise ValueError(f"it takes {sides + 1} axes")
        weight = values["weight"]
        if shape[0] != weight.shape[1] * int(values["groups"]):
            raise ValueError(f"its weight has {weight.shape[1]} channels")
        sizes = window_sizes(shape[1:], weight.shape[2:], values)
        return (weight.shape[0], *sizes)
    if kind in ("SumPool2d", "AvgPool2d"):
        if len(shape) != 3:
            raise ValueError("it takes channels, rows and columns")
        return (shape[0], *window_sizes(shape[1:], pair(values["kernel_size"], 2), values))
    if kind == "Flatten":
        first, last = flattened_axes(values, len(shape))
        return (*shape[:first], int(np.prod(shape[first : last + 1])), *shape[last + 1 :])
    return shape


def flattened_axes(values: Values, axes: int) -> tuple[int, int]:
    """First and last axis that a Flatten joins."""
    first, last = (int(values[name]) % axes for name in ("start_dim", "end_dim"))
    if first > last:
        raise ValueError(f"start_dim {first} is behind end_dim {last}")
    return first, last


def pair(value: NDArray[Any], sides: int) -> tuple[int, ...]:
    """A number for each side, of a field that may hold one for all."""
    return tuple(int(n) for n in np.broadcast_to(np.asarray(value).reshape(-1), sides))


def paddings(values: Values, sides: Sequence[int], kernel: Sequence[int]) -> list[tuple[int, int]]:
    """Rows to add before and after, for each side; "same" and "valid" are PyTorch's."""
    padding = values["padding"]
    if np.asarray(padding).dtype.kind in "SUO":
        word = str(np.asarray(padding)[()])
        if word == "valid":
            return [(0, 0)] * len(sides)
        if word != "same":
            raise ValueError(f"padding {word!r} is unknown")
        dilation = pair(values["dilation"], len(sides))
        whole = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return [(n // 2, n - n // 2) for n in whole]
    return [(n, n) for n in pair(padding, len(sides))]


def window_sizes(sides: Sequence[int], kernel: Sequence[int], values: Values) -> list[int]:
    """Positions of a window along each side."""
    stride = pair(values["stride"], len(sides))
    dilation = pair(values.get("dilation", np.array(1)), len(sides))
    around = paddings(values, sides, kernel)
    return [
        (n + before + after - d * (k - 1) - 1) // s + 1
        for n, k, s, d, (before, after) in zip(
            sides, kernel, stride, dilation, around, strict=True
        )
    ]
