"""Causes of a departure: the variant of a node, or of the wiring, that explains all of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.nir.combined import combined
from bio_scnn.nir.dialects import Dialect
from bio_scnn.nir.graph import Edge, Graph, Node, order_of
from bio_scnn.nir.grid import GridRun
from bio_scnn.nir.variants import Variant, variants

Array = NDArray[Any]

CLOSE = 1e-5
"""Relative difference of a map's outputs that float32 may make."""

_PAIRED = 14
"""Variants, of the most likely, that are tried two at a time."""

_EXPLAINED = (
    "Affine", "Linear", "Scale", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten",
    "Delay", "Threshold", "I", "LI", "IF", "LIF", "CubaLI", "CubaLIF",
)  # fmt: skip


def reference_run(
    graph: Graph, inputs: Mapping[str, Array], d: Dialect, swapped: Mapping[str, Any] | None = None
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Inputs and outputs of every node; `swapped`: steps of nodes in place of the graph's."""
    machine = GridRun(graph, d)
    for name, step in (swapped or {}).items():
        machine.cells.pop(name, None)
        machine.maps[name] = step
    taken: dict[str, list[Array]] = {name: [] for name in graph.nodes}
    shown: dict[str, list[Array]] = {name: [] for name in graph.nodes}
    steps = len(next(iter(inputs.values())))
    for n in range(steps):
        now = machine.step({name: x[n] for name, x in inputs.items()})
        for name in graph.nodes:
            taken[name].append(machine.taken[name])
            shown[name].append(now[name])
    return ({k: np.array(v) for k, v in taken.items()}, {k: np.array(v) for k, v in shown.items()})


def spikes_come(graph: Graph) -> bool:
    """True if all that reaches the output is spikes."""
    return all(graph.nodes[a].fires for a in graph.sources(graph.outputs[0]))


def count_wrong(found: Array, wanted: Array, *, fires: bool) -> tuple[int, int]:
    """Spikes, or values beyond what float32 explains, that are wrong, and how many there are."""
    if found.shape != wanted.shape:
        return wanted.size, wanted.size
    if fires:
        return int(np.abs(found - wanted).sum()), int(wanted.sum())
    bound = CLOSE * max(float(np.abs(wanted).max(initial=0.0)), 1e-30)
    apart = ~(np.abs(found - wanted) <= bound)
    return int(apart.sum()), wanted.size


def explain(node: Node, x: Array, found: Array, d: Dialect) -> list[Variant]:
    """The variants whose outputs are an importer's, each alone; else the first of several."""
    if node.kind not in _EXPLAINED:
        return []
    tried = list(variants(node, d))

    def explains(one: Variant) -> bool:
        return not count_wrong(found, one.run(x), fires=node.fires)[0]

    alone = [one for one in tried if explains(one)]
    if alone or not node.has_state:
        return alone
    pairs = (
        both(a, b, node, d)
        for a, b in itertools.combinations(tried[:_PAIRED], 2)
        if a.code != b.code
    )
    return list(itertools.islice(filter(explains, itertools.chain(pairs, combined(node, d))), 1))


def both(a: Variant, b: Variant, node: Node, d: Dialect) -> Variant:
    """A variant with the changes of two."""
    values = {
        key: a.node.values[key] if b.node.values[key] is value else b.node.values[key]
        for key, value in node.values.items()
    }
    changes = {
        key: value
        for one in (a, b)
        for key, value in vars(one.dialect).items()
        if value != getattr(d, key)
    }
    delays = a.output_delay + b.output_delay, a.input_delay + b.input_delay
    return replace(
        a,
        cause=f"{a.cause}, and {b.cause}",
        fix="; ".join(dict.fromkeys([a.fix, b.fix])),
        sort="fault" if "fault" in (a.sort, b.sort) else "convention",
        node=replace(node, values=values),
        dialect=replace(d, **changes),
        output_delay=delays[0],
        input_delay=delays[1],
    )


def scaled(node: Node, x: Array, found: Array, wanted: Array, d: Dialect) -> float:
    """Factor between an importer's values and a map's, without its constant; 0 if none fits."""
    if node.has_state or node.kind in ("Delay", "Threshold"):
        return 0.0
    constant = Variant("", "", "", node, d).run(np.zeros_like(x[:1]))
    square = float(((wanted - constant) ** 2).sum())
    if not square:
        return 0.0
    factor = float(((found - constant) * (wanted - constant)).sum()) / square
    meant = factor * (wanted - constant) + constant
    return 0.0 if count_wrong(found, meant, fires=False)[0] else factor


def identified(node: Node, x: Array, found: Array, wanted: Array, d: Dialect) -> str:
    """The neuron that the outputs are of, by identification of the one that is furthest off."""
    nothing = "no cause that was tried explains all of it"
    if not node.fires or not np.isin(found, (0, 1)).all():
        return nothing
    from bio_scnn.crossval.identify.readings import code_sentence
    from bio_scnn.crossval.identify.recording import identify_recording

    flat = (len(x), -1)
    worst = int(np.argmax(np.abs(found - wanted).reshape(flat).sum(0)))
    column = found.reshape(flat)[:, worst]
    try:
        seen = identify_recording(x.reshape(flat)[:, worst], None, column, dt_ms=d.dt_ms)
    except InputError:
        return nothing
    if seen.neuron is None or not seen.exact or not column.any():
        return nothing
    return f"{nothing}; neuron {worst} behaves as {code_sentence(seen.neuron)}"


def wrong_wiring(graph: Graph, inputs: Mapping[str, Array], whole: Array, d: Dialect) -> str:
    """Fault between nodes that all agree, in words."""
    fires = spikes_come(graph)
    choices: Sequence[tuple[str, Dialect]] = (
        ("recurrent edges are a step later", replace(d, recurrent_delay=d.recurrent_delay + 1)),
        ("nodes are evaluated depth first", replace(d, evaluation="depth first")),
        ("every spike arrives a step late", replace(d, edge_delay=d.edge_delay + 1)),
        ("the input acts a step late", replace(d, input_delay=d.input_delay + 1)),
    )
    found = [
        *((words, graph, other) for words, other in choices),
        *((words, rewired(graph, edges), d) for words, edges in _other_edges(graph)),
    ]
    causes = []
    for words, other, dialect in found:
        _, shown = reference_run(other, inputs, dialect)
        if not count_wrong(whole, shown[graph.outputs[0]], fires=fires)[0]:
            causes.append(words)
    if causes:
        return f"yet the output differs: {', or '.join(causes)}"
    return "yet the output differs, and no wiring that was tried explains it"


def _other_edges(graph: Graph) -> Iterator[tuple[str, tuple[Edge, ...]]]:
    """Edges of a graph with one missing, or led to another node of the same shape."""
    for edge in graph.edges:
        a, b = edge
        if b in graph.outputs:
            continue
        yield f"the edge {a} -> {b} is missing", tuple(e for e in graph.edges if e != edge)
        for c, node in graph.nodes.items():
            fits = node.input_shape == graph.nodes[b].input_shape and c not in graph.inputs
            if fits and c not in (b, *graph.outputs) and (a, c) not in graph.edges:
                words = f"the edge {a} -> {b} leads to {c} instead"
                yield words, tuple((a, c) if e == edge else e for e in graph.edges)


def rewired(graph: Graph, edges: tuple[Edge, ...]) -> Graph:
    """A graph with other edges, in the order of evaluation that they give."""
    order, back = order_of(list(graph.nodes), edges)
    return replace(graph, nodes={n: graph.nodes[n] for n in order}, edges=edges, back=back)
