"""A NIR file as nested tables, looked over before anybody relies on it.

The `nir` package accepts negative time constants and reports many defects by an assertion without
words; here each becomes one line that says what is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bio_scnn.errors import InputError

FIELDS = {
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "IF": ("r", "v_threshold"),
    "LI": ("tau", "r", "v_leak"),
    "CubaLIF": ("tau_mem", "tau_syn", "r", "v_leak", "v_threshold", "w_in"),
}
"""Fields of the neurons that are checked, by type; those with a threshold may have v_reset."""

_UNPACKED, _PACKED_BY = 2**26, 16
"""Bytes that arrays may have in any file, and times its size that they may have in a large one."""

_DEEPEST = 32
"""Groups in groups, as subgraphs are; each of them is two."""


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
        import h5py  # noqa: F401
        import nir
    except ModuleNotFoundError as error:
        raise InputError(
            f"reading NIR files needs {error.name}, not installed here: pip install nir"
        ) from None
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    nodes = list(_nodes(load_table(path), path))
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


def load_table(path: Path) -> dict[str, Any]:
    """Everything below a file's 'node', by h5py, as nested tables."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if not hasattr(file.get("node"), "keys"):
                raise InputError(f"{path} is an HDF5 file, but not of NIR: it has no 'node'")
            return _Walk(path).table(file["node"], "node")
    except InputError:
        raise
    except Exception as error:  # of many kinds, depending on which byte is damaged
        what = "truncated" if "truncated" in str(error) else "not an HDF5 file, or damaged"
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is no readable NIR file: it is {what} ({reason})") from None


class _Walk:
    """A walk over all that hangs on a group, which must be a tree that lies in its file.

    HDF5 files may link in circles, into other files, and to data elsewhere; their arrays may be
    declared to be of any size. NIR needs none of that.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: set[Any] = set()
        self.left = max(_UNPACKED, _PACKED_BY * path.stat().st_size)

    def table(self, group: Any, where: str, depth: int = 1) -> dict[str, Any]:
        """Everything below a group, as nested tables."""
        if depth > _DEEPEST:
            raise InputError(
                f"{self.path}: groups are nested over {_DEEPEST} deep at {where[:60]}"
            )
        return {key: self.item(group, key, f"{where}/{key}", depth) for key in group}

    def item(self, group: Any, key: str, where: str, depth: int) -> Any:
        """One member of a group: a table, or the values of an array."""
        import h5py

        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise InputError(f"{self.path}: {where} is a link to somewhere else; NIR has none")
        item = group[key]
        place = h5py.h5o.get_info(item.id).addr
        if place in self.seen:
            raise InputError(f"{self.path}: {where} is linked more than once; NIR has no links")
        self.seen.add(place)
        if isinstance(item, h5py.Group):
            return self.table(item, where, depth + 1)
        if not isinstance(item, h5py.Dataset):
            raise InputError(f"{self.path}: {where} is neither a group nor an array")
        if item.is_virtual or item.external:
            raise InputError(f"{self.path}: the values of {where} lie in other files")
        self.left -= math.prod(item.shape or ()) * item.dtype.itemsize
        if self.left < 0:
            raise InputError(
                f"{self.path}: {where} is declared as {item.shape}, by far more than a file of "
                f"{self.path.stat().st_size} bytes holds"
            )
        return _value(item[()])


def _value(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


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
