"""NIR files and graphs of the `nir` package, read into a checked `Graph`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.hdf5_any import read_graph_table
from bio_scnn.errors import InputError
from bio_scnn.nir.fitting import fitted_shapes
from bio_scnn.nir.graph import DEFAULTS, FIELDS, NEURONS, Edge, Graph, Node, order_of
from bio_scnn.nir.shapes import infer_shapes, own_input_shape

_POSITIVE = ("tau", "tau_mem", "tau_syn", "stride", "kernel_size", "dilation", "groups")


def read_graph(source: str | Path | Graph | Any) -> Graph:
    """A graph from a file, or from a `nir.NIRGraph`.

    Parameters
    ----------
    source : str, Path, Graph, nir.NIRGraph, or the dict of one

    Returns
    -------
    Graph

    Raises
    ------
    InputError
        If the file cannot be read, or the graph cannot be run: unknown nodes, missing fields,
        values that make no neuron, edges that lead nowhere, shapes that do not fit.
    """
    if isinstance(source, Graph):
        return source
    if isinstance(source, Mapping):
        return build_graph(source)
    if hasattr(source, "to_dict"):
        return build_graph(source.to_dict())
    return build_graph(read_graph_table(source), str(source))


def build_graph(table: Mapping[str, Any], name: str = "the graph") -> Graph:
    """A checked graph from nested tables, as a file holds them.

    Parameters
    ----------
    table : mapping
        ``{"type": "NIRGraph", "nodes": {name: {"type": ..., field: value}}, "edges": [(a, b)]}``;
        a bare node is a graph of one.
    name : str
        File, for messages.
    """
    if "nodes" not in table and table.get("type") != "NIRGraph":
        table = _around(table, name)
    raw: dict[str, dict[str, Any]] = {}
    edges: list[Edge] = []
    filled: list[str] = []
    _flatten(table, "", name, raw, edges, filled)
    if not raw:
        raise InputError(f"{name} has no nodes")
    kinds = {node: str(fields["type"]) for node, fields in raw.items()}
    values = {node: _values(node, fields, name, filled) for node, fields in raw.items()}
    edges = _resolved(edges, raw, name)
    _add_inputs(kinds, values, edges, filled)
    top = [node for node in kinds if node in table["nodes"] or node not in raw]
    order, back = order_of(list(kinds), edges)
    shapes, values, said = fitted_shapes(kinds, values, order, edges, name)
    filled += said
    # An end with edges on both sides is one of a subgraph that the export took apart.
    entered, left = {b for _, b in edges}, {a for a, _ in edges}
    inputs = tuple(n for n in top if kinds[n] == "Input" and n not in entered)
    outputs = tuple(n for n in top if kinds[n] == "Output" and n not in left)
    if not inputs:
        raise InputError(f"{name} has no Input node")
    for node, (shape, _) in shapes.items():
        if kinds[node] in NEURONS and values[node]["r"].shape != shape:
            wide = {key: np.broadcast_to(v, shape) for key, v in values[node].items()}
            values[node] = wide
            filled.append(f"{node}: one set of parameters, taken for all {shape} neurons")
    nodes = {n: Node(n, kinds[n], values[n], *shapes[n]) for n in order}
    return Graph(nodes, tuple(edges), back, inputs, outputs, name, tuple(filled))


def _around(node: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A graph around one node."""
    kind = node.get("type")
    if not isinstance(kind, str) or kind not in FIELDS:
        raise InputError(f"{name}: its only node has the type {kind!r}, which NIR does not have")
    ends: dict[str, Any] = {"input": {"type": "Input"}, "node": node, "output": {"type": "Output"}}
    graph = {"nodes": ends, "edges": [("input", "node"), ("node", "output")]}
    sizes = infer_shapes(
        {"node": kind}, {"node": _values("node", node, name, [])}, ["node"], [], name
    )
    ends["input"]["shape"] = np.array(sizes["node"][0])
    return graph


def _flatten(
    table: Mapping[str, Any],
    prefix: str,
    name: str,
    raw: dict[str, dict[str, Any]],
    edges: list[Edge],
    filled: list[str],
) -> None:
    """Collect the nodes and edges of a graph and its subgraphs."""
    where = f"subgraph {prefix[:-1]!r}" if prefix else "the graph"
    nodes = table.get("nodes")
    if not isinstance(nodes, Mapping):
        raise InputError(f"{name}: {where} has no nodes")
    if table.get("edges") is None and len(nodes) > 1:
        raise InputError(
            f"{name}: {where} has {len(nodes)} nodes and no list of edges, as if its export had "
            "been cut short"
        )
    for key, node in nodes.items():
        full = f"{prefix}{key}"
        kind = node.get("type") if isinstance(node, Mapping) else None
        if kind is None:
            raise InputError(f"{name}: node {full!r} has no type")
        if kind == "NIRGraph":
            _flatten(node, f"{full}.", name, raw, edges, filled)
        elif kind not in FIELDS:
            raise InputError(
                f"{name}: node {full!r} has the type {kind!r}; known are {', '.join(FIELDS)}"
            )
        elif full in raw:
            raise InputError(f"{name}: two nodes are called {full!r}")
        else:
            raw[full] = dict(node)
    pairs = [
        (_text(a), _text(b))
        for a, b in np.asarray(table.get("edges", []), dtype=object).reshape(-1, 2)
    ]
    known_as = _misnamed(list(nodes), pairs) if prefix else {}
    for wrong, right in known_as.items():
        filled.append(
            f"{prefix[:-1]}: its edges name {wrong!r}, which is not a node; {right!r}, which no "
            "edge names, taken"
        )
    edges += [(prefix + known_as.get(a, a), prefix + known_as.get(b, b)) for a, b in pairs]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _misnamed(nodes: list[str], pairs: list[Edge]) -> dict[str, str]:
    """The node of a subgraph that its edges name by another name, if there is only one of each.

    Exporters that number the neurons of a subgraph leave such edges: "lif" for the node "lif1".
    Any other name is no such case, and is refused.
    """
    named = {end for pair in pairs for end in pair}
    wrong, left = sorted(named - set(nodes)), [node for node in nodes if node not in named]
    if len(wrong) == len(left) == 1 and re.fullmatch(re.escape(wrong[0]) + r"_?\d+", left[0]):
        return {wrong[0]: left[0]}
    return {}


def _add_inputs(
    kinds: dict[str, str],
    values: dict[str, dict[str, NDArray[Any]]],
    edges: list[Edge],
    filled: list[str],
) -> None:
    """Give a graph that has no Input one at each node that nothing leads to, as `nir` does."""
    if "Input" in kinds.values():
        return
    entered = {b for _, b in edges}
    for node in [n for n in kinds if n not in entered]:
        end = f"input_{node}"
        own = own_input_shape(kinds[node], values[node], node)
        kinds[end], values[end] = "Input", {} if own is None else {"shape": np.array(own)}
        edges.append((end, node))
        filled.append(f"{node}: the file has no Input; one is taken here")


def _resolved(edges: list[Edge], raw: Mapping[str, Any], name: str) -> list[Edge]:
    """Edges between nodes, those to and from subgraphs led to their ends."""

    def find(end: str, kind: str, edge: Edge) -> str:
        if end in raw:
            return end
        inside = [
            n for n in raw
            if n.startswith(f"{end}.") and "." not in n[len(end) + 1 :] and raw[n]["type"] == kind
        ]  # fmt: skip
        if len(inside) == 1:
            return inside[0]
        if inside:
            raise InputError(
                f"{name}: the edge {edge} leads to subgraph {end!r}, which has {len(inside)} "
                f"ends of type {kind}: name one of {', '.join(inside)}"
            )
        raise InputError(f"{name}: the edge {edge} names {end!r}, which is not a node")

    found = [(find(a, "Output", (a, b)), find(b, "Input", (a, b))) for a, b in edges]
    return list(dict.fromkeys(found))


def _values(
    node: str, fields: Mapping[str, Any], name: str, filled: list[str]
) -> dict[str, NDArray[Any]]:
    """Fields of a node as arrays, checked; `filled` gets a sentence for what was missing."""
    kind = str(fields["type"])
    here = f"{name}: {kind} node {node!r}"
    wanted = FIELDS[kind]
    found = {
        key: np.asarray(value)
        for key, value in fields.items()
        if key not in ("type", "metadata") and value is not None and not isinstance(value, Mapping)
    }
    _known_as(found, fields, kind)
    missing = [key for key in wanted if key not in found and key not in DEFAULTS]
    if missing:
        raise InputError(f"{here} lacks {' and '.join(missing)}")
    for key in wanted:
        if key not in found:
            like = found["r"] if kind in NEURONS else found["weight"]
            shape = like.shape if kind in NEURONS else _bias_shape(kind, like)
            found[key] = np.full(shape, DEFAULTS[key], dtype=like.dtype)
            if kind in NEURONS:
                filled.append(f"{node}: the file has no {key}; NIR's default {DEFAULTS[key]:g}")
    for key in wanted:
        _check(key, found[key], here)
    if kind in NEURONS:
        shape = np.broadcast_shapes(*(found[key].shape for key in wanted if key == "r")) or (1,)
        for key in wanted:
            if found[key].shape not in (shape, (), (1,)):
                listed = ", ".join(f"{k} {found[k].shape}" for k in wanted)
                raise InputError(f"{here}: its fields must have one shape, not {listed}")
            found[key] = np.broadcast_to(found[key], shape)
    elif "weight" in found and found["weight"].ndim < {"Conv1d": 3, "Conv2d": 4}.get(kind, 2):
        raise InputError(f"{here}: weight (shape {found['weight'].shape}) has too few axes")
    elif "bias" in wanted:
        shape = _bias_shape(kind, found["weight"])
        if found["bias"].shape not in (shape, ()):
            raise InputError(f"{here}: bias (shape {found['bias'].shape}) must have shape {shape}")
    return found


def _known_as(found: dict[str, NDArray[Any]], fields: Mapping[str, Any], kind: str) -> None:
    """Give the shapes of ends and of a Flatten the names that files have for them."""
    names = {"Input": "input", "Output": "output", "Flatten": "input"}
    if kind not in names:
        return
    for key in ("input_type", "output_type"):
        inner = fields.get(key)
        if isinstance(inner, Mapping) and inner:
            shape = inner.get(names[kind], next(iter(inner.values())))
            if shape is not None:
                found["input_type" if kind == "Flatten" else "shape"] = np.asarray(shape)
                return


def _bias_shape(kind: str, weight: NDArray[Any]) -> tuple[int, ...]:
    if kind in ("Conv1d", "Conv2d"):
        return weight.shape[:1]
    return (*weight.shape[:-2], weight.shape[-2])


def _check(key: str, value: NDArray[Any], here: str) -> None:
    """Refuse a field that holds no usable numbers."""
    if key == "padding" and value.dtype.kind in "SUO":
        return
    if value.dtype.kind not in "fiub":
        raise InputError(f"{here}: {key} holds no numbers")
    if not value.size:
        raise InputError(f"{here}: {key} is empty")
    if not np.isfinite(value).all():
        raise InputError(f"{here}: {key} holds NaN or infinity; give finite numbers")
    if key in _POSITIVE and value.min() <= 0:
        unit = " s" if key.startswith("tau") else ""
        raise InputError(f"{here}: {key} (={value.min():g}{unit}) must be greater than 0{unit}")
    if key in ("delay", "padding") and value.min() < 0:
        raise InputError(f"{here}: {key} (={value.min():g}) must be at least 0")
