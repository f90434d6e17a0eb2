"""The page docs/public-graphs.md: NIR files that others have published, run and compared.

::

    python -m tools.docs.public_graphs --clones FOLDER     # writes docs/public-graphs.md

FOLDER has a clone of each repository of public_graphs.csv, as owner+name (or owner+name/repo).
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import subprocess
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bio_scnn.errors import InputError
from bio_scnn.nir.departures import depart, reference_for
from bio_scnn.nir.dialects import dialect_of
from bio_scnn.nir.graph import Graph
from bio_scnn.nir.importers import IMPORTERS, importer_of
from bio_scnn.nir.reading import read_graph
from bio_scnn.nir.running import Activity, run, run_grid
from bio_scnn.runtime.files import write_whole
from bio_scnn.runtime.provenance import installed_version
from tools.docs import DOCS
from tools.docs.scoreboard import cell

PAGE, LIST = DOCS / "public-graphs.md", Path(__file__).with_suffix(".csv")
DT_MS, STEPS, SHARE = 0.1, 200, 0.1
OWN = ("norse", "snntorch", "spikingjelly", "sinabs")
"""Frameworks whose import has a dialect here: Rockpool's takes its time step from the file."""
SIZES = (1.0, 10.0, 100.0, 1e3, 1e4)
"""Sizes of the input's spikes that are tried until the output fires."""


@dataclass(frozen=True)
class Source:
    """A public NIR file: ``git show commit:path`` in a clone of the repository."""

    name: str
    repository: str
    commit: str
    path: str


def sources() -> list[Source]:
    """The list."""
    with LIST.open(encoding="utf-8", newline="") as file:
        return [Source(**row) for row in csv.DictReader(file)]


def written(source: Source, clones: Path, folder: Path) -> Path:
    """The file, from a clone."""
    clone = clones / source.repository.replace("/", "+")
    clone = clone / "repo" if (clone / "repo").is_dir() else clone
    command = ["git", "-C", str(clone), "show", f"{source.commit}:{source.path}"]
    found = subprocess.run(command, capture_output=True, check=False)
    if found.returncode:
        raise InputError(f"{source.repository}: {found.stderr.decode(errors='replace').strip()}")
    path = folder / f"{source.name}.nir"
    path.write_bytes(found.stdout)
    return path


def driven(graph: Graph) -> tuple[dict[str, np.ndarray], float, Activity]:
    """Random spikes that make the output fire, their size, and the activity by forward Euler."""
    shape = graph.the_input().input_shape
    spikes = (np.random.default_rng(0).random((STEPS, *shape)) < SHARE).astype(float)
    name = graph.inputs[0]
    euler = dialect_of(reference_for(graph), DT_MS)
    for size in SIZES:
        x = {name: size * spikes}
        found = run_grid(graph, x, euler)
        if found.outputs[graph.outputs[0]].any():
            return x, size, found
    x = {name: spikes}
    return x, 1.0, run_grid(graph, x, euler)


def own_dialect(graph: Graph, x: dict[str, np.ndarray], name: str) -> str:
    """Outputs of a framework's import that differ from those of its dialect, in words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that are not ours
        try:
            theirs = importer_of(name).load(graph, DT_MS)(next(iter(x.values())))
        except Exception:  # refused: the other table says why
            return "refused"
    ours = run_grid(graph, x, dialect_of(name, DT_MS)).outputs[graph.outputs[0]]
    if theirs.shape != ours.shape:
        return "another shape"
    return f"{int((theirs != ours).sum()):,} of {ours.size:,}"


def kinds(graph: Graph) -> str:
    """Nodes of a graph in words."""
    count = Counter(node.kind for node in graph.nodes.values() if node.name not in graph.inputs)
    count -= Counter({"Input": count["Input"], "Output": count["Output"]})
    loops = ", a loop" if graph.back else ""
    return ", ".join(f"{n} {kind}" for kind, n in sorted(count.items())) + loops


def rows(name: str, graph: Graph, names: list[str]) -> tuple[str, str, list[str]]:
    """Rows of both tables, and sentences."""
    x, size, euler = driven(graph)
    end = graph.outputs[0]
    try:
        exact = f"{run(graph, x, dt_ms=DT_MS).outputs[end].sum():,.0f}"
    except InputError as error:
        exact = "refused"
        said = [f"continuous time|{str(error).replace(f'{graph.name}: ', '')}|{name}"]
    else:
        said = []
    words, own = [], []
    for one in names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            judged = depart(graph, x, one, dt_ms=DT_MS)
        word, why = cell(judged)
        words.append(word)
        if one in OWN:
            own.append("refused" if judged.refused else own_dialect(graph, x, one))
        if why:
            why = " ".join(why.replace(graph.name, "the file").split())
            said.append(f"{one}|{why[:600].rstrip('.')}|{name}")
    counts = f"{exact} | {euler.outputs[end].sum():,.0f}"
    first = f"| `{name}` | {kinds(graph)} | {size:g} | {counts} | {' | '.join(own)} |"
    return first, f"| `{name}` | {' | '.join(words)} |", said


def page(clones: Path, kept: Path) -> str:
    """The page, of the frameworks that are installed here."""
    names = [name for name in IMPORTERS if installed_version(name)]
    one, two, said, refused, mended = [], [], [], [], []
    listed = sources()
    with tempfile.TemporaryDirectory() as folder:
        for source in listed:
            path = written(source, clones, Path(folder))
            try:
                graph = read_graph(path)
            except InputError as error:
                why = str(error).replace(f"{path}: ", "").replace(str(path), "it")
                refused.append(f"- `{source.name}`: {why}.")
                continue
            result = kept / f"{source.name}.json"
            if not result.is_file():
                result.write_text(json.dumps(rows(source.name, graph, names)), encoding="utf-8")
            first, second, why = json.loads(result.read_text("utf-8"))
            one.append(first)
            two.append(second)
            said += why
            repairs = [s for s in graph.filled if "the file has no" not in s]
            if repairs:
                mended.append(f"- `{source.name}`: {'; '.join(_short(repairs))}.")
            print(source.name, flush=True)
    return "\n".join(_parts(names, listed, one, two, said, refused, mended))


def _short(repairs: list[str]) -> list[str]:
    """Sentences that differ in the node only, as one."""
    found: dict[str, list[str]] = {}
    for sentence in repairs:
        node, _, rest = sentence.partition(": ")
        found.setdefault(rest, []).append(node)
    return [f"{', '.join(nodes)}: {rest}" for rest, nodes in found.items()]


def _intro(listed: int, run_: int, refused: int) -> list[str]:
    """Words above the first table."""
    return [
        f"This page lists {listed} NIR files that others have published, each version that "
        f"differs from the others. {run_} of them are run; {refused} hold no network that can "
        f"be run, and each is refused in one line. The input is {STEPS} steps of {DT_MS} ms of "
        f"random spikes (seed 0; each input fires in {SHARE:.0%} of the steps). If the output is "
        f"silent, the spikes are made {SIZES[1]:g} times as large, and so on up to "
        f"{SIZES[-1]:g}. If it stays silent, they have size 1 again. The last columns then say "
        "little, because silent networks agree easily. [NIR graphs](nir.md) explains the terms.",
        "",
        "## Run",
        "",
        "*Size* is the size of a spike of the input. *Continuous* and *Euler* are the numbers of "
        "spikes of the output, in continuous time and by forward Euler. They differ most if the "
        "area of a spike is not dt. The columns of the frameworks that have a dialect in bio_scnn "
        "give the number of outputs of their import that differ from those of the dialect.",
        "",
    ]


def _parts(
    names: list[str],
    listed: list[Source],
    one: list[str],
    two: list[str],
    said: list[str],
    refused: list[str],
    mended: list[str],
) -> list[str]:
    told: dict[tuple[str, str], list[str]] = {}
    for sentence in said:
        framework, why, name = sentence.split("|")
        told.setdefault((framework, why), []).append(f"`{name}`")
    heads, own = " | ".join(names), [n for n in names if n in OWN]
    packages = ", ".join(f"{n} {installed_version(n)}" for n in (*names, "nir", "torch"))
    return [
        "# Public NIR graphs",
        "",
        *_intro(len(listed), len(one), len(refused)),
        f"| graph | nodes | size | continuous | Euler | {' | '.join(own)} |",
        "|---|---|---|---|---|" + "---|" * len(own),
        *one,
        "",
        "## Imports compared with NIR's equations",
        "",
        "The reference is NIR's equations by forward Euler. The causes are listed below the "
        "table.",
        "",
        f"| graph | {heads} |",
        "|---|" + "---|" * len(names),
        *two,
        "",
        *sorted(f"- {n}, {', '.join(of)}: {why}." for (n, why), of in told.items()),
        "",
        "## Declared otherwise than run",
        "",
        "These files contradict themselves. The list gives what the reader decided; the first "
        "lines of every result say it, too.",
        "",
        *mended,
        "",
        "## Refused",
        "",
        *refused,
        "",
        "## Sources",
        "",
        "Each is `git show COMMIT:PATH` in a clone of the repository. None of them is part of "
        "this project.",
        "",
        "| graph | repository | commit | path |",
        "|---|---|---|---|",
        *(f"| `{s.name}` | {s.repository} | `{s.commit}` | {s.path} |" for s in listed),
        "",
        f"Measured on {datetime.datetime.now(datetime.UTC).date()} by "
        f"`python -m tools.docs.public_graphs --clones FOLDER` with {packages}.",
        "",
    ]


def main(argv: list[str] | None = None) -> None:
    """Run the graphs, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs.public_graphs")
    parser.add_argument("--clones", type=Path, required=True)
    parser.add_argument(
        "--kept", type=Path, metavar="FOLDER", help="results that are not repeated"
    )
    parser.add_argument("--out", type=Path, default=PAGE)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as new:
        kept = args.kept or Path(new)
        kept.mkdir(parents=True, exist_ok=True)
        write_whole(args.out, page(args.clones, kept).encode())
    print(args.out)


if __name__ == "__main__":
    main()
