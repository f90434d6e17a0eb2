"""Claim: the neurons integrate information over time.

Hole PSNR over the simulated time, by how rates are read from spikes: their mean interval, which
is exact as soon as a neuron has fired twice, or their number. A picture stands still, so that time
can add precision but no information; what integration gives shows where currents are noisy.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import common
import matplotlib.pyplot as plt
import numpy as np
from common import BLACK, BLUE, GREEN, ORANGE, VERMILION, psnr_of
from tqdm import tqdm

from bio_scnn.checkpoint import load_model
from bio_scnn.cli import run
from bio_scnn.model import SpikingOptions
from bio_scnn.model_files import model_path

COUNTED_MS = (5.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0, 200.0)
TIMED_MS = (19.0, 25.0, 50.0)
NOISY_MS = (45.0, 70.0, 100.0)  # a noisy neuron may be late with its second spike
NOISE = 1.0  # of the currents, 5 to 10 % of them


def measure(photographs: Sequence[Path], crops: int = 8, size: int = 128) -> dict[str, Any]:
    """Hole PSNR, dB, by readout and duration in ms, on the same pictures.

    ``count`` is read from the closed form's counts, which are the simulated ones: ``checked`` is
    the largest difference of hole PSNR between the two at 50 ms. ``isi`` and ``noisy`` are
    simulated, spike by spike.
    """
    model, _ = load_model(model_path("inpaint"))
    cases = common.cases(photographs, crops, size)
    few = cases[::4]  # each of them is simulated
    exact = psnr_of(model, SpikingOptions(engine="closed-form"), cases)

    def lost(options: SpikingOptions, of: Sequence[common.Case]) -> float:
        bar.update()
        base = exact if of is cases else exact_few
        return float((psnr_of(model, options, of) - base).mean())

    exact_few = psnr_of(model, SpikingOptions(engine="closed-form"), few)
    total = len(COUNTED_MS) + len(TIMED_MS) + 2 * len(NOISY_MS)
    with tqdm(total=total, leave=False, disable=None) as bar:
        counted = {
            ms: lost(SpikingOptions("closed-form", "count", duration_ms=ms), cases)
            for ms in COUNTED_MS
        }
        timed = {ms: lost(SpikingOptions(duration_ms=ms), few) for ms in TIMED_MS}
        noisy = {
            readout: {
                ms: lost(SpikingOptions("brian2", readout, ms, current_noise=NOISE), few)
                for ms in NOISY_MS
            }
            for readout in ("isi", "count")
        }
    both = [
        psnr_of(model, SpikingOptions(engine, "count", duration_ms=50.0), few)
        for engine in ("brian2", "closed-form")
    ]
    return {
        "pictures": {"closed form": len(cases), "simulated": len(few)},
        "size": size,
        "exact": float(exact.mean()),
        "count": counted,
        "isi": timed,
        "noise": NOISE,
        "noisy": noisy,
        "checked": float(np.max(np.abs(both[0] - both[1]))),
    }


def draw(data: dict[str, Any]) -> Any:
    """What is lost against the exact rates, over time."""
    figure, axes = plt.subplots(figsize=(common.COLUMN, 2.4))
    lines = (
        ("count", data["count"], BLUE, "o-"),
        ("mean interval", data["isi"], GREEN, "^-"),
        ("mean interval, noisy currents", data["noisy"]["isi"], ORANGE, "v:"),
        ("count, noisy currents", data["noisy"]["count"], VERMILION, "s:"),
    )
    for label, values, color, style in lines:
        axes.plot(list(values), list(values.values()), style, color=color, ms=3, label=label)
    axes.axhline(0, color=BLACK, lw=0.6)
    axes.set(xscale="log", xlabel="simulated time (ms)", ylabel="hole PSNR over exact rates (dB)")
    axes.set_xticks([5, 10, 20, 50, 100, 200], labels=["5", "10", "20", "50", "100", "200"])
    axes.minorticks_off()
    axes.legend(loc="lower right")
    return figure


def main(args: argparse.Namespace | None = None) -> None:
    """Restore, measure, draw, save."""
    args = args or common.parser(__doc__, photographs=True).parse_args()
    data = measure(common.photographs(args.data))
    common.save(args, "claim_integration", draw(data), data)


if __name__ == "__main__":
    run(main)
