"""Batches made ahead of training: patches by processes of their own, batches by a thread."""

from __future__ import annotations

import multiprocessing
import queue
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.process import BaseProcess
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from bio_scnn.data.sampler import PatchSampler
from bio_scnn.network.architecture import Architecture
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
) -> Iterator[Prepared]:
    """The groups of patches from that of step `first` to the last, prepared ahead of time.

    Parameters
    ----------
    sampler, architecture, settings
    first : int
        Step.
    workers : int
        Processes that prepare them, in turn; the groups do not depend on it.
    """
    last = (settings.steps - 1) // settings.group_steps
    numbers = range(first // settings.group_steps, last + 1)
    context = multiprocessing.get_context("spawn")
    team: list[_Worker] = []
    try:
        for number in range(min(workers, len(numbers))):
            ready = context.Queue(maxsize=1)  # and one more is in the making
            args = (ready, sampler, architecture, settings, numbers[number::workers])
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
    """What a worker has ready next."""
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
    return item


def _produce(
    ready: multiprocessing.Queue,
    sampler: PatchSampler,
    architecture: Architecture,
    settings: TrainingSettings,
    numbers: range,
) -> None:
    """Fill a queue with the groups of these numbers, until nobody is left to take them."""
    begin(1)
    try:
        with threadpool_limits(1):
            told = len(sampler.skipped)
            for number in numbers:
                prepared = prepare(sampler, architecture, settings, number)
                for path, reason in sampler.skipped[told:]:
                    print(f"skipped {path}: {reason}", file=sys.stderr, flush=True)
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
