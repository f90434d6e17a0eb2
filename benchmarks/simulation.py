"""Firing rates of many neurons, beside scripts of other simulators; and what a call costs.

Neurons of Table 1 under constant currents, their rates spread over 100 to 200 Hz. Each simulator
runs for the time that its readout of a rate needs, as its users would write it, with its default
number of threads: bio_scnn, NEST and Nengo know when inside a step a spike was, so that two
spikes, 20 ms, suffice: in steps of 5 ms, the shortest interval between spikes, here, and of 1 ms
there. A plain Brian2 script and snnTorch count spikes, or time
them on their grid, over 100 ms in steps of 0.1 ms. Building the network is part of the time, the
compiler's work is not. NEST takes minutes to build a million neurons with as many currents, and is
left out there. Errors are the largest relative ones against the closed form; snnTorch's
neuron has no refractory period, which is most of its error.

Cost over size is measured in a process of its own for each size and target: the peak of resident
memory, with the currents and the results, above what the process had after a small simulation.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import _bench
import common
import matplotlib.pyplot as plt
import numpy as np
from common import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from numpy.typing import NDArray
from tqdm import tqdm

from bio_scnn import TABLE_1, InputError, current_for_rate, firing_rate, simulate
from bio_scnn.commands.options import run
from bio_scnn.crossval.adapters._support import quiet_import
from bio_scnn.neuron._brian2 import load_brian2

TITLE = "Simulating neurons"
EXACT_MS, COUNTED_MS = 20, 100
LONG_STEP_MS = 5.0  # of ours
STEP_MS = 0.1  # of those that know no time inside a step
TARGETS = ("numpy", "cython")
CALLS = 50  # of the smallest simulation


class Plan(NamedTuple):
    """Layers that all simulate, with the rounds of each, and sizes that only we do."""

    layers: dict[int, int]
    sizes: tuple[int, ...]


QUICK = Plan({4096: 1}, (100_000,))
FULL = Plan({65_536: 3, 1_048_576: 2}, (10_000, 100_000, 1_000_000, 10_000_000))


class Entrant(NamedTuple):
    """A simulator: for currents it yields rates in Hz, by each of its readouts."""

    name: str
    rates: Callable[[NDArray], Iterator[NDArray]]
    readouts: tuple[str, ...]
    needs: tuple[str, ...] = ()
    largest: int = 2**30  # neurons; beyond that it takes too long or too much


def ours(target: str) -> Callable[[NDArray], Iterator[NDArray]]:
    """bio_scnn, on one of its targets."""

    def rates(current: NDArray) -> Iterator[NDArray]:
        yield exact_rates(current, target)

    return rates


def exact_rates(current: NDArray, target: str) -> NDArray:
    """Rates in Hz, of spikes that are simulated."""
    recording = simulate(current, duration_ms=EXACT_MS, dt_ms=LONG_STEP_MS, target=target)
    return recording.rate_hz("isi")


def brian2_script(current: NDArray) -> Iterator[NDArray]:
    """A plain script, in Brian2's default time step of 0.1 ms and on its default target."""
    brian2 = load_brian2()
    ms = brian2.ms
    neurons = brian2.NeuronGroup(
        len(current),
        """dV/dt = (I - V/R)/C : 1 (unless refractory)
           I : 1""",
        threshold="V > V_th",
        reset="V = V_reset",
        refractory=TABLE_1.t_ref_ms * ms,
        method="exact",
        namespace={
            "R": TABLE_1.R,
            "C": TABLE_1.C_ms * ms,
            "V_th": TABLE_1.V_th,
            "V_reset": TABLE_1.V_reset,
        },
    )
    neurons.I = current
    spikes = brian2.SpikeMonitor(neurons)
    brian2.run(COUNTED_MS * ms)
    count = np.array(spikes.count)
    yield count / (1e-3 * COUNTED_MS)
    yield rates_of(np.array(spikes.i), np.array(spikes.t / ms), len(current))


def nest_script(current: NDArray) -> Iterator[NDArray]:
    """`iaf_psc_delta_ps`, which knows when inside a step a spike is."""
    nest = quiet_import("nest", PYNEST_QUIET="1")
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.resolution = 1.0
    # mV, pF, pA and ms: with V in mV and I in pA, R is in GOhm and C in pF.
    parameters = {
        "E_L": 0.0,
        "C_m": TABLE_1.C_ms,
        "tau_m": TABLE_1.tau_ms,
        "V_th": TABLE_1.V_th,
        "V_reset": TABLE_1.V_reset,
        "V_m": TABLE_1.V_reset,
        "t_ref": TABLE_1.t_ref_ms,
        "I_e": current,
    }
    layer = nest.Create("iaf_psc_delta_ps", len(current), params=parameters)
    recorder = nest.Create("spike_recorder")
    nest.Connect(layer, recorder)
    nest.Simulate(EXACT_MS)
    events = recorder.events
    yield rates_of(events["senders"] - 1, events["times"], len(current))
    nest.ResetKernel()  # gives back the memory


def nengo_script(current: NDArray) -> Iterator[NDArray]:
    """`nengo.LIF`; how long a neuron stays refractory tells when inside a step its spike was."""
    nengo = quiet_import("nengo")
    with nengo.Network(seed=0, add_to_container=False) as network, np.errstate(all="ignore"):
        layer = nengo.Ensemble(
            len(current),
            dimensions=1,
            neuron_type=nengo.LIF(
                tau_rc=1e-3 * TABLE_1.tau_ms,
                tau_ref=1e-3 * TABLE_1.t_ref_ms,
                initial_state={"voltage": nengo.dists.Choice([0.0])},
            ),
            gain=np.ones(len(current)),
            bias=TABLE_1.R * current,
        ).neurons
        output = nengo.Probe(layer, "output")
        refractory = nengo.Probe(layer, "refractory_time")
        model = nengo.builder.Model(dt=1e-3, decoder_cache=nengo.cache.NoDecoderCache())
        simulator = nengo.Simulator(network, model=model, progress_bar=False, optimize=False)
    with simulator:
        simulator.run_steps(EXACT_MS, progress_bar=False)
        step, neuron = np.nonzero(simulator.data[output])
        times = step + 1e3 * simulator.data[refractory][step, neuron]
    yield rates_of(neuron, times, len(current))


def snntorch_script(current: NDArray) -> Iterator[NDArray]:
    """`snntorch.Leaky`, step by step in float32, spikes summed."""
    import snntorch
    import torch

    beta = math.exp(-STEP_MS / TABLE_1.tau_ms)
    layer = snntorch.Leaky(beta=beta, threshold=TABLE_1.V_th, reset_mechanism="zero")
    drive = torch.tensor(TABLE_1.R * current * (1 - beta), dtype=torch.float32)
    with torch.no_grad():
        V, count = layer.reset_mem(), torch.zeros_like(drive)
        for _ in range(round(COUNTED_MS / STEP_MS)):
            spikes, V = layer(drive, V)
            count += spikes
    yield count.numpy().astype(float) / (1e-3 * COUNTED_MS)


ENTRANTS = (
    *(Entrant(f"bio_scnn, {target}", ours(target), ("interval",)) for target in TARGETS),
    Entrant("Brian2 script", brian2_script, ("count", "interval"), ("brian2",)),
    Entrant("NEST iaf_psc_delta_ps", nest_script, ("interval",), ("nest-simulator",), 65_536),
    Entrant("Nengo LIF", nengo_script, ("interval",), ("nengo",)),
    Entrant("snnTorch Leaky", snntorch_script, ("count",), ("snntorch", "torch")),
)


def rates_of(neuron: NDArray, times_ms: NDArray, neurons: int) -> NDArray:
    """Inverse mean intervals in Hz, of spikes in the order of time; NaN for less than two."""
    count = np.bincount(neuron, minlength=neurons)
    first, last = np.full(neurons, np.nan), np.full(neurons, np.nan)
    first[neuron[::-1]] = times_ms[::-1]  # of several values the last one stays
    last[neuron] = times_ms
    with np.errstate(invalid="ignore"):
        return np.where(count > 1, 1e3 * (count - 1) / (last - first), np.nan)


def currents(neurons: int) -> NDArray[np.float64]:
    """Constant currents of neurons that fire at 100 to 200 Hz."""
    return np.asarray(current_for_rate(np.linspace(100, 200, neurons)))


def measure(quick: bool) -> dict[str, Any]:
    """Seconds and errors of every simulator, seconds and bytes of ours over size."""
    return measured(QUICK if quick else FULL)


def measured(plan: Plan) -> dict[str, Any]:
    """The same, for the sizes of a plan."""
    lacking = {entrant.name: unable(entrant) for entrant in ENTRANTS}
    return {
        "layers": {
            str(neurons): contest(neurons, rounds, lacking)
            for neurons, rounds in plan.layers.items()
        },
        "sizes": over_size(plan.sizes, [t for t in TARGETS if not lacking[f"bio_scnn, {t}"]]),
        "versions": _bench.versions(
            "numpy", "brian2", "nest-simulator", "nengo", "snntorch", "torch"
        ),
    }


def unable(entrant: Entrant) -> str:
    """Why a simulator cannot take part, if so. What it compiles or loads, it does here."""
    if lacking := _bench.missing(*entrant.needs):
        return f"{lacking} not installed"
    try:
        list(entrant.rates(currents(3)))
    except InputError as error:  # no compiler
        return str(error)
    return ""


def contest(neurons: int, rounds: int, lacking: dict[str, str]) -> list[dict[str, Any]]:
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

    able = [e for e in ENTRANTS if not lacking[e.name] and neurons <= e.largest]
    _bench.in_turns(
        {entrant.name: lambda entrant=entrant: take(entrant) for entrant in able}, rounds, warm=0
    )
    # The target that `simulate` takes for large work, where it can.
    own = [entrant.name for entrant in able if entrant.name.startswith("bio_scnn")]
    base = found[own[-1], "interval"]["seconds"]
    rows = []
    for entrant in ENTRANTS:
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


def over_size(sizes: Sequence[int], targets: Sequence[str]) -> dict[str, Any]:
    """Of each target: seconds of the smallest call; seconds and bytes of layers of these sizes."""
    found: dict[str, Any] = {target: {"sizes": []} for target in targets}
    with tqdm(total=len(targets) * (1 + len(sizes)), leave=False, disable=None) as bar:
        for target in targets:
            bar.set_description(f"cost of a call, {target}")
            found[target]["call"] = _bench.spread(
                _bench.alone(__file__, "smallest", target, CALLS)
            )
            bar.update()
        for neurons in sizes:  # the targets in turn
            for target in targets:
                bar.set_description(f"{neurons:,} neurons, {target}")
                cost = _bench.alone(__file__, "cost", target, neurons)
                found[target]["sizes"].append({"neurons": neurons, **cost})
                bar.update()
    return found


def smallest(target: str, calls: int) -> list[float]:
    """Seconds of repeated simulations of three neurons, after three to warm up."""
    current = currents(3)

    def call() -> None:
        exact_rates(current, target)

    return _bench.in_turns({target: call}, calls, warm=3)[target].tolist()


def cost(target: str, neurons: int, least_s: float = 2.0) -> dict[str, Any]:
    """Seconds of a simulation, and bytes that it takes at its peak (None elsewhere than Linux).

    Small ones are repeated for `least_s` seconds, up to ten times.
    """
    smallest(target, 1)
    can = _bench.has_memory()
    before = _bench.resident_bytes() if can else 0
    low, high = current_for_rate([100.0, 200.0])
    current = np.full(neurons, low)
    for start in range(0, neurons, 2**16):  # as much memory as the currents have, and no more
        stop = min(start + 2**16, neurons)
        current[start:stop] += (high - low) * np.arange(start, stop) / neurons
    if can:
        _bench.high_water_bytes(reset=True)
    seconds: list[float] = []
    rate = None
    while len(seconds) < 10 and (len(seconds) < 2 or sum(seconds) < least_s):
        begun = time.perf_counter()
        rate = exact_rates(current, target)
        seconds.append(time.perf_counter() - begun)
    assert rate is not None
    assert np.all(np.isfinite(rate))
    peak = _bench.high_water_bytes() - before if can else None
    return {**_bench.spread(seconds), "bytes": peak}


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
    """What was aimed at, of the largest layer and the largest size."""
    neurons, rows = max(data["layers"].items(), key=lambda item: int(item[0]))
    of = {(row["name"], row["readout"]): row for row in rows if "missing" not in row}
    found = []
    if script := of.get(("Brian2 script", "interval")):
        says = f"time of the Brian2 script divided by ours, {int(neurons):,} neurons"
        found.append(_bench.goal(says, script["ratio"], 10, least=True, form=".1f"))
    errors = [row["error"] for (name, _), row in of.items() if name.startswith("bio_scnn")]
    largest = max(math.inf if error is None else error for error in errors)
    found.append(_bench.goal("our largest relative rate error", largest, 1e-12, form=".1e"))
    for target, cost in data["sizes"].items():
        last = cost["sizes"][-1]
        if last["bytes"] is not None:
            says = f"bytes of a neuron of {last['neurons']:,} ({target})"
            found.append(_bench.goal(says, last["bytes"] / last["neurons"], 100, form=".0f"))
        says = f"milliseconds of a call with three neurons ({target})"
        found.append(_bench.goal(says, 1e3 * cost["call"]["seconds"], 20, form=".1f"))
    return found


def seconds(value: float) -> str:
    """A time with its unit."""
    return f"{1e3 * value:.1f} ms" if value < 1 else f"{value:.1f} s"


def draw(data: dict[str, Any]) -> Any:
    """Error over time of the largest layer, and time and memory of a neuron over size."""
    figure, (error, cost, memory) = plt.subplots(1, 3, figsize=(common.PAGE, 2.6))
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
