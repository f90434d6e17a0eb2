"""Claim: the neurons integrate information over time.

The figure shows hole PSNR over the simulated time. Rates are read from the mean interval between
spikes, which is exact after two spikes, or from the number of spikes. A picture stands still: time
can add precision but no information. An advantage of integration shows where currents are noisy.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

from bio_scnn.commands.options import run
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.options import SpikingOptions
from figures import common
from figures.common import NOISY_MS, STRONG_NOISE, psnr_of
from tools import drawing
from tools.drawing import BLACK, BLUE, GREEN, ORANGE, VERMILION, styled

COUNTED_MS = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0, 100.0, 200.0)
TIMED_MS = (20.0, 25.0, 50.0)  # at 100 Hz the second spike comes at 19 ms, to rounding
LONG_MS = (NOISY_MS, 70.0, 100.0)


def measure(photographs: Sequence[Path], size: int = 128) -> dict[str, Any]:
    """Loss of each readout against exact rates, in dB of hole PSNR.

    Returns
    -------
    dict
        ``count``, ``isi`` and, with noisy currents, ``noisy isi`` and ``noisy count``: lists of
        ``{"ms", "cases", "over_exact": [mean, low, high]}``. ``count`` is read from the closed
        form's counts, which are the simulated ones: ``checked`` is the largest difference of hole
        PSNR between the two at 50 ms. The others are simulated spike by spike, on one crop of
        each photograph.
    """
    model, _ = load_model(model_path("inpaint"))
    cases = common.cases(photographs, len(photographs), size)
    few = common.one_each(cases)
    exact_options = SpikingOptions(engine="closed-form")
    exact, exact_few = (psnr_of(model, exact_options, of) for of in (cases, few))
    ways = {
        "count": [SpikingOptions("closed-form", "count", ms) for ms in COUNTED_MS],
        "isi": [SpikingOptions("brian2", "isi", ms) for ms in TIMED_MS],
    }
    for readout in ("isi", "count"):
        ways[f"noisy {readout}"] = [
            SpikingOptions("brian2", readout, ms, current_noise=STRONG_NOISE) for ms in LONG_MS
        ]
    data: dict[str, Any] = {name: [] for name in ways}
    with tqdm(total=sum(map(len, ways.values())), leave=False, disable=None) as bar:
        for name, settings in ways.items():
            of, base = (cases, exact) if name == "count" else (few, exact_few)
            for options in settings:
                lost = common.mean_and_interval(psnr_of(model, options, of) - base, of)
                ms = options.simulated_ms
                data[name].append({"ms": ms, "cases": len(of), "over_exact": lost})
                bar.update()
    engines = [SpikingOptions(engine, "count", 50.0) for engine in ("brian2", "closed-form")]
    both = [psnr_of(model, options, few) for options in engines]
    data["checked"] = float(np.max(np.abs(both[0] - both[1])))
    about = {
        "cases": len(cases),
        "size": size,
        "noise": STRONG_NOISE,
        "exact": float(exact.mean()),
    }
    return {**data, **about, "photographs": [path.stem for path in photographs]}


@styled
def draw(data: dict[str, Any]) -> Any:
    """Curves of the loss against exact rates, over simulated time."""
    figure, axes = plt.subplots(figsize=(drawing.COLUMN, 2.6))
    looks = {
        "count": ("number of spikes", BLUE, "o-"),
        "isi": ("mean interval", GREEN, "^-"),
        "noisy isi": (f"interval, noise σ = {data['noise']:g}", ORANGE, "v:"),
        "noisy count": (f"number, noise σ = {data['noise']:g}", VERMILION, "s:"),
    }
    for name, (label, color, style) in looks.items():
        ms = [of["ms"] for of in data[name]]
        lost = np.array([of["over_exact"] for of in data[name]])
        axes.fill_between(ms, lost[:, 1], lost[:, 2], color=color, alpha=0.2, lw=0)
        axes.plot(ms, lost[:, 0], style, color=color, ms=3, label=label)
    axes.axhline(0, color=BLACK, lw=0.6)
    axes.set(xscale="log", xlabel="simulated time (ms)", ylabel="hole PSNR over exact rates (dB)")
    axes.set_xticks([5, 10, 20, 50, 100, 200], labels=["5", "10", "20", "50", "100", "200"])
    axes.minorticks_off()
    axes.legend(loc="lower right")
    return figure


def main(args: argparse.Namespace | None = None) -> None:
    """Restore, measure, draw, save."""
    args = args or common.arguments(common.parser(__doc__, photographs=True))
    data = measure(common.photographs(args.data))
    drawing.save(args, "claim_integration", draw(data), data)


if __name__ == "__main__":
    run(main)
