"""A million neurons in continuous time, beside frameworks at their own time step.

Two inputs of 512 x 512 pixels send Poisson spikes at any time, 0.1 per ms each, for 56 ms. A
convolution of 3 x 3 leads to four maps of LIF neurons (tau 20 ms), one of 4 x 4 from there to one
map of a sixteenth of their size. bio_scnn runs every impulse at its own time, layer by layer and
in blocks (`bio_scnn.nir.layered`). The others count spikes per step of 1 ms: bio_scnn's dialect
`euler`, and frameworks on PyTorch. Each runs in a process of its own, on all cores. The time is
that of the run, the memory the largest of the process with its packages. The error is the number
of spikes too many and too few in each neuron, as a share of those in continuous time.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from benchmarks import _bench, _scale
from bio_scnn.commands.options import run
from tools import drawing
from tools.drawing import BLUE, GREY, styled

TITLE = "A million neurons"
FRAMEWORKS = ("snntorch", "norse", "spikingjelly")
LIMIT_S = 1200.0


def measure(quick: bool) -> dict[str, Any]:
    """Seconds, memory, spikes and errors of every entrant."""
    return measured(*((32, 20.0) if quick else (512, 56.0)))


def measured(side: int, duration_ms: float) -> dict[str, Any]:
    """The same for an input of any size."""
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        rows["exact"] = _bench.alone(_scale.exact, side, duration_ms, folder, limit_s=LIMIT_S)
        rows["grid"] = _bench.alone(_scale.grid, side, duration_ms, folder, limit_s=LIMIT_S)
        for name in FRAMEWORKS:
            if lacking := _bench.missing(name, "torch"):
                rows[name] = {"missing": lacking}
                continue
            try:
                rows[name] = _bench.alone(
                    _scale.framework, name, side, duration_ms, folder, limit_s=LIMIT_S
                )
            except subprocess.SubprocessError:
                rows[name] = {"missing": "it ended with an error"}
        for name, row in rows.items():
            if "missing" not in row:
                row["error"] = errors(Path(folder), name)
    shapes = _scale.sizes(side)
    return {
        "neurons": sum(int(np.prod(shape)) for shape in shapes[1:]),
        "duration_ms": duration_ms,
        "rows": rows,
        "versions": _bench.versions("numpy", "scipy", "torch", *FRAMEWORKS),
    }


def errors(folder: Path, name: str) -> list[float]:
    """Wrong spike counts of each layer, as a share of the spikes in continuous time."""
    with np.load(folder / "exact.npz") as exact, np.load(folder / f"{name}.npz") as found:
        return [
            float(np.abs(found[key] - exact[key]).sum() / max(exact[key].sum(), 1))
            for key in exact.files
        ]


def table(data: dict[str, Any]) -> str:
    """Time beside error and memory."""
    lines = []
    for name, row in data["rows"].items():
        label = {"exact": "bio_scnn, continuous time", "grid": "bio_scnn, `euler`"}.get(name, name)
        if "missing" in row:
            lines.append([label, f"not run: {row['missing']}", "", "", "", ""])
            continue
        lines.append(
            [
                label,
                "none" if name == "exact" else f"{_scale.DT_MS:g} ms",
                f"{row['seconds']:.1f} s",
                f"{row['bytes'] / 1e9:.1f} GB",
                f"{sum(row['spikes']):,}",
                " / ".join(f"{error:.1%}" for error in row["error"]),
            ]
        )
    header = ["", "dt", "time", "memory", "spikes", "wrong counts, layers 1 / 2"]
    exact = data["rows"]["exact"]
    rate = exact["events"] / exact["seconds"] / 1e6
    return "\n\n".join(
        [
            _bench.markdown(header, lines),
            f"{data['neurons']:,} neurons and {exact['events']:,} synaptic events in "
            f"{data['duration_ms']:g} ms; in continuous time {rate:.1f} million events a second.",
        ]
    )


def goals(data: dict[str, Any]) -> list[str]:
    """The goals."""
    exact = data["rows"]["exact"]
    return [
        _bench.goal("neurons", data["neurons"], 1e6, least=True, form=",.0f"),
        _bench.goal("synaptic events", exact["events"], 1e8, least=True, form=",.0f"),
        _bench.goal("GB of memory in continuous time", exact["bytes"] / 1e9, 4),
    ]


@styled
def draw(data: dict[str, Any]) -> Any:
    """Time and error of every entrant."""
    figure, axes = plt.subplots(figsize=(drawing.COLUMN, 2.0))
    there = {name: row for name, row in data["rows"].items() if "missing" not in row}
    for name, row in there.items():
        axes.plot(row["seconds"], row["error"][0], "o", color=BLUE if name == "exact" else GREY)
        place = row["seconds"], row["error"][0]
        axes.annotate(name, place, xytext=(3, 3), textcoords="offset points")
    axes.set(xlabel="time (s)", ylabel="wrong counts, layer 1", xlim=(0, None), ylim=(-0.01, None))
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, draw, save."""
    args = _bench.arguments(_bench.parser(__doc__), argv)
    _bench.finish(args, __file__, measure(args.quick), table, draw)


if __name__ == "__main__":
    run(main)
