"""Simulators of LIF neurons, each as its users would write it, and what a layer of ours costs.

It loads nothing that draws, which would be counted as the memory of a layer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import _bench
from bio_scnn import TABLE_1, InputError, current_for_rate, simulate
from bio_scnn.crossval.adapters._support import quiet_import
from bio_scnn.neuron._brian2 import load_brian2

EXACT_MS, COUNTED_MS = 20, 100
LONG_STEP_MS = 5.0  # of ours
STEP_MS = 0.1  # of those that know no time inside a step
TARGETS = ("numpy", "cython")


class Entrant(NamedTuple):
    """A simulator: for currents it yields rates in Hz, by each of its readouts."""

    name: str
    rates: Callable[[NDArray], Iterator[NDArray]]
    readouts: tuple[str, ...]
    needs: tuple[str, ...] = ()
    largest: int = 2**30  # neurons; beyond that it takes too long or too much
    target: str = ""  # if it is ours


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
    *(Entrant(f"bio_scnn, {t}", ours(t), ("interval",), target=t) for t in TARGETS),
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


def unable(entrant: Entrant) -> str:
    """Why a simulator cannot take part, if so. What it compiles or loads, it does here."""
    if lacking := _bench.missing(*entrant.needs):
        return f"{lacking} not installed"
    try:
        list(entrant.rates(currents(3)))
    except InputError as error:  # no compiler
        return str(error)
    return ""


def smallest(target: str, calls: int) -> list[float]:
    """Seconds of repeated simulations of three neurons, after three to warm up."""
    current = currents(3)

    def call() -> None:
        exact_rates(current, target)

    return _bench.in_turns({target: call}, calls, warm=3)[target].tolist()


def rates_of_entrant(name: str, neurons: int) -> list[float]:
    """Firing rates, Hz, of the neurons of an entrant with one readout."""
    (entrant,) = (e for e in ENTRANTS if e.name == name)
    (rates,) = entrant.rates(currents(neurons))
    return [float(rate) for rate in rates]


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
