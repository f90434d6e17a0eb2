"""Is it ever much worse than the classics? ``python docs/make_restoration.py --data DIR``.

Every photograph of a folder is restored at several sizes, in colour and in grey, with every kind
and amount of holes, and compared with the better of the harmonic and the biharmonic fill: the
better one of each single case, which nobody can know beforehand. Writes docs/restoration.md, all
scores as JSON, and a picture of the worst cases. What has been measured is not measured again.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import io
import itertools
import json
import platform
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from tqdm import tqdm

from bio_scnn import __version__
from bio_scnn.commands.options import run
from bio_scnn.data.datasets import find_images, resize
from bio_scnn.data.images import read_rgb
from bio_scnn.data.mask_elements import Sizes, box
from bio_scnn.data.masks import MASK_KINDS, make_mask
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.fills import biharmonic_values, harmonic_values
from bio_scnn.network.hybrid import ENGINES, spiking_options
from bio_scnn.restoration.methods import classical, network
from bio_scnn.restoration.metrics import hole_psnr
from bio_scnn.runtime.files import write_whole

SIZES = (64, 256, 1024, 2048)
COVERAGES = (0.01, 0.05, 0.10, 0.20, 0.40)
LARGE = "boxes of 64-128 px"
LARGE_SIZE, LARGE_COVERAGES = 512, (0.05, 0.20)
LARGE_PICTURE = 1024  # from this size on only every other coverage is measured
MOST_MISSING = 100_000  # pixels; the biharmonic fill solves for as many in about a second
MUCH_WORSE = -0.3  # dB
BEST_COUNTED, VISIBLE = 60.0, 45.0  # dB; off by one of 255 levels everywhere is 48 dB
SHOWN, WINDOWS, MOST_BYTES = 20, (160, 128, 112, 96, 80, 64), 1_500_000
METHODS = ("bio_scnn", "harmonic", "biharmonic")
MIN_STEP = 96  # pixels between panels, for their labels
Scores = dict[str, dict[str, list[float]]]  # photograph: case: hole PSNR by method
Strip = tuple[list[str], list[NDArray], tuple[int, int]]  # title and labels, panels, a place


class Case(NamedTuple):
    """One restoration of a photograph."""

    kind: str
    coverage: float
    size: int
    grey: bool

    @property
    def key(self) -> str:
        """The case as a key of the JSON."""
        shade = "grey" if self.grey else "colour"
        return f"{self.kind}, {100 * self.coverage:g} %, {self.size} px, {shade}"

    def picture(self, photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The middle of the photograph, its shorter side downscaled to at most the size."""
        small = resize(photograph, max(min(photograph.shape[:2]) / self.size, 1.0))
        side = min(self.size, int(np.sqrt(MOST_MISSING / self.coverage)))
        top, left = (max(length - side, 0) // 2 for length in small.shape[:2])
        picture = small[top : top + side, left : left + side]
        return np.asarray(Image.fromarray(picture).convert("L")) if self.grey else picture

    def mask(self, shape: tuple[int, int], name: str) -> NDArray[np.bool_]:
        """Holes that depend on the case and the photograph's name only."""
        rng = np.random.default_rng(zlib.crc32(f"{name}, {self.key}".encode()))
        if self.kind != LARGE:
            return make_mask(self.kind, shape, rng, self.coverage)
        mask = np.zeros(shape, bool)
        while mask.mean() < self.coverage:  # whole boxes, however large the last one is
            row, column, covered = box(shape, Sizes(box_side=(64, 128)), rng)
            mask[row : row + covered.shape[0], column : column + covered.shape[1]] |= covered
        return mask


def cases(sizes: Sequence[int], coverages: Sequence[float]) -> list[Case]:
    """All cases of a photograph, those of one picture together."""
    found = []
    for size in sorted({*sizes, LARGE_SIZE}):
        for grey in (False, True):
            if size in sizes:
                step = 2 if size >= LARGE_PICTURE else 1
                found += [Case(k, c, size, grey) for k in MASK_KINDS for c in coverages[::step]]
            if size == LARGE_SIZE:
                found += [Case(LARGE, c, size, grey) for c in LARGE_COVERAGES]
    return found


class Restorer:
    """The three methods, on 8-bit pictures."""

    def __init__(self, args: argparse.Namespace) -> None:
        path = model_path(args.model)
        options = spiking_options("default", args.engine)
        model, _ = load_model(path)
        ours = network(model, options, args.quality)
        fills = classical(harmonic_values), classical(biharmonic_values)
        self.methods = dict(zip(METHODS, (ours, *fills), strict=True))
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        self.settings = {"model": path.stem, "sha256": checksum, "engine": args.engine}
        self.settings["quality"] = args.quality

    def restore(
        self, case: Case, photograph: NDArray[np.uint8], name: str
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_], dict[str, NDArray]]:
        """The picture, its mask, and what each method makes of them."""
        picture = case.picture(photograph)
        mask = case.mask(picture.shape[:2], name)
        return picture, mask, {n: method(picture, mask) for n, method in self.methods.items()}


def measure(
    restorer: Restorer, images: Sequence[Path], wanted: Sequence[Case], scores: Scores, file: Path
) -> None:
    """Measure what is missing in the scores; save them after every photograph."""
    todo = [
        (path, case)
        for path in images
        for case in wanted
        if case.key not in scores.get(path.name, {})
    ]
    bar = tqdm(total=len(todo), disable=None, leave=False)
    for path, group in itertools.groupby(todo, key=lambda pair: pair[0]):
        photograph = read_rgb(path)
        for _, case in group:
            picture, mask, restored = restorer.restore(case, photograph, path.name)
            found = [min(hole_psnr(restored[n], picture, mask), BEST_COUNTED) for n in METHODS]
            scores.setdefault(path.name, {})[case.key] = [round(psnr, 3) for psnr in found]
            bar.update()
        content = {"settings": restorer.settings, "methods": METHODS, "hole_psnr": scores}
        text = json.dumps(content, sort_keys=True).replace("], ", "],\n")  # a case a line
        write_whole(file, f"{text}\n".encode())


def difference(psnr: Sequence[float]) -> float:
    """Hole PSNR of the network minus that of the better classical fill."""
    return psnr[0] - max(psnr[1:])


def table(scores: Scores, wanted: Sequence[Case], grey: bool) -> Iterator[str]:
    """Mean and minimum difference, and how many are much worse: a row for each kind of holes."""
    shown = [case for case in wanted if case.grey == grey]
    sizes = sorted({case.size for case in shown})
    yield "| holes | " + " | ".join(f"{size} px" for size in sizes) + " |"
    yield "|---" * (len(sizes) + 1) + "|"
    for kind, coverage in dict.fromkeys((case.kind, case.coverage) for case in shown):
        row = [f"{kind}, {100 * coverage:g} %"]
        for size in sizes:
            key = Case(kind, coverage, size, grey).key
            found = [difference(of[key]) for of in scores.values() if key in of]
            if not found:
                row.append("")
                continue
            worse = sum(d < MUCH_WORSE for d in found)
            row.append(f"{np.mean(found):+.2f} / {min(found):+.2f} / {worse}")
        yield f"| {' | '.join(row)} |"


def most_of_one(images: Sequence[Path]) -> int:
    """How many of the worst cases may be of one photograph."""
    return max(2, -(-SHOWN // len(images)))


def worst(
    scores: Scores, images: Sequence[Path], wanted: Sequence[Case]
) -> list[tuple[Path, Case]]:
    """The worst cases, few of any photograph."""
    most = most_of_one(images)
    ordered = sorted(
        ((path, case) for path in images for case in wanted),
        key=lambda found: difference(scores[found[0].name][found[1].key]),
    )
    chosen: list[tuple[Path, Case]] = []
    for path, case in ordered:
        if sum(path == other for other, _ in chosen) < most:
            chosen.append((path, case))
    return chosen[:SHOWN]


def strips(restorer: Restorer, chosen: Sequence[tuple[Path, Case]], scores: Scores) -> list[Strip]:
    """Labels and full pictures of the worst cases, and where the network lost most."""
    found = []
    for path, case in tqdm(chosen, desc="worst cases", disable=None, leave=False):
        picture, mask, restored = restorer.restore(case, read_rgb(path), path.name)
        psnr = dict(zip(METHODS, scores[path.name][case.key], strict=True))
        rgb = {
            name: image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)
            for name, image in {"truth": picture, **restored}.items()
        }
        error = {n: np.square(rgb[n] - rgb["truth"].astype(float)).sum(axis=-1) for n in METHODS}
        better = max(METHODS[1:], key=lambda name: psnr[name])
        excess = ndimage.uniform_filter(
            error["bio_scnn"] - error[better], min(96, *mask.shape), mode="constant"
        )
        row, column = np.unravel_index(np.argmax(excess), mask.shape)
        masked = np.where(mask[..., None], np.array([255, 51, 153], np.uint8), rgb["truth"])
        panels = [rgb["truth"], masked, rgb["harmonic"], rgb["biharmonic"], rgb["bio_scnn"]]
        labels = [
            f"{difference(list(psnr.values())):+.2f} dB  {path.name}: {case.key}",
            "truth",
            "masked",
            *(f"{name} {psnr[name]:.2f}" for name in ("harmonic", "biharmonic", "bio_scnn")),
        ]
        found.append((labels, panels, (int(row), int(column))))
    return found


def contact_sheet(rows: Sequence[Strip]) -> bytes:
    """Draw the strips in two columns, with windows as large as the file's size allows."""
    for window in WINDOWS:
        drawn = [strip(row, window) for row in rows]
        half = -(-len(drawn) // 2)
        columns = [drawn[:half], drawn[half:]]
        width = max(image.width for image in drawn)
        height = max(sum(image.height for image in column) for column in columns)
        sheet = Image.new("RGB", (2 * width, height), "white")
        for number, column in enumerate(columns):
            y = 0
            for image in column:
                sheet.paste(image, (number * width, y))
                y += image.height
        buffer = io.BytesIO()
        sheet.save(buffer, format="png", optimize=True)
        if buffer.tell() < MOST_BYTES:
            break
    return buffer.getvalue()


def strip(row: Strip, window: int) -> Image.Image:
    """One case: its name, and the panels side by side around the place, pixel by pixel."""
    (title, *names), panels, place = row
    top, left = (
        max(min(at - window // 2, side - window), 0)
        for at, side in zip(place, panels[0].shape, strict=False)
    )
    pieces = [panel[top : top + window, left : left + window] for panel in panels]
    line, gap, step = 13, 8, max(window, MIN_STEP) + 4
    image = Image.new("RGB", (5 * step + gap, pieces[0].shape[0] + 2 * line + gap), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(10)
    pen.text((0, 0), title, fill="black", font=font)
    for number, (name, piece) in enumerate(zip(names, pieces, strict=True)):
        pen.text((number * step, line), name, fill="black", font=font)
        image.paste(Image.fromarray(piece), (number * step, 2 * line))
    return image


def page(
    restorer: Restorer,
    images: Sequence[Path],
    wanted: Sequence[Case],
    scores: Scores,
    folder: Path,
    command: str,
) -> str:
    """docs/restoration.md."""
    measured = {
        path.name: {case.key: scores[path.name][case.key] for case in wanted} for path in images
    }
    psnr = np.array([list(of.values()) for of in measured.values()])
    reference = psnr[..., 1:].max(axis=-1)
    gain = psnr[..., 0] - reference
    worse = gain < MUCH_WORSE
    often = sorted(zip(worse.sum(axis=1), measured, strict=True), reverse=True)[:5]
    lags = (psnr[..., 1:] - reference[..., np.newaxis] < MUCH_WORSE).mean(axis=(0, 1))
    coverage = np.array([case.coverage for case in wanted])
    by_coverage = ", ".join(
        f"{100 * c:g} %: {worse[:, coverage == c].mean():.1%}" for c in np.unique(coverage)
    )
    settings = restorer.settings
    by = (
        "spikes in Brian2" if settings["engine"] == "brian2" else "closed form (nothing simulated)"
    )
    parts = [
        "# Never much worse than the classics?",
        f"""Hole PSNR of the model `{settings["model"]}` minus that of the better of the harmonic
        and the biharmonic fill (scikit-image's definition). The better one is chosen for each
        single case, which nobody can do without knowing the truth. All in 8 bits; hole PSNR is
        counted up to {BEST_COUNTED:g} dB.""",
        f"""**{gain.size:,} restorations of {len(images)} photographs: on average
        {gain.mean():+.2f} dB, at worst {gain.min():+.2f} dB. {np.mean(gain < 0):.1%} are worse,
        {worse.sum():,} ({worse.mean():.1%}) by more than {-MUCH_WORSE:g} dB**, of which
        {np.sum(worse & (reference < VISIBLE)):,} where the better fill is below {VISIBLE:g} dB,
        so that errors may be seen at all. Nothing escapes hindsight altogether: the harmonic fill
        is as far below the better of the two in {lags[0]:.1%} of the cases and the biharmonic in
        {lags[1]:.1%}, and where a hole has few pixels chance decides. By coverage, the share of
        restorations that are so much worse: {by_coverage}.""",
        f"""Each cell: mean / minimum / number below {MUCH_WORSE:g} dB, of {len(images)}
        photographs.""",
        "## Colour",
        "\n".join(table(measured, wanted, grey=False)),
        "## Grey",
        "\n".join(table(measured, wanted, grey=True)),
        f"""A picture of a size is the middle of the photograph, its shorter side downscaled to
        that size. Photographs are never enlarged: a smaller one is shown as it is. Where more than
        {MOST_MISSING:,} pixels would be missing the picture is cropped, at 10 % to 1000 px and at
        40 % to 500 px. From {LARGE_PICTURE} px on every other coverage is measured. Holes have the
        sizes of `bio_scnn.data.masks`, in pixels, whatever the picture's size; {LARGE} are drawn
        whole in pictures of {LARGE_SIZE} px until the coverage is reached.""",
        f"""Most cases below {MUCH_WORSE:g} dB, of {len(wanted)} each:
        {", ".join(f"{name} {count}" for count, name in often)}.""",
        "## The worst cases",
        f"""Where the network lost most, pixel by pixel; up to {SHOWN}, not more than
        {most_of_one(images)} of a photograph.""",
        f"""![Truth, masked, harmonic, biharmonic and bio_scnn of the worst
        cases]({folder.name}/worst.png)""",
        f"""Measured on {datetime.datetime.now(datetime.UTC).date()} by `{command}` with bio_scnn
        {__version__}, Python {platform.python_version()}, NumPy {np.__version__}; rates by {by},
        quality {settings["quality"]}, model SHA-256 {settings["sha256"][:16]}. All scores:
        [{folder.name}/scores.json]({folder.name}/scores.json).""",
    ]
    return (
        "\n\n".join(
            part
            if part.startswith("|")
            else fill(" ".join(part.split()), 99, break_on_hyphens=False, break_long_words=False)
            for part in parts
        )
        + "\n"
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(description="Compare the network with the classical fills.")
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="photographs")
    p.add_argument("--model", default="inpaint", help="a shipped model's name or a file")
    p.add_argument("--engine", choices=ENGINES, default="closed-form", help="default: closed-form")
    p.add_argument("--quality", choices=("default", "best"), default="default")
    p.add_argument("--photographs", type=int, metavar="N", help="only the first N")
    p.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="PX")
    p.add_argument("--coverages", type=float, nargs="+", default=COVERAGES, metavar="FRACTION")
    p.add_argument(
        "-o", "--output", type=Path, default=Path(__file__).with_name("restoration"),
        metavar="DIR", help="folder of scores and picture; the page is DIR.md",
    )  # fmt: skip
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what is missing, and write the page and the picture."""
    args = parser().parse_args(argv)
    images = find_images(args.data)[: args.photographs]
    if len({path.name for path in images}) < len(images):
        raise InputError(f"{args.data} has several photographs of one name; rename them")
    wanted = cases(args.sizes, args.coverages)
    restorer = Restorer(args)
    file = args.output / "scores.json"
    scores: Scores = {}
    if file.exists():
        found = json.loads(file.read_text("utf-8"))
        if found["settings"] != restorer.settings:
            raise InputError(f"{file} is of another model or engine; move it away")
        scores = found["hole_psnr"]
    measure(restorer, images, wanted, scores, file)
    rows = strips(restorer, worst(scores, images, wanted), scores)
    write_whole(args.output / "worst.png", contact_sheet(rows))
    command = "python docs/make_restoration.py --data PHOTOGRAPHS"
    for option, usual, value in (
        ("--model", "inpaint", Path(args.model).name),
        ("--engine", "closed-form", args.engine),
        ("--quality", "default", args.quality),
        ("--photographs", None, args.photographs),
        ("--sizes", SIZES, args.sizes),
        ("--coverages", COVERAGES, args.coverages),
    ):
        if value != usual:
            values = value if isinstance(value, list) else [value]
            command += f" {option} {' '.join(str(item) for item in values)}"
    text = page(restorer, images, wanted, scores, args.output, command)
    write_whole(args.output.with_suffix(".md"), text.encode())
    print(text)


if __name__ == "__main__":
    run(main)
