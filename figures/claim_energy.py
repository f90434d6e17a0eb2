"""Claim: spikes are sparse events, so that the network needs little energy.

The script counts the spikes of the simulated layer on validation photographs. It counts the
operations of each readout at the synapses, the weights of the layers that read the rates. A
counted spike costs one addition at every synapse of its neuron. A rate read from intervals is a
real number and costs a multiply-accumulate, as the value of a rectifier does. Both update the V
of each neuron at every step. Energies are those of single operations in 45 nm. Memory costs more
than arithmetic on most chips; it is left out on both sides, and so are the layers that networks
with and without spikes have in common.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bio_scnn import simulate
from bio_scnn.commands.options import run
from bio_scnn.network.architecture import Architecture, network_input
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.options import SpikingOptions
from bio_scnn.network.units import LIFUnit
from figures import common
from figures.common import psnr_of
from tools import drawing
from tools.drawing import BLACK, BLUE, ORANGE, SKY, YELLOW, styled

# pJ in 45 nm at 0.9 V: M. Horowitz, "Computing's energy problem (and what we can do about it)",
# ISSCC 2014, figure 1.1.9. Products of 8 bits are added up in 32, or they would overflow.
ADD_PJ = {"float32": 0.9, "int8": 0.1}
MULTIPLY_PJ = {"float32": 3.7, "int8": 0.2}
MAC_PJ = {numbers: ADD_PJ[numbers] + MULTIPLY_PJ[numbers] for numbers in ADD_PJ}
COUNTED_MS = (25.0, 50.0, 100.0)
TIMED_MS = 25.0
DT_MS = 1.0
WHITE = {"fc": "white", "ec": "none", "pad": 0.3}


def fan_out(architecture: Architecture) -> float:
    """Synapses of a neuron: weights that read its rate, away from the picture's border.

    A layer that reads every second pixel uses each kernel weight for every fourth neuron.
    """
    synapses = 0.0
    for number, layer in enumerate(architecture.layers):
        if number == 0 or layer.see_rates:
            synapses += layer.kernel**2 * layer.channels / layer.stride**2
    return synapses


def all_macs(architecture: Architecture, pixels: int) -> float:
    """Multiply-accumulates of all convolutions of the network without spikes."""
    at = pixels / architecture.fold**2  # positions of the current map
    macs = at * architecture.kernel**2 * architecture.input_channels * architecture.channels
    channels = architecture.channels
    for layer in architecture.layers:
        at /= layer.stride**2
        seen = channels + (architecture.channels if layer.see_rates else 0)
        macs += at * layer.kernel**2 * seen * layer.channels
        at *= layer.upsample**2
        channels = layer.channels // layer.upsample**2
    return macs


def spikes_of(
    model: HybridSCNN, one_step: HybridSCNN, cases: Sequence[common.Case]
) -> tuple[dict[float, list[NDArray]], list[NDArray]]:
    """Simulated spikes of every neuron: by duration in ms, and of the one-step layer."""
    options = SpikingOptions(engine="closed-form")
    counts: dict[float, list[NDArray]] = {ms: [] for ms in COUNTED_MS}
    binary = []
    for seed, case in enumerate(tqdm(cases, leave=False, disable=None)):
        rng = np.random.default_rng(seed)
        x = network_input(model.architecture, case.fill, case.mask)
        current = LIFUnit(model.lif).currents(model.features(x)).ravel()
        for ms in COUNTED_MS:
            counts[ms].append(simulate(current, duration_ms=ms, dt_ms=DT_MS).count)
        z = one_step.features(x, options, rng)
        binary.append(one_step.fire(z, options, rng).rates.ravel())
    return counts, binary


def statistics(spikes: list[NDArray]) -> dict[str, Any]:
    """Spikes of a neuron, mean and fewest, and the fraction of silent neurons."""
    return {
        "spikes": float(np.mean(spikes)),
        "fewest": int(np.min(spikes)),
        "silent": float(np.mean(np.array(spikes) == 0)),
    }


def energies(
    additions: float | None, steps: float, synapses: float, macs: tuple[float, float]
) -> dict[str, dict[str, float]]:
    """Energy of a readout relative to rectifiers, by number format.

    Parameters
    ----------
    additions : float, optional
        At each synapse; None for one multiply-accumulate.
    steps : float
        Updates of each neuron's V.
    synapses : float
        Of a neuron.
    macs : (float, float)
        Multiply-accumulates with rectifiers: at the synapses, and of the whole network.
    """
    found = {}
    for numbers, mac_pj in MAC_PJ.items():
        at_synapses = mac_pj if additions is None else additions * ADD_PJ[numbers]
        shares = {"synapses": at_synapses / mac_pj, "neurons": steps / synapses}
        extra = (sum(shares.values()) - 1) * macs[0] / macs[1]
        found[numbers] = {**shares, "network": float(1 + extra)}
    return found


def measure(photographs: Sequence[Path], size: int = 128) -> dict[str, Any]:
    """Spikes, operations, energies and hole PSNR of each readout.

    Spikes are simulated on one crop of each photograph; hole PSNR is that of the closed form's
    counts, which are the simulated ones, on three.

    Returns
    -------
    dict
        ``ways``: a list with, for each way to read spikes, ``spikes`` a neuron (mean, and the
        fewest), the fraction of ``silent`` neurons, ``over_exact`` (dB of hole PSNR against exact
        rates, ``[mean, low, high]``), and ``energy``: for each number format that of synapses,
        neurons and of the whole network, relative to the same with rectifiers.
    """
    model, _ = load_model(model_path("inpaint"))
    one_step, _ = load_model(model_path("one_step"))
    cases = common.cases(photographs, len(photographs), size)
    simulated = common.one_each(cases)
    exact_options = SpikingOptions(engine="closed-form")
    exact = psnr_of(model, exact_options, cases)
    counts, binary = spikes_of(model, one_step, simulated)
    neurons = counts[TIMED_MS][0].size
    synapses = fan_out(model.architecture)
    macs, network_macs = neurons * synapses, all_macs(model.architecture, size**2)

    def counted(ms: float) -> NDArray:
        return psnr_of(model, SpikingOptions("closed-form", "count", ms), cases)

    read = [
        *((f"counted, {ms:g} ms", counts[ms], ms, counted(ms)) for ms in COUNTED_MS),
        (f"intervals, {TIMED_MS:g} ms", counts[TIMED_MS], TIMED_MS, exact),
        ("one step (paper)", binary, DT_MS, psnr_of(one_step, exact_options, cases)),
    ]
    ways = []
    for name, spikes, ms, psnr in read:
        lost = common.mean_and_interval(psnr - exact, cases)
        additions = None if psnr is exact else float(np.mean(spikes))
        energy = energies(additions, ms / DT_MS, synapses, (macs, network_macs))
        ways.append({"name": name, **statistics(spikes), "over_exact": lost, "energy": energy})
    return {
        "simulated": len(simulated),
        "cases": len(cases),
        "size": size,
        "photographs": [path.stem for path in photographs],
        "neurons": neurons,
        "synapses": synapses,
        "macs": macs,
        "macs_of_the_network": network_macs,
        "mac_pj": MAC_PJ,
        "add_pj": ADD_PJ,
        "ways": ways,
    }


@styled
def draw(data: dict[str, Any]) -> Any:
    """Energy of neurons and synapses, relative to those of rectifiers; what each way loses."""
    figure, axes = plt.subplots(figsize=(drawing.COLUMN, 2.9))
    names = [of["name"] for of in data["ways"]]
    looks = {"float32": (BLUE, ORANGE), "int8": (SKY, YELLOW)}
    for shift, (numbers, (color, other)) in enumerate(looks.items()):
        y = np.arange(len(names)) + 0.38 * shift
        synapses, neurons = (
            np.array([of["energy"][numbers][part] for of in data["ways"]])
            for part in ("synapses", "neurons")
        )
        axes.barh(y, synapses, 0.34, color=color, label=f"synapses, {numbers}")
        axes.barh(y, neurons, 0.34, left=synapses, color=other, label=f"V, {numbers}")
        for at, total in zip(y, synapses + neurons, strict=True):
            axes.text(total + 0.05, at, f"{total:.2f}", va="center", fontsize=6.5, bbox=WHITE)
    axes.axvline(1, color=BLACK, lw=0.8, zorder=0)
    axes.text(1.06, -0.6, "rectifiers", fontsize=6.5, va="center")
    labels = [f"{of['name']}\n{of['over_exact'][0]:+.2f} dB" for of in data["ways"]]
    axes.set_yticks(np.arange(len(names)) + 0.19, labels=[la.replace("-", "−") for la in labels])
    axes.set(xlabel="energy / energy with rectifiers", ylim=(len(names) - 0.2, -0.9))
    axes.margins(x=0.12)
    figure.legend(loc="outside lower center", fontsize=6, ncols=2)
    return figure


def main(args: argparse.Namespace | None = None) -> None:
    """Simulate, count, draw, save."""
    args = args or common.arguments(common.parser(__doc__, photographs=True))
    data = measure(common.photographs(args.data))
    drawing.save(args, "claim_energy", draw(data), data)


if __name__ == "__main__":
    run(main)
