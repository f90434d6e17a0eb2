"""The cases in which the network loses most, and a contact sheet of them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from tqdm import tqdm

from bio_scnn.data.images import read_rgb
from tools.docs._restoration_cases import METHODS, Case, Restorer, Scores, difference

SHOWN = 20
MOST_BYTES, WINDOWS = 1_500_000, (160, 128, 112, 96, 80, 64)
MIN_STEP = 150  # pixels between panels, for their labels
Strip = tuple[list[str], list[NDArray], tuple[int, int]]  # title and labels, panels, a place


def most_of_one(images: Sequence[Path]) -> int:
    """Largest number of the worst cases that may be of one photograph."""
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
    """One case: its name, and the panels side by side around the place.

    Panels are shown pixel by pixel, those of small pictures enlarged by a whole number.
    """
    (title, *names), panels, place = row
    top, left = (
        max(min(at - window // 2, side - window), 0)
        for at, side in zip(place, panels[0].shape, strict=False)
    )
    pieces = [panel[top : top + window, left : left + window] for panel in panels]
    larger = max(max(window, MIN_STEP) // max(pieces[0].shape[:2]), 1)
    pieces = [piece.repeat(larger, axis=0).repeat(larger, axis=1) for piece in pieces]
    line, gap, step = 18, 10, max(window, MIN_STEP) + 8
    image = Image.new("RGB", (5 * step + gap, pieces[0].shape[0] + 2 * line + gap), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    pen.text((0, 0), title, fill="black", font=font)
    for number, (name, piece) in enumerate(zip(names, pieces, strict=True)):
        pen.text((number * step, line), name, fill="black", font=font)
        image.paste(Image.fromarray(piece), (number * step, 2 * line))
    return image
