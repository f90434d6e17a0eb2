"""One picture on the command line: read with its mask, restored, measured and drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.images import output_path_for, read_image, read_mask, to_float
from bio_scnn.data.masks import make_mask
from bio_scnn.errors import InputError
from bio_scnn.restoration.metrics import Evaluation, evaluate
from bio_scnn.restoration.picture import unit_range


class Job(NamedTuple):
    """One image to restore; the truth, where it is known."""

    name: str
    image: NDArray
    mask: NDArray[np.bool_]
    truth: NDArray | None
    holes: str  # what the mask is, for people
    restored: Path
    panel: Path


def prepare(
    path: Path,
    output: Path,
    *,
    mask_path: Path | None = None,
    truth_path: Path | None = None,
    mask_kind: str = "",
    coverage: float | None = None,
    seed: int = 0,
) -> Job:
    """Read an image and its mask, or draw holes of a kind; results will go to a folder."""
    image = read_image(path)
    truth = None
    if mask_path is not None:
        mask, holes = read_mask(mask_path), mask_path.name
        if mask.shape != image.shape[:2]:
            raise InputError(
                f"{mask_path} has {mask.shape[0]} x {mask.shape[1]} pixels, {path} "
                f"{image.shape[0]} x {image.shape[1]}; they must be of the same size"
            )
        if truth_path is not None:
            truth = read_image(truth_path)
            if truth.shape != image.shape:
                raise InputError(
                    f"{truth_path} has shape {truth.shape}, {path} {image.shape}; they must agree"
                )
            if not np.isfinite(truth).all():
                raise InputError(f"{truth_path} holds NaN or infinity; a truth must be finite")
    else:
        holes = mask_kind
        mask = make_mask(holes, image.shape[:2], np.random.default_rng(seed), coverage)
        truth = image
    restored = output_path_for(path, output)
    return Job(path.name, image, mask, truth, holes, restored, output / f"{path.stem}_panel.png")


def measure(job: Job, restored: NDArray) -> Evaluation:
    """How far a restored image is from the truth, which must be known."""
    assert job.truth is not None
    if restored.dtype.kind == "u":  # is scaled there, a part at a time
        return evaluate(restored, job.truth, job.mask)
    unit = scaler(job)
    return evaluate(unit(restored), unit(job.truth), job.mask)


def scaler(job: Job) -> Callable[[NDArray], NDArray[np.float64]]:
    """How the values of a job's images are mapped to [0, 1], for measuring and drawing."""
    low, span = unit_range(job.image, job.mask)

    def unit(image: NDArray) -> NDArray[np.float64]:
        return to_float(image) if image.dtype.kind == "u" else (image - low) / span

    return unit


def known_only(image: NDArray, mask: NDArray[np.bool_]) -> NDArray:
    """Zero in place of missing pixels, which may hold anything."""
    return np.where(mask.reshape(*mask.shape, *[1] * (image.ndim - 2)), 0, image)
