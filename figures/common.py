"""Options of the figures' scripts, and the pictures with holes that they measure on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.datasets import find_images, validation_crops
from bio_scnn.data.debian import read_manifest
from bio_scnn.data.images import from_float, read_rgb, to_float
from bio_scnn.data.masks import MASK_KINDS, make_mask
from bio_scnn.network.architecture import Architecture
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.options import SpikingOptions
from bio_scnn.photographs import main as fetch_photographs
from bio_scnn.restoration.evaluation import bootstrap
from bio_scnn.restoration.metrics import hole_psnr
from tools import scripts
from tools.drawing import FORMATS

FOLDER = Path(__file__).resolve().parent
PHOTOGRAPHS = FOLDER.parent / "photos" / "val"

# Ten times the paper's noise, which can hardly be seen; and long enough for neurons that such
# noise makes late with their second spike.
STRONG_NOISE, NOISY_MS = 1.0, 50.0


def parser(description: str | None, *, photographs: bool = False) -> argparse.ArgumentParser:
    """The options of every script; `photographs` adds where they come from."""
    p = scripts.parser("figures", description, ["--format pdf --output ."])
    p.add_argument(
        "-o",
        "--output",
        type=Path,
        default=FOLDER,
        metavar="DIR",
        help="folder to write to (default: the script's own)",
    )
    p.add_argument("--format", choices=FORMATS, default="svg", help="of the picture")
    if photographs:
        p.add_argument(
            "--data",
            type=Path,
            metavar="DIR",
            help="photographs to measure on (default: the eight validation photographs, in "
            "photos/val, fetched from Debian packages if they are not there)",
        )
    return p


def arguments(p: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; what cannot be written to is refused before anything is measured."""
    args = p.parse_args(argv)
    scripts.check_output(args.output)
    return args


def photographs(folder: Path | None) -> list[Path]:
    """The photographs of a folder, or those of the validation side, fetched if need be."""
    if folder is None:
        folder = PHOTOGRAPHS
        # An interrupted download leaves some of them.
        if not all((folder / f"{wanted.name}.jpg").is_file() for wanted in read_manifest().val):
            print("Fetching the validation photographs from Debian packages, once.")
            fetch_photographs(["--val", "-o", str(folder)])
    return find_images(folder)


def crops(paths: Sequence[Path], n: int, size: int = 256, seed: int = 0) -> list[NDArray]:
    """Cut `n` crops of ``size x size`` pixels from the photographs in turn, uint8."""
    images = [read_rgb(path) for path in paths]
    return list(from_float(validation_crops(images, size, n, seed), np.uint8))


class Case(NamedTuple):
    """A picture ``(H, W, 3)`` uint8, what is taken from it, and the first guesses for that."""

    truth: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    fill: NDArray[np.float64]
    photograph: int


def cases(paths: Sequence[Path], n: int, size: int = 256) -> list[Case]:
    """`n` crops under each kind of holes, as ``python -m bio_scnn.evaluate`` makes them.

    The fills are those of the default architecture.
    """
    found = []
    truths = crops(paths, n, size)
    for which, kind in enumerate(MASK_KINDS):
        for number, truth in enumerate(truths):
            rng = np.random.default_rng([0, which, number])
            mask = make_mask(kind, truth.shape[:2], rng)
            fill = Architecture().guess(to_float(truth), mask)
            found.append(Case(truth, mask, fill, number % len(paths)))
    return found


def one_each(cases: Sequence[Case]) -> list[Case]:
    """One case of each photograph, of the kinds of holes in turn.

    Of cases that were made with as many crops as there are photographs.
    """
    n = len(cases) // len(MASK_KINDS)
    return [cases[number % len(MASK_KINDS) * n + number] for number in range(n)]


def mean_and_interval(values: NDArray, cases: Sequence[Case]) -> list[float]:
    """Mean of one value for each case, and its 95 % interval over photographs."""
    photograph = np.unique([case.photograph for case in cases], return_inverse=True)[1]
    return [float(np.mean(values)), *bootstrap(np.asarray(values, float), photograph)]


def restored(model: HybridSCNN, options: SpikingOptions, case: Case, seed: int) -> NDArray:
    """The picture a model of the default fills makes of a case, 8 bits; `restore` in short."""
    picture = model.forward(case.fill, case.mask, options, np.random.default_rng(seed))
    return from_float(np.clip(picture, 0, 1), np.uint8)


def psnr_of(model: HybridSCNN, options: SpikingOptions, cases: Sequence[Case]) -> NDArray:
    """Hole PSNR of every case, dB, restored by a model; seeds are fixed."""
    return np.array(
        [
            hole_psnr(restored(model, options, case, seed), case.truth, case.mask)
            for seed, case in enumerate(cases)
        ]
    )
