"""Synthetic scratches and dust on photographs, and how well a proposed mask finds them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SCRATCHES, DUST = 8, 40
_SEEN = 0.25  # opacity above which a pixel counts as damaged


class Found(NamedTuple):
    """Success of a proposal on one photograph.

    Attributes
    ----------
    precision : float
        Fraction of the proposed pixels that are damaged, or next to one that is.
    recall : float
        Fraction of the damaged pixels that are proposed, or next to one that is.
    damaged : float
        Fraction of the photograph that is damaged.
    undamaged : float
        Fraction of the whole photograph that is proposed before it is damaged.
    """

    precision: float
    recall: float
    damaged: float
    undamaged: float


def damaged(
    photograph: NDArray, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A photograph with scratches and dust, and where they are.

    Scratches are bent lines, 1 to 3.5 pixels wide, a tenth to 0.7 of the longer side long, half of
    them nearly upright as on film; specks of dust are ellipses of 1 to 3.5 pixels in radius. All
    have soft edges and an opacity of 0.5 to 1; seven in ten are white, the others black.

    Parameters
    ----------
    photograph : array of uint8, shape (H, W, 3)
    rng : numpy.random.Generator

    Returns
    -------
    picture : array of uint8, shape (H, W, 3)
    mask : bool array, shape (H, W)
    """
    picture = photograph.astype(np.float64)
    height, width, _ = photograph.shape
    mask = np.zeros((height, width), bool)
    for draw in [_scratch] * SCRATCHES + [_speck] * DUST:
        opacity = draw((height, width), rng)
        colour = 255.0 if rng.random() < 0.7 else 0.0
        picture += opacity[..., np.newaxis] * (colour - picture)
        mask |= opacity > _SEEN
    return np.rint(picture).astype(np.uint8), mask


def judged(
    proposal: NDArray[np.bool_], mask: NDArray[np.bool_], undamaged: NDArray[np.bool_]
) -> Found:
    """Success of a proposal, given the damage and the proposal for the undamaged photograph."""

    def near(of: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return ndimage.binary_dilation(of, np.ones((3, 3), bool))

    def share(part: NDArray[np.bool_], of: NDArray[np.bool_]) -> float:
        return int(np.count_nonzero(part)) / max(int(np.count_nonzero(of)), 1)

    return Found(
        share(proposal & near(mask), proposal),
        share(mask & near(proposal), mask),
        float(mask.mean()),
        float(undamaged.mean()),
    )


def _scratch(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    height, width = shape
    thick, length = rng.uniform(1, 3.5), rng.uniform(0.1, 0.7) * max(shape)
    upright = np.pi / 2 + rng.normal(0, 0.1)
    start = upright if rng.random() < 0.5 else rng.uniform(0, np.pi)
    along = np.arange(0, length, 0.25)
    angle = start + rng.normal(0, 0.5) * along / length
    angle += np.cumsum(rng.normal(0, 0.004, len(along)))
    # Its middle is inside.
    rows, columns = (np.cumsum(f(angle)) * 0.25 for f in (np.sin, np.cos))
    rows += rng.uniform(0, height) - rows[len(rows) // 2]
    columns += rng.uniform(0, width) - columns[len(columns) // 2]
    inside = (rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)
    away = np.ones(shape, bool)
    away[np.rint(rows[inside]).astype(int), np.rint(columns[inside]).astype(int)] = False
    distance = ndimage.distance_transform_edt(away)
    return np.clip(thick / 2 + 0.5 - distance, 0, 1) * rng.uniform(0.5, 1)


def _speck(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    radius, stretch = rng.uniform(1, 3.5), rng.uniform(0.6, 1.6)
    row, column = (rng.uniform(0, side) for side in shape)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    distance = np.hypot((rows - row) * stretch, (columns - column) / stretch)
    return np.clip(radius + 0.5 - distance, 0, 1) * rng.uniform(0.5, 1)
