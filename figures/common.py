"""What the scripts of this folder share: their options, one style, and how results are written.

Every script measures first and draws then: ``measure()`` returns plain numbers, which tests hold
to the physics, and ``draw(data)`` makes the picture of them. ``python figures`` runs all scripts.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.datasets import find_images, validation_crops
from bio_scnn.data.debian import read_manifest
from bio_scnn.data.images import from_float, read_rgb, to_float
from bio_scnn.data.masks import MASK_KINDS, make_mask
from bio_scnn.errors import InputError
from bio_scnn.network.architecture import Architecture, network_input
from bio_scnn.network.hybrid import HybridSCNN, SpikingOptions
from bio_scnn.photographs import main as fetch_photographs
from bio_scnn.restoration.evaluation import bootstrap
from bio_scnn.restoration.metrics import hole_psnr
from bio_scnn.runtime.files import finite, write_whole

matplotlib.use("Agg")

FOLDER = Path(__file__).resolve().parent
PHOTOGRAPHS = FOLDER.parent / "photos" / "val"
FORMATS = ("svg", "png", "pdf")
COLUMN = 3.3  # inches: one column of a two-column page
PAGE = 6.9  # both columns

# Ten times the paper's noise, which can hardly be seen; and long enough for neurons that such
# noise makes late with their second spike.
STRONG_NOISE, NOISY_MS = 1.0, 50.0

# Okabe and Ito's palette, told apart by colour-blind readers (jfly.uni-koeln.de/color).
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE, GREY = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#999999",
)
STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.0,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
    "svg.hashsalt": "bio_scnn",  # the same picture is the same file
}
matplotlib.rcParams.update(STYLE)


def parser(description: str | None, *, photographs: bool = False) -> argparse.ArgumentParser:
    """The options of every script; `photographs` adds where they come from."""
    program = Path(sys.argv[0])
    command = f"figures/{program.name}" if program.suffix == ".py" else "figures"
    p = argparse.ArgumentParser(
        description=description,
        epilog=f"example:\n  python {command} --format pdf --output .",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
    if args.output.exists() and not args.output.is_dir():
        raise InputError(f"--output {args.output} is a file; it must be a folder")
    return args


def save(args: argparse.Namespace, name: str, figure: Any, facts: dict[str, Any]) -> None:
    """Write a picture, and the numbers behind it as JSON beside it; print the paths."""
    buffer = io.BytesIO()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": None}[args.format]
    figure.savefig(buffer, format=args.format, metadata=undated)
    plt.close(figure)
    text = json.dumps(finite(facts), indent=1, allow_nan=False) + "\n"
    for suffix, content in ((args.format, buffer.getvalue()), ("json", text.encode())):
        path = args.output / f"{name}.{suffix}"
        write_whole(path, content)
        print(path)


def table_figure(header: Sequence[str], rows: Sequence[Sequence[str]], width: float) -> Any:
    """A table as a figure, rules above, below and under its header; cells may have two lines."""
    lines = [max(cell.count("\n") + 1 for cell in row) for row in (header, *rows)]
    heights = [0.06 + 0.11 * n for n in lines]
    figure = plt.figure(figsize=(width, sum(heights) + 0.1), layout="none")
    axes = figure.add_axes((0.005, 0.005, 0.99, 0.99))
    axes.axis("off")
    table = axes.table([header, *rows], cellLoc="left", loc="center", edges="open")
    table.auto_set_font_size(False)
    table.set_fontsize(STYLE["xtick.labelsize"])
    table.auto_set_column_width(range(len(header)))
    for (row, _), cell in table.get_celld().items():
        cell.set_height(heights[row] / figure.get_figheight())
        cell.visible_edges = {0: "BT", len(rows): "B"}.get(row, "")
        cell.set_linewidth(0.6)
        cell.PAD = 0.04
    return figure


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
    rng = np.random.default_rng(seed)
    x = network_input(model.architecture, case.fill[np.newaxis], case.mask[np.newaxis])[0]
    rates = model.fire(model.features(x, options, rng), options, rng).rates
    return from_float(np.clip(model.restore(case.fill, rates), 0, 1), np.uint8)


def psnr_of(model: HybridSCNN, options: SpikingOptions, cases: Sequence[Case]) -> NDArray:
    """Hole PSNR of every case, dB, restored by a model; seeds are fixed."""
    return np.array(
        [
            hole_psnr(restored(model, options, case, seed), case.truth, case.mask)
            for seed, case in enumerate(cases)
        ]
    )
