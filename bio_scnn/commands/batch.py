"""Many pictures: found, and restored one by one, in several processes, or on a cluster.

Apart from the command line itself, since other processes import this module by its name.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from bio_scnn.commands.fingerprint import fingerprint, with_fingerprint
from bio_scnn.commands.progress import Progress
from bio_scnn.commands.report import report_on, report_proposal
from bio_scnn.data.datasets import embedded_images, find_images
from bio_scnn.data.mask_files import is_mask_beside, masks_for
from bio_scnn.data.stamps import same_but_stamp
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.neuron._brian2 import load_brian2_meanwhile
from bio_scnn.restoration.job import perform_all, prepare, propose
from bio_scnn.restoration.outputs import check_names, check_output
from bio_scnn.restoration.request import NO_DATA, PROPOSED, Request
from bio_scnn.runtime.cluster import Cluster
from bio_scnn.runtime.files import place_of, same_name, write_keeping, write_whole
from bio_scnn.runtime.places import Here, Place
from bio_scnn.runtime.tasks import Failure


class Outcome(NamedTuple):
    """Outcome of one image: a report and files, or the one line that says why there are none.

    The files are not written yet; they are in the order in which they have to be.
    """

    path: Path
    report: str = ""
    files: dict[Path, bytes] = {}  # noqa: RUF012 # is never changed
    error: str = ""
    warnings: tuple[str, ...] = ()
    settings: str = ""  # fingerprint of what the files depend on


class Sent(NamedTuple):
    """Files of one restoration, for a machine that does not see ours."""

    paths: dict[str, Path]  # of the image and, where given, the mask and the truth
    contents: dict[str, bytes]  # of those that could be read
    masks: tuple[str, ...] = ()  # roles of the masks, or the word that stands for one
    error: str = ""
    settings: str = ""


def find_pictures(
    paths: Sequence[Path], masks: Sequence[Path] = (), output: Path | None = None
) -> list[Path]:
    """Images to restore: files, those of folders, or that of the demo; masks are left out.

    So is what lies in folders of masks and of results that are below a folder of pictures.

    Raises
    ------
    InputError
        If a folder holds none, or nothing but masks is left.
    """
    if not paths:
        return [embedded_images()[0]]
    found: list[Path] = []
    for path in paths:
        found += _in_folder(path, [*masks, *filter(None, [output])]) if path.is_dir() else [path]
    places = {place_of(mask) for mask in masks}
    names = {same_name(path.stem) for path in found}
    beside = {place_of(path.parent) for path in found} & places
    left = [
        path
        for path in found
        if place_of(path) not in places
        and not (place_of(path.parent) in beside and is_mask_beside(path, names))
    ]
    # A picture that is its own mask is told of where the mask is read.
    return left or found


def _in_folder(folder: Path, others: Sequence[Path]) -> list[Path]:
    """Images of a folder, but for those in other folders below it."""
    below = [other.resolve() for other in others if other.is_dir()]
    below = [other for other in below if folder.resolve() in other.parents]
    images = find_images(folder)
    if below:
        images = [path for path in images if not {*path.resolve().parents} & {*below}]
    return images


def check_results(images: Sequence[Path], request: Request) -> None:
    """Refuse outputs that would replace an input or one another.

    Raises
    ------
    InputError
        Names the files.
    """
    check_output(request.output, images)
    inputs: list[Path | None] = [*images, request.truth, Path(request.model)]
    for mask in request.masks:
        inputs += find_images(mask) if mask.is_dir() else [mask]
    check_names(images, [request.files_of(path) for path in images], inputs)


def of_picture(path: Path, request: Request, only: bool) -> Request:
    """Request for one of the pictures, with its own masks.

    Raises
    ------
    InputError
        If a folder of masks has none of its name.
    """
    return (
        replace(request, mask=masks_for(path, request.masks, only)) if request.masks else request
    )


def outcomes(
    images: Sequence[Path], request: Request, where: Place, only: bool = False
) -> Iterator[Outcome]:
    """Outcomes of images, restored at a place, as they are done.

    Every image has generators of its own, seeded alike, so that nothing depends on where it is
    restored or on the order. `only`: there is one image in all, also of those done before.
    """
    silent = request.report != "text" or len(images) == 1 or None
    if isinstance(where, Cluster):
        files = (_send(path, request, only) for path in images)
        results = where.each(restore_sent, files, request, model_of(request.model))
    else:
        if isinstance(where, Here):
            where = Here(min(where.jobs, len(images)))
        results = where.each(restore_here, images, request, only)
    for index, outcome in tqdm(
        results, total=len(images), unit="image", leave=False, disable=silent
    ):
        if isinstance(outcome, Failure):
            yield Outcome(images[index], error=_line(images[index], outcome.reason))
        else:
            yield saved(outcome, request)


def restore_here(path: Path, request: Request, only: bool) -> Outcome:
    """Restore one image, measure and save."""
    try:
        request = of_picture(path, request, only)
    except InputError as error:
        return Outcome(path, error=_line(path, str(error)))
    settings = _settings(path, request)
    outcome = restored(path, request, model_of(request.model), quiet=not only)
    return saved(outcome._replace(settings=settings), request)


def restore_sent(sent: Sent, request: Request, network: HybridSCNN) -> Outcome:
    """Restore one image on a machine that does not see our files; they are saved by ours."""
    if sent.error:
        return Outcome(sent.paths["image"], error=sent.error)
    with tempfile.TemporaryDirectory() as folder:
        # In folders of their own, for two of them may share a name.
        here = {role: Path(folder, role, path.name) for role, path in sent.paths.items()}
        for role, data in sent.contents.items():
            write_whole(here[role], data)
        masks = tuple(here.get(mask, Path(mask)) for mask in sent.masks)
        request = replace(request, mask=masks or None, truth=here.get("truth"))
        outcome = restored(here["image"], request, network, quiet=True)
    error, warnings = outcome.error, outcome.warnings
    for role, path in here.items():
        error = error.replace(str(path), str(sent.paths[role]))
        warnings = tuple(line.replace(str(path), str(sent.paths[role])) for line in warnings)
    return outcome._replace(
        path=sent.paths["image"], error=error, warnings=warnings, settings=sent.settings
    )


def restored(path: Path, request: Request, network: HybridSCNN, quiet: bool) -> Outcome:
    """Restore one image and measure; what is wrong with it is part of the outcome."""
    try:
        job = prepare(path, request, (request.page or 1) - 1)
        if request.only_proposes:
            return Outcome(path, report_proposal(job, request), propose(job), "", job.warnings)
        if request.options.engine == "brian2" and network.unit.simulated:
            load_brian2_meanwhile()
        silent = quiet or request.report != "text"
        with Progress(1, path.name, quiet=silent) as bar:
            done = perform_all(job, path, request, network, lambda part: bar.update(part - bar.n))
    except InputError as error:
        return Outcome(path, error=_line(path, str(error)))
    reports = [report_on(one, request, network) for one in done]
    files = {file: data for one in done for file, data in one.files.items()}
    warnings = tuple(dict.fromkeys(line for one in done for line in one.job.warnings))
    return Outcome(path, "\n".join(filter(None, reports)), files, warnings=warnings)


def saved(outcome: Outcome, request: Request) -> Outcome:
    """Write the files of an outcome, and let go of them."""
    warnings = outcome.warnings
    try:
        for path, data in with_fingerprint(outcome.files, outcome.settings).items():
            if request.overwrite:
                write_whole(path, data)
            elif (kept := write_keeping(path, data, same_but_stamp)) is not None:
                warnings += (f"{path}: what was there before is kept as {kept.name}",)
    except InputError as error:
        return Outcome(outcome.path, error=str(error))
    return outcome._replace(files={}, warnings=warnings)


@functools.cache
def model_of(name: str) -> HybridSCNN:
    """A model, read once in each process."""
    return load_model(model_path(name))[0]


def _send(path: Path, request: Request, only: bool) -> Sent:
    try:
        masks = of_picture(path, request, only).masks
    except InputError as error:
        return Sent({"image": path}, {}, error=_line(path, str(error)))
    words = [mask for mask in masks if mask in (NO_DATA, PROPOSED)]
    roles = {"image": path, "truth": request.truth}
    roles |= {f"mask {n}": mask for n, mask in enumerate(masks) if mask not in words}
    paths = {role: file for role, file in roles.items() if file is not None}
    names = tuple(role for role in paths if role.startswith("mask "))
    settings = _settings(path, replace(request, mask=masks or None))
    sent = Sent(paths, {}, names or tuple(map(str, words)), settings=settings)
    for role, file in paths.items():
        # Whoever wants to read one that is no file will say so.
        with contextlib.suppress(OSError):
            if file.is_file():
                sent.contents[role] = file.read_bytes()
    return sent


def _settings(path: Path, request: Request) -> str:
    """Fingerprint of a restoration, or none if a file cannot be read."""
    try:
        return fingerprint(path, request) if path.is_file() else ""
    except OSError:
        return ""


def _line(path: Path, error: str) -> str:
    where = "" if path.name in error else f"{path}: "
    return f"{where}{' '.join(error.split())}"
