"""Places where tasks run: here, one by one or in several processes, or on a cluster.

Whatever the place, the same function is called with the same values, so that its results are the
same, bit for bit; they come as they are done, and one that fails takes no other with it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass
from typing import Any

from bio_scnn.errors import InputError
from bio_scnn.runtime.cluster import PATIENCE_S, Cluster, connected
from bio_scnn.runtime.processes import begin, interrupts_held, threads
from bio_scnn.runtime.tasks import Failure, Task, attempt


@dataclass(frozen=True)
class Here:
    """This machine: tasks run one after the other in this process, or in several processes.

    Attributes
    ----------
    jobs : int
        Processes.
    """

    jobs: int = 1

    def each(self, task: Task, items: Iterable[Any], *shared: Any) -> Iterator[tuple[int, Any]]:
        """Call ``task(item, *shared)`` for every item.

        Parameters
        ----------
        task : callable
            Function of a module that other processes can import.
        items : iterable
        *shared
            The same for all items.

        Yields
        ------
        index : int
            Number of the item.
        result
            What the task returned, or a `Failure` if it raised an exception or ended its process.
        """
        if self.jobs <= 1:
            for index, item in enumerate(items):
                yield index, attempt(task, item, shared)
            return
        from concurrent.futures.process import BrokenProcessPool  # is slow to load

        left = dict(enumerate(items))
        while left:
            try:
                for index, result in self._processes(task, left, shared):
                    del left[index]
                    yield index, result
            except BrokenProcessPool:
                # Items are begun in their order, so that it was one of the first of those left:
                # each of these has the processes to itself now.
                for index in list(left)[: self.jobs]:
                    alone = {index: left.pop(index)}
                    try:
                        yield from self._processes(task, alone, shared)
                    except BrokenProcessPool:
                        yield index, Failure("its process was ended, as by a lack of memory")

    def _processes(
        self, task: Task, items: dict[int, Any], shared: tuple[Any, ...]
    ) -> Iterator[tuple[int, Any]]:
        from concurrent.futures import ProcessPoolExecutor

        others = set(multiprocessing.active_children())
        # Started anew: a fork would share locks that threads hold here.
        context = multiprocessing.get_context("spawn")
        share = max(threads() // self.jobs, 1)
        try:
            pool = ProcessPoolExecutor(self.jobs, context, initializer=begin, initargs=(share,))
        except OSError as error:  # as without a /dev/shm that can be written to
            raise InputError(
                f"{self.jobs} processes cannot be started here ({error.strerror or error}); "
                "say --jobs 1"
            ) from error
        try:
            with interrupts_held():
                numbers = {pool.submit(attempt, task, items[i], shared): i for i in items}
            for future in as_completed(numbers):
                yield numbers.pop(future), future.result()
        finally:
            # Nothing that they still do is of use, and with Brian2 it takes them half a second to
            # end by themselves.
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            pool.shutdown(cancel_futures=True)


Place = Here | Cluster


@contextlib.contextmanager
def open_place(
    jobs: int = 1, scheduler: str | None = None, patience_s: float = PATIENCE_S
) -> Iterator[Place]:
    """Place where tasks run: `jobs` processes here, or a cluster while the block lasts.

    Parameters
    ----------
    jobs : int
        Ignored with a scheduler.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://host:8786``.
    patience_s : float
        Seconds in which the scheduler must answer, and have a worker.

    Raises
    ------
    InputError
        If Dask is not installed, the scheduler cannot be reached, it has no workers, or these
        are unfit: with another bio_scnn, or several tasks at a time in one process.
    """
    if scheduler is None:
        yield Here(jobs)
        return
    with connected(scheduler, patience_s) as cluster:
        yield cluster
