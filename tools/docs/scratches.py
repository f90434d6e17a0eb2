"""The page docs/scratches.md: how well `--mask auto` finds scratches and dust.

Photographs are damaged by the program, so that the damage is known, and the mask that is proposed
is compared with it: ``python -m tools.docs.scratches --data DIR``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bio_scnn.commands.options import run
from bio_scnn.data.damage import propose_damage
from bio_scnn.data.datasets import embedded_images, find_images
from bio_scnn.data.images import read_rgb, to_float
from bio_scnn.runtime.files import write_whole
from tools.docs import DOCS
from tools.docs._scratched import DUST, SCRATCHES, Found, damaged, judged

LONGEST = 1024
"""Pixels of the longer side that a larger photograph is reduced to."""

TEXT = """\
# Scratches and dust, proposed

`--mask auto` proposes a mask for scratches and dust. It writes `NAME_proposed_mask.png` and
`NAME_proposed_preview.png`, the picture with the proposal in pink. It restores nothing. Look at
the preview, correct the mask in any painting program, and give it as `--mask`. Or accept it
unseen, with `--mask auto --yes`.

A candidate is a thin line or spot that is lighter, or darker, than its surroundings in every
colour channel. A top-hat filter of 7 x 7 pixels finds it, and a line filter of 21 pixels must
confirm it. Five properties decide: its contrast against the texture around it, the strength of
the filter's answer, the number of other candidates nearby, its length and its width. Their
weights were fitted to the same kind of synthetic damage on forty other photographs (the training
photographs of `models/DATA.md`).

The proposals are measured on photographs that the program damages, each with {scratches}
scratches and {dust} specks of dust, white or black, with soft edges and an opacity of 0.5 to 1.
*Precision* is the fraction of proposed pixels that are damaged. *Recall* is the fraction of
damaged pixels that are proposed. A distance of one pixel counts as right. *Undamaged* is the
fraction of pixels proposed in the undamaged photograph, where every proposal is wrong.

| photograph | damaged | precision | recall | undamaged |
|---|---|---|---|---|
{rows}

Fine, strong texture (foliage, grass, fences, grain) hides scratches and looks like them. There the
proposal is poor and needs a look. Faint scratches, wide scratches (over some 6 pixels) and stains
are not proposed. Written by `python -m tools.docs.scratches --data PHOTOGRAPHS`.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(description="Measure how well scratches and dust are found.")
    p.add_argument(
        "--data", type=Path, metavar="DIR", help="photographs, besides scikit-image's own"
    )
    p.add_argument("--photographs", type=int, metavar="N", help="only the first N of either")
    p.add_argument(
        "-o", "--output", type=Path, default=DOCS / "scratches.md", metavar="FILE", help="the page"
    )
    return p


def reduced(photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photograph of at most `LONGEST` pixels along a side."""
    factor = min(1.0, LONGEST / max(photograph.shape[:2]))
    height, width = (max(round(side * factor), 1) for side in photograph.shape[:2])
    return np.asarray(
        Image.fromarray(photograph).resize((width, height), Image.Resampling.LANCZOS)
    )


def measured(photograph: NDArray[np.uint8], seed: int) -> Found:
    """Success on one photograph, with damage of a seed."""
    picture, mask = damaged(photograph, np.random.default_rng(seed))
    return judged(propose_damage(to_float(picture)), mask, propose_damage(to_float(photograph)))


def row(name: str, found: Found) -> str:
    """Row of the table."""
    return (
        f"| {name} | {100 * found.damaged:.1f} % | {found.precision:.2f} | {found.recall:.2f} "
        f"| {100 * found.undamaged:.2f} % |"
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the page."""
    args = parser().parse_args(argv)
    groups = {"photographs of scikit-image": embedded_images()}
    if args.data is not None:
        groups["photographs"] = find_images(args.data)
    rows = []
    for group, paths in groups.items():
        scores = []
        for seed, path in enumerate(paths[: args.photographs]):
            scores.append(measured(reduced(read_rgb(path)), seed))
            rows.append(row(path.name, scores[-1]))
        rows.append(row(f"**mean of {len(scores)} {group}**", Found(*np.mean(scores, axis=0))))
    text = TEXT.format(scratches=SCRATCHES, dust=DUST, rows="\n".join(rows))
    write_whole(args.output, text.encode())
    print(text)


if __name__ == "__main__":
    run(main)
