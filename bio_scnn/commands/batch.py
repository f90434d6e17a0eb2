"""Many pictures on the command line: one after the other, in several processes, on a cluster.

Apart from the command line itself, since other processes import this module by its name.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from bio_scnn.commands.options import neuron_options, picture_bar
from bio_scnn.commands.report import report_json, report_text
from bio_scnn.data.images import image_file
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.options import SpikingOptions
from bio_scnn.neuron._brian2 import load_brian2_meanwhile
from bio_scnn.restoration.inpainting import restore
from bio_scnn.restoration.job import Job, known_only, measure, prepare, scaler
from bio_scnn.restoration.metrics import Evaluation
from bio_scnn.restoration.panel import draw_panel, shown_step
from bio_scnn.restoration.result import Restoration
from bio_scnn.runtime.files import write_whole
from bio_scnn.runtime.places import Cluster, Engine, Failure, Here


class Outcome(NamedTuple):
    """What became of one image: a report and files, or the one line that says why there are none.

    The files are not written yet; they are in the order in which they have to be.
    """

    path: Path
    report: str = ""
    files: dict[Path, bytes] = {}  # noqa: RUF012 # is never changed
    error: str = ""


class Sent(NamedTuple):
    """The files of one restoration, for a machine that does not see ours."""

    paths: dict[str, Path]  # of the image and, where given, the mask and the truth
    contents: dict[str, bytes]  # of those that could be read


def restored(path: Path, args: argparse.Namespace, network: HybridSCNN, quiet: bool) -> Outcome:
    """Restore one image and measure; what is wrong with it is part of the outcome."""
    try:
        options = neuron_options(args)
        job = prepare(
            path,
            args.output,
            mask_path=args.mask,
            truth_path=args.truth,
            mask_kind=args.mask_kind,
            coverage=args.coverage,
            seed=args.seed,
        )
        result, measured, seconds, files = process(job, args, network, options, quiet=quiet)
    except InputError as error:
        return Outcome(path, error=_line(path, str(error)))
    if args.json:
        engine = options.engine if network.unit.simulated else network.unit.name
        report = report_json(job, result, measured, seconds, args.quality, engine)
    elif args.quiet:
        report = ""  # comparing with the classical fills takes a third as long as restoring
    else:
        report = report_text(
            job, result, measured, seconds, args.quality, options, panel=args.panel
        )
    return Outcome(path, report, files)


def saved(outcome: Outcome) -> Outcome:
    """Write the files of an outcome, and let go of them."""
    try:
        for path, data in outcome.files.items():
            write_whole(path, data)
    except InputError as error:
        return Outcome(outcome.path, error=str(error))
    return outcome._replace(files={})


def restore_here(path: Path, args: argparse.Namespace, quiet: bool) -> Outcome:
    """Restore one image, measure and save."""
    return saved(restored(path, args, model_of(args.model), quiet))


def restore_sent(sent: Sent, args: argparse.Namespace, network: HybridSCNN) -> Outcome:
    """Restore one image on a machine that does not see our files; they are saved by ours."""
    with tempfile.TemporaryDirectory() as folder:
        # In folders of their own, for two of them may share a name.
        here = {role: Path(folder, role, path.name) for role, path in sent.paths.items()}
        for role, data in sent.contents.items():
            write_whole(here[role], data)
        changed = {"mask": here.get("mask"), "truth": here.get("truth")}
        args = argparse.Namespace(**vars(args) | changed)
        outcome = restored(here["image"], args, network, quiet=True)
    error = outcome.error
    for role, path in here.items():
        error = error.replace(str(path), str(sent.paths[role]))
    return outcome._replace(path=sent.paths["image"], error=error)


@functools.cache
def model_of(name: str) -> HybridSCNN:
    """A model, read once in each process."""
    return load_model(model_path(name))[0]


def outcomes(images: Sequence[Path], args: argparse.Namespace, where: Engine) -> Iterator[Outcome]:
    """Restore images wherever they shall be, and yield them as they are done.

    Every image has generators of its own, seeded alike, so that nothing depends on where it is
    restored or on the order.
    """
    silent = args.quiet or args.json or len(images) == 1 or None
    if isinstance(where, Cluster):
        files = (_send(path, args) for path in images)
        results = where.each(restore_sent, files, args, model_of(args.model))
    else:
        if isinstance(where, Here):
            where = Here(min(where.jobs, len(images)))
        results = where.each(restore_here, images, args, len(images) > 1)
    for index, outcome in tqdm(
        results, total=len(images), unit="image", leave=False, disable=silent
    ):
        if isinstance(outcome, Failure):
            yield Outcome(images[index], error=_line(images[index], outcome.reason))
        else:
            yield saved(outcome)


def _send(path: Path, args: argparse.Namespace) -> Sent:
    roles = {"image": path, "mask": args.mask, "truth": args.truth}
    sent = Sent({role: file for role, file in roles.items() if file is not None}, {})
    for role, file in sent.paths.items():
        with contextlib.suppress(OSError):  # whoever wants to read it will say that it is missing
            sent.contents[role] = file.read_bytes()
    return sent


def _line(path: Path, error: str) -> str:
    where = "" if path.name in error else f"{path}: "
    return f"{where}{' '.join(error.split())}"


class Processed(NamedTuple):
    """What became of a job; nothing is written yet."""

    result: Restoration
    measured: Evaluation | None
    seconds: float
    files: dict[Path, bytes]  # the result itself last, so that it tells of both


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
    if options.engine == "brian2" and network.unit.simulated:
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
