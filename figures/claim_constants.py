"""What the membrane time constant, the refractory period and the noise's correlation time do.

Each of the three is changed in the trained network, whose encoder finds the currents of Table 1's
band of rates anew; nothing is trained again. So what is shown is how much the values matter to a
network that has learnt with Table 1's.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import common
import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, PURPLE, psnr_of
from tqdm import tqdm

from bio_scnn import TABLE_1
from bio_scnn.checkpoint import load_model
from bio_scnn.cli import run
from bio_scnn.encoding import encode, normalise
from bio_scnn.fi_curve import firing_rate
from bio_scnn.model import SpikingOptions
from bio_scnn.model_files import model_path

VALUES_MS = {
    "tau_ms": (2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0),
    "t_ref_ms": (0.0, 0.5, 1.0, 2.0, 3.0, 4.0),
    "tau_noise_ms": (1.0, 3.0, 10.0, 30.0, 100.0),
}
LABELS = {
    "tau_ms": "membrane time constant τ (ms)",
    "t_ref_ms": "refractory period (ms)",
    "tau_noise_ms": "correlation of noise, σ = 1 (ms)",
}
NOISE = 1.0
NOISY_MS = 50.0


def measure(photographs: Sequence[Path], crops: int = 8, size: int = 128) -> dict[str, Any]:
    """Hole PSNR in dB for each value of each constant.

    ``bend`` is the largest distance of the normalised rate from the feature, for each value: how
    far the neuron is from a straight line.
    """
    model, _ = load_model(model_path("inpaint"))
    cases = common.cases(photographs, crops, size)
    z = np.linspace(0, 1, 1001)
    data: dict[str, Any] = {"crops": crops, "values": VALUES_MS, "noise": NOISE}
    with tqdm(total=sum(map(len, VALUES_MS.values())), leave=False, disable=None) as bar:
        for name, values in VALUES_MS.items():
            options = SpikingOptions(engine="closed-form")
            of = cases
            if name == "tau_noise_ms":
                options = SpikingOptions(duration_ms=NOISY_MS, current_noise=NOISE)
                of = cases[::4]  # each of them is simulated
            psnr, bend = [], []
            for value in values:
                lif = dataclasses.replace(TABLE_1, **{name: value})
                psnr.append(
                    float(psnr_of(dataclasses.replace(model, lif=lif), options, of).mean())
                )
                rates = normalise(firing_rate(encode(z, lif), lif), lif)
                bend.append(float(np.max(np.abs(rates - z))))
                bar.update()
            data[name] = {"hole_psnr": psnr, "bend": bend}
    return data


def draw(data: dict[str, Any]) -> Any:
    """A panel for each constant."""
    figure, axes = plt.subplots(1, len(VALUES_MS), figsize=(common.PAGE, 2.1))
    for axis, (name, values) in zip(axes, VALUES_MS.items(), strict=True):
        axis.plot(values, data[name]["hole_psnr"], "o-", color=BLUE, ms=3)
        axis.axvline(getattr(TABLE_1, name), color=PURPLE, lw=0.7, ls=":")
        axis.text(
            getattr(TABLE_1, name),
            0.04,
            " Table 1",
            color=PURPLE,
            fontsize=7,
            transform=axis.get_xaxis_transform(),
        )
        axis.set_xlabel(LABELS[name])
        if name != "t_ref_ms":
            axis.set_xscale("log")
        low, high = min(data[name]["hole_psnr"]), max(data[name]["hole_psnr"])
        margin = max(0.1, 0.15 * (high - low))
        axis.set_ylim(low - margin, high + margin)
    axes[0].set_ylabel("hole PSNR (dB)")
    return figure


def main(args: argparse.Namespace | None = None) -> None:
    """Restore, measure, draw, save."""
    args = args or common.parser(__doc__, photographs=True).parse_args()
    data = measure(common.photographs(args.data))
    common.save(args, "claim_constants", draw(data), data)


if __name__ == "__main__":
    run(main)
