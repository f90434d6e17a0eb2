"""Shapes of NIR files that declare them with a batch or time axis, or wrongly in subgraphs.

Exporters write the shape of the tensor that they were traced with. What the nodes themselves take
and put out decides; every change is a sentence at the top of the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.nir.graph import NEURONS, Edge, Shape
from bio_scnn.nir.shapes import infer_shapes, own_input_shape

Values = dict[str, dict[str, NDArray[Any]]]

_AXES = {"Conv1d": 2, "Conv2d": 3, "SumPool2d": 3, "AvgPool2d": 3}
"""Axes that a node takes, of those that have no shape of their own."""


def fitted_shapes(
    kinds: Mapping[str, str],
    values: Values,
    order: Sequence[str],
    edges: Sequence[Edge],
    name: str,
) -> tuple[dict[str, tuple[Shape, Shape]], Values, list[str]]:
    """Shapes of all nodes; where the declared ones do not fit, those that the nodes have.

    Parameters
    ----------
    kinds, values : mappings by the nodes' names
    order : sequence of str
        Each node after its sources, except in loops.
    edges : sequence of (str, str)
    name : str
        File, for messages.

    Returns
    -------
    shapes : dict of str to (input shape, output shape)
    values : dict
        With the shapes that were taken.
    said : list of str
        A sentence for each change.

    Raises
    ------
    InputError
        If the shapes fit neither as declared nor so; the message is about the declared ones, or,
        where these have a batch axis, about those without.
    """
    try:
        return infer_shapes(kinds, values, order, edges, name), values, []
    except InputError as error:
        told = error
    bare = _without_batch(kinds, values)
    for start in (values, bare) if bare is not None else (values,):
        tried = _by_neighbours(kinds, start, edges, name)
        try:
            shapes = infer_shapes(kinds, tried, order, edges, name)
        except InputError as error:
            told = error if start is bare else told
            continue
        said = list(_differences(kinds, values, tried, shapes, edges))
        if None not in said:
            return shapes, tried, [sentence for sentence in said if sentence]
    raise told


def _without_batch(kinds: Mapping[str, str], values: Values) -> Values | None:
    """Values with a leading axis of 1 taken from the neurons and the inputs; None without one."""
    found: Values = {}
    for node, v in values.items():
        own = dict(v)
        if kinds[node] in NEURONS and v["r"].ndim > 1 and v["r"].shape[0] == 1:
            own = {key: field.reshape(field.shape[1:]) for key, field in v.items()}
        elif kinds[node] == "Input" and _declared(v)[:1] == (1,) and len(_declared(v)) > 1:
            own["shape"] = np.asarray(v["shape"])[1:]
        found[node] = own
    changed = any(found[n][k].shape != v.shape for n in values for k, v in values[n].items())
    return found if changed else None


def _declared(v: Mapping[str, NDArray[Any]]) -> Shape:
    return tuple(np.atleast_1d(v["shape"]).tolist()) if "shape" in v else ()


def _by_neighbours(
    kinds: Mapping[str, str], values: Values, edges: Sequence[Edge], name: str
) -> Values:
    """Values with the ends' shapes left to their neighbours, and Flattens counted with a batch."""
    found = {node: dict(v) for node, v in values.items()}
    entered = {b for _, b in edges}

    def wanted(node: str) -> Shape | int | None:
        """Shape, or number of axes, that what a node leads to takes."""
        for target in (b for a, b in edges if a == node):
            kind = kinds[target]
            if kind in _AXES:
                return _AXES[kind]
            if kind == "Input":  # of a subgraph
                return wanted(target)
            if kind != "Output":
                return own_input_shape(kind, values[target], f"{name}: {kind} node {target!r}")
        return None

    for node, v in found.items():
        if kinds[node] == "Output" or (kinds[node] == "Input" and node in entered):
            v.pop("shape", None)
        elif kinds[node] == "Input":
            want = wanted(node)
            if isinstance(want, int) and len(_declared(v)) > want:
                v["shape"] = np.asarray(v["shape"])[-want:]
            elif isinstance(want, tuple) and want != (1,):
                v["shape"] = np.array(want)
        elif kinds[node] == "Flatten":
            v.pop("input_type", None)
            start, end = int(v["start_dim"]), int(v["end_dim"])
            if start > 0 and isinstance(want := wanted(node), tuple) and len(want) == start:
                v["start_dim"] = np.array(start - 1)
                v["end_dim"] = np.array(end - 1 if end > 0 else end)
    return found


def _differences(
    kinds: Mapping[str, str],
    values: Values,
    tried: Values,
    shapes: Mapping[str, tuple[Shape, Shape]],
    edges: Sequence[Edge],
) -> Iterator[str | None]:
    """Sentences about what was changed; None for a change that nothing justifies."""
    inner = {b for _, b in edges if kinds[b] == "Input"}
    inner |= {a for a, _ in edges if kinds[a] == "Output"}
    for node, (shape, _) in shapes.items():
        kind = kinds[node]
        declared = _declared(values[node])
        if kind in ("Input", "Output") and declared and declared != shape:
            if node in inner:
                yield f"{node}: its shape is declared otherwise; that of its source taken"
            elif declared[len(declared) - len(shape) :] != shape:
                yield None
            else:
                more = declared[: len(declared) - len(shape)]
                yield (
                    f"{node}: it is declared with {len(more)} more leading axes {more}, taken for "
                    "batch or time"
                )
        elif kind in NEURONS and values[node]["r"].ndim > tried[node]["r"].ndim:
            yield f"{node}: its leading axis of 1 is taken for a batch"
        elif kind == "Flatten" and np.any(values[node]["start_dim"] != tried[node]["start_dim"]):
            yield f"{node}: its axes are counted with a batch in front"
