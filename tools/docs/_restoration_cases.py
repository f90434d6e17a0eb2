"""Photographs with every kind of holes, restored by the network and by two classical fills."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from bio_scnn.data.datasets import resize
from bio_scnn.data.images import read_rgb
from bio_scnn.data.mask_elements import Sizes, box
from bio_scnn.data.masks import MASK_KINDS, make_mask
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.fills import biharmonic_values, harmonic_values
from bio_scnn.network.options import spiking_options
from bio_scnn.restoration.methods import classical, network
from bio_scnn.restoration.metrics import hole_psnr
from bio_scnn.runtime.files import write_whole

LARGE = "boxes of 64-128 px"
LARGE_SIZE, LARGE_COVERAGES = 512, (0.05, 0.20)
LARGE_PICTURE = 1024  # from this size on only every other coverage is measured
MOST_MISSING = 100_000  # pixels; the biharmonic fill solves for as many in about a second
BEST_COUNTED = 60.0  # dB
METHODS = ("bio_scnn", "harmonic", "biharmonic")
Scores = dict[str, dict[str, list[float]]]  # photograph: case: hole PSNR by method


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
