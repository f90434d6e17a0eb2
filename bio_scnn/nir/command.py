"""Command line of whole networks: ``python -m bio_scnn.validate --graph FILE``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.nir.beside import Beside, beside
from bio_scnn.nir.departures import Departures, depart, reference_for
from bio_scnn.nir.dialects import DIALECTS, Dialect, dialect_of
from bio_scnn.nir.graph import Graph
from bio_scnn.nir.importers import check_known
from bio_scnn.nir.open_points import open_points
from bio_scnn.nir.reading import read_graph
from bio_scnn.runtime.files import encodable, write_whole

STEPS, SHARE, SEED = 200, 0.1, 0
"""Random spikes, where no input is given."""


def add_graph_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser of `bio_scnn.validate`."""
    group = parser.add_argument_group("a whole network")
    group.add_argument(
        "--graph", type=Path, metavar="FILE",
        help="run a NIR file's network in continuous time and on a time grid, and compare the "
        f"spikes of every node. --input FILE has the input: npy or csv, a row per step; npy with "
        f"one more axis for many inputs (default: {STEPS} steps of seeded random spikes)",
    )  # fmt: skip
    group.add_argument(
        "--dialect",
        metavar="NAME",
        help=f"conventions of the time grid: {', '.join(DIALECTS)} (default: euler; to IF neurons "
        "whose r is 1 a value is then an impulse)",
    )
    group.add_argument(
        "--against",
        nargs="+",
        default=[],
        metavar="NAME",
        help="import the file with these frameworks as well, and name the first node whose "
        "output differs, with the cause",
    )


def run_graph(args: argparse.Namespace) -> bool:
    """Print the first screen of a network; False if an importer departs."""
    check_known(args.against)
    graph = read_graph(args.graph)
    dialect = dialect_of(args.dialect or "euler", args.dt)
    if args.dialect is None:
        dialect = replace(dialect, IF_input=reference_for(graph).IF_input)
    if (batch := _many(graph, args.input)) is not None:
        from bio_scnn.nir.many import run_batch

        run_batch(args, graph, dialect, batch)
        return True
    inputs, told = input_of(graph, args.input)
    if args.gradients:
        from bio_scnn.nir.gradients import run_network_gradients

        return run_network_gradients(args, graph, inputs, told, dialect.dt_ms)
    found = beside(graph, inputs, dialect)
    judged = [depart(graph, inputs, name, dt_ms=dialect.dt_ms) for name in args.against]
    lines = screen(graph, dialect, found, told)
    if args.report is not None:
        from bio_scnn.nir.page import page

        write_whole(args.report / "index.html", page(graph, lines, judged).encode())
    if args.json:
        print(json.dumps(as_table(graph, dialect, found, judged), indent=2))
    else:
        print(encodable("\n".join(lines)))
        for one in judged:
            print(encodable(f"\n{one}"))
    return all(one.agrees for one in judged)


def _many(graph: Graph, path: Path | None) -> NDArray[Any] | None:
    """Many inputs of an npy file with one more axis in front."""
    if path is None or path.suffix != ".npy" or len(graph.inputs) != 1 or not path.is_file():
        return None
    from bio_scnn.nir.many import batch_of

    return batch_of(graph, _loaded(path))


def _loaded(path: Path) -> NDArray[Any]:
    """Numbers of an npy or csv file."""
    try:
        if path.suffix == ".npy":
            return np.asarray(np.load(path, allow_pickle=False))
        return np.loadtxt(path, delimiter=",", ndmin=2)
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: an input must be npy or csv, a row per step ({reason})"
        ) from None


def input_of(graph: Graph, path: Path | None) -> tuple[dict[str, NDArray[Any]], str]:
    """Input of a file, or seeded random spikes; and what it is."""
    from bio_scnn.nir.running import given_inputs

    if path is None:
        rng = np.random.default_rng(SEED)
        shapes = {name: graph.nodes[name].input_shape for name in graph.inputs}
        spikes = {n: (rng.random((STEPS, *s)) < SHARE).astype(float) for n, s in shapes.items()}
        return spikes, f"{STEPS} steps of random spikes (seed {SEED}, {SHARE:.0%} of all)"
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    whole = _loaded(path)
    shape = graph.the_input().input_shape
    if whole.ndim < 1 or whole[:1].size != np.prod(shape):
        raise InputError(f"{path}: a step has {whole[:1].size} values, the input {shape}")
    found = given_inputs(graph, whole.reshape(len(whole), *shape))
    return found, f"{len(whole)} steps of {path}"


def screen(graph: Graph, dialect: Dialect, found: Beside, told: str) -> list[str]:
    """Lines of the first screen."""
    loops = f", {len(graph.back)} recurrent" if graph.back else ""
    lines = [f"{graph.name}: {len(graph.nodes)} nodes, {len(graph.edges)} edges{loops}"]
    lines.append(f"left open by the file, and taken on the grid ({dialect.name}):")
    lines += [f"  {sentence}" for sentence in open_points(graph, dialect)]
    if found.exact is not None:
        lines.append("left open by the file, and taken in continuous time:")
        lines += [f"  {s}" for s in found.exact.open if s not in open_points(graph, dialect)]
    lines.append("nodes:")
    width = max(map(len, graph.nodes))
    for name, node in graph.nodes.items():
        ends = {
            " x ".join(map(str, node.input_shape)): 0,
            " x ".join(map(str, node.output_shape)): 0,
        }
        lines.append(f"  {name:<{width}}  {node.kind:<9}  {' -> '.join(ends)}")
    if found.refused:
        lines.append(f"not run in continuous time: {found.refused}")
    lines.append(f"spikes in {told}:")
    return lines + spike_table(found)


def spike_table(found: Beside) -> list[str]:
    """Spikes per node in continuous time and per time step, with the error of the counts."""
    first = next(iter(found.grids.values()))
    nodes = list(first.counts)
    if not nodes:
        return ["  no node fires"]
    runs = [*found.grids.values(), *([found.exact] if found.exact else [])]
    if not any(run.counts[name] for run in runs for name in nodes):
        return ["  none in any node: the input is too weak; give another by --input"]
    width = max(map(len, [*nodes, "node"]))
    head = "".join(f"{f'dt {dt:g} ms':>24}" for dt in found.grids)
    lines = [f"  {'node':<{width}}  {'continuous':>10}{head}"]
    for name in nodes:
        exact = f"{found.exact.counts[name]:,}" if found.exact else "-"
        cells = [f"{grid.counts[name]:,}{_wrong(found, name, dt)}" for dt, grid in
                 found.grids.items()]  # fmt: skip
        lines.append(f"  {name:<{width}}  {exact:>10}" + "".join(f"{c:>24}" for c in cells))
    last = nodes[-1]
    if found.exact is not None and first.spikes[last][0].size > 1:
        same = [f"{dt:g} ms" for dt in found.grids if found.agrees(last, dt)]
        lines.append(
            f"  the neuron of {last} that fires most is the same at: {', '.join(same) or 'no dt'}"
        )
    return lines


def _wrong(found: Beside, name: str, dt: float) -> str:
    """Error of a node's counts, in words; empty if there are none, or nothing to compare with."""
    if found.exact is None or not (found.exact.counts[name] or found.grids[dt].counts[name]):
        return ""
    share = found.error(name, dt)
    return f" ({'all' if np.isinf(share) else f'{100 * share:.1f} %'} wrong)"


def _finite(number: float) -> float | None:
    """A number of JSON, which has no infinity."""
    return number if np.isfinite(number) else None


def as_table(
    graph: Graph, dialect: Dialect, found: Beside, judged: Sequence[Departures]
) -> dict[str, Any]:
    """The screen as a table of JSON."""
    table: dict[str, Any] = {
        "graph": graph.name,
        "nodes": {n: [v.kind, v.input_shape, v.output_shape] for n, v in graph.nodes.items()},
        "edges": graph.edges,
        "dialect": dialect.name,
        "open": open_points(graph, dialect),
        "refused": found.refused,
        "against": [one.table() for one in judged],
    }
    if found.exact is not None:
        table["continuous"] = found.exact.counts
    table["grid"] = {
        f"{dt:g}": {
            name: {"spikes": count, "error": _finite(found.error(name, dt))}
            for name, count in grid.counts.items()
        }
        for dt, grid in found.grids.items()
    }
    return table
