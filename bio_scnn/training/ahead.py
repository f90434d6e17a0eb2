"""Batches made ahead of training: patches by processes of their own, batches by a thread."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import queue
import sys
import zipfile
import zlib
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from bio_scnn.data.sampler import PatchSampler
from bio_scnn.errors import InputError
from bio_scnn.network.architecture import Architecture
from bio_scnn.runtime.config import to_table
from bio_scnn.runtime.files import alone, encodable, write_whole
from bio_scnn.runtime.processes import begin, interrupts_held
from bio_scnn.training.batches import Batch, Prepared, make_batch, prepare
from bio_scnn.training.settings import TrainingSettings


class _Worker(NamedTuple):
    """A process that prepares every so many-th group, and where it puts them."""

    process: BaseProcess
    ready: multiprocessing.Queue


def groups(
    sampler: PatchSampler,
    architecture: Architecture,
    settings: TrainingSettings,
    first: int,
    workers: int = 1,
    folder: Path | None = None,
) -> Generator[Prepared, None, None]:
    """The groups of patches from that of step `first` to the last, prepared ahead of time.

    Parameters
    ----------
    sampler, architecture, settings
    first : int
        Step.
    workers : int
        Processes that prepare them, in turn; the groups do not depend on it.
    folder : Path, optional
        Where groups are kept, and taken from by trainings that need the same ones.
    """
    last = (settings.steps - 1) // settings.group_steps
    numbers = range(first // settings.group_steps, last + 1)
    context = multiprocessing.get_context("spawn")
    team: list[_Worker] = []
    workers = min(workers, len(numbers))
    sent = sampler if workers == 1 else sampler.without_images()
    try:
        for number in range(workers):
            try:
                ready = context.Queue(maxsize=1)  # and one more is in the making
            except OSError as error:
                raise InputError(
                    "processes that prepare patches need shared memory, which cannot be had here "
                    f"({error.strerror or error}): make /dev/shm writable"
                ) from error
            args = (ready, sent, architecture, settings, numbers[number::workers], folder)
            team.append(_Worker(context.Process(target=_produce, args=args, daemon=True), ready))
            with interrupts_held():
                team[-1].process.start()
        for place in range(len(numbers)):
            yield _next_of(team[place % workers])
    finally:
        for process, ready in team:
            if process.pid is not None:
                process.terminate()
                process.join()
            ready.close()


def _next_of(worker: _Worker) -> Prepared:
    """Next prepared result of a worker."""
    while True:
        try:
            item = worker.ready.get(timeout=5)
            break
        except queue.Empty:
            if not worker.process.is_alive():
                raise RuntimeError(
                    f"the process that prepares patches died ({worker.process.exitcode})"
                ) from None
    if isinstance(item, BaseException):
        raise item
    if isinstance(item, Path):
        return _kept(item)
    return item


def _kept(path: Path) -> Prepared:
    """Group of patches that a folder keeps."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Prepared(*(arrays[name] for name in Prepared._fields))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        why = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: is damaged ({why}); delete it, and it is made anew") from error


def kept_name(
    sampler: PatchSampler, architecture: Architecture, settings: TrainingSettings, group: int
) -> str:
    """Name of a kept group: the same for all trainings that it is the same for."""
    data = {k: v for k, v in to_table(sampler.settings).items() if "folder" not in k}
    of_training = (settings.seed, settings.patch, settings.pool * settings.batch)
    key = [
        data, sampler.description()["names_sha256"], architecture.fills,
        *of_training, settings.varied_masks,
    ]  # fmt: skip
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return f"patches-{digest[:12]}-{group:05d}.npz"


def _produce(
    ready: multiprocessing.Queue,
    sampler: PatchSampler,
    architecture: Architecture,
    settings: TrainingSettings,
    numbers: range,
    folder: Path | None,
) -> None:
    """Fill a queue with the groups of these numbers, until nobody is left to take them."""
    begin(1)
    try:
        with threadpool_limits(1):
            told = len(sampler.skipped)

            def make(number: int) -> Prepared:
                sampler.decode()  # not before: a folder may hold all groups
                return prepare(sampler, architecture, settings, number)

            for number in numbers:
                path = folder and folder / kept_name(sampler, architecture, settings, number)
                if path is None:
                    prepared: Prepared | Path = make(number)
                else:
                    prepared = path
                    # Trainings that run at the same time share the work.
                    with alone(path.with_suffix(".lock")):
                        if not path.exists():
                            write_whole(path, partial(np.savez, **make(number)._asdict()))
                for bad, reason in sampler.skipped[told:]:
                    print(encodable(f"skipped {bad}: {reason}"), file=sys.stderr, flush=True)
                told = len(sampler.skipped)
                ready.put(prepared)
    except Exception as error:
        ready.put(error)


def batches(
    source: Iterator[Prepared], architecture: Architecture, settings: TrainingSettings, first: int
) -> Iterator[Batch]:
    """Batches from step `first` to the last, each made while the one before is trained on.

    Parameters
    ----------
    source : iterator of Prepared
        From `groups`.
    architecture, settings, first
    """
    with ThreadPoolExecutor(1) as pool:
        coming = None
        for step in range(first, settings.steps):
            if step == first or step % settings.group_steps == 0:
                prepared = next(source)
            now = pool.submit(make_batch, prepared, architecture, settings, step)
            if coming is not None:
                yield coming.result()
            coming = now
        if coming is not None:
            yield coming.result()
