"""One picture on the command line: read with its mask, restored, measured and drawn."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.cli import picture_bar
from bio_scnn.codegen import load_brian2_meanwhile
from bio_scnn.errors import InputError
from bio_scnn.images import image_file, output_path_for, read_image, read_mask, to_float
from bio_scnn.masks import make_mask
from bio_scnn.metrics import Evaluation, evaluate
from bio_scnn.model import HybridSCNN, SpikingOptions
from bio_scnn.panel import draw_panel, shown_step
from bio_scnn.restoration import Restoration, restore, unit_range


class Job(NamedTuple):
    """One image to restore; the truth, where it is known."""

    name: str
    image: NDArray
    mask: NDArray[np.bool_]
    truth: NDArray | None
    holes: str  # what the mask is, for people
    restored: Path
    panel: Path


class Processed(NamedTuple):
    """What became of a job; nothing is written yet."""

    result: Restoration
    measured: Evaluation | None
    seconds: float
    files: dict[Path, bytes]  # the result itself last, so that it tells of both


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


def process(
    job: Job,
    args: argparse.Namespace,
    network: HybridSCNN,
    options: SpikingOptions,
    *,
    quiet: bool = False,
) -> Processed:
    """Restore and measure one image, and make the files to be saved."""
    start = time.perf_counter()
    if options.engine == "brian2" and network.architecture.neurons == "lif":
        load_brian2_meanwhile()
    step = shown_step(job.mask.shape)
    with picture_bar(job.name, quiet=quiet or args.quiet or args.json) as bar:
        result = restore(
            job.image,
            job.mask,
            model=network,
            options=options,
            quality=args.quality,
            seed=args.seed,
            progress=lambda fraction: bar.update(fraction - bar.n),
            rates_every=step,
            # What follows looks at missing pixels of the truth only.
            overwrite=job.truth is not job.image,
        )
    seconds = time.perf_counter() - start
    measured = None
    if job.truth is not None and (args.panel or args.json or not args.quiet):  # told by these
        measured = measure(job, result.image)
    files = {}
    if args.panel:
        files[job.panel] = panel(job, result, measured, step)
    files[job.restored] = image_file(job.restored, result.image)
    return Processed(result, measured, seconds, files)


def panel(job: Job, result: Restoration, measured: Evaluation | None, step: int) -> bytes:
    """Draw what became of a job, with every `step`-th row and column."""
    unit = scaler(job)
    title = f"{job.name}: {job.holes}, {100 * job.mask.mean():.1f} % missing"
    if measured is not None:
        title += f"; hole PSNR {measured.hole_psnr:.2f} dB"
    seen = slice(None, None, step), slice(None, None, step)
    return draw_panel(
        known_only(unit(job.image[seen]), job.mask[seen]),
        job.mask[seen],
        unit(result.image[seen]),
        result.rate_maps,
        None if job.truth is None else unit(job.truth[seen]),
        title,
    )


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
