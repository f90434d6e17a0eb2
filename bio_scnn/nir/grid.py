"""A NIR graph on a time grid, step by step, as a framework of a dialect computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.nir.dialects import Dialect
from bio_scnn.nir.formats import number_format
from bio_scnn.nir.graph import NEURONS, Graph, Node
from bio_scnn.nir.maps import map_of
from bio_scnn.nir.steps import Cell

Array = NDArray[Any]


class GridRun:
    """State of a run; `step` goes on by one step, and leaves in `taken` what each node got.

    Parameters
    ----------
    graph : Graph
    dialect : Dialect
    """

    def __init__(self, graph: Graph, dialect: Dialect) -> None:
        self.graph, self.dialect = graph, dialect
        self.form = number_format(dialect.number_format)
        self.order = evaluation_order(graph, dialect)
        place = {name: i for i, name in enumerate(self.order)}
        self.sources = {
            name: [(a, _delay(graph, dialect, a, name, place)) for a in graph.sources(name)]
            for name in self.order
        }
        self.cells: dict[str, Cell] = {}
        self.maps: dict[str, Callable[[Array], Array]] = {}
        for name in self.order:
            node = graph.nodes[name]
            if node.kind in NEURONS:
                self.cells[name] = Cell(node, dialect)
            else:
                self.maps[name] = stateless(node, dialect)
        deepest = max((d for s in self.sources.values() for _, d in s), default=0)
        self.taken: dict[str, Array] = {}
        self.past: list[dict[str, Array]] = [{} for _ in range(deepest)]

    def step(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs of all nodes in the next step, given those of the Input nodes."""
        now: dict[str, Array] = {}
        shown: dict[str, Array] = {}
        for name in self.order:
            given = [self._output(now, a, delay) for a, delay in self.sources[name]]
            parts = [part for part in given if part is not None]
            if name in inputs:
                parts = [self.form.rounded(inputs[name].astype(self.form.dtype)), *parts]
            node = self.graph.nodes[name]
            x = parts[0] if parts else np.zeros(node.input_shape, self.form.dtype)
            for part in parts[1:]:
                x = self.form.rounded(x + part)
            self.taken[name] = x
            y = self.cells[name].step(x) if name in self.cells else self.maps[name](x)
            shown[name] = y
            now[name] = self._sent(node, y)
        if self.past:
            self.past = [now, *self.past[:-1]]
        return shown

    def _sent(self, node: Node, y: Array) -> Array:
        """Output as the node's targets get it: a spike of another area than dt is no 1."""
        area, d = self.dialect.spike_area_ms, self.dialect
        if area is None or not node.fires or d.takes_impulses(self.graph.kinds()):
            return y
        return self.form.rounded(y * self.form.dtype(area / d.dt_ms))

    def _output(self, now: Mapping[str, Array], name: str, delay: int) -> Array | None:
        """Output of a node some steps ago; None before the first."""
        return (now if delay == 0 else self.past[delay - 1]).get(name)


def _delay(graph: Graph, d: Dialect, a: str, b: str, place: Mapping[str, int]) -> int:
    """Steps that an edge takes."""
    own = d.edge_delay if graph.nodes[a].fires else 0
    own = d.input_delay if a in graph.inputs else own
    if (a, b) in graph.back:
        return max(d.recurrent_delay, own)
    return own if place[a] < place[b] else max(own, 1)


def evaluation_order(graph: Graph, dialect: Dialect) -> list[str]:
    """Names of the nodes in the order in which a dialect evaluates them."""
    if dialect.evaluation == "topological":
        return list(graph.nodes)
    found: list[str] = []
    stack = [*reversed(graph.inputs)]
    while stack:
        name = stack.pop()
        if name not in found:
            found.append(name)
            stack += reversed(graph.targets(name))
    return found + [name for name in graph.nodes if name not in found]


def stateless(node: Node, d: Dialect) -> Callable[[Array], Array]:
    """Output of a node without neurons; a Delay keeps what is under way."""
    form = number_format(d.number_format)
    if node.kind == "Threshold":
        level = node.values["threshold"].astype(form.dtype)
        return lambda x: (x > level if d.strict else x >= level).astype(form.dtype)
    if node.kind == "Delay":
        return _DelayLine(node, d.dt_ms)
    return map_of(node, form.dtype, form.rounded)


class _DelayLine:
    """Values that come out whole steps later."""

    def __init__(self, node: Node, dt_ms: float) -> None:
        delay = np.broadcast_to(node.values["delay"], node.input_shape)
        self.steps = np.rint(delay * 1e3 / dt_ms).astype(np.int64)
        self.line: list[Array] = []

    def __call__(self, x: Array) -> Array:
        self.line = [x, *self.line[: int(self.steps.max())]]
        y = np.zeros_like(x)
        for age, values in enumerate(self.line):
            y = np.where(self.steps == age, values, y)
        return y
