"""Measure models and classical fills on the same holes: ``python -m bio_scnn.evaluate``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from bio_scnn.commands.options import add_neuron_options, neuron_options, run
from bio_scnn.data.datasets import embedded_images, find_images, read_rgb, validation_crops
from bio_scnn.data.images import from_float
from bio_scnn.data.masks import DEFAULT_COVERAGE, MASK_KINDS, make_mask
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.restoration.methods import REFERENCE, Method, network, peers
from bio_scnn.restoration.metrics import bootstrap, evaluate
from bio_scnn.runtime.files import finite

COLUMNS = ("hole_psnr", "ssim", "mse", "hole_mse")

EPILOG = """\
examples:
  python -m bio_scnn.evaluate --data photos/
      the shipped model and the classical fills on 256 x 256 crops
  python -m bio_scnn.evaluate --data photos/ --model inpaint paper --crops 32
  python -m bio_scnn.evaluate --data photos/ --size 0 --engine closed-form
      whole photographs; without noise the engines agree to the last digits
  python -m bio_scnn.evaluate --data photos/ --quality best --coverage 0.4 --grey
  python -m bio_scnn.evaluate --data photos/ --readout count --duration 100
"""


def score(
    methods: dict[str, Method],
    pictures: Sequence[NDArray],
    kind: str,
    seed: int,
    coverage: float | None = None,
) -> Iterator[tuple[str, dict[str, float]]]:
    """Scores of every method on every picture, one at a time."""
    for number, picture in enumerate(pictures):
        rng = np.random.default_rng([seed, MASK_KINDS.index(kind), number])
        mask = make_mask(kind, picture.shape[:2], rng, coverage)
        for name, method in methods.items():
            found = evaluate(method(picture, mask), picture, mask)
            yield name, {column: getattr(found, column) for column in COLUMNS}


def summary(
    scores: dict[str, list[dict[str, float]]], photograph: NDArray[np.intp]
) -> dict[str, dict[str, Any]]:
    """Means of the columns of every method, and how sure those of hole PSNR are.

    ``over_biharmonic`` is the mean difference of hole PSNR to the biharmonic fill on the same
    holes, which varies less than hole PSNR itself.
    """
    psnr = {name: np.array([row["hole_psnr"] for row in rows]) for name, rows in scores.items()}
    table: dict[str, dict[str, Any]] = {}
    for name, rows in scores.items():
        table[name] = {column: float(np.mean([r[column] for r in rows])) for column in COLUMNS}
        with np.errstate(invalid="ignore"):  # two perfect fills differ by inf - inf
            gain = psnr[name] - psnr[REFERENCE]
        table[name] |= {
            "hole_psnr_interval": bootstrap(psnr[name], photograph),
            "over_biharmonic": float(np.mean(gain)),
            "over_biharmonic_interval": bootstrap(gain, photograph),
        }
    return table


def table_text(kind: str, table: dict[str, dict[str, Any]]) -> str:
    """The means of one kind of mask, for people."""
    lines = [
        f"{kind:32}{'hole PSNR':>10}{'95 % interval':>17}{'over biharmonic':>26}"
        f"{'SSIM':>8}{'MSE':>10}{'hole MSE':>10}"
    ]
    for name, row in table.items():
        spread = "{:.2f} to {:.2f}".format(*row["hole_psnr_interval"])
        gain = "{:+.2f} ({:+.2f} to {:+.2f})".format(
            row["over_biharmonic"], *row["over_biharmonic_interval"]
        )
        lines.append(
            f"{name:32}{row['hole_psnr']:7.2f} dB{spread:>17}"
            f"{'' if name == REFERENCE else gain:>26}"
            f"{row['ssim']:8.4f}{row['mse']:10.6f}{row['hole_mse']:10.5f}"
        )
    return "\n".join(lines)


def pictures_of(
    args: argparse.Namespace,
) -> tuple[list[NDArray[np.uint8]], NDArray[np.intp]]:
    """The pictures to measure on, and the number of the photograph each is cut from."""
    images = find_images(args.data) if args.data else embedded_images()
    if args.size:
        skipped: list[tuple[Path, str]] = []
        wanted = args.crops or 2 * len(images)
        crops = validation_crops(images, args.size, wanted, args.seed, skipped)
        for _, reason in skipped:
            print(f"passed over: {reason}", file=sys.stderr)
        pictures = list(from_float(crops, np.uint8))
        photographs = len(images) - len(skipped)
    else:
        pictures = [read_rgb(path) for path in images[: args.crops]]
        photographs = len(pictures)
    if args.grey:
        pictures = [np.asarray(Image.fromarray(picture).convert("L")) for picture in pictures]
    return pictures, np.arange(len(pictures)) % photographs


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m bio_scnn.evaluate",
        description="Restore crops of photographs with models and with classical fills, and "
        "print mean scores by kind of mask. Hole PSNR is averaged over pictures; intervals are "
        "those of a bootstrap over photographs.",
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
    usual = ", ".join(f"{k} {v}" for k, v in DEFAULT_COVERAGE.items())
    p.add_argument("--coverage", type=float, help=f"fraction of missing pixels (default: {usual})")
    p.add_argument("--grey", action="store_true", help="measure on the pictures' luma")
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
    without_neurons = []
    for name in args.model:
        model, _ = load_model(model_path(name))
        methods[f"bio_scnn {name}"] = network(model, options, args.quality)
        if not model.unit.simulated:
            without_neurons.append(name)
    pictures, photograph = pictures_of(args)
    report: dict[str, dict[str, dict[str, Any]]] = {}
    with tqdm(
        total=len(MASK_KINDS) * len(pictures) * len(methods), leave=False, disable=None
    ) as bar:
        for kind in MASK_KINDS:
            scores: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
            for name, row in score(methods, pictures, kind, args.seed, args.coverage):
                scores[name].append(row)
                bar.update()
            report[kind] = summary(scores, photograph)
    if args.json:
        found = {
            "pictures": len(pictures),
            "photographs": int(photograph.max()) + 1,
            "size": args.size,
            "grey": args.grey,
            "coverage": args.coverage or DEFAULT_COVERAGE,
            "seed": args.seed,
            "quality": args.quality,
            "engine": options.engine,
            "scores": report,
        }
        print(json.dumps(finite(found), allow_nan=False))
        return
    what = f"crops of {args.size} x {args.size}" if args.size else "whole pictures"
    shade = ", grey" if args.grey else ""
    simulated = "nothing simulated" if options.engine == "closed-form" else "every spike simulated"
    if without_neurons and options.engine == "brian2":
        simulated += f" ({', '.join(without_neurons)}: no LIF neurons)"
    print(
        f"{len(pictures)} {what}{shade}, seed {args.seed}; quality {args.quality}, {simulated}; "
        f"95 % intervals over {photograph.max() + 1} photographs"
    )
    for kind, table in report.items():
        print(f"\n{table_text(kind, table)}")


if __name__ == "__main__":
    run(main)
