"""The workers of a Dask scheduler as a place where tasks run."""

from __future__ import annotations

import contextlib
import gc
import itertools
import logging
import queue
import sys
import time
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tqdm import tqdm

from bio_scnn import _version
from bio_scnn.errors import InputError
from bio_scnn.runtime.tasks import Failure, Task, attempt, failure_of

# Seconds in which a scheduler must answer, and have a worker.
PATIENCE_S = 10.0
# Tasks sent ahead for every worker, so that none waits for the next while its result travels.
_AHEAD = 3
# Seconds between looks at how many workers there are.
_LOOK_S = 2.0


# Result of a task during which several workers died, one after the other.
_DEADLY = Failure("several workers died of it, as for lack of memory")


class _UnfitWorker(NamedTuple):
    """Answer of a worker that cannot run our tasks, though it joined those that can."""

    worker: str
    why: str


@dataclass(frozen=True)
class Cluster:
    """The workers of a Dask scheduler; they may join, leave or die during the work.

    If a worker dies, its items are given to another one. Dask counts the death against every item
    that the worker held. An item with too many deaths is therefore tried once more, alone on a
    worker. An item is sent, through the scheduler, only when a worker is free for it; workers need
    no file of this machine.

    Attributes
    ----------
    client : distributed.Client
    address : str
        The scheduler's, for messages.
    patience_s : float
        Seconds without a finished task after which a lack of workers is reported.
    """

    client: Any
    address: str
    patience_s: float

    def each(self, task: Task, items: Iterable[Any], *shared: Any) -> Iterator[tuple[int, Any]]:
        """Call ``task(item, *shared)`` for every item, as `bio_scnn.runtime.places.Here.each`.

        Raises
        ------
        InputError
            If the scheduler is lost.
        """
        numbered: Iterator[tuple[int, Any]] = enumerate(items)
        sent: dict[Any, tuple[int, Any]] = {}
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        unfit: set[str] = set()
        suspects: deque[tuple[int, Any]] = deque()
        tried_alone: set[int] = set()
        room, looked = 0, -_LOOK_S
        try:
            while True:
                if time.monotonic() - looked > _LOOK_S:
                    room, looked = _AHEAD * max(len(self.client.nthreads()), 1), time.monotonic()
                for following in _sendable(numbered, suspects, sent, room):
                    future = self._submit(task, following[1], shared, unfit)
                    sent[future] = following
                    future.add_done_callback(done.put)
                if not sent:
                    return
                if (future := self._next(done)) is None:
                    continue
                result = self._result(future)
                index, item = sent.pop(future)
                if result is _DEADLY and index not in tried_alone:
                    tried_alone.add(index)
                    suspects.append((index, item))
                    continue
                if not isinstance(result, _UnfitWorker):
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
                _attempt_there, _version.__version__, task, item, shared, pure=False, workers=fit
            )

    def _others(self, unfit: set[str]) -> list[str]:
        return [worker for worker in self.client.nthreads() if worker not in unfit]

    def _next(self, done: queue.SimpleQueue[Any]) -> Any:
        """A future that is done, or None after a while, so that new workers are noticed."""
        with contextlib.suppress(queue.Empty):
            return done.get(timeout=self.patience_s)
        if not self.client.nthreads():
            tqdm.write(f"waiting: {self.address} has no worker left", file=sys.stderr)
        return None

    def _result(self, future: Any) -> Any:
        from distributed import CancelledError, KilledWorker

        try:
            return future.result()
        except KilledWorker:
            return _DEADLY
        except CancelledError as error:
            raise InputError(f"the scheduler {self.address} was lost") from error
        except OSError:
            raise
        except Exception as error:  # of the machinery: the task's own come as results
            return failure_of(error)


def _sendable(
    numbered: Iterator[tuple[int, Any]],
    suspects: deque[tuple[int, Any]],
    sent: dict[Any, tuple[int, Any]],
    room: int,
) -> Iterator[tuple[int, Any]]:
    """Items to send now: a suspect only by itself, others while there is room."""
    if suspects:
        if not sent:
            yield suspects.popleft()
        return
    while len(sent) < room and (following := next(numbered, None)) is not None:
        yield following


@contextlib.contextmanager
def connected(address: str, patience_s: float = PATIENCE_S) -> Iterator[Cluster]:
    """Cluster of a scheduler, while the block lasts; arguments and errors as for `open_place`."""
    try:
        import distributed
    except ImportError:
        raise InputError(
            "--scheduler needs Dask, not installed here: pip install distributed"
        ) from None
    with _logging_nothing():
        client = None
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            client = distributed.Client(address, timeout=patience_s, set_as_default=False)
        if client is None:
            # The half-made client goes here and now: if it went while another is made, Dask would
            # wait for its own lock for ever.
            gc.collect()
            raise InputError(
                f"no Dask scheduler answers at {address} within {patience_s:g} s; the command "
                "'dask scheduler' prints its address as tcp://HOST:8786"
            )
        with client:
            _check_workers(client, address, patience_s)
            yield Cluster(client, address, patience_s)


@contextlib.contextmanager
def _logging_nothing() -> Iterator[None]:
    """Silence Dask's loggers: what matters is said in one line, not in their tracebacks.

    Its configuration gives some of them a level of their own.
    """
    loggers = [
        logger
        for name, logger in logging.root.manager.loggerDict.items()
        if name.split(".")[0] == "distributed" and isinstance(logger, logging.Logger)
    ]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _check_workers(client: Any, address: str, patience_s: float) -> None:
    """Refuse a cluster on which tasks could not run, or not as here."""
    start = f"dask worker {address} --nworkers N --nthreads 1"
    try:
        client.wait_for_workers(1, timeout=patience_s)
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
        if problem := _problem(_version.__version__, version, threads.get(worker, 1)):
            raise InputError(f"worker {worker} {problem}: {start}")


def _problem(ours: str, theirs: str, threads: int) -> str:
    """Reason why a worker cannot run our tasks; empty if it can."""
    if theirs != ours:
        has = f"has bio_scnn {theirs}" if theirs else "has no bio_scnn"
        return f"{has}, not {ours} as here; install that, and start it anew"
    if threads != 1:
        return f"runs {threads} tasks in one process, and Brian2 one only; start it anew"
    return ""


def _attempt_there(version: str, task: Task, item: Any, shared: tuple[Any, ...]) -> Any:
    """`attempt` on a worker, which may have joined after the others were looked at."""
    from distributed import get_worker

    worker = get_worker()
    if problem := _problem(version, _version.__version__, worker.state.nthreads):
        return _UnfitWorker(worker.address, problem)
    return attempt(task, item, shared)
