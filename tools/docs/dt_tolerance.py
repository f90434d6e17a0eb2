"""The page docs/dt-tolerance.md: time steps and conventions that a network tolerates.

::

    python -m tools.docs.dt_tolerance --graph FILE.nir --trained-at 0.1
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn._version import __version__
from bio_scnn.nir.beside import divided
from bio_scnn.nir.continuous import run_continuous
from bio_scnn.nir.dialects import DIALECTS, Dialect
from bio_scnn.nir.graph import Graph
from bio_scnn.nir.reading import read_graph
from bio_scnn.nir.running import run_grid
from bio_scnn.runtime.files import write_whole
from tools.docs import DOCS, ROOT

PAGE = DOCS / "dt-tolerance.md"
STEPS, PATTERNS, SEED = 256, 10, 0
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Time steps of the table, in units of the one that the network was trained at."""

Array = NDArray[Any]


def conventions() -> dict[str, Dialect]:
    """Conventions of the table by their description."""
    exact = DIALECTS["exact"]
    return {
        "forward Euler": DIALECTS["euler"],
        "exact steps": exact,
        "exact steps, spikes act a step later": replace(exact, edge_delay=1),
        "exact steps, reset by subtraction": replace(exact, reset="subtract"),
        "exact decay, Euler's gain, several spikes a step": DIALECTS["rockpool"],
    }


@dataclass(frozen=True)
class Cell:
    """A convention at a time step, on all patterns.

    Attributes
    ----------
    spikes : int
        Of the output.
    error : float
        Wrong spike counts of the output, as a share of the spikes in continuous time.
    exact, trained : int
        Patterns whose most active output is that in continuous time, and that at the training's
        time step by forward Euler.
    """

    spikes: int
    error: float
    exact: int
    trained: int


def patterns(graph: Graph, rng: np.random.Generator) -> list[Array]:
    """Poisson spikes, each pattern with its own rate in each channel."""
    shape = graph.the_input().input_shape
    rates = rng.uniform(0.0, 0.25, (PATTERNS, 1, *shape))
    return [(rng.random((STEPS, *shape)) < rate).astype(float) for rate in rates]


def at_step(x: Array, factor: float, *, as_held: bool) -> Array:
    """Spikes on a grid that is `factor` times as coarse, their number or area kept."""
    if factor <= 1:
        return divided(x, round(1 / factor), held=False, as_held=as_held)
    parts = round(factor)
    summed: Array = x.reshape(len(x) // parts, parts, *x.shape[1:]).sum(1)
    return summed / parts if as_held else summed


def output_counts(graph: Graph, x: Array, dialect: Dialect, factor: float) -> Array:
    """Spikes of each output neuron on a grid, an area of the trained time step kept."""
    kinds, trained = graph.kinds(), dialect.dt_ms
    d = replace(dialect, dt_ms=trained * factor, spike_area_ms=dialect.area_ms(kinds))
    given = at_step(x, factor, as_held=not dialect.takes_impulses(kinds))
    with np.errstate(over="ignore", invalid="ignore"):  # Euler's method above twice tau
        return run_grid(graph, {graph.inputs[0]: given}, d).spikes[last_node(graph)].sum(0).ravel()


def last_node(graph: Graph) -> str:
    """Name of the last node that fires."""
    return [name for name, node in graph.nodes.items() if node.fires][-1]


def exact_counts(graph: Graph, x: Array, trained_ms: float) -> Array:
    """Spikes of each output neuron in continuous time."""
    found = run_continuous(
        graph, {graph.inputs[0]: x}, trained_ms, held=False, area_s=trained_ms / 1e3, reset="value"
    )
    return found.spikes[last_node(graph)].sum(0).ravel()


def measure(graph: Graph, xs: Sequence[Array], trained_ms: float) -> dict[str, dict[float, Cell]]:
    """Cells by convention and time step in ms."""
    exact = [exact_counts(graph, x, trained_ms) for x in xs]
    euler = replace(DIALECTS["euler"], dt_ms=trained_ms)
    trained = [output_counts(graph, x, euler, 1.0) for x in xs]
    total = max(float(np.sum(exact)), 1.0)
    table: dict[str, dict[float, Cell]] = {}
    for label, dialect in conventions().items():
        for factor in FACTORS:
            d = replace(dialect, dt_ms=trained_ms)
            found = [output_counts(graph, x, d, factor) for x in xs]
            table.setdefault(label, {})[trained_ms * factor] = Cell(
                int(np.sum(found)),
                float(np.abs(np.subtract(found, exact)).sum()) / total,
                _same(found, exact),
                _same(found, trained),
            )
    return table


def _same(found: Sequence[Array], wanted: Sequence[Array]) -> int:
    return sum(int(a.argmax() == b.argmax()) for a, b in zip(found, wanted, strict=True))


def page(name: str, table: Mapping[str, Mapping[float, Cell]], trained_ms: float) -> str:
    """The page."""
    told = []
    for label, row in table.items():
        good = [f"{dt:g}" for dt, cell in row.items() if cell.trained >= 0.9 * PATTERNS]
        told.append(f"- {label}: {', '.join(good) + ' ms' if good else 'none'}.")
    rows = [
        f"| {label} | {dt:g} | {it.spikes:,} | {it.error:.0%} | {it.exact} | {it.trained} |"
        for label, row in table.items()
        for dt, it in row.items()
    ]
    return "\n".join(
        [
            "# Time steps that a network tolerates",
            "",
            f"A network that was trained at dt = {trained_ms:g} ms is run at other time steps and "
            "with other conventions, and in continuous time. "
            f"`{name}` gets {PATTERNS} patterns of seeded Poisson spikes, {STEPS} steps of "
            f"{trained_ms:g} ms; a spike keeps its area. The published inputs are not used: "
            "patterns have no labels, so agreement is counted, not accuracy.",
            "",
            "Time steps at which nine in ten patterns have the class of the trained network "
            f"(forward Euler at {trained_ms:g} ms):",
            "",
            *told,
            "",
            "| convention | dt in ms | spikes | wrong counts | class of continuous time "
            "| class of the trained network |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "- *Wrong counts*: spikes too many and too few of the output neurons, as a share of "
            "those in continuous time.",
            f"- *Class*: patterns, of {PATTERNS}, with the same most active output neuron; the "
            "first one, if several are.",
            "- `python -m bio_scnn.validate --graph FILE` gives the same for every node and one "
            "input: [NIR graphs](nir.md).",
            "",
            f"Measured on {datetime.datetime.now(datetime.UTC).date()} by "
            f"`python -m tools.docs.dt_tolerance --graph {name}.nir` with bio_scnn {__version__}.",
            "",
        ]
    )


def main(argv: list[str] | None = None) -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs.dt_tolerance", description=__doc__)
    parser.add_argument("--graph", type=Path, default=ROOT / "tests" / "nir" / "recurrent.nir")
    parser.add_argument("--trained-at", type=float, default=0.1, metavar="MS")
    parser.add_argument("--out", type=Path, default=PAGE)
    args = parser.parse_args(argv)
    graph = read_graph(args.graph)
    xs = patterns(graph, np.random.default_rng(SEED))
    table = measure(graph, xs, args.trained_at)
    write_whole(args.out, page(args.graph.stem, table, args.trained_at).encode())
    print(args.out)


if __name__ == "__main__":
    main()
