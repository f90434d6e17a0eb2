"""A picture restored, and a window of its neurons recorded: what a page shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bio_scnn.errors import InputError
from bio_scnn.explorer.page import Picture
from bio_scnn.explorer.window import View, Window, record_window
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.restoration.inpainting import restore
from bio_scnn.restoration.job import Job, measure
from bio_scnn.restoration.request import Request
from bio_scnn.restoration.scale import scale_of

LARGEST = 32e6  # bytes of traces in a page; a browser would take long over more


def check_size(
    view: View, shape: tuple[int, ...], network: HybridSCNN, duration_ms: float, dt_ms: float
) -> None:
    """Refuse a view of a picture (H, W) that would make a page that no browser likes.

    Raises
    ------
    InputError
        If its traces take more than `LARGEST` bytes.
    """
    architecture = network.architecture
    rows, columns = (min(view.size, -(-side // architecture.fold)) for side in shape)
    neurons = rows * columns * min(view.maps, architecture.channels)
    # A sample of V and of I takes 16 bits; the rest is about as much as 2 bytes a millisecond for
    # the spikes, and 32.
    size = neurons * (4 * duration_ms / dt_ms + 2 * duration_ms + 32)
    if size > LARGEST:
        raise InputError(
            f"the traces would make a page of about {size / 1e6:,.0f} MB; choose a smaller "
            "--window, fewer --maps, a shorter --duration or a longer --dt"
        )


def explore(
    job: Job,
    request: Request,
    network: HybridSCNN,
    view: View,
    dt_ms: float,
    progress: Callable[[float], None],
) -> tuple[Picture, Window]:
    """Restore a picture, and record a window of its neurons.

    Parameters
    ----------
    job : Job
        Prepared for the request.
    request : Request
    network : HybridSCNN
        With LIF neurons.
    view : View
    dt_ms : float
        Time step of the recorded neurons. The restoration needs no traces, so it takes its own,
        which is longer; the spikes are the same.
    progress : callable
        Called with the fraction done.
    """
    result = restore(
        job.image,
        job.mask,
        model=network,
        options=request.options,
        seed=request.seed,
        progress=lambda fraction: progress(0.9 * fraction),
    )
    window = record_window(
        job.image,
        job.mask,
        network,
        replace(request.options, dt_ms=dt_ms),
        view,
        seed=request.seed,
        progress=lambda fraction: progress(0.9 + 0.1 * fraction),
    )
    scale = scale_of(job.image, job.mask)
    picture = Picture(
        name=job.name,
        holes=job.holes,
        mask=job.mask,
        image=scale.to_unit(job.image),
        restored=scale.to_unit(result.image),
        truth=None if job.truth is None else scale.to_unit(job.truth),
        hole_psnr=None if job.truth is None else measure(job, result.image).hole_psnr,
        neurons=result.neurons,
        spikes=result.spikes,
    )
    return picture, window


def summary(picture: Picture, window: Window) -> list[str]:
    """Lines on what was simulated, for a person."""
    rows, columns, maps = window.z.shape
    measured = "" if picture.hole_psnr is None else f"; hole PSNR {picture.hole_psnr:.2f} dB"
    spikes = window.recording.total_spikes
    lines = [
        f"{picture.name}: {picture.holes}, {100 * picture.mask.mean():.1f} % missing{measured}",
        f"  {rows} x {columns} neurons of {maps} feature maps to look at, {spikes:,} spikes",
    ]
    if not window.noise_std:
        lines.append(
            f"  largest deviation from the closed form: {window.deviation_V.max():.1e} of V, "
            f"{window.deviation_ms.max():.1e} ms of a spike"
        )
    return lines
