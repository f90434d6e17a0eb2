"""Departures of an importer from a NIR graph: the first wrong node, its cause, effect and fix."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.nir.dialects import Dialect
from bio_scnn.nir.explaining import (
    count_wrong,
    explain,
    identified,
    reference_run,
    scaled,
    spikes_come,
    wrong_wiring,
)
from bio_scnn.nir.graph import Graph, Node
from bio_scnn.nir.importers import Importer, importer_of
from bio_scnn.nir.variants import Stepper, Variant

Array = NDArray[Any]


@dataclass(frozen=True)
class Verdict:
    """A node of an importer, fed what the reference's node gets.

    Attributes
    ----------
    node, kind : str
    outcome : {"agrees", "departs", "refused"}
    wrong, of : int
        Spikes too many and too few, and the reference's; for other nodes values, and all.
    cause : str
        In words; empty if it agrees. Only given if it explains all of the outputs.
    fix : str
    sort : str
        "fault", "convention" or, without a cause, empty.
    others : tuple of str
        Other causes that explain all of the outputs as well.
    """

    node: str
    kind: str
    outcome: str
    wrong: int = 0
    of: int = 0
    cause: str = ""
    fix: str = ""
    sort: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Departures:
    """An importer held to a graph.

    Attributes
    ----------
    importer : str
    refused : str
        The whole import failed, and why.
    verdicts : tuple of Verdict
        In the order of the nodes' sources.
    outputs : (int, int)
        Spikes, or rounded sums, of the graph's output: the reference's and the importer's.
    effect : str
        Effect of the first wrong node alone on the output.
    wiring : str
        Where no node departs and the whole does: what is wrong between the nodes.
    rasters : (array, array) or None
        Outputs ``(steps, *shape)`` of the first wrong node, the reference's and the importer's.
    potentials : (array, array or None) or None
        V ``(steps, *shape)`` of that node if it has one: the reference's, and that of the cause
        that explains the importer, whose own V cannot be seen; None without a cause.
    """

    importer: str
    refused: str
    verdicts: tuple[Verdict, ...] = ()
    outputs: tuple[float, float] = (0.0, 0.0)
    effect: str = ""
    wiring: str = ""
    rasters: tuple[Array, Array] | None = field(default=None, repr=False, compare=False)
    potentials: tuple[Array, Array | None] | None = field(default=None, repr=False, compare=False)

    @property
    def first(self) -> Verdict | None:
        """The first node that departs, or could not be imported."""
        return next((v for v in self.verdicts if v.outcome != "agrees"), None)

    @property
    def agrees(self) -> bool:
        """True if the whole import and every node agree."""
        return not (self.refused or self.wiring or self.first)

    def table(self) -> dict[str, Any]:
        """Everything but the rasters and V, as a table of JSON."""
        return asdict(replace(self, rasters=None, potentials=None))

    def __str__(self) -> str:
        """Lines of the screen."""
        lines: list[str] = []
        if self.refused and not self.verdicts:
            return _wrapped(f"{self.importer}: {self.refused}")
        if self.refused:
            lines.append(f"{self.importer}: refuses the file: {self.refused}")
        else:
            a, b = self.outputs
            lines.append(f"{self.importer}: its output has {b:g} spikes, the reference's {a:g}")
        first = self.first
        if first is None:
            agreed = f"all {len(self.verdicts)} nodes agree"
            lines.append(f"  {agreed}{': ' if self.wiring else ''}{self.wiring}")
            return "\n".join(map(_wrapped, lines))
        word = {"departs": "the first node that departs", "refused": "the first that is refused"}
        lines.append(f"  {word[first.outcome]} is {first.node} ({first.kind}): {first.cause}")
        if first.outcome == "departs":
            lines.append(f"    {first.wrong:,} wrong of {first.of:,}; {self.effect}")
            lines.append(f"    {first.sort or 'no cause'}{': ' if first.fix else ''}{first.fix}")
            lines += [f"    explained as well by: {other}" for other in first.others]
        alike: dict[tuple[str, str], list[str]] = {}
        for verdict in self.verdicts:
            if verdict is not first and verdict.outcome != "agrees":
                told = f"({verdict.kind}) {verdict.outcome}"
                alike.setdefault((told, verdict.cause), []).append(verdict.node)
        for (told, cause), nodes in alike.items():
            lines.append(f"  {', '.join(nodes)} {told}: {cause}")
        return "\n".join(map(_wrapped, lines))


def _wrapped(line: str) -> str:
    """A line of the screen, broken where it is long; what follows stands further in."""
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.fill(
        line, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def depart(
    graph: Graph,
    inputs: Mapping[str, Array],
    importer: str | Importer,
    *,
    dt_ms: float = 0.1,
    reference: Dialect | None = None,
) -> Departures:
    """Hold an importer to a graph, node by node, with every upstream difference removed.

    Parameters
    ----------
    graph : Graph
        With one input and one output.
    inputs : mapping of str to (steps, *shape) array
    importer : str or Importer
        By name of `importers.IMPORTERS`, or any object with its method `load`.
    dt_ms : float, ms
    reference : Dialect, optional
        What it is held to; `reference_for` the graph by default.

    Returns
    -------
    Departures

    Raises
    ------
    InputError
        If the graph has several inputs or outputs, or none.
    """
    if (len(graph.inputs), len(graph.outputs)) != (1, 1):
        raise InputError(
            f"{graph.name}: an importer is held to graphs with one input and one output, not "
            f"{len(graph.inputs)} and {len(graph.outputs)}"
        )
    d = replace(reference or reference_for(graph), dt_ms=dt_ms)
    try:
        source = importer_of(importer) if isinstance(importer, str) else importer
    except InputError as error:
        return Departures(str(importer), str(error))
    taken, shown = reference_run(graph, inputs, d)
    verdicts: list[Verdict] = []
    effect, rasters, potentials = "", None, None
    for name, node in graph.nodes.items():
        if node.kind in ("Input", "Output"):
            continue
        try:
            found = source.load(alone(node), dt_ms)(taken[name])
        except Exception as error:  # whatever a framework raises is a finding about it
            verdicts.append(Verdict(name, node.kind, "refused", cause=_one_line(error)))
            continue
        verdict, variant = judge(node, taken[name], shown[name], found, d)
        verdicts.append(verdict)
        if verdict.outcome == "departs" and not effect and found.shape == shown[name].shape:
            rows, rasters = iter(found), (shown[name], found)
            potentials = potentials_of(node, taken[name], variant, d)
            step = Stepper(variant) if variant is not None else lambda _, rows=rows: next(rows)
            effect = effect_of(graph, inputs, name, step, d)
    end = shown[graph.outputs[0]]
    try:
        whole = source.load(graph, dt_ms)(next(iter(inputs.values())))
        refused, sums = "", (float(end.sum()), float(whole.sum()))
    except Exception as error:
        whole, refused, sums = None, _one_line(error), (float(end.sum()), 0.0)
    wiring = ""
    departs = any(one.outcome == "departs" for one in verdicts)
    if not departs and whole is not None and count_wrong(whole, end, fires=spikes_come(graph))[0]:
        wiring = wrong_wiring(graph, inputs, whole, d)
    return Departures(
        source.name, refused, tuple(verdicts), sums, effect, wiring, rasters, potentials
    )


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no reason given"
    return f"{type(error).__name__}: {text[:200]}"


def alone(node: Node) -> Graph:
    """A graph of one node between an input and an output."""
    ends = {"input": node.input_shape, "output": node.output_shape}
    nodes = {
        "input": Node("input", "Input", {}, ends["input"], ends["input"]),
        "node": replace(node, name="node"),
        "output": Node("output", "Output", {}, ends["output"], ends["output"]),
    }
    edges = (("input", "node"), ("node", "output"))
    return Graph(nodes, edges, frozenset(), ("input",), ("output",), node.name)


def judge(
    node: Node, x: Array, wanted: Array, found: Array, d: Dialect
) -> tuple[Verdict, Variant | None]:
    """The verdict on a node's outputs, and the variant that has them."""
    wrong, of = count_wrong(found, wanted, fires=node.fires)
    said = Verdict(node.name, node.kind, "departs", wrong, of)
    if not wrong:
        return replace(said, outcome="agrees"), None
    if not node.fires and not np.nan_to_num(found).any():
        kept = "no number" if np.isnan(found).any() else "nothing but 0"
        return replace(said, cause=f"it puts out {kept}", sort="fault"), None
    if not (why := explain(node, x, found, d)):
        if found.shape == x.shape and not count_wrong(found, x, fires=False)[0]:
            cause = "the node is left out: what it takes is put out"
            return replace(said, cause=cause, sort="fault", fix=f"import {node.kind}"), None
        if found.shape != wanted.shape:
            cause = f"it puts out shape {found.shape[1:]}, not {wanted.shape[1:]}"
            return replace(said, cause=cause, sort="fault"), None
        if scale := scaled(node, x, found, wanted, d):
            cause = f"its outputs, without a bias, are {scale:.6g} times as large"
            return replace(said, cause=cause, sort="fault", fix="do not scale them"), None
        return replace(said, cause=identified(node, x, found, wanted, d)), None
    first, *others = why
    also = tuple(dict.fromkeys(one.cause for one in others))
    return replace(said, cause=first.cause, fix=first.fix, sort=first.sort, others=also), first


def potentials_of(
    node: Node, x: Array, variant: Variant | None, d: Dialect
) -> tuple[Array, Array | None] | None:
    """V of a node alone: the reference's, and that of the variant that explains an importer."""
    if not node.has_state:
        return None
    own = Variant("", "", "", node, d).potential(x)
    return own, None if variant is None else variant.potential(x)


def effect_of(
    graph: Graph,
    inputs: Mapping[str, Array],
    name: str,
    step: Callable[[Array], Array],
    d: Dialect,
) -> str:
    """Spikes of the output with one node as the importer has it, in words."""
    output = graph.outputs[0]
    was = reference_run(graph, inputs, d)[1][output].sum()
    now = reference_run(graph, inputs, d, {name: step})[1][output].sum()
    return f"with this node alone, the output has {now:g} spikes, not {was:g}"


def reference_for(graph: Graph) -> Dialect:
    """Dialect that an importer is held to by default: NIR's equations by forward Euler.

    A value in a step is a current held over it; to IF neurons whose r is 1 everywhere it is an
    impulse of area 1 s, for r dt would leave nothing of it.
    """
    gains = [node.values["r"] for node in graph.nodes.values() if node.kind == "IF"]
    ones = bool(gains) and all(np.all(r == 1) for r in gains)
    return Dialect(name="NIR by forward Euler", IF_input="impulse" if ones else "")
