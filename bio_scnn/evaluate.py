"""Measure models and classical fills on the same holes: ``python -m bio_scnn.evaluate``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bio_scnn.checkpoint import load_model
from bio_scnn.cli import add_neuron_options, neuron_options, run
from bio_scnn.datasets import embedded_images, find_images, read_rgb, validation_crops
from bio_scnn.errors import InputError
from bio_scnn.fills import biharmonic_fill, harmonic_fill, mean_fill
from bio_scnn.images import from_float, to_float
from bio_scnn.masks import MASK_KINDS, make_mask
from bio_scnn.metrics import evaluate
from bio_scnn.model import HybridSCNN, SpikingOptions
from bio_scnn.model_files import model_path
from bio_scnn.restoration import restore

Method = Callable[[NDArray, NDArray[np.bool_]], NDArray]
COLUMNS = ("hole_psnr", "ssim", "mse", "hole_mse")

EPILOG = """\
examples:
  python -m bio_scnn.evaluate --data photos/
      the shipped model and the classical fills on 256 x 256 crops
  python -m bio_scnn.evaluate --data photos/ --model inpaint paper --crops 32
  python -m bio_scnn.evaluate --data photos/ --size 0 --engine closed-form
      whole photographs; without noise the engines agree to the last digits
  python -m bio_scnn.evaluate --data photos/ --readout count --duration 100
"""


def classical(fill: Callable[[NDArray, NDArray[np.bool_]], NDArray]) -> Method:
    """A fill of float images as one of 8-bit images."""

    def method(image: NDArray, mask: NDArray[np.bool_]) -> NDArray:
        return from_float(fill(to_float(image), mask), image.dtype)

    return method


def opencv(name: str) -> Method:
    """OpenCV's Telea or Navier-Stokes fill, radius 3."""
    import cv2

    flag = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}[name]

    def method(image: NDArray, mask: NDArray[np.bool_]) -> NDArray:
        return cv2.inpaint(np.ascontiguousarray(image), mask.astype(np.uint8), 3, flag)

    return method


def network(model: HybridSCNN, options: SpikingOptions) -> Method:
    """A model as one of the methods; its noise, if any, is seeded."""

    def method(image: NDArray, mask: NDArray[np.bool_]) -> NDArray:
        return restore(image, mask, model=model, options=options, seed=0).image

    return method


def peers() -> dict[str, Method]:
    """The classical fills that are installed."""
    methods = {
        "mean of known pixels": classical(mean_fill),
        "harmonic": classical(harmonic_fill),
        "biharmonic (scikit-image)": classical(biharmonic_fill),
    }
    try:
        methods["Telea (OpenCV)"] = opencv("telea")
        methods["Navier-Stokes (OpenCV)"] = opencv("navier-stokes")
    except ImportError:
        print("OpenCV is not installed: its two fills are left out", file=sys.stderr)
    return methods


def score(
    methods: dict[str, Method], pictures: Sequence[NDArray], kind: str, seed: int
) -> Iterator[tuple[str, dict[str, float]]]:
    """Scores of every method on every picture, one at a time."""
    for number, picture in enumerate(pictures):
        rng = np.random.default_rng([seed, MASK_KINDS.index(kind), number])
        mask = make_mask(kind, picture.shape[:2], rng)
        for name, method in methods.items():
            found = evaluate(method(picture, mask), picture, mask)
            yield name, {column: getattr(found, column) for column in COLUMNS}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m bio_scnn.evaluate",
        description="Restore crops of photographs with models and with classical fills, and "
        "print mean scores by kind of mask. Hole PSNR is averaged over images.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "--data", type=Path, metavar="DIR", help="photographs (default: scikit-image's)"
    )
    p.add_argument("--model", nargs="+", default=["inpaint"], help="names or files of models")
    p.add_argument("--crops", type=int, metavar="N", help="crops in all (default: 2 per image)")
    p.add_argument(
        "--size", type=int, default=256, help="side of a crop; 0 for whole pictures (default: 256)"
    )
    p.add_argument("--seed", type=int, default=0, help="of crops and masks (default: 0)")
    add_neuron_options(p.add_argument_group("neurons"))
    p.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    args = parser().parse_args(argv)
    if (
        (args.size and args.size < 8)
        or args.seed < 0
        or (args.crops is not None and args.crops < 1)
    ):
        raise InputError("--size must be at least 8 (or 0), --crops at least 1, --seed at least 0")
    options = neuron_options(args)
    methods = peers()
    for name in args.model:
        model, _ = load_model(model_path(name))
        methods[f"bio_scnn {name}"] = network(model, options)
    images = find_images(args.data) if args.data else embedded_images()
    if args.size:
        crops = validation_crops(images, args.size, args.crops or 2 * len(images), args.seed)
        pictures, what = list(from_float(crops, np.uint8)), f"crops of {args.size} x {args.size}"
    else:
        pictures, what = [read_rgb(path) for path in images[: args.crops]], "whole pictures"
    report: dict[str, dict[str, dict[str, float]]] = {}
    with tqdm(
        total=len(MASK_KINDS) * len(pictures) * len(methods), leave=False, disable=None
    ) as bar:
        for kind in MASK_KINDS:
            scores: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
            for name, row in score(methods, pictures, kind, args.seed):
                scores[name].append(row)
                bar.update()
            report[kind] = {
                name: {column: float(np.mean([r[column] for r in rows])) for column in COLUMNS}
                for name, rows in scores.items()
            }
    if args.json:
        scores_json = {
            kind: {
                name: {k: v if np.isfinite(v) else None for k, v in row.items()}
                for name, row in table.items()
            }
            for kind, table in report.items()
        }
        print(json.dumps({"pictures": len(pictures), "size": args.size, "scores": scores_json}))
        return
    print(f"{len(pictures)} {what}, seed {args.seed}")
    for kind, table in report.items():
        print(f"\n{kind:28}{'hole PSNR':>10}{'SSIM':>8}{'MSE':>10}{'hole MSE':>10}")
        for name, row in table.items():
            print(
                f"{name:28}{row['hole_psnr']:7.2f} dB{row['ssim']:8.4f}{row['mse']:10.6f}"
                f"{row['hole_mse']:10.5f}"
            )


if __name__ == "__main__":
    run(main)
