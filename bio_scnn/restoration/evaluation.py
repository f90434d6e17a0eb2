"""Scores of several methods on the same pictures and holes: means and confidence intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bio_scnn.data.datasets import embedded_images, find_images, validation_crops
from bio_scnn.data.images import from_float, read_rgb
from bio_scnn.data.masks import MASK_KINDS, make_mask
from bio_scnn.restoration.methods import REFERENCE, Method
from bio_scnn.restoration.metrics import evaluate

COLUMNS = ("hole_psnr", "ssim", "mse", "hole_mse")

RESAMPLES = 9999


def find_pictures(
    folder: Path | None,
    size: int,
    number: int | None,
    seed: int,
    skipped: list[tuple[Path, str]],
    *,
    grey: bool = False,
) -> tuple[list[NDArray[np.uint8]], NDArray[np.intp]]:
    """Pictures to measure on, uint8, and the number of the photograph each is cut from.

    Parameters
    ----------
    folder : Path, optional
        Of photographs; by default those of scikit-image.
    size : int
        Side of the square crops in pixels, or 0 for whole pictures.
    number : int, optional
        Pictures in all; by default two crops of each photograph, or all whole pictures.
    seed : int
        Of the crops.
    skipped : list of (Path, str)
        Unreadable files and why are appended.
    grey : bool
        Reduce them to their luma.
    """
    images = find_images(folder) if folder else embedded_images()
    if size:
        crops = validation_crops(images, size, number or 2 * len(images), seed, skipped)
        pictures = list(from_float(crops, np.uint8))
        photographs = len(images) - len(skipped)
    else:
        pictures = [read_rgb(path) for path in images[:number]]
        photographs = len(pictures)
    if grey:
        pictures = [np.asarray(Image.fromarray(picture).convert("L")) for picture in pictures]
    return pictures, np.arange(len(pictures)) % photographs


def score(
    methods: dict[str, Method],
    pictures: Sequence[NDArray],
    kind: str,
    seed: int,
    coverage: float | None = None,
) -> Iterator[tuple[str, dict[str, float]]]:
    """Scores of every method on every picture, one at a time, as (name, `COLUMNS`)."""
    for number, picture in enumerate(pictures):
        rng = np.random.default_rng([seed, MASK_KINDS.index(kind), number])
        mask = make_mask(kind, picture.shape[:2], rng, coverage)
        for name, method in methods.items():
            found = evaluate(method(picture, mask), picture, mask)
            yield name, {column: getattr(found, column) for column in COLUMNS}


def summaries(
    methods: dict[str, Method],
    pictures: Sequence[NDArray],
    photograph: NDArray[np.intp],
    seed: int,
    coverage: float | None = None,
    *,
    scored: Callable[[], object] = lambda: None,
) -> dict[str, dict[str, dict[str, Any]]]:
    """`summary` of every kind of mask; `scored` is called after every method on every picture."""
    found = {}
    for kind in MASK_KINDS:
        scores: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
        for name, row in score(methods, pictures, kind, seed, coverage):
            scores[name].append(row)
            scored()
        found[kind] = summary(scores, photograph)
    return found


def summary(
    scores: dict[str, list[dict[str, float]]], photograph: NDArray[np.intp]
) -> dict[str, dict[str, Any]]:
    """Means of the columns of every method, and confidence intervals of those of hole PSNR.

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


def bootstrap(
    values: NDArray[np.float64], photograph: NDArray[np.intp], seed: int = 0
) -> tuple[float, float]:
    """95 % confidence interval of a mean, by resampling photographs (bootstrap).

    Crops of one photograph are alike, so they are drawn or left out together.

    Parameters
    ----------
    values : array, shape (pictures,)
    photograph : array of int, shape (pictures,)
        The number of the photograph a picture was cut from; every number up to the largest.
    seed : int

    Returns
    -------
    low, high : float
        The 2.5 % and 97.5 % quantiles of the means of the resampled photographs [1]_; NaN if
        there is only one photograph, or some value is not finite. With few photographs they
        are too close: of 8 normal values they hold the true mean nine times in ten.

    References
    ----------
    .. [1] B. Efron, R. J. Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13.
    """
    counts = np.bincount(photograph)
    if len(counts) < 2 or not np.isfinite(values).all():
        return float("nan"), float("nan")
    sums = np.bincount(photograph, weights=values)
    drawn = np.random.default_rng(seed).integers(len(counts), size=(RESAMPLES, len(counts)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)
