"""Tasks of the brush: open a picture, mark damage, restore, record neurons; files in, files out.

Each takes a `Sheet` and what the page asks for, leaves files in the sheet's folder, and returns
what the page is told, ready for JSON.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bio_scnn.brush.sheet import Sheet
from bio_scnn.brush.showing import Look, packed, rates_shown, unpacked
from bio_scnn.commands.batch import model_of
from bio_scnn.commands.fingerprint import fingerprint, with_fingerprint
from bio_scnn.data.images import image_file
from bio_scnn.data.nodata import no_data, stored_nodata
from bio_scnn.data.pictures import picture_file, read_picture
from bio_scnn.errors import InputError
from bio_scnn.explorer.page import Picture, explore_page
from bio_scnn.explorer.window import View, record_window
from bio_scnn.network.options import Quality, SpikingOptions, check_quality
from bio_scnn.neuron._brian2 import load_brian2_meanwhile
from bio_scnn.restoration.job import Done, Job, perform_all, prepare
from bio_scnn.restoration.request import PROPOSED, Request
from bio_scnn.restoration.scale import scale_of
from bio_scnn.runtime.files import write_whole

_WINDOW = View(size=24, maps=6)  # neurons around the one that is asked for
_RECORDED = SpikingOptions(duration_ms=25.0, dt_ms=0.5)

Report = Callable[[float], None]
Answer = dict[str, Any]


def open_picture(sheet: Sheet, report: Report, page: int = 1) -> Answer:
    """A picture's size and pages; what the browser shows of it is saved as ``before``."""
    source = read_picture(sheet.picture, page - 1, sheet.max_pixels)
    empty = no_data(source.pixels, stored_nodata(sheet.picture))
    look = Look.of(source, empty)
    shown = look.save(sheet.folder, "before", source.pixels)
    height, width = source.pixels.shape[:2]
    return {
        "name": sheet.name,
        "width": width,
        "height": height,
        "page": page,
        "pages": source.pages,
        "shown": shown,
        "suffixes": sheet.suffixes,
    }


def propose(sheet: Sheet, report: Report, page: int = 1) -> Answer:
    """Proposed mask, that of ``--mask auto``."""
    request = Request(mask=PROPOSED, page=page, max_pixels=sheet.max_pixels)
    job = prepare(sheet.picture, request, page - 1)
    return _mask_answer(sheet, job)


def read_mask(sheet: Sheet, report: Report, mask: str, page: int = 1) -> Answer:
    """A mask file read as the command line reads it; `mask` is its name in the sheet's folder."""
    request = Request(mask=sheet.folder / mask, page=page, max_pixels=sheet.max_pixels)
    return _mask_answer(sheet, prepare(sheet.picture, request, page - 1))


def _mask_answer(sheet: Sheet, job: Job) -> Answer:
    write_whole(sheet.folder / "marked.bits", packed(job.mask))
    return {
        "bits": "marked.bits",
        "how": f"{100 * job.mask.mean():.2f} % marked: {job.how}",
        "warnings": _mask_warnings(job),
    }


def _mask_warnings(job: Job) -> list[str]:
    # Whoever paints on the upright picture does not ask how it is stored.
    return [line for line in job.warnings if "EXIF orientation" not in line]


def save_mask(sheet: Sheet, report: Report, page: int = 1) -> Answer:
    """File of the painted mask, which the page left in ``painted.bits``."""
    shape = read_picture(sheet.picture, page - 1, sheet.max_pixels).pixels.shape[:2]
    _prepared(sheet, Request(mask=(sheet.painted,), max_pixels=sheet.max_pixels), page, shape)
    return {"mask": sheet.painted.name, "called": sheet.called("mask", ".png")}


def restore(sheet: Sheet, report: Report, quality: str = "default", page: int = 1) -> Answer:
    """The picture restored by the painted mask: the same files as the command line writes.

    Raises
    ------
    InputError
        If nothing is painted, or for whatever the command line would refuse.
    """
    check_quality(quality, None)
    chosen = cast(Quality, quality)
    source = read_picture(sheet.picture, page - 1, sheet.max_pixels)
    empty = no_data(source.pixels, stored_nodata(sheet.picture))
    look, only = Look.of(source, empty), page if source.pages > 1 else None
    shape = source.pixels.shape[:2]
    del source, empty  # is read anew, with its mask
    request = sheet.request(chosen, only, sheet.suffixes[0])
    network = model_of(request.model)
    if request.options.engine == "brian2" and network.unit.simulated:
        load_brian2_meanwhile()
    job = _prepared(sheet, request, page, shape)
    (done,) = perform_all(job, sheet.picture, request, network, report)
    lost = _write(sheet, request, done)
    shown = look.save(sheet.folder, "after", done.result.image)
    rates = rates_shown(done.result.rates, network.architecture.fold)
    write_whole(sheet.folder / "rates.json", json.dumps(rates).encode())
    facts = {"neurons": done.result.neurons, "spikes": done.result.spikes, "page": page}
    write_whole(sheet.folder / "facts.json", json.dumps(facts).encode())
    results = [
        {
            "file": sheet.result(suffix).name,
            "called": sheet.called("restored", suffix),
            "command": sheet.command(sheet.request(chosen, only, suffix)),
        }
        for suffix in sheet.suffixes
        if sheet.result(suffix).exists()
    ]
    return {
        "shown": shown,
        "rates": "rates.json",
        "mask": sheet.mask.name,
        "mask_called": sheet.called("mask", ".png"),
        "results": results,
        "lost": lost,
        "said": _said(done),
        "warnings": _mask_warnings(done.job),
    }


def _prepared(sheet: Sheet, request: Request, page: int, shape: tuple[int, ...]) -> Job:
    """Job of the painted mask, whose file is read back as it was painted.

    White on black is read as a copy of the picture where the picture is of much the same black and
    white; then a layer of one colour says it.
    """
    file = sheet.painted
    mask = unpacked((sheet.folder / "painted.bits").read_bytes(), shape)
    if not mask.any():
        raise InputError("nothing is marked yet; paint over the damage first")
    white = np.where(mask, np.uint8(255), np.uint8(0))
    pink = np.broadcast_to(np.array([255, 51, 153], np.uint8), (*shape, 3))
    trouble: InputError | None = None
    for form in (white, np.dstack([pink, white])):
        write_whole(file, image_file(file, form))
        try:
            job = prepare(sheet.picture, request, page - 1)
        except InputError as error:
            trouble = trouble or error
            continue
        if np.array_equal(job.mask, mask):
            return job
    raise trouble or InputError("the mask cannot be told from the picture; mark another part too")


def _write(sheet: Sheet, request: Request, done: Done) -> list[str]:
    """Write the result in each of its forms; names of what the first of them lost."""
    whole = [(done.job.source, done.result.image, done.job.mask)]
    settings = fingerprint(sheet.picture, request)
    files = {request.output: done.files[request.output]}
    for suffix in sheet.suffixes[1:]:
        path = sheet.result(suffix)
        path.unlink(missing_ok=True)
        with contextlib.suppress(InputError):  # the form of the picture itself is enough
            files[path] = picture_file(path, whole)[0]
    for path, data in with_fingerprint(files, settings).items():
        write_whole(path, data)
    write_whole(sheet.mask, sheet.painted.read_bytes())
    return done.lost


def _said(done: Done) -> str:
    result, missing = done.result, 100 * done.job.mask.mean()
    text = f"{missing:.2f} % restored in {done.seconds:.1f} s"
    if result.neurons:
        return f"{text}; {result.neurons:,} neurons simulated, {result.spikes:,} spikes"
    return f"{text}; nothing simulated"


def show_neurons(sheet: Sheet, report: Report, row: int = 0, column: int = 0) -> Answer:
    """Page of the neurons around a pixel of the restored picture, recorded once more.

    Parameters
    ----------
    sheet : Sheet
    report : callable
    row, column : int
        Of the picture, from 0.
    """
    if not (sheet.folder / "facts.json").exists():
        raise InputError("nothing is restored yet; restore the picture first")
    facts = json.loads((sheet.folder / "facts.json").read_bytes())
    page, network = facts["page"], model_of(sheet.model)
    request = Request(mask=(sheet.mask,), page=page, max_pixels=sheet.max_pixels)
    job = prepare(sheet.picture, request, page - 1)
    view = replace(_WINDOW, centre=(row, column))
    window = record_window(job.image, job.unknown, network, _RECORDED, view, progress=report)
    file = [sheet.result(s) for s in sheet.suffixes if sheet.result(s).exists()][-1]
    result = read_picture(file, 0, sheet.max_pixels).pixels
    scale = scale_of(job.image, job.unknown)

    def unit(image: NDArray) -> NDArray:
        return np.nan_to_num(scale.to_unit(image))

    picture = Picture(
        name=sheet.name,
        holes="painted",
        mask=job.unknown,
        image=unit(job.image),
        restored=unit(result),
        truth=None,
        hole_psnr=None,
        neurons=facts["neurons"],
        spikes=facts["spikes"],
    )
    data = explore_page(picture, window, network.lif).encode(errors="replace")
    write_whole(sheet.folder / "neurons.html", data)
    return {"page": "neurons.html", "at": f"{row},{column}"}


TASKS: dict[str, Callable[..., Answer]] = {
    "open": open_picture,
    "propose": propose,
    "read": read_mask,
    "mask": save_mask,
    "restore": restore,
    "neurons": show_neurons,
}
"""Tasks by the names that the page asks for."""


def perform(sheet: Sheet, task: str, options: dict[str, Any], report: Report) -> Answer:
    """Answer of a task; in its errors the picture has its user's name, not that of a file of ours.

    Raises
    ------
    InputError
        Says in one line what is wrong.
    """
    try:
        return TASKS[task](sheet, report, **options)
    except InputError as error:
        raise InputError(plain_words(sheet, str(error))) from error


def plain_words(sheet: Sheet, text: str) -> str:
    """Message in which files are called as their user calls them."""
    mask = sheet.called("mask", ".png")
    names = {sheet.picture: sheet.name, sheet.mask: mask, sheet.painted: mask}
    names |= {sheet.result(s): sheet.called("restored", s) for s in sheet.suffixes}
    for path, name in names.items():
        text = text.replace(str(path), name)
    return text.replace(f"{sheet.folder}/", "").replace(str(Path(sheet.folder)), "")
