"""A NIR file as nested tables, looked over before anybody relies on it.

The `nir` package accepts negative time constants and reports many defects by an assertion without
words; here each becomes one line that says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bio_scnn.data.hdf5_any import read_graph_table
from bio_scnn.errors import InputError

FIELDS = {
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "IF": ("r", "v_threshold"),
    "LI": ("tau", "r", "v_leak"),
    "CubaLIF": ("tau_mem", "tau_syn", "r", "v_leak", "v_threshold", "w_in"),
}
"""Fields of the neurons that are checked, by type; those with a threshold may have v_reset."""


def load_nodes(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Names and fields of all nodes, once `nir` could make a graph of them.

    Raises
    ------
    InputError
        If the file is missing, truncated, or no NIR; if a node has no type or an unknown one; if
        a neuron lacks parameters, has them in different shapes, or with values that make no
        neuron; or if `nir` refuses the graph for another reason.
    """
    try:
        import h5py  # noqa: F401 # with which nir reads
        import nir
    except ModuleNotFoundError as error:
        raise InputError(
            f"reading NIR files needs {error.name}, not installed here: pip install nir"
        ) from None
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    nodes = list(_nodes(read_graph_table(path), path))
    for name, node in nodes:
        if node["type"] in FIELDS:
            _check_fields(name, node, path)
    try:
        nir.read(path)
    except Exception as error:  # assertions, KeyErrors and TypeErrors stand for bad files there
        reason = " ".join(str(error).split()) or "no reason given"
        raise InputError(
            f"{path}: nir {nir.version} refuses the graph ({type(error).__name__}: {reason})"
        ) from None
    return nodes


def _nodes(
    graph: dict[str, Any], path: Path, prefix: str = ""
) -> Iterator[tuple[str, dict[str, Any]]]:
    """All nodes, those of subgraphs included; a bare node is a graph of one."""
    if "nodes" not in graph and graph.get("type") != "NIRGraph":
        graph = {"nodes": {"node": graph}}
    if not isinstance(graph.get("nodes"), dict):
        where = f"subgraph {prefix[:-1]!r}" if prefix else "the graph"
        raise InputError(f"{path}: {where} has no nodes")
    for name, node in graph["nodes"].items():
        full = f"{prefix}{name}"
        kind = node.get("type") if isinstance(node, dict) else None
        if kind is None:
            raise InputError(f"{path}: node {full!r} has no type")
        if not (isinstance(kind, str) and _is_node(kind)):
            raise InputError(
                f"{path}: node {full!r} has the type {kind!r}, which NIR does not have"
            )
        if kind == "NIRGraph":
            yield from _nodes(node, path, f"{full}.")
        else:
            yield full, node


def _is_node(kind: str) -> bool:
    import nir

    known = getattr(nir, kind, None)
    return isinstance(known, type) and issubclass(known, nir.NIRNode)


def _check_fields(name: str, node: dict[str, Any], path: Path) -> None:
    """Refuse parameters that are missing, no numbers, of different shapes, or make no neuron."""
    here, required = f"{path}: {node['type']} node {name!r}", FIELDS[node["type"]]
    if missing := [field for field in required if field not in node]:
        raise InputError(f"{here} lacks {' and '.join(missing)}")
    fields = [*required, *(["v_reset"] if "v_reset" in node else [])]
    for field in fields:
        if np.asarray(node[field]).dtype.kind not in "fiu":
            raise InputError(f"{here}: {field} holds no numbers")
    shapes = {field: np.shape(node[field]) for field in fields}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{field} {shape}" for field, shape in shapes.items())
        raise InputError(f"{here}: its parameters must have one shape, not {listed}")
    if 0 in shapes["r"]:
        raise InputError(f"{here} has no neurons: shape {shapes['r']}")
    for field in fields:
        if not np.isfinite(node[field]).all():
            raise InputError(f"{here}: {field} holds NaN or infinity; give finite numbers")
    positive = (("tau", " s"), ("tau_mem", " s"), ("tau_syn", " s"), ("r", ""))
    for field, unit in (pair for pair in positive if pair[0] in required):
        if (lowest := np.min(node[field])) <= 0:
            raise InputError(f"{here}: {field} (={lowest:g}{unit}) must be greater than 0{unit}")
    if "v_threshold" not in required:
        return
    threshold = np.asarray(node["v_threshold"])
    reset = np.asarray(node.get("v_reset", np.zeros_like(threshold)))
    if np.any(reset >= threshold):
        where = np.argmax(reset >= threshold)
        raise InputError(
            f"{here}: v_reset (={reset.flat[where]:g}) must be below v_threshold "
            f"(={threshold.flat[where]:g}): the neuron would spike without end"
        )
