"""Table 2: the errors the paper prints, and errors measured here on the same pictures and holes.

The published rows stand as they are printed; their images, holes and ranges of intensity are not
given, so that they cannot be compared with one another or with what is measured (mean squared
errors above 1 do not exist for intensities in [0, 1]). The measured rows are means over crops of
the validation photographs under all three kinds of holes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import common
import numpy as np
from common import table_figure
from tqdm import tqdm

from bio_scnn.checkpoint import load_model
from bio_scnn.cli import run
from bio_scnn.evaluate import COLUMNS, bootstrap, network, peers, score
from bio_scnn.masks import MASK_KINDS
from bio_scnn.model import SpikingOptions
from bio_scnn.model_files import model_path

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
    "cnn_twin": "CNN-only twin",
    "one_step": "paper's one-step layer",
    "paper": "paper's whole setting",
}
CROPS = 16
WIDTH = 8.6  # inches; readable when shrunk to a page


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
    """Mean and 95 % interval of each score of each method, and its median seconds.

    Intervals are those of a bootstrap over photographs. ``paired`` are differences of hole PSNR
    on the same holes, of this network over each other method.
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
    ours = np.array(values[MODELS["inpaint"]])[..., COLUMNS.index("hole_psnr")]
    rows: dict[str, dict[str, Any]] = {}
    for name, nested in values.items():
        by_kind = np.array(nested)  # (kinds, crops, columns)
        gain = ours - by_kind[..., COLUMNS.index("hole_psnr")]
        rows[name] = {"seconds": float(np.median(seconds[name]))}
        for number, column in enumerate(COLUMNS):
            of = by_kind[..., number]
            rows[name][column] = float(of.mean())
            rows[name][f"{column}_interval"] = bootstrap(of.mean(axis=0), photograph)
            rows[name][f"{column}_by_kind"] = dict(
                zip(MASK_KINDS, of.mean(axis=1).tolist(), strict=True)
            )
        rows[name]["paired"] = {
            "all": [float(gain.mean()), *bootstrap(gain.mean(axis=0), photograph)],
            **{
                kind: [float(of.mean()), *bootstrap(of, photograph)]
                for kind, of in zip(MASK_KINDS, gain, strict=True)
            },
        }
    return {
        "crops": crops,
        "size": size,
        "photographs": len(photographs),
        "published": PUBLISHED,
        "measured": rows,
    }


def draw(data: dict[str, Any]) -> Any:
    """Published rows, then measured ones, best hole PSNR first."""
    header = ["method", "MSE of the image × 10³", "hole MSE × 10³", "hole PSNR (dB)", "SSIM"]
    header += ["bio_scnn over it (dB)", "time (s)"]
    rows = [["published, as printed:"]]
    rows += [[f"  {name}", f"{1e3 * mse:g}"] for name, mse in PUBLISHED.items()]
    rows.append(["measured (95 % interval over photographs):"])
    for name, of in sorted(data["measured"].items(), key=lambda item: -item[1]["hole_psnr"]):
        gain = "" if name == MODELS["inpaint"] else _interval(*of["paired"]["all"], "+.2f")
        cells = [
            _interval(1e3 * of[column], *1e3 * np.array(of[f"{column}_interval"]), digits)
            for column, digits in (("mse", ".2f"), ("hole_mse", ".1f"))
        ]
        cells.append(_interval(of["hole_psnr"], *of["hole_psnr_interval"], ".2f"))
        cells.append(_interval(of["ssim"], *of["ssim_interval"], ".3f"))
        rows.append([f"  {name}", *cells, gain, f"{of['seconds']:.2f}"])
    width = len(header)
    return table_figure(header, [row + [""] * (width - len(row)) for row in rows], WIDTH)


def _interval(value: float, low: float, high: float, digits: str) -> str:
    return f"{value:{digits}} ({low:{digits}} to {high:{digits}})"


def main(args: argparse.Namespace | None = None) -> None:
    """Restore, measure, draw, save."""
    args = args or common.parser(__doc__, photographs=True).parse_args()
    data = measure(common.photographs(args.data))
    common.save(args, "table2", draw(data), data)


if __name__ == "__main__":
    run(main)
