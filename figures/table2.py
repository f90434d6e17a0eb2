"""Table 2: the errors that the paper prints, and errors measured here.

The published rows are as printed. The paper does not give their images, holes and ranges of
intensity, so that they cannot be compared with one another or with the measured rows (mean squared
errors above 1 are impossible for intensities in [0, 1]). The measured rows are means over crops of
the validation photographs under all three kinds of holes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bio_scnn.commands.options import run
from bio_scnn.data.masks import MASK_KINDS
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.options import SpikingOptions
from bio_scnn.restoration.evaluation import COLUMNS, bootstrap, score
from bio_scnn.restoration.methods import network, peers
from figures import common
from tools import drawing
from tools.drawing import styled, table_figure

# Sanaullah et al., Table 2: mean squared errors.
PUBLISHED = {
    "Liu et al. 2019": 0.07,
    "Pathak et al. 2016": 0.23,
    "Yang et al. 2017": 2.21,
    "Yan et al. 2018": 0.02,
    "Yu et al. 2019": 1.6,
    "hybrid SC-NN, the paper's own": 0.015,
}
MODELS = {
    "inpaint": "bio_scnn",
    "lif_twin": "bio_scnn, trained as the twins",
    "cnn_twin": "CNN-only twin",
    "one_step": "paper's one-step layer",
    "paper": "paper's setting, rebuilt",
}
CROPS = 16


def timed(
    method: Callable[..., Any], name: str, seconds: dict[str, list[float]]
) -> Callable[..., Any]:
    """The method, its wall time noted under its name."""

    def run_and_note(*args: Any) -> Any:
        started = time.perf_counter()
        restored = method(*args)
        seconds.setdefault(name, []).append(time.perf_counter() - started)
        return restored

    return run_and_note


def measure(photographs: Sequence[Path], crops: int = CROPS, size: int = 256) -> dict[str, Any]:
    """Scores of each method as ``[mean, low, high]``, and its median seconds.

    Intervals are those of a bootstrap over photographs. ``over`` are differences of hole PSNR on
    the same holes, which vary less than hole PSNR itself.
    """
    methods = peers()
    for name, label in MODELS.items():
        model, _ = load_model(model_path(name))
        methods[label] = network(model, SpikingOptions(), "default")
    seconds: dict[str, list[float]] = {}
    methods = {name: timed(method, name, seconds) for name, method in methods.items()}
    pictures = common.crops(photographs, crops, size)
    values: dict[str, list[list[list[float]]]] = {name: [] for name in methods}
    with tqdm(total=len(MASK_KINDS) * crops * len(methods), leave=False, disable=None) as bar:
        for kind in MASK_KINDS:
            found: dict[str, list[list[float]]] = {name: [] for name in methods}
            for name, row in score(methods, pictures, kind, seed=0):
                found[name].append([row[column] for column in COLUMNS])
                bar.update()
            for name in methods:
                values[name].append(found[name])
    photograph = np.arange(crops) % len(photographs)

    def mean_and_interval(values: NDArray) -> list[float]:
        """Mean of values (kinds, crops), and its interval over photographs."""
        return [float(values.mean()), *bootstrap(values.mean(axis=0), photograph)]

    scores = {name: np.array(nested) for name, nested in values.items()}  # kinds, crops, columns
    psnr = {name: of[..., COLUMNS.index("hole_psnr")] for name, of in scores.items()}
    rows: dict[str, dict[str, Any]] = {}
    for name, by_kind in scores.items():
        rows[name] = {
            column: mean_and_interval(by_kind[..., number])
            for number, column in enumerate(COLUMNS)
        }
        rows[name]["seconds"] = float(np.median(seconds[name]))
        rows[name]["over"] = {
            other: mean_and_interval(psnr[name] - psnr[other]) for other in scores
        }
    return {
        "crops": crops,
        "size": size,
        "photographs": [path.stem for path in photographs],
        "published": PUBLISHED,
        "measured": rows,
    }


@styled
def draw(data: dict[str, Any]) -> Any:
    """Published rows, then measured ones, best hole PSNR first."""
    header = ["", "MSE of the image", "hole MSE", "hole PSNR (dB)", "SSIM", "over bio_scnn (dB)"]
    header.append("time (s)")
    rows = [["published, as printed"]]
    rows += [[f"  {name}", f"{mse:g}"] for name, mse in PUBLISHED.items()]
    rows.append(["measured"])
    for name, of in sorted(data["measured"].items(), key=lambda item: -item[1]["hole_psnr"][0]):
        digits = {"mse": ".5f", "hole_mse": ".4f", "hole_psnr": ".2f", "ssim": ".3f"}
        cells = [_interval(of[column], digits[column]) for column in digits]
        ours = name == MODELS["inpaint"]
        cells.append("" if ours else _interval(of["over"][MODELS["inpaint"]], "+.2f"))
        rows.append([f"  {name}", *cells, f"{of['seconds']:.2f}"])
    width = len(header)
    return table_figure(header, [row + [""] * (width - len(row)) for row in rows], drawing.PAGE)


def _interval(found: Sequence[float], digits: str) -> str:
    value, low, high = (f"{number:{digits}}".replace("-", "−") for number in found)
    return f"{value}\n({low} to {high})"


def main(args: argparse.Namespace | None = None) -> None:
    """Restore, measure, draw, save."""
    args = args or common.arguments(common.parser(__doc__, photographs=True))
    data = measure(common.photographs(args.data))
    drawing.save(args, "table2", draw(data), data)


if __name__ == "__main__":
    run(main)
