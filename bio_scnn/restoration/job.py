"""One picture file from its request to its result: read, restored, measured and drawn."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.codecs import Stored
from bio_scnn.data.forms import settle
from bio_scnn.data.masks import make_mask
from bio_scnn.data.nodata import no_data, stored_nodata
from bio_scnn.data.pictures import picture_file, read_picture
from bio_scnn.errors import InputError
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.restoration.inpainting import restore
from bio_scnn.restoration.mask import given_mask
from bio_scnn.restoration.metrics import Evaluation, evaluate
from bio_scnn.restoration.outputs import Outputs, outputs_of
from bio_scnn.restoration.panel import draw_panel, shown_step
from bio_scnn.restoration.proposal import proposal_files
from bio_scnn.restoration.request import PROPOSED, Request
from bio_scnn.restoration.result import Restoration
from bio_scnn.restoration.scale import scale_of, type_scale
from bio_scnn.runtime.files import encodable


class Job(NamedTuple):
    """An image to restore, one page of a file, with its mask and, where it is known, the truth."""

    name: str
    source: Stored
    mask: NDArray[np.bool_]
    truth: NDArray | None
    holes: str  # what the mask is, for people
    outputs: Outputs
    page: int = 0  # from 0; of a file of one page that one
    how: str = ""  # the rule by which the mask was read
    warnings: tuple[str, ...] = ()
    nodata: NDArray[np.bool_] | None = None  # pixels that nothing is restored from
    nodata_value: float | None = None

    @property
    def image(self) -> NDArray:
        """Pixels to work on."""
        return self.source.pixels

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
    """A restored job; nothing is written yet, and of several pages the last has the file."""

    job: Job
    result: Restoration
    measured: Evaluation | None
    seconds: float
    files: dict[Path, bytes]  # the result itself last, so that it tells of both
    lost: list[str]  # names of what of the picture's file is not in the result's


def prepare(path: Path, request: Request, page: int = 0) -> Job:
    """Read an image and its mask, or make holes as requested.

    Parameters
    ----------
    path : Path
    request : Request
    page : int
        Of the file, from 0.

    Raises
    ------
    InputError
        If a file cannot be read, or they do not go together.
    """
    source = read_picture(path, page, request.max_pixels)
    image, truth, how = source.pixels, None, ""
    value = stored_nodata(path) if request.nodata is None else request.nodata
    empty = no_data(image, value)
    warnings = tuple(f"{path}: {doubt}" for doubt in source.doubts)
    if request.masks:
        mask, how, more = given_mask(path, source, page, empty, request)
        warnings += more
        holes = request.masks[0].name
        if request.truth is not None:
            truth = _read_truth(request, path, source, page)
    else:
        holes = request.mask_kind
        rng = np.random.default_rng(request.seed)
        mask = make_mask(holes, image.shape[:2], rng, request.coverage)
        if empty is not None:
            mask &= ~empty
        truth = image
    several = source.pages > 1
    name = f"{path.name}, page {page + 1} of {source.pages}" if several else path.name
    if empty is not None:
        empty = empty & ~mask if (empty & ~mask).any() else None
    if empty is not None:
        warnings += (
            f"{name}: {np.count_nonzero(empty):,} pixels hold no data; they stay as they "
            "are, and nothing is restored from them (--mask nodata restores them)",
        )
    files = outputs_of(path, request.output, request.one_file)
    return Job(name, source, mask, truth, holes, files, page, how, warnings, empty, value)


def _read_truth(request: Request, path: Path, source: Stored, page: int) -> NDArray:
    truth_path, image = request.truth, source.pixels
    assert truth_path is not None
    read = read_picture(truth_path, page, request.max_pixels)
    truth = read.pixels
    if truth.shape != image.shape:
        raise InputError(
            f"{truth_path} has shape {truth.shape}, {path} {image.shape}; they must agree"
        )
    if "inks" in (read.form.kind, source.form.kind) and read.form.kind != source.form.kind:
        raise InputError(f"{truth_path} and {path}: only one of them holds inks; they must agree")
    if not np.isfinite(truth).all():
        raise InputError(f"{truth_path} holds NaN or infinity; a truth must be finite")
    return truth


def propose(job: Job) -> dict[Path, bytes]:
    """Files of a proposed mask."""
    return proposal_files(job.image, job.mask, job.unknown, job.outputs)


def perform_all(
    job: Job,
    path: Path,
    request: Request,
    network: HybridSCNN,
    progress: Callable[[float], None] | None = None,
) -> list[Done]:
    """Restore a picture file, all its pages or the one requested, and make the files to be saved.

    Parameters
    ----------
    job : Job
        Prepared of its first page, or of the one requested.
    path, request, network, progress
        As for `prepare` and `perform`.

    Raises
    ------
    InputError
        If a file cannot be read, or they do not go together.
    """
    pages = job.source.pages if request.page is None else 1
    if pages == 1:
        return [perform(job, request, network, progress)]
    if (pixels := pages * job.mask.size) > request.max_pixels:
        raise InputError(
            f"{path}: its {pages} pages have about {pixels / 1e6:,.0f} million pixels together; "
            f"no more than {request.max_pixels / 1e6:,.0f} million are held at a time; restore "
            f"one with --page, or lift the limit with --max-pixels {pixels}"
        )
    done = []
    for number in range(pages):

        def report(fraction: float, number: int = number) -> None:
            if progress is not None:
                progress((number + fraction) / pages)

        if number > 0:
            job = prepare(path, request, number)
        done.append(_restored(job, request, network, report))
        if job.mask.any():
            request = replace(request, panel=False)  # the first one's is enough
    if not any(one.job.mask.any() for one in done):
        raise InputError(
            f"{path}: the mask is empty on all {pages} pages, there is nothing to restore; "
            "make missing pixels white and the others black"
        )
    return _with_file(done)


def perform(
    job: Job,
    request: Request,
    network: HybridSCNN,
    progress: Callable[[float], None] | None = None,
) -> Done:
    """Restore a job and measure it, and make the files to be saved."""
    return _with_file([_restored(job, request, network, progress)])[0]


def _with_file(done: list[Done]) -> list[Done]:
    """Restored pages of one picture, the last of them with its file."""
    job = done[-1].job
    whole = [(one.job.source, one.result.image, one.job.mask) for one in done]
    data, lost = picture_file(job.restored, whole)
    if other := job.source.pages - len(done):
        lost = [f"its other {other} page(s), as --page says", *lost]
    files = {**done[-1].files, job.restored: data}
    return [*done[:-1], done[-1]._replace(files=files, lost=lost)]


def _restored(
    job: Job,
    request: Request,
    network: HybridSCNN,
    progress: Callable[[float], None] | None,
) -> Done:
    """A job restored and measured; the only file made is the panel."""
    start = time.perf_counter()
    if not job.mask.any():  # a page without damage, among others
        untouched = Restoration(job.image, engine="nothing is missing here")
        return Done(job, untouched, None, 0.0, {}, [])
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
        # What follows looks at missing pixels of the truth only.
        overwrite=job.truth is not job.image,
        alpha=job.source.form.has_alpha,
        nodata=job.nodata_value,
    )
    settle(job.source.form, result.image, job.mask)
    seconds = time.perf_counter() - start
    measured = None
    if job.truth is not None and (request.panel or request.report != "none"):  # told by these
        measured = measure(job, result.image)
    if request.panel:
        files[job.panel] = panel_of(job, result, measured, step)
    return Done(job, result, measured, seconds, files, [])


def measure(job: Job, restored: NDArray) -> Evaluation:
    """Errors of a restored image against the truth, which must be known."""
    assert job.truth is not None
    scale = scale_of(job.image, job.unknown)
    if restored.dtype.kind == "u" and scale == type_scale(restored.dtype):
        return evaluate(restored, job.truth, job.mask)  # is scaled there, a part at a time
    # What holds no data is alike in both.
    unit, truth = (np.nan_to_num(scale.to_unit(image)) for image in (restored, job.truth))
    return evaluate(unit, truth, job.mask)


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
