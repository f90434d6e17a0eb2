"""Linear paths of a NIR graph: what each node with a state of its own gets from the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.nir.graph import NEURONS, Graph
from bio_scnn.nir.maps import matrix_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = NDArray[np.float64]


class Path:
    """A sparse matrix that is applied to few numbers at a time.

    Parameters
    ----------
    matrix : (outputs, inputs) sparse array
    """

    def __init__(self, matrix: csr_array) -> None:
        self.whole = matrix
        by_input = matrix.tocsc()
        self.starts, self.rows, self.numbers = by_input.indptr, by_input.indices, by_input.data

    def spread(self, who: NDArray[np.int64], sizes: Array) -> Array:
        """Outputs of inputs that are 0 but for some, ``(outputs,)``."""
        first, count = self.starts[who], np.diff(self.starts)[who]
        inside = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        places = np.repeat(first, count) + inside
        parts = self.numbers[places] * np.repeat(sizes, count)
        total = np.bincount(self.rows[places], parts, self.whole.shape[0])
        return total.astype(np.float64, copy=False)

    def times(self, x: Array) -> Array:
        """Outputs of all inputs."""
        return self.whole @ x


@dataclass(frozen=True, eq=False)
class Wiring:
    """Connections of a graph with the nodes that only map taken out.

    Attributes
    ----------
    active : tuple of str
        Nodes that are more than a linear map, in the graph's order: ends, neurons, delays,
        thresholds.
    into : mapping of str to mapping of str to Path
        For each active node, its sources among them.
    out : mapping of str to mapping of str to Path
        The same by source.
    constant : mapping of str to array
        Sum of all biases that reach a node.
    """

    active: tuple[str, ...]
    into: Mapping[str, Mapping[str, Path]]
    out: Mapping[str, Mapping[str, Path]]
    constant: Mapping[str, Array]


def wire(graph: Graph) -> Wiring:
    """The wiring of a graph.

    Raises
    ------
    InputError
        If a loop has nothing but linear maps in it.
    """
    ends = {*graph.inputs, *graph.outputs}
    active = tuple(
        name
        for name, node in graph.nodes.items()
        if name in ends or node.kind in (*NEURONS, "Delay", "Threshold")
    )
    known: dict[str, tuple[dict[str, Any], Array]] = {}
    under_way: list[str] = []

    def through(name: str) -> tuple[dict[str, Any], Array]:
        """Matrices from active nodes to a map's output, and its constant."""
        if name in known:
            return known[name]
        if name in under_way:
            loop = " -> ".join([*under_way[under_way.index(name) :], name])
            raise InputError(f"{graph.name}: the loop {loop} has only linear maps")
        under_way.append(name)
        matrix, bias = matrix_of(graph.nodes[name])
        parts, constant = before(name)
        known[name] = {a: matrix @ m for a, m in parts.items()}, matrix @ constant + bias
        under_way.pop()
        return known[name]

    def before(name: str) -> tuple[dict[str, Any], Array]:
        """Matrices from active nodes to a node's input, and what is added to it."""
        from scipy import sparse

        size = int(np.prod(graph.nodes[name].input_shape))
        found: dict[str, Any] = {}
        constant = np.zeros(size)
        for a in graph.sources(name):
            if a in active:
                parts = {a: sparse.csr_array(sparse.eye_array(size))}
            else:
                parts, more = through(a)
                constant = constant + more
            for source, matrix in parts.items():
                found[source] = found[source] + matrix if source in found else matrix
        return found, constant

    into: dict[str, dict[str, Path]] = {}
    out: dict[str, dict[str, Path]] = {name: {} for name in active}
    constants = {}
    for name in active:
        parts, constants[name] = before(name)
        into[name] = {a: Path(matrix) for a, matrix in parts.items()}
        for a, path in into[name].items():
            out[a][name] = path
    return Wiring(active, into, out, constants)
