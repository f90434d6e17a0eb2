"""Figure 3: validation photographs masked, restored and true, for the three kinds of holes.

The figure compares this network, with every spike simulated, with scikit-image's biharmonic fill
and with the CNN-only twin (rectifiers in place of the neurons, half as many patches in training).
Each restoration has its hole PSNR. One random crop of every photograph is restored. The crop whose
gain over the biharmonic fill is nearest to the median is shown; none is chosen for its looks.
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
from bio_scnn.data.masks import MASK_KINDS, make_mask
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.fills import biharmonic_values
from bio_scnn.network.options import SpikingOptions
from bio_scnn.restoration.methods import classical, network
from bio_scnn.restoration.metrics import hole_psnr
from figures import common
from tools import drawing

SIZE = 128  # pixels
HOLE_COLOUR = np.array([213, 94, 0], np.uint8)
TITLES = {"masked": "masked", "biharmonic": "biharmonic", "cnn_twin": "CNN-only twin"}
TITLES |= {"inpaint": "bio_scnn", "truth": "truth"}


def measure(photographs: Sequence[Path]) -> list[dict[str, Any]]:
    """A case for each kind of holes: pictures ``(SIZE, SIZE, 3)`` uint8, hole PSNR in dB."""
    methods = {"biharmonic": classical(biharmonic_values)}
    for name in ("cnn_twin", "inpaint"):
        model, _ = load_model(model_path(name))
        methods[name] = network(model, SpikingOptions(), "default")
    truths = common.crops(photographs, len(photographs), SIZE)
    median_cases = []
    for kind in tqdm(MASK_KINDS, leave=False, disable=None):
        cases = []
        for number, (path, truth) in enumerate(zip(photographs, truths, strict=True)):
            mask = make_mask(kind, truth.shape[:2], np.random.default_rng(number))
            shown = {"masked": np.where(mask[..., None], HOLE_COLOUR, truth)}
            shown |= {name: method(truth, mask) for name, method in methods.items()}
            psnr = {name: hole_psnr(shown[name], truth, mask) for name in methods}
            case = {"kind": kind, "photograph": path.stem, "coverage": float(mask.mean())}
            case |= {"gain": psnr["inpaint"] - psnr["biharmonic"], "hole_psnr": psnr}
            cases.append(case | {"pictures": shown | {"truth": truth}})
        gains = [case["gain"] for case in cases]
        middle = np.median(gains)
        nearest = min(cases, key=lambda case: (abs(case["gain"] - middle), case["gain"]))
        median_cases.append(nearest | {"gains": gains})
    return median_cases


@drawing.styled
def draw(cases: Sequence[dict[str, Any]]) -> Any:
    """A row for each kind of holes."""
    figure, axes = plt.subplots(len(cases), len(TITLES), figsize=(drawing.PAGE, 4.6))
    for row, case in zip(axes, cases, strict=True):
        best = max(round(psnr, 2) for psnr in case["hole_psnr"].values())
        for axis, (name, title) in zip(row, TITLES.items(), strict=True):
            axis.imshow(case["pictures"][name], interpolation="none")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            if axis in axes[0]:
                axis.set_title(title)
            if name in case["hole_psnr"]:
                psnr = case["hole_psnr"][name]
                weight = "bold" if round(psnr, 2) == best else "normal"
                axis.set_xlabel(f"{psnr:.2f} dB", labelpad=2, fontweight=weight)
        row[0].set_ylabel(case["kind"])
        row[0].set_xlabel(f"{100 * case['coverage']:.0f} % missing", labelpad=2)
    return figure


def main(args: argparse.Namespace | None = None) -> None:
    """Restore, measure, draw, save."""
    args = args or common.arguments(common.parser(__doc__, photographs=True))
    cases = measure(common.photographs(args.data))
    facts = [{key: case[key] for key in case if key != "pictures"} for case in cases]
    drawing.save(args, "figure3_restorations", draw(cases), {"cases": facts})


if __name__ == "__main__":
    run(main)
