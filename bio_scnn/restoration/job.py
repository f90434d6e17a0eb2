"""One picture file from its request to its result: read, restored, measured and drawn."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.images import image_file, output_path_for, read_image, read_mask
from bio_scnn.data.masks import MASK_KINDS, make_mask
from bio_scnn.errors import InputError
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.options import Quality, SpikingOptions
from bio_scnn.restoration.inpainting import restore
from bio_scnn.restoration.metrics import Evaluation, evaluate
from bio_scnn.restoration.panel import draw_panel, shown_step
from bio_scnn.restoration.result import Restoration
from bio_scnn.restoration.scale import scale_of


@dataclass(frozen=True)
class Request:
    """Request for restored pictures, apart from any command line; it can be sent elsewhere.

    Attributes
    ----------
    mask : Path, optional
        Image of the missing pixels; without it, holes are made.
    truth : Path, optional
        The undamaged image of the mask's, to measure against.
    mask_kind : str
        One of `MASK_KINDS`: the holes to make.
    coverage : float, optional
        Fraction of missing pixels of such holes; by default the kind's.
    seed : int
        Of holes and noise.
    model : str
        A shipped model's name, or a file.
    options : SpikingOptions
    quality : {'fast', 'default', 'best'}
    output : Path
        Folder of the results.
    panel : bool
        Also draw what was done.
    report : {'text', 'json', 'none'}
        What is said of a restored picture.
    """

    mask: Path | None = None
    truth: Path | None = None
    mask_kind: str = MASK_KINDS[0]
    coverage: float | None = None
    seed: int = 0
    model: str = "inpaint"
    options: SpikingOptions = field(default_factory=SpikingOptions)
    quality: Quality = "default"
    output: Path = Path("restored")
    panel: bool = True
    report: Literal["text", "json", "none"] = "text"


class Job(NamedTuple):
    """An image to restore, with its mask and, where it is known, the truth."""

    name: str
    image: NDArray
    mask: NDArray[np.bool_]
    truth: NDArray | None
    holes: str  # what the mask is, for people
    restored: Path
    panel: Path


class Done(NamedTuple):
    """A restored job; nothing is written yet."""

    job: Job
    result: Restoration
    measured: Evaluation | None
    seconds: float
    files: dict[Path, bytes]  # the result itself last, so that it tells of both


def prepare(path: Path, request: Request) -> Job:
    """Read an image and its mask, or make holes as requested.

    Raises
    ------
    InputError
        If a file cannot be read, or they do not go together.
    """
    image = read_image(path)
    truth = None
    if request.mask is not None:
        mask, holes = read_mask(request.mask), request.mask.name
        if mask.shape != image.shape[:2]:
            raise InputError(
                f"{request.mask} has {mask.shape[0]} x {mask.shape[1]} pixels, {path} "
                f"{image.shape[0]} x {image.shape[1]}; they must be of the same size"
            )
        if request.truth is not None:
            truth = _read_truth(request.truth, path, image)
    else:
        holes = request.mask_kind
        rng = np.random.default_rng(request.seed)
        mask = make_mask(holes, image.shape[:2], rng, request.coverage)
        truth = image
    panel = request.output / f"{path.stem}_panel.png"
    restored = output_path_for(path, request.output)
    return Job(path.name, image, mask, truth, holes, restored, panel)


def _read_truth(truth_path: Path, path: Path, image: NDArray) -> NDArray:
    truth = read_image(truth_path)
    if truth.shape != image.shape:
        raise InputError(
            f"{truth_path} has shape {truth.shape}, {path} {image.shape}; they must agree"
        )
    if not np.isfinite(truth).all():
        raise InputError(f"{truth_path} holds NaN or infinity; a truth must be finite")
    return truth


def perform(
    job: Job,
    request: Request,
    network: HybridSCNN,
    progress: Callable[[float], None] | None = None,
) -> Done:
    """Restore a job and measure it, and make the files to be saved."""
    start = time.perf_counter()
    step = shown_step(job.mask.shape)
    result = restore(
        job.image,
        job.mask,
        model=network,
        options=request.options,
        quality=request.quality,
        seed=request.seed,
        progress=progress,
        rates_every=step,
        # What follows looks at missing pixels of the truth only.
        overwrite=job.truth is not job.image,
    )
    seconds = time.perf_counter() - start
    measured = None
    if job.truth is not None and (request.panel or request.report != "none"):  # told by these
        measured = measure(job, result.image)
    files = {}
    if request.panel:
        files[job.panel] = panel_of(job, result, measured, step)
    files[job.restored] = image_file(job.restored, result.image)
    return Done(job, result, measured, seconds, files)


def measure(job: Job, restored: NDArray) -> Evaluation:
    """Errors of a restored image against the truth, which must be known."""
    assert job.truth is not None
    if restored.dtype.kind == "u":  # is scaled there, a part at a time
        return evaluate(restored, job.truth, job.mask)
    scale = scale_of(job.image, job.mask)
    return evaluate(scale.to_unit(restored), scale.to_unit(job.truth), job.mask)


def panel_of(job: Job, result: Restoration, measured: Evaluation | None, step: int) -> bytes:
    """Panel of a restored job, of every `step`-th row and column."""
    title = f"{job.name}: {job.holes}, {100 * job.mask.mean():.1f} % missing"
    if measured is not None:
        title += f"; hole PSNR {measured.hole_psnr:.2f} dB"
    scale, seen = scale_of(job.image, job.mask), (slice(None, None, step),) * 2
    return draw_panel(
        scale.to_unit(job.image[seen]),
        job.mask[seen],
        scale.to_unit(result.image[seen]),
        result.rate_maps,
        None if job.truth is None else scale.to_unit(job.truth[seen]),
        title,
    )
