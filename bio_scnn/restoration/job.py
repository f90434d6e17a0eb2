"""One picture file from its request to its result: read, restored, measured and drawn."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.images import image_file, read_image
from bio_scnn.data.mask_files import finished, read_mask_for
from bio_scnn.data.mask_reading import Reading
from bio_scnn.data.masks import make_mask
from bio_scnn.data.nodata import no_data, stored_nodata
from bio_scnn.errors import InputError
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.restoration.inpainting import restore
from bio_scnn.restoration.metrics import Evaluation, evaluate
from bio_scnn.restoration.outputs import Outputs, outputs_of
from bio_scnn.restoration.panel import draw_panel, shown_step
from bio_scnn.restoration.proposal import proposal_files, proposed
from bio_scnn.restoration.request import NO_DATA, PROPOSED, Request
from bio_scnn.restoration.result import Restoration
from bio_scnn.restoration.scale import scale_of
from bio_scnn.runtime.files import encodable


class Job(NamedTuple):
    """An image to restore, with its mask and, where it is known, the truth."""

    name: str
    image: NDArray
    mask: NDArray[np.bool_]
    truth: NDArray | None
    holes: str  # what the mask is, for people
    outputs: Outputs
    how: str = ""  # the rule by which the mask was read
    warnings: tuple[str, ...] = ()
    nodata: NDArray[np.bool_] | None = None  # pixels that nothing is restored from
    nodata_value: float | None = None

    @property
    def restored(self) -> Path:
        """File of the result."""
        return self.outputs.restored

    @property
    def panel(self) -> Path:
        """File of the panel."""
        return self.outputs.panel

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """Pixels that are missing or hold no data."""
        return self.mask if self.nodata is None else self.mask | self.nodata


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
    if (value := request.nodata) is None:
        value = stored_nodata(path)
    empty, truth, how = no_data(image, value), None, ""
    warnings: tuple[str, ...] = ()
    if request.masks:
        reading = _mask(path, image, empty, request)
        mask, how, warnings = reading
        holes = request.masks[0].name
        if request.truth is not None:
            truth = _read_truth(request.truth, path, image)
    else:
        holes = request.mask_kind
        rng = np.random.default_rng(request.seed)
        mask = make_mask(holes, image.shape[:2], rng, request.coverage)
        if empty is not None:
            mask &= ~empty
        truth = image
    if empty is not None and (empty & ~mask).any():
        empty = empty & ~mask
        warnings += (
            f"{path.name}: {np.count_nonzero(empty):,} pixels hold no data; they stay as they "
            "are, and nothing is restored from them (--mask nodata restores them)",
        )
    else:
        empty = None
    names = outputs_of(path, request.output, request.one_file)
    return Job(path.name, image, mask, truth, holes, names, how, warnings, empty, value)


def _mask(
    path: Path, image: NDArray, empty: NDArray[np.bool_] | None, request: Request
) -> Reading:
    """Mask of a picture as it was given, or those of its pixels that hold no data."""
    if len(request.masks) > 1:
        raise InputError(
            f"{path} is one picture, and {len(request.masks)} masks are given; give one, or one "
            "for each page"
        )
    (mask,) = request.masks
    if mask == NO_DATA:
        if empty is None:
            raise InputError(
                f"{path} has no pixel without data: no NaN, infinity or value of its nodata tag; "
                "name the value by --nodata"
            )
        return Reading(empty, "where it holds no data")
    reading = (
        proposed(path, image, empty) if mask == PROPOSED else read_mask_for(path, mask, image)
    )
    return finished(
        reading,
        mask,
        invert=request.mask_invert,
        grow=request.mask_grow,
        most=request.max_missing,
    )


def _read_truth(truth_path: Path, path: Path, image: NDArray) -> NDArray:
    truth = read_image(truth_path)
    if truth.shape != image.shape:
        raise InputError(
            f"{truth_path} has shape {truth.shape}, {path} {image.shape}; they must agree"
        )
    if not np.isfinite(truth).all():
        raise InputError(f"{truth_path} holds NaN or infinity; a truth must be finite")
    return truth


def propose(job: Job) -> dict[Path, bytes]:
    """Files of a proposed mask."""
    return proposal_files(job.image, job.mask, job.unknown, job.outputs)


def perform(
    job: Job,
    request: Request,
    network: HybridSCNN,
    progress: Callable[[float], None] | None = None,
) -> Done:
    """Restore a job and measure it, and make the files to be saved."""
    start = time.perf_counter()
    files = propose(job) if PROPOSED in request.masks else {}  # of the picture as it was
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
        nodata=job.nodata_value,
        # What follows looks at missing pixels of the truth only.
        overwrite=job.truth is not job.image,
    )
    seconds = time.perf_counter() - start
    measured = None
    if job.truth is not None and (request.panel or request.report != "none"):  # told by these
        measured = measure(job, result.image)
    if request.panel:
        files[job.panel] = panel_of(job, result, measured, step)
    files[job.restored] = image_file(job.restored, result.image)
    return Done(job, result, measured, seconds, files)


def measure(job: Job, restored: NDArray) -> Evaluation:
    """Errors of a restored image against the truth, which must be known."""
    assert job.truth is not None
    if restored.dtype.kind == "u":  # is scaled there, a part at a time
        return evaluate(restored, job.truth, job.mask)
    scale = scale_of(job.image, job.unknown)
    # What holds no data is alike in both.
    return evaluate(
        np.nan_to_num(scale.to_unit(restored)), np.nan_to_num(scale.to_unit(job.truth)), job.mask
    )


def panel_of(job: Job, result: Restoration, measured: Evaluation | None, step: int) -> bytes:
    """Panel of a restored job, of every `step`-th row and column."""
    title = f"{encodable(job.name)}: {encodable(job.holes)}, {100 * job.mask.mean():.1f} % missing"
    if measured is not None:
        title += f"; hole PSNR {measured.hole_psnr:.2f} dB"
    scale, seen = scale_of(job.image, job.unknown), (slice(None, None, step),) * 2

    def shown(image: NDArray) -> NDArray:
        return np.nan_to_num(scale.to_unit(image[seen]))

    return draw_panel(
        shown(job.image),
        job.mask[seen],
        shown(result.image),
        result.rate_maps,
        None if job.truth is None else shown(job.truth),
        title,
    )
