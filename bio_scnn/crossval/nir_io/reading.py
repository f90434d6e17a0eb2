"""Neurons of a NIR file: listed, and as adapters of every framework that imports them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

from bio_scnn.crossval.nir_io.file import FIELDS, load_nodes
from bio_scnn.crossval.nir_io.importers import IMPORTERS, NIRAdapter
from bio_scnn.crossval.nir_io.neuron import NIRNeuron, neurons_of
from bio_scnn.crossval.protocol import Adapter
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.runtime.provenance import installed_version

MAX_DISTINCT = 8
"""Distinct parameter sets of one node that are checked; `describe` says how many there are."""

_NOT_CHECKED = {
    "CubaLI": "never fires, and filters its input with a synaptic time constant",
    "I": "has neither leak nor threshold",
}


def import_nir(path: Path) -> list[NIRNeuron]:
    """The neurons of a file's LIF, IF, LI and CubaLIF nodes, one for each set of parameters.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of NIRNeuron
        In the order of the nodes' names; within a node the most frequent parameters first, all
        of them.

    Raises
    ------
    InputError
        If the file cannot be read, has no such node, or holds values that no neuron can have.
    """
    return _examine(Path(path))[0]


def describe(path: Path, importers: Sequence[type[NIRAdapter]] | None = None) -> str:
    """Neurons of a file in lines: values, differences to Table 1, what was assumed or left out.

    Parameters and errors are those of `nir_adapters`.
    """
    neurons, skipped = _examine(Path(path))
    lines = []
    for label, neuron in _labelled(neurons):
        p = neuron.params
        if not isinstance(p, LIFParameters):
            lines.append(f"{label}: {neuron.count} neurons, {_in_words(neuron)}")
            continue
        values = {
            "tau": (p.tau_ms, TABLE_1.tau_ms, " ms"),
            "R": (p.R, TABLE_1.R, ""),
            "V_th": (p.V_th, TABLE_1.V_th, ""),
            "V_reset": (p.V_reset, TABLE_1.V_reset, ""),
            "t_ref": (p.t_ref_ms, TABLE_1.t_ref_ms, " ms"),
        }
        differ = [
            f"{name} {wanted:g}{unit}"
            for name, (value, wanted, unit) in values.items()
            if not math.isclose(value, wanted, rel_tol=1e-6, abs_tol=1e-12)
        ]
        if neuron.v_leak:
            label += f" (V counted from v_leak = {neuron.v_leak:g})"
        lines.append(
            f"{label}: {neuron.count} neurons, "
            + ", ".join(f"{name} {value:g}{unit}" for name, (value, _, unit) in values.items())
            + (f"; Table 1 has {', '.join(differ)}" if differ else "; as Table 1")
        )
    lines += dict.fromkeys(f"{n.node}: {n.assumed}" for n in neurons if n.assumed)
    for node, distinct in Counter(neuron.node for neuron in neurons).items():
        if distinct > MAX_DISTINCT:
            lines.append(
                f"{node}: {distinct} different neurons, of which the {MAX_DISTINCT} most frequent "
                "are checked"
            )
    lines += [f"{name}: {reason}; not checked" for name, reason in skipped]
    chosen = _chosen(importers)
    for kind in dict.fromkeys(n.kind for n in neurons):
        if chosen and not any(kind in importer.kinds for importer in chosen):
            lines.append(f"{kind}: none of the frameworks that are installed imports it")
    if not chosen:
        lines.append(
            "no framework that imports NIR is installed: pip install snntorch norse spikingjelly"
        )
    return "\n".join(lines)


def nir_adapters(path: Path, importers: Sequence[type[NIRAdapter]] | None = None) -> list[Adapter]:
    """Adapters of every LIF neuron of a file, in every framework that imports NIR.

    Parameters
    ----------
    path : Path
    importers : sequence of NIRAdapter classes, optional
        The frameworks; by default those of `IMPORTERS` that are installed.

    Returns
    -------
    list of Adapter
        Their `params` are the file's. Of a node with many different neurons the `MAX_DISTINCT`
        most frequent ones.

    Raises
    ------
    InputError
        As `import_nir` does.
    """
    taken: Counter[str] = Counter()
    adapters: list[Adapter] = []
    for label, neuron in _labelled(import_nir(path)):
        taken[neuron.node] += 1
        if taken[neuron.node] <= MAX_DISTINCT:
            adapters += [
                importer(neuron, label)
                for importer in _chosen(importers)
                if neuron.kind in importer.kinds
            ]
    return adapters


def _chosen(importers: Sequence[type[NIRAdapter]] | None) -> Sequence[type[NIRAdapter]]:
    if importers is not None:
        return importers
    return [
        one for one in IMPORTERS if installed_version(one.framework) and installed_version("nir")
    ]


def _labelled(neurons: list[NIRNeuron]) -> Iterator[tuple[str, NIRNeuron]]:
    """Node names, numbered where a node has several kinds of neurons."""
    of_node: dict[str, list[NIRNeuron]] = {}
    for neuron in neurons:
        of_node.setdefault(neuron.node, []).append(neuron)
    for node, group in of_node.items():
        for number, neuron in enumerate(group, 1):
            yield (node if len(group) == 1 else f"{node}#{number}"), neuron


def _in_words(neuron: NIRNeuron) -> str:
    """Type and parameters of a neuron that is no LIF, in a line."""
    values = []
    for field in fields(neuron.params):
        value, name = getattr(neuron.params, field.name), field.name.removesuffix("_ms")
        if field.name != "reset" and (name != "tau_syn" or neuron.kind == "CubaLIF"):
            values.append(f"{name} {value:.6g}" + " ms" * field.name.endswith("_ms"))
    per_ms = " (R per ms)" if neuron.kind == "IF" else ""
    return f"{neuron.kind}: {', '.join(values)}{per_ms}"


def _examine(path: Path) -> tuple[list[NIRNeuron], list[tuple[str, str]]]:
    """Neurons of the nodes that are checked; names of other neurons' nodes, with what they are."""
    neurons: list[NIRNeuron] = []
    skipped: list[tuple[str, str]] = []
    for name, node in load_nodes(path):
        kind = node["type"]
        if kind in FIELDS:
            neurons += neurons_of(name, node, path)
        elif kind in _NOT_CHECKED:
            skipped.append((name, f"{kind} {_NOT_CHECKED[kind]}"))
    if not neurons:
        found = ", ".join(f"{name} ({reason})" for name, reason in skipped)
        raise InputError(
            f"{path} has no LIF, IF, LI or CubaLIF node, so there is nothing to check"
            + (f"; of neurons it has {found}" if found else "")
        )
    return neurons, skipped
