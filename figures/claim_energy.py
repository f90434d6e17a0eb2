"""Claim: spikes are sparse events, so that the network needs little energy.

Counts the spikes of the simulated layer on validation photographs, and the operations they cause:
a spike costs one addition at each of its synapses (the weights of the layers that read the rates),
a rectifier's value one multiply-accumulate at each. Energies of single operations are those of
Horowitz for 45 nm; memory, which costs more than arithmetic on most chips, is left out on both
sides, and so are the layers that both networks have in common.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import common
import matplotlib.pyplot as plt
import numpy as np
from common import BLACK, BLUE, ORANGE, SKY
from tqdm import tqdm

from bio_scnn import simulate
from bio_scnn.checkpoint import load_model
from bio_scnn.cli import run
from bio_scnn.encoding import encode
from bio_scnn.model import Architecture, SpikingOptions, network_input
from bio_scnn.model_files import model_path

# pJ in 45 nm at 0.9 V: M. Horowitz, "Computing's energy problem (and what we can do about it)",
# ISSCC 2014, figure 1.1.9.
ADD_PJ = {"float32": 0.9, "int8": 0.03}
MULTIPLY_PJ = {"float32": 3.7, "int8": 0.2}
DURATIONS_MS = (25.0, 100.0)
DT_MS = 1.0


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


def measure(photographs: Sequence[Path], crops: int = 4, size: int = 256) -> dict[str, Any]:
    """Spikes, operations and energies per picture of ``size x size`` pixels."""
    model, _ = load_model(model_path("inpaint"))
    one_step, _ = load_model(model_path("one_step"))
    cases = common.cases(photographs, crops, size)[::crops]  # one of each kind of holes
    options = SpikingOptions(engine="closed-form")
    spikes: dict[float, list[Any]] = {ms: [] for ms in DURATIONS_MS}
    ones = []
    for number, case in enumerate(tqdm(cases, leave=False, disable=None)):
        rng = np.random.default_rng(number)
        for network in (model, one_step):
            x = network_input(network.architecture, case.fill[np.newaxis], case.mask[np.newaxis])[
                0
            ]
            z = network.features(x, options, rng)
            if network is one_step:
                ones.append(network.fire(z, options, rng).rates.mean())
                continue
            current = encode(z, network.lif).ravel()
            for ms in DURATIONS_MS:
                spikes[ms].append(simulate(current, duration_ms=ms, dt_ms=DT_MS).count)
    neurons = spikes[DURATIONS_MS[0]][0].size
    synapses = fan_out(model.architecture)
    ways = {
        f"spikes, {ms:g} ms": {
            "spikes_per_neuron": float(np.mean(counts)),
            "least": int(np.min(counts)),
            "silent_fraction": float(np.mean(np.array(counts) == 0)),
            "updates": neurons * ms / DT_MS,
        }
        for ms, counts in spikes.items()
    }
    ways["paper's one-step spikes"] = {
        "spikes_per_neuron": float(np.mean(ones)),
        "least": 0,
        "silent_fraction": 1 - float(np.mean(ones)),
        "updates": neurons,
    }
    macs = neurons * synapses
    for way in ways.values():
        way["synaptic_operations"] = way["spikes_per_neuron"] * macs
        for numbers in ADD_PJ:
            mac = ADD_PJ[numbers] + MULTIPLY_PJ[numbers]
            way[f"synapses_uj_{numbers}"] = 1e-6 * way["synaptic_operations"] * ADD_PJ[numbers]
            way[f"neurons_uj_{numbers}"] = 1e-6 * way["updates"] * mac
    mac_pj = {numbers: ADD_PJ[numbers] + MULTIPLY_PJ[numbers] for numbers in ADD_PJ}
    return {
        "pictures": len(cases),
        "size": size,
        "neurons": neurons,
        "synapses_per_neuron": synapses,
        "macs_in_their_place": macs,
        "macs_of_the_network": all_macs(model.architecture, size**2),
        "mac_pj": mac_pj,
        "add_pj": ADD_PJ,
        "macs_uj": {numbers: 1e-6 * macs * pj for numbers, pj in mac_pj.items()},
        "break_even_spikes": {numbers: pj / ADD_PJ[numbers] for numbers, pj in mac_pj.items()},
        "ways": ways,
    }


def draw(data: dict[str, Any]) -> Any:
    """Energy of the spiking layer and its synapses, relative to the rectifiers' in its place."""
    figure, axes = plt.subplots(figsize=(common.COLUMN, 2.7))
    names = list(data["ways"])
    for shift, (numbers, base) in enumerate(data["macs_uj"].items()):
        y = np.arange(len(names)) + 0.38 * shift
        synapses = np.array([data["ways"][n][f"synapses_uj_{numbers}"] for n in names]) / base
        neurons = np.array([data["ways"][n][f"neurons_uj_{numbers}"] for n in names]) / base
        color = (BLUE, SKY)[shift]
        axes.barh(y, synapses, 0.34, color=color, label=f"additions at synapses, {numbers}")
        axes.barh(
            y,
            neurons,
            0.34,
            left=synapses,
            color=ORANGE,
            alpha=1 - 0.5 * shift,
            label=f"updates of V, {numbers}",
        )
        for at, total in zip(y, synapses + neurons, strict=True):
            axes.text(total + 0.05, at, f"{total:.2f}", va="center", fontsize=6.5)
    axes.axvline(1, color=BLACK, lw=0.8, zorder=0)
    axes.text(1.05, -0.62, "rectifiers: multiply-accumulates", fontsize=6.5, va="center")
    axes.set_yticks(np.arange(len(names)) + 0.19, labels=names)
    axes.set(xlabel="energy / energy with rectifiers", xlim=(0, 3.6), ylim=(2.8, -0.9))
    figure.legend(loc="outside lower center", fontsize=6, ncols=2)
    return figure


def main(args: argparse.Namespace | None = None) -> None:
    """Simulate, count, draw, save."""
    args = args or common.parser(__doc__, photographs=True).parse_args()
    data = measure(common.photographs(args.data))
    common.save(args, "claim_energy", draw(data), data)


if __name__ == "__main__":
    run(main)
