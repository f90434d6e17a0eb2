"""Firing rates of many neurons, compared with other simulators, and the cost of one call.

Neurons of Table 1 get constant currents, and their rates spread over 100 to 200 Hz. Each simulator
runs only as long as its readout of a rate requires, written as its users would write it, with its
default number of threads. bio_scnn, NEST and Nengo find spikes inside a step, so that two spikes,
20 ms, suffice. bio_scnn takes steps of 5 ms, the shortest interval between spikes; NEST and Nengo
take steps of 1 ms. A plain Brian2 script and snnTorch count spikes, or time them on their grid,
over 100 ms in steps of 0.1 ms. The time includes building the network and excludes compiling. NEST
takes minutes to build a million neurons with as many currents, and is left out there. Errors are
the largest relative errors against the closed form. Most of snnTorch's error comes from the
missing refractory period.

For cost over size, each size and target runs in its own process. Memory is the peak of resident
memory, with the currents and the results, minus that of the process after a small simulation.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

from benchmarks import _bench
from benchmarks._simulators import ENTRANTS, TARGETS, Entrant, cost, currents, smallest, unable
from bio_scnn import firing_rate
from bio_scnn.commands.options import run
from tools import drawing
from tools.drawing import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, styled

TITLE = "Simulating neurons"


class Plan(NamedTuple):
    """Layers that all simulate, with the rounds of each, and sizes that only we do."""

    layers: dict[int, int]
    sizes: tuple[int, ...]
    calls: int = 50  # of the smallest simulation
    entrants: tuple[Entrant, ...] = ENTRANTS


QUICK = Plan({4096: 1}, (100_000,))
FULL = Plan({65_536: 3, 1_048_576: 2}, (10_000, 100_000, 1_000_000, 10_000_000))


def measure(quick: bool) -> dict[str, Any]:
    """Seconds and errors of every simulator, seconds and bytes of ours over size."""
    return measured(QUICK if quick else FULL)


def measured(plan: Plan) -> dict[str, Any]:
    """The same, for the sizes of a plan."""
    lacking = {entrant.name: unable(entrant) for entrant in plan.entrants}
    able = {entrant.target for entrant in plan.entrants if not lacking[entrant.name]}
    return {
        "layers": {
            str(neurons): contest(neurons, rounds, plan.entrants, lacking)
            for neurons, rounds in plan.layers.items()
        },
        "sizes": over_size(plan.sizes, [t for t in TARGETS if t in able], plan.calls),
        "versions": _bench.versions(
            "numpy", "brian2", "nest-simulator", "nengo", "snntorch", "torch"
        ),
    }


def contest(
    neurons: int, rounds: int, entrants: Sequence[Entrant], lacking: dict[str, str]
) -> list[dict[str, Any]]:
    """A row for each readout of each simulator, on one layer."""
    current = currents(neurons)
    exact = firing_rate(current)
    found: dict[tuple[str, str], dict[str, Any]] = {}

    def take(entrant: Entrant) -> None:
        start = time.perf_counter()
        for readout, rates in zip(entrant.readouts, entrant.rates(current), strict=True):
            elapsed = time.perf_counter() - start
            # NaN, no rate at all, is to be seen as well.
            error = float(np.max(np.abs(rates / exact - 1)))
            row = found.setdefault((entrant.name, readout), {"seconds": [], "error": 0.0})
            row["seconds"].append(elapsed)
            row["error"] = max(row["error"], error) if error == error else error
            start = time.perf_counter() - elapsed

    able = [e for e in entrants if not lacking[e.name] and neurons <= e.largest]
    _bench.in_turns({entrant.name: partial(take, entrant) for entrant in able}, rounds, warm=0)
    # The target that `simulate` takes for large work, where it can.
    own = [entrant.name for entrant in able if entrant.target]
    base = found[own[-1], "interval"]["seconds"]
    rows = []
    for entrant in entrants:
        for readout in entrant.readouts:
            row: dict[str, Any] = {"name": entrant.name, "readout": readout}
            if lacking[entrant.name]:
                row["missing"] = lacking[entrant.name]
            elif neurons > entrant.largest:
                row["missing"] = f"not run beyond {entrant.largest:,} neurons"
            else:
                of = found[entrant.name, readout]
                row |= _bench.spread(of["seconds"])
                row |= {"ratio": _bench.ratio(of["seconds"], base), "error": of["error"]}
            rows.append(row)
    return rows


def over_size(sizes: Sequence[int], targets: Sequence[str], calls: int) -> dict[str, Any]:
    """Seconds of the smallest call, and seconds and bytes of layers of these sizes, by target."""
    found: dict[str, Any] = {target: {"sizes": []} for target in targets}
    with tqdm(total=len(targets) * (1 + len(sizes)), leave=False, disable=None) as bar:
        for target in targets:
            bar.set_description(f"cost of a call, {target}")
            found[target]["call"] = _bench.spread(_bench.alone(smallest, target, calls))
            bar.update()
        for neurons in sizes:  # the targets in turn
            for target in targets:
                bar.set_description(f"{neurons:,} neurons, {target}")
                spent = _bench.alone(cost, target, neurons)
                found[target]["sizes"].append({"neurons": neurons, **spent})
                bar.update()
    return found


def table(data: dict[str, Any]) -> str:
    """Each layer's simulators, then the cost of ours over size."""
    parts = []
    for neurons, rows in data["layers"].items():
        lines = []
        for row in rows:
            words = [row.get("missing", ""), "", ""]
            if "missing" not in row:
                error = "none" if row["error"] is None else f"{row['error']:.1e}"
                words = [seconds(row["seconds"]), f"{row['ratio']:.2f}", error]
            lines.append([f"{row['name']}, {row['readout']}", *words])
        header = [f"{int(neurons):,} neurons", "time", "its time / ours", "largest rate error"]
        parts.append(_bench.markdown(header, lines))
    targets = data["sizes"]
    if targets:
        header = ["neurons"]
        for target in targets:
            header += [f"{target}: time", "a neuron", "peak memory, a neuron"]
        calls = [[seconds(of["call"]["seconds"]), "", ""] for of in targets.values()]
        lines = [["3", *(word for call in calls for word in call)]]
        for row in zip(*(of["sizes"] for of in targets.values()), strict=True):
            line = [f"{row[0]['neurons']:,}"]
            for of in row:
                each = of["seconds"] / of["neurons"]
                memory = "?" if of["bytes"] is None else f"{of['bytes'] / of['neurons']:.0f} B"
                line += [seconds(of["seconds"]), f"{1e6 * each:.2f} µs", memory]
            lines.append(line)
        parts.append(_bench.markdown(header, lines))
    return "\n\n".join(parts)


def goals(data: dict[str, Any]) -> list[str]:
    """The goals, for the largest layer and the largest size."""
    neurons, rows = max(data["layers"].items(), key=lambda item: int(item[0]))
    of = {(row["name"], row["readout"]): row for row in rows if "missing" not in row}
    found = []
    if script := of.get(("Brian2 script", "interval")):
        says = f"time of the Brian2 script divided by ours, {int(neurons):,} neurons"
        found.append(_bench.goal(says, script["ratio"], 10, least=True, form=".1f"))
    errors = [row["error"] for (name, _), row in of.items() if name.startswith("bio_scnn")]
    largest = max(math.inf if error is None else error for error in errors)
    found.append(_bench.goal("our largest relative rate error", largest, 1e-12, form=".1e"))
    for target, of in data["sizes"].items():
        last = of["sizes"][-1]
        if last["bytes"] is not None:
            says = f"bytes of a neuron of {last['neurons']:,} ({target})"
            found.append(_bench.goal(says, last["bytes"] / last["neurons"], 100, form=".0f"))
        says = f"milliseconds of a call with three neurons ({target})"
        found.append(_bench.goal(says, 1e3 * of["call"]["seconds"], 20, form=".1f"))
    return found


def seconds(value: float) -> str:
    """A time with its unit."""
    return f"{1e3 * value:.1f} ms" if value < 1 else f"{value:.1f} s"


@styled
def draw(data: dict[str, Any]) -> Any:
    """Error over time of the largest layer, and time and memory of a neuron over size."""
    figure, (error, cost, memory) = plt.subplots(1, 3, figsize=(drawing.PAGE, 2.6))
    neurons, rows = max(data["layers"].items(), key=lambda item: int(item[0]))
    palette = (BLUE, SKY, VERMILION, GREEN, ORANGE, PURPLE)
    colors = dict(zip((entrant.name for entrant in ENTRANTS), palette, strict=False))
    for row in rows:
        if "missing" not in row and row["error"] is not None:
            marker = "o" if row["readout"] == "interval" else "s"
            error.plot(
                row["seconds"],
                max(row["error"], 1e-16),
                marker,
                color=colors[row["name"]],
                label=f"{row['name']}, {row['readout']}",
            )
    error.set(
        xscale="log",
        yscale="log",
        ylim=(1e-17, 1),
        xlabel=f"time of {int(neurons):,} neurons (s)",
        ylabel="largest relative rate error",
    )
    for target, of in data["sizes"].items():
        look = {"color": colors[f"bio_scnn, {target}"], "marker": "o", "ms": 3}
        sizes = np.array([row["neurons"] for row in of["sizes"]])
        cost.plot(sizes, [1e6 * row["seconds"] / row["neurons"] for row in of["sizes"]], **look)
        if all(row["bytes"] is not None for row in of["sizes"]):
            memory.plot(sizes, [row["bytes"] / row["neurons"] for row in of["sizes"]], **look)
    cost.set(xscale="log", yscale="log", xlabel="neurons", ylabel="time of a neuron (µs)")
    memory.axhline(100, color=BLACK, lw=0.6, ls=":")
    memory.set(
        xscale="log", ylim=(0, None), xlabel="neurons", ylabel="peak memory of a neuron (bytes)"
    )
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, draw, save."""
    args = _bench.arguments(_bench.parser(__doc__), argv)
    _bench.finish(args, __file__, measure(args.quick), table, draw)


if __name__ == "__main__":
    run(main)
