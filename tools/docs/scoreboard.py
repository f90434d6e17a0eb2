"""The page docs/scoreboard.md: frameworks' NIR imports by primitives and by public graphs.

::

    python -m tools.docs.scoreboard --graphs FOLDER     # of NIR files; writes docs/scoreboard.md
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bio_scnn.errors import InputError
from bio_scnn.nir.departures import Departures, depart
from bio_scnn.nir.graph import Graph
from bio_scnn.nir.importers import IMPORTERS
from bio_scnn.nir.reading import build_graph, read_graph
from bio_scnn.runtime.files import write_whole
from bio_scnn.runtime.provenance import installed_version
from tools.docs import DOCS

PAGE = DOCS / "scoreboard.md"
IMAGE = np.array([2, 6, 6])
DT_MS, STEPS, SHARE = 0.1, 200, 0.1
"""snnTorch's import takes this time step whatever it is told."""


def primitives() -> dict[str, dict[str, Any]]:
    """Nodes of each primitive by label, active, and plainer ones that importers may ask for."""
    rng = np.random.default_rng(1)
    n = 6
    full = np.ones(n)
    tau = np.linspace(1e-3, 2e-3, n)
    leak = {"tau": tau, "r": 40 * full, "v_leak": 0 * full}
    spike = {"v_threshold": full, "v_reset": 0 * full}
    synapse = {"tau_syn": tau / 2, "tau_mem": tau, "r": 40 * full, "v_leak": 0 * full,
               "w_in": 4 * full}  # fmt: skip
    window = {"kernel_size": np.array([2, 2]), "stride": np.array([2, 2]),
              "padding": np.array([0, 0])}  # fmt: skip
    weight = rng.normal(0, 1, (n, n)).astype(np.float32)
    conv = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": rng.normal(0, 1, 3)}
    pair = {key: np.array([value] * 2) for key, value in conv.items() if key in
            ("stride", "padding", "dilation")}  # fmt: skip
    one = {"tau": 1e-3 * full, "r": full, "v_leak": 0 * full}
    low = {"v_threshold": 0.12 * full, "v_reset": 0 * full}
    plain = synapse | {"tau_syn": 5e-4 * full, "tau_mem": 1e-3 * full, "r": full}
    flat = {"start_dim": 0, "end_dim": -1}
    return {
        "Linear": {"weight": weight},
        "Affine": {"weight": weight, "bias": weight[0]},
        "Scale": {"scale": weight[0]},
        "Conv1d": {**conv, "weight": rng.normal(0, 1, (3, 2, 3)), "input_shape": 8},
        "Conv2d": {**conv, **pair, "weight": rng.normal(0, 1, (3, 2, 3, 3)),
                   "input_shape": np.array([6, 6])},
        "SumPool2d": window,
        "AvgPool2d": window,
        "Flatten": flat,
        "Delay": {"delay": 3e-4 * full},
        "Threshold": {"threshold": np.linspace(0.5, 1.5, n)},
        "I": {"r": 300 * full},
        "LI": leak,
        "LI (r = 1, one tau)": one,
        "IF": {"r": np.linspace(1500, 4500, n), **spike},
        "IF (r = 1)": {"r": full, **spike},
        "LIF": leak | spike,
        "LIF (r = 1, one tau)": one | low,
        "CubaLI": synapse,
        "CubaLIF": synapse | spike,
        "CubaLIF (r = 1, one tau)": plain | low,
    }  # fmt: skip


def graph_of(kind: str, values: Mapping[str, Any]) -> Graph:
    """A graph of one node, by its label, between an input and an output."""
    kind = kind.partition(" ")[0]
    node = {"type": kind, **values}
    if kind not in ("SumPool2d", "AvgPool2d", "Flatten"):
        return build_graph(node)
    ends = {"input": {"type": "Input", "shape": IMAGE}, "node": node, "output": {"type": "Output"}}
    return build_graph({"nodes": ends, "edges": [("input", "node"), ("node", "output")]})


def judge(graph: Graph, name: str) -> Departures:
    """A framework's import of a graph on seeded random spikes."""
    shape = graph.the_input().input_shape
    spikes = (np.random.default_rng(0).random((STEPS, *shape)) < SHARE).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that are not ours
        return depart(graph, {graph.inputs[0]: spikes}, name, dt_ms=DT_MS)


def cell(found: Departures | str) -> tuple[str, str]:
    """A word for the table, and the sentence behind it."""
    if isinstance(found, str):
        return "not run", found
    if found.agrees:
        return "agrees", ""
    first = found.first
    if found.refused:
        return "refused", found.refused
    if found.wiring:
        return "departs", found.wiring
    assert first is not None
    word = "refused" if first.outcome == "refused" else "departs"
    return word, f"{first.node} ({first.kind}): {first.cause or 'no cause found'}"


def table(graphs: Mapping[str, Graph], names: list[str]) -> list[str]:
    """Lines of a table, and of the sentences under it."""
    lines = [f"| | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    told: dict[tuple[str, str], list[str]] = {}
    for label, graph in graphs.items():
        words = []
        for name in names:
            try:
                found: Departures | str = judge(graph, name)
            except Exception as error:  # of a framework: it is its entry
                found = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
            word, sentence = cell(found)
            words.append(word)
            if sentence:
                told.setdefault((name, " ".join(sentence.split())[:600]), []).append(label)
        lines.append(f"| `{label}` | {' | '.join(words)} |")
    reasons = [
        f"- {name}, {', '.join(of)}: {why.rstrip('.')}." for (name, why), of in told.items()
    ]
    return [*lines, "", *sorted(reasons), ""]


def page(folder: Path | None) -> str:
    """The page, of the frameworks that are installed here."""
    names = [name for name in IMPORTERS if installed_version(name)]
    if not names or not installed_version("nir"):
        raise InputError(f"install nir and one of {', '.join(IMPORTERS)} to keep the score")
    nodes = {kind: graph_of(kind, values) for kind, values in primitives().items()}
    parts = [
        "# Scoreboard of NIR imports",
        "",
        "Each framework imports a graph of one primitive, and whole public graphs, and gets "
        f"{STEPS} steps of seeded random spikes at dt = {DT_MS} ms. *Agrees* means: every output "
        "is that of NIR's equation by forward Euler at this dt; in a whole graph, also that of "
        "every node. [NIR graphs](nir.md) says how a cause is found.",
        "",
        "## Primitives",
        "",
        *table(nodes, names),
    ]
    files = sorted(folder.glob("*.nir")) if folder else []
    if folder and not files:
        raise InputError(f"{folder} has no file *.nir")
    if files:
        parts += ["## Public graphs", "", *table({p.stem: read_graph(p) for p in files}, names)]
        parts += [
            "The files are those of the NIR paper (Pedersen et al., 2024). "
            "[Public graphs](public-graphs.md) has more.",
            "",
        ]
    packages = {name: installed_version(name) for name in (*names, "nir", "nirtorch", "torch")}
    told = ", ".join(f"{name} {version}" for name, version in packages.items())
    missing = [name for name in IMPORTERS if name not in names]
    parts += [
        f"Measured on {datetime.datetime.now(datetime.UTC).date()} by "
        f"`python -m tools.docs.scoreboard --graphs FOLDER` with {told}, Python "
        f"{platform.python_version()}.",
        *(f"Not installed: {', '.join(missing)}." for _ in missing[:1]),
        "",
    ]
    return "\n".join(parts)


def main(argv: list[str] | None = None) -> None:
    """Keep the score, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs.scoreboard", description=__doc__)
    folder = os.environ.get("NIR_PAPER")
    parser.add_argument("--graphs", type=Path, default=Path(folder) if folder else None)
    parser.add_argument("--out", type=Path, default=PAGE)
    args = parser.parse_args(argv)
    write_whole(args.out, page(args.graphs).encode())
    print(args.out)


if __name__ == "__main__":
    main()
