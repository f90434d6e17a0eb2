"""Where tasks run that know nothing of one another: here, in several processes, or on a cluster.

A task is a function of a module, an item, and what all items share. Whatever the place, the same
function is called with the same values, so that its results are the same, bit for bit; they come
as they are done, and one that fails takes no other with it.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import logging
import multiprocessing
import queue
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, NamedTuple

import scipy.linalg  # noqa: F401 # has a BLAS of its own, which is limited only once it is loaded
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from bio_scnn import _version
from bio_scnn.errors import InputError
from bio_scnn.runtime.memory import keep_freed_memory
from bio_scnn.runtime.processes import begin, interrupts_held, threads

# Seconds in which a scheduler must answer, and have a worker.
PATIENCE_S = 10.0
# Tasks sent ahead for every worker, so that none waits for the next while its result travels.
_AHEAD = 3
# Seconds between looks at how many workers there are.
_LOOK_S = 2.0

Task = Callable[..., Any]


class Failure(NamedTuple):
    """What a task gave in place of a result: the reason, in one line."""

    reason: str


class _Unfit(NamedTuple):
    """What a worker gives that cannot run our tasks, though it joined those that can."""

    worker: str
    why: str


@dataclass(frozen=True)
class Here:
    """This machine: one task after the other in this process, or each in one of several.

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
            Of a module that other processes can import.
        items : iterable
        *shared
            The same for all items.

        Yields
        ------
        index : int
            Of the item.
        result
            What the task returned, or a `Failure` if it raised an exception or ended its process.
        """
        if self.jobs <= 1:
            for index, item in enumerate(items):
                yield index, attempt(task, item, shared)
            return
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
        others = set(multiprocessing.active_children())
        # Started anew: a fork would share locks that threads hold here.
        context = multiprocessing.get_context("spawn")
        share = max(threads() // self.jobs, 1)
        pool = ProcessPoolExecutor(self.jobs, context, initializer=begin, initargs=(share,))
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


@dataclass(frozen=True)
class Cluster:
    """The workers of a Dask scheduler, of which any may come, go or die on the way.

    What a dead one was working on is given to another. Items travel through the scheduler and
    are asked for only when there is a worker to take them; workers need no file of ours.

    Attributes
    ----------
    client : distributed.Client
    address : str
        The scheduler's, for messages.
    """

    client: Any
    address: str

    def each(self, task: Task, items: Iterable[Any], *shared: Any) -> Iterator[tuple[int, Any]]:
        """As `Here.each`.

        Raises
        ------
        InputError
            If the scheduler is lost.
        """
        numbered: Iterator[tuple[int, Any]] = enumerate(items)
        sent: dict[Any, tuple[int, Any]] = {}
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        unfit: set[str] = set()
        room, looked = 0, -_LOOK_S
        try:
            while True:
                if time.monotonic() - looked > _LOOK_S:
                    room, looked = _AHEAD * max(len(self.client.nthreads()), 1), time.monotonic()
                while len(sent) < room and (following := next(numbered, None)) is not None:
                    future = self._submit(task, following[1], shared, unfit)
                    sent[future] = following
                    future.add_done_callback(done.put)
                if not sent:
                    return
                if (future := self._next(done)) is None:
                    continue
                result = self._result(future)
                index, item = sent.pop(future)
                if not isinstance(result, _Unfit):
                    yield index, result
                    continue
                if result.worker not in unfit:
                    tqdm.write(f"left out: worker {result.worker} {result.why}", file=sys.stderr)
                    unfit.add(result.worker)
                numbered = itertools.chain([(index, item)], numbered)
                while not self._others(unfit):
                    time.sleep(_LOOK_S)
        except (OSError, RuntimeError) as error:  # also that the client has been closed
            raise InputError(f"the scheduler {self.address} was lost: {error}") from error
        finally:
            for future in sent:
                future.release()

    def all(self, task: Task, items: Sequence[Any], *shared: Any) -> list[Any]:
        """The results of `each` in the order of the items, where every one is needed.

        Raises
        ------
        InputError
            If one has none, or the scheduler is lost.
        """
        results = [None] * len(items)
        for index, result in self.each(task, items, *shared):
            if isinstance(result, Failure):
                raise InputError(f"a task on the cluster failed: {result.reason}")
            results[index] = result
        return results

    def _submit(self, task: Task, item: Any, shared: tuple[Any, ...], unfit: set[str]) -> Any:
        fit = self._others(unfit) if unfit else None
        with warnings.catch_warnings():
            # Dask would rather have a task read files itself; ours need no files.
            warnings.filterwarnings("ignore", "Sending large graph")
            return self.client.submit(
                _attempt_there,
                _version.__version__,
                task,
                item,
                shared,
                pure=False,
                workers=fit,
            )

    def _others(self, unfit: set[str]) -> list[str]:
        return [worker for worker in self.client.nthreads() if worker not in unfit]

    def _next(self, done: queue.SimpleQueue[Any]) -> Any:
        """A future that is done, or None after a while, so that new workers are noticed."""
        with contextlib.suppress(queue.Empty):
            return done.get(timeout=PATIENCE_S)
        if not self.client.nthreads():
            tqdm.write(f"waiting: {self.address} has no worker left", file=sys.stderr)
        return None

    def _result(self, future: Any) -> Any:
        from distributed import CancelledError, KilledWorker

        try:
            return future.result()
        except KilledWorker:
            return Failure("several workers died of it, as for lack of memory")
        except CancelledError as error:
            raise InputError(f"the scheduler {self.address} was lost") from error
        except OSError:
            raise
        except Exception as error:  # of the machinery: the task's own come as results
            return _failure(error)


Engine = Here | Cluster


@contextlib.contextmanager
def engine(jobs: int = 1, scheduler: str | None = None) -> Iterator[Engine]:
    """Where to run tasks: in `jobs` processes here, or on a cluster.

    Parameters
    ----------
    jobs : int
        Ignored with a scheduler.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://host:8786``.

    Raises
    ------
    InputError
        If Dask is not installed, the scheduler cannot be reached, it has no workers, or these
        are unfit: with another bio_scnn, or several tasks at a time in one process.
    """
    if scheduler is None:
        yield Here(jobs)
        return
    try:
        import distributed
    except ImportError:
        raise InputError(
            "--scheduler needs Dask, not installed here: pip install 'bio-scnn[cluster]'"
        ) from None
    log = logging.getLogger("distributed")
    level = log.level
    log.setLevel(logging.CRITICAL)  # what matters is said in one line, not in their tracebacks
    try:
        client = None
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            client = distributed.Client(scheduler, timeout=PATIENCE_S, set_as_default=False)
        if client is None:
            # The half-made client goes here and now: if it went while another is made, Dask would
            # wait for its own lock for ever.
            gc.collect()
            raise InputError(
                f"no Dask scheduler answers at {scheduler} within {PATIENCE_S:g} s; the command "
                "'dask scheduler' prints its address as tcp://HOST:8786"
            )
        with client:
            _check_workers(client, scheduler)
            yield Cluster(client, scheduler)
    finally:
        log.setLevel(level)


def _check_workers(client: Any, address: str) -> None:
    """Refuse a cluster on which tasks could not run, or not as here."""
    start = f"dask worker {address} --nworkers N --nthreads 1"
    try:
        client.wait_for_workers(1, timeout=PATIENCE_S)
    except TimeoutError:
        raise InputError(f"the scheduler {address} has no worker; start some: {start}") from None

    def version_there() -> str:  # as a nested function it is sent as a whole
        try:
            from bio_scnn import _version
        except ImportError:
            return ""
        return _version.__version__

    threads = client.nthreads()
    for worker, version in client.run(version_there).items():
        if problem := _unfit(_version.__version__, version, threads.get(worker, 1)):
            raise InputError(f"worker {worker} {problem}: {start}")


def _unfit(ours: str, theirs: str, threads: int) -> str:
    """What keeps a worker from running our tasks, or nothing."""
    if theirs != ours:
        has = f"has bio_scnn {theirs}" if theirs else "has no bio_scnn"
        return f"{has}, not {ours} as here; install that, and start it anew"
    if threads != 1:
        return f"runs {threads} tasks in one process, and Brian2 one only; start it anew"
    return ""


def attempt(task: Task, item: Any, shared: tuple[Any, ...]) -> Any:
    """The task's result, or why there is none."""
    # A twentieth of a restoration's time. Dask has its workers give back freed memory at once
    # (MALLOC_TRIM_THRESHOLD_): without this it took twice as long there.
    keep_freed_memory()
    try:
        # The last bits of a matrix product depend on how many threads share it.
        with threadpool_limits(1, user_api="blas"):
            return task(item, *shared)
    except Exception as error:
        return _failure(error)


def _attempt_there(version: str, task: Task, item: Any, shared: tuple[Any, ...]) -> Any:
    """`attempt` on a worker, which may have joined after the others were looked at."""
    from distributed import get_worker

    worker = get_worker()
    if problem := _unfit(version, _version.__version__, worker.state.nthreads):
        return _Unfit(worker.address, problem)
    return attempt(task, item, shared)


def _failure(error: Exception) -> Failure:
    reason = " ".join(str(error).split())
    return Failure(
        reason if isinstance(error, InputError) else f"{type(error).__name__}: {reason}"
    )
