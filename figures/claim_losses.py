"""Claim: a training loss of 0.015 and a validation loss of 0.0017 (mean squared error).

The shipped model ``paper`` has the paper's own setting as far as it is printed. The figure draws
its training log, the published numbers, and fills that learn nothing. The validation loss of the
log is that of the network's own output on photographs held out of training. The fills keep known
pixels and are measured on the validation photographs, under the three kinds of holes.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from bio_scnn.commands.options import run
from bio_scnn.network.checkpoint import config_path
from bio_scnn.network.fills import harmonic_values, mean_values
from bio_scnn.restoration.methods import classical
from bio_scnn.restoration.metrics import mse
from figures import common
from tools import drawing
from tools.drawing import BLUE, GREEN, ORANGE, VERMILION, styled

# Sanaullah et al., abstract.
PUBLISHED = {"training": 0.015, "validation": 0.0017}
FILLS = {"harmonic": harmonic_values, "mean of known pixels": mean_values}


def log_of(model: str) -> dict[str, list[tuple[int, float]]]:
    """Training loss and whole-image validation MSE by step, from a shipped model's log."""
    path = config_path(model).with_name(f"{model}-log.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        "training": [(int(row["step"]), float(row["loss"])) for row in rows],
        "validation": [(int(row["step"]), float(row["mse"])) for row in rows if row["mse"]],
    }


def measure(photographs: Sequence[Path], crops: int = 16) -> dict[str, Any]:
    """The log of ``paper``, and the whole-image MSE of fills that learn nothing."""
    cases = common.cases(photographs, crops)
    fills = {
        name: float(np.mean([mse(classical(fill)(c.truth, c.mask), c.truth) for c in cases]))
        for name, fill in FILLS.items()
    }
    log = log_of("paper")
    final = {side: values[-1][1] for side, values in log.items()}
    first = {side: values[0][1] for side, values in log.items()}
    return {
        "published": PUBLISHED,
        "log": log,
        "first": first,
        "final": final,
        "fills": fills,
        "crops": crops,
        "photographs": [path.stem for path in photographs],
    }


@styled
def draw(data: dict[str, Any]) -> Any:
    """MSE over steps, with lines for what stays the same."""
    figure, axes = plt.subplots(figsize=(drawing.COLUMN, 3.0))
    for side, color in (("training", BLUE), ("validation", VERMILION)):
        steps, values = np.array(data["log"][side]).T
        marker = "o" if side == "validation" else ""
        axes.plot(steps, values, color=color, marker=marker, ms=2.5, label=f"{side}, measured")
        label = f"{side}, published: {PUBLISHED[side]:g}"
        axes.axhline(PUBLISHED[side], color=color, lw=0.8, ls="--", label=label)
    for (name, value), color in zip(data["fills"].items(), (GREEN, ORANGE), strict=True):
        axes.axhline(value, color=color, lw=0.8, ls=":", label=f"{name}*: {value:.4f}")
    axes.set(yscale="log", xlabel="training step", ylabel="MSE of the whole image", xlim=(0, None))
    axes.text(
        0.99,
        0.98,
        "* known pixels kept",
        ha="right",
        va="top",
        fontsize=6,
        transform=axes.transAxes,
    )
    figure.legend(loc="outside lower center", fontsize=6, ncols=2)
    return figure


def main(args: argparse.Namespace | None = None) -> None:
    """Read, measure, draw, save."""
    args = args or common.arguments(common.parser(__doc__, photographs=True))
    data = measure(common.photographs(args.data))
    facts = {key: value for key, value in data.items() if key != "log"}
    drawing.save(args, "claim_losses", draw(data), facts)


if __name__ == "__main__":
    run(main)
