"""Many pictures: found, and restored one by one, in several processes, or on a cluster.

Apart from the command line itself, since other processes import this module by its name.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from bio_scnn.commands.options import picture_bar
from bio_scnn.commands.report import report_on
from bio_scnn.data.datasets import embedded_images, find_images
from bio_scnn.data.images import output_path_for
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.neuron._brian2 import load_brian2_meanwhile
from bio_scnn.restoration.job import Request, perform_all, prepare
from bio_scnn.runtime.cluster import Cluster
from bio_scnn.runtime.files import write_whole
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


class Sent(NamedTuple):
    """Files of one restoration, for a machine that does not see ours."""

    paths: dict[str, Path]  # of the image and, where given, the mask and the truth
    contents: dict[str, bytes]  # of those that could be read


def find_pictures(paths: Sequence[Path], mask: Path | None) -> list[Path]:
    """Images to restore: files, those of folders but for the mask, or that of the demo."""
    if not paths:
        return [embedded_images()[0]]
    found: list[Path] = []
    for path in paths:
        found += find_images(path) if path.is_dir() else [path]
    return [path for path in found if mask is None or path.resolve() != mask.resolve()]


def check_results(images: Sequence[Path], output: Path, others: Sequence[Path | None]) -> None:
    """Refuse an output folder in which a result would replace an input or another result.

    Parameters
    ----------
    images : sequence of Path
    output : Path
        Folder of the results.
    others : sequence of Path or None
        Further inputs.
    """
    inputs = {path.resolve() for path in (*images, *others) if path is not None}
    for path in images:
        if output_path_for(path, output).resolve() in inputs:
            raise InputError(f"the result of {path} would replace an input; use another --output")
    if output.exists() and not output.is_dir():
        raise InputError(f"--output {output} is a file; it must be a folder")
    names = Counter(path.stem for path in images)
    if twice := [name for name, times in names.items() if times > 1]:
        raise InputError(f"several images would be saved as {twice[0]}_restored")


def outcomes(images: Sequence[Path], request: Request, where: Place) -> Iterator[Outcome]:
    """Outcomes of images, restored at a place, as they are done.

    Every image has generators of its own, seeded alike, so that nothing depends on where it is
    restored or on the order.
    """
    silent = request.report != "text" or len(images) == 1 or None
    if isinstance(where, Cluster):
        files = (_send(path, request) for path in images)
        results = where.each(restore_sent, files, request, model_of(request.model))
    else:
        if isinstance(where, Here):
            where = Here(min(where.jobs, len(images)))
        results = where.each(restore_here, images, request, len(images) > 1)
    for index, outcome in tqdm(
        results, total=len(images), unit="image", leave=False, disable=silent
    ):
        if isinstance(outcome, Failure):
            yield Outcome(images[index], error=_line(images[index], outcome.reason))
        else:
            yield saved(outcome)


def restore_here(path: Path, request: Request, quiet: bool) -> Outcome:
    """Restore one image, measure and save."""
    return saved(restored(path, request, model_of(request.model), quiet))


def restore_sent(sent: Sent, request: Request, network: HybridSCNN) -> Outcome:
    """Restore one image on a machine that does not see our files; they are saved by ours."""
    with tempfile.TemporaryDirectory() as folder:
        # In folders of their own, for two of them may share a name.
        here = {role: Path(folder, role, path.name) for role, path in sent.paths.items()}
        for role, data in sent.contents.items():
            write_whole(here[role], data)
        request = replace(request, mask=here.get("mask"), truth=here.get("truth"))
        outcome = restored(here["image"], request, network, quiet=True)
    error = outcome.error
    for role, path in here.items():
        error = error.replace(str(path), str(sent.paths[role]))
    return outcome._replace(path=sent.paths["image"], error=error)


def restored(path: Path, request: Request, network: HybridSCNN, quiet: bool) -> Outcome:
    """Restore one image and measure; what is wrong with it is part of the outcome."""
    try:
        job = prepare(path, request, (request.page or 1) - 1)
        if request.options.engine == "brian2" and network.unit.simulated:
            load_brian2_meanwhile()
        with picture_bar(path.name, quiet=quiet or request.report != "text") as bar:
            done = perform_all(job, path, request, network, lambda part: bar.update(part - bar.n))
    except InputError as error:
        return Outcome(path, error=_line(path, str(error)))
    reports = [report_on(one, request, network) for one in done]
    files = {file: data for one in done for file, data in one.files.items()}
    return Outcome(path, "\n".join(filter(None, reports)), files)


def saved(outcome: Outcome) -> Outcome:
    """Write the files of an outcome, and let go of them."""
    try:
        for path, data in outcome.files.items():
            write_whole(path, data)
    except InputError as error:
        return Outcome(outcome.path, error=str(error))
    return outcome._replace(files={})


@functools.cache
def model_of(name: str) -> HybridSCNN:
    """A model, read once in each process."""
    return load_model(model_path(name))[0]


def _send(path: Path, request: Request) -> Sent:
    roles = {"image": path, "mask": request.mask, "truth": request.truth}
    sent = Sent({role: file for role, file in roles.items() if file is not None}, {})
    for role, file in sent.paths.items():
        with contextlib.suppress(OSError):  # whoever wants to read it will say that it is missing
            sent.contents[role] = file.read_bytes()
    return sent


def _line(path: Path, error: str) -> str:
    where = "" if path.name in error else f"{path}: "
    return f"{where}{' '.join(error.split())}"
