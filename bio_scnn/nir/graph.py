"""A NIR graph: its nodes and edges as few frozen dataclasses, subgraphs taken apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError

Shape = tuple[int, ...]
Edge = tuple[str, str]

NEURONS: Mapping[str, tuple[str, ...]] = {
    "I": ("r",),
    "LI": ("tau", "r", "v_leak"),
    "IF": ("r", "v_threshold", "v_reset"),
    "LIF": ("tau", "r", "v_leak", "v_threshold", "v_reset"),
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak", "w_in"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in"),
}
"""Fields of the nodes that have a state, by type."""

FIRING = ("IF", "LIF", "CubaLIF")
"""Types of the neurons that fire; the others put out V."""

MAPS: Mapping[str, tuple[str, ...]] = {
    "Affine": ("weight", "bias"),
    "Linear": ("weight",),
    "Scale": ("scale",),
    "Conv1d": ("weight", "stride", "padding", "dilation", "groups", "bias"),
    "Conv2d": ("weight", "stride", "padding", "dilation", "groups", "bias"),
    "SumPool2d": ("kernel_size", "stride", "padding"),
    "AvgPool2d": ("kernel_size", "stride", "padding"),
    "Flatten": ("start_dim", "end_dim"),
    "Input": (),
    "Output": (),
}
"""Fields of the nodes that are linear maps (and constants) without a state, by type."""

OTHERS: Mapping[str, tuple[str, ...]] = {"Delay": ("delay",), "Threshold": ("threshold",)}

FIELDS: Mapping[str, tuple[str, ...]] = {**NEURONS, **MAPS, **OTHERS}
DEFAULTS: Mapping[str, float] = {"v_reset": 0.0, "w_in": 1.0, "bias": 0.0}
"""Fields that files may lack, with NIR's own defaults."""


@dataclass(frozen=True, eq=False)
class Node:
    """A node of a graph.

    Attributes
    ----------
    name : str
        Inside subgraphs ``"outer.inner"``.
    kind : str
        NIR's type: "LIF", "Conv2d" and so on.
    values : mapping of str to array
        Fields, by their NIR names; times in seconds. What a neuron's file lacks is filled in.
    input_shape, output_shape : tuple of int
    """

    name: str
    kind: str
    values: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    input_shape: Shape = ()
    output_shape: Shape = ()

    @property
    def size(self) -> int:
        """Number of outputs."""
        return int(np.prod(self.output_shape))

    @property
    def fires(self) -> bool:
        """True if its outputs are spikes."""
        return self.kind in FIRING

    @property
    def has_state(self) -> bool:
        """True for neurons and integrators."""
        return self.kind in NEURONS


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes and edges without subgraphs, checked: every shape fits and nothing dangles.

    Attributes
    ----------
    nodes : mapping of str to Node
        In the order of evaluation: each node after those it depends on, except along the edges
        of `back`.
    edges : tuple of (str, str)
    back : frozenset of (str, str)
        Edges that close a loop.
    inputs, outputs : tuple of str
        Names of the Input and Output nodes of the graph itself, not of subgraphs.
    name : str
        File, for messages.
    filled : tuple of str
        Values that the file lacks and the reader filled in, in sentences.
    """

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    back: frozenset[Edge]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    name: str = "the graph"
    filled: tuple[str, ...] = ()

    def kinds(self) -> set[str]:
        """Types of the nodes that have a state."""
        return {node.kind for node in self.nodes.values() if node.has_state}

    def sources(self, name: str) -> tuple[str, ...]:
        """Nodes whose outputs a node adds up."""
        return tuple(a for a, b in self.edges if b == name)

    def targets(self, name: str) -> tuple[str, ...]:
        """Nodes that a node's output goes to."""
        return tuple(b for a, b in self.edges if a == name)

    def in_loops(self) -> set[str]:
        """Nodes that their own output comes back to."""
        if not self.back:
            return set()
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        place = {name: i for i, name in enumerate(self.nodes)}
        a, b = np.array([(place[a], place[b]) for a, b in self.edges]).T
        whole = coo_array((np.ones(a.size), (a, b)), shape=(len(place), len(place)))
        _, part = connected_components(whole, directed=True, connection="strong")
        alike = np.bincount(part)[part] > 1
        return {name for name, i in place.items() if alike[i] or (name, name) in self.edges}

    def the_input(self) -> Node:
        """The one Input node.

        Raises
        ------
        InputError
            If the graph has several.
        """
        if len(self.inputs) != 1:
            raise InputError(
                f"{self.name} has {len(self.inputs)} inputs ({', '.join(self.inputs)}); give a "
                "dict of arrays, one for each"
            )
        return self.nodes[self.inputs[0]]


def order_of(nodes: Sequence[str], edges: Sequence[Edge]) -> tuple[list[str], frozenset[Edge]]:
    """Order of evaluation, depth first from the nodes without sources; edges that close loops.

    Where nothing is cut, it is a topological order. What is cut in a loop depends on where the
    walk enters it: at the node that the rest of the graph leads to.
    """
    after: dict[str, list[str]] = {name: [] for name in nodes}
    entered = set()
    for a, b in edges:
        after[a].append(b)
        entered.add(b)
    done: list[str] = []
    state: dict[str, int] = {}
    back: set[Edge] = set()
    starts = [n for n in nodes if n not in entered] + list(nodes)
    for start in starts:
        if start in state:
            continue
        state[start] = 1
        stack = [(start, iter(after[start]))]
        while stack:
            name, rest = stack[-1]
            for other in rest:
                if other not in state:
                    state[other] = 1
                    stack.append((other, iter(after[other])))
                    break
                if state[other] == 1:
                    back.add((name, other))
            else:
                state[name] = 2
                done.append(name)
                stack.pop()
    return done[::-1], frozenset(back)
