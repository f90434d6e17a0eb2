"""Many pictures on the command line, restored one after the other or in several processes.

Apart from the command line itself, since other processes import this module by its name.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import joblib
from tqdm import tqdm

from bio_scnn.checkpoint import load_model
from bio_scnn.cli import neuron_options
from bio_scnn.errors import InputError
from bio_scnn.inpaint_job import prepare, process
from bio_scnn.inpaint_report import report_json, report_text
from bio_scnn.model import HybridSCNN
from bio_scnn.model_files import model_path


class Outcome(NamedTuple):
    """What became of one image: a report, or the one line that says why there is none."""

    path: Path
    report: str = ""
    error: str = ""


def attempt(path: Path, args: argparse.Namespace, *, quiet: bool) -> Outcome:
    """Restore one image, measure and save; what is wrong with it is part of the outcome."""
    try:
        network, options = model_of(args.model), neuron_options(args)
        job = prepare(
            path,
            args.output,
            mask_path=args.mask,
            truth_path=args.truth,
            mask_kind=args.mask_kind,
            coverage=args.coverage,
            seed=args.seed,
        )
        result, measured, seconds = process(job, args, network, options, quiet=quiet)
    except InputError as error:
        where = "" if path.name in str(error) else f"{path}: "
        return Outcome(path, error=f"{where}{' '.join(str(error).split())}")
    if args.json:
        neurons = network.architecture.neurons
        engine = options.engine if neurons == "lif" else neurons
        return Outcome(path, report_json(job, result, measured, seconds, args.quality, engine))
    return Outcome(path, report_text(job, result, measured, seconds, args.quality, options))


@functools.cache
def model_of(name: str) -> HybridSCNN:
    """A model, read once in each process."""
    return load_model(model_path(name))[0]


def outcomes(images: Sequence[Path], args: argparse.Namespace) -> Iterator[Outcome]:
    """Restore images, in so many processes as asked for, and yield them as they are done.

    Every image has generators of its own, seeded alike, so that nothing depends on the number of
    processes or on the order.
    """
    jobs = min(args.jobs, len(images))
    silent = args.quiet or args.json or len(images) == 1 or None
    if jobs <= 1:
        results = (attempt(path, args, quiet=len(images) > 1) for path in images)
    else:
        # A process more means a thread less for each: joblib tells the linear algebra so.
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
        results = parallel(joblib.delayed(attempt)(path, args, quiet=True) for path in images)
    yield from tqdm(results, total=len(images), unit="image", leave=False, disable=silent)
