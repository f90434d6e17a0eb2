"""Effect of the membrane time constant, the refractory period and the noise's correlation time.

Each constant is changed in the trained network, and the encoder recomputes the currents for Table
1's band of rates. Nothing is trained again. So the figure shows how much the values matter to a
network that was trained with those of Table 1.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

from bio_scnn import TABLE_1
from bio_scnn.commands.options import run
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.options import SpikingOptions
from bio_scnn.network.units import LIFUnit
from figures import common
from figures.common import NOISY_MS, STRONG_NOISE, psnr_of
from tools import drawing
from tools.drawing import BLACK, BLUE, PURPLE, styled

# From a quarter of Table 1's value to four times it, and beyond.
VALUES_MS = {
    "tau_ms": (2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0),
    "t_ref_ms": (0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0),
    "tau_noise_ms": (1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 100.0),
}
LABELS = {
    "tau_ms": "membrane time constant τ (ms)",
    "t_ref_ms": "refractory period (ms)",
    "tau_noise_ms": f"correlation of noise, σ = {STRONG_NOISE:g} (ms)",
}


def measure(photographs: Sequence[Path], size: int = 128) -> dict[str, Any]:
    """Hole PSNR at each value of each constant, against that at Table 1's.

    Returns
    -------
    dict
        constant: list of ``{"ms", "cases", "over_table_1": [mean, low, high], "bend"}``. ``bend``
        is the largest distance of the normalised rate from the feature: how far the neuron is
        from a straight line. Noise is simulated, on one crop of each photograph; the others are
        the closed form's rates.
    """
    model, _ = load_model(model_path("inpaint"))
    all_cases = common.cases(photographs, len(photographs), size)
    z = np.linspace(0, 1, 1001)
    data: dict[str, Any] = {}
    with tqdm(total=sum(map(len, VALUES_MS.values())), leave=False, disable=None) as bar:
        for name, values in VALUES_MS.items():
            cases, options = all_cases, SpikingOptions(engine="closed-form")
            if name == "tau_noise_ms":
                cases = common.one_each(all_cases)
                options = SpikingOptions(duration_ms=NOISY_MS, current_noise=STRONG_NOISE)
            base = psnr_of(model, options, cases)
            data[name] = []
            for value in values:
                changed: dict[str, Any] = {name: value}
                lif = dataclasses.replace(TABLE_1, **changed)
                psnr = psnr_of(dataclasses.replace(model, lif=lif), options, cases)
                bend = np.max(np.abs(LIFUnit(lif).rates(z) - z))
                over = common.mean_and_interval(psnr - base, cases)
                row = {"ms": value, "cases": len(cases), "over_table_1": over, "bend": float(bend)}
                data[name].append(row)
                bar.update()
    about = {"size": size, "noise": STRONG_NOISE}
    return {**data, **about, "photographs": [path.stem for path in photographs]}


@styled
def draw(data: dict[str, Any]) -> Any:
    """A panel for each constant."""
    figure, axes = plt.subplots(1, len(VALUES_MS), figsize=(drawing.PAGE, 2.1))
    for axis, name in zip(axes, VALUES_MS, strict=True):
        ms = [of["ms"] for of in data[name]]
        over = np.array([of["over_table_1"] for of in data[name]])
        errors = np.abs(over[:, 1:] - over[:, :1]).T
        axis.axhline(0, color=BLACK, lw=0.6)
        axis.errorbar(ms, over[:, 0], errors, color=BLUE, marker="o", ms=3, capsize=2)
        at = getattr(TABLE_1, name)
        axis.axvline(at, color=PURPLE, lw=0.7, ls=":")
        axis.annotate(
            "Table 1", (at, 0.05), xycoords=("data", "axes fraction"), xytext=(3, 0),
            textcoords="offset points", fontsize=7,
        )  # fmt: skip
        axis.set_xlabel(LABELS[name])
        if name != "t_ref_ms":
            axis.set_xscale("log")
        axis.set_ylim(min(-0.2, axis.get_ylim()[0]), max(0.2, axis.get_ylim()[1]))
    axes[0].set_ylabel("hole PSNR over Table 1's (dB)")
    return figure


def main(args: argparse.Namespace | None = None) -> None:
    """Restore, measure, draw, save."""
    args = args or common.arguments(common.parser(__doc__, photographs=True))
    data = measure(common.photographs(args.data))
    drawing.save(args, "claim_constants", draw(data), data)


if __name__ == "__main__":
    run(main)
