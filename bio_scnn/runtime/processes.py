"""Processes of our own, which leave Ctrl-C to the one that started them, and their threads."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator

from tqdm import tqdm

_THREADS = "OMP_NUM_THREADS"  # which numerical libraries read, Dask's workers are given, ...


def threads() -> int:
    """Number of threads for arithmetic: ``$OMP_NUM_THREADS``, or as many as there are cores."""
    said = os.environ.get(_THREADS, "").partition(",")[0].strip()
    if said.isdecimal() and int(said) > 0:
        return int(said)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def begin(share: int) -> None:
    """Set up a process of ours, as the first thing that it does.

    It ends, wherever it is, when the one that started it is killed.

    Parameters
    ----------
    share : int
        Threads for its arithmetic. Where several processes have one for each core, all of them
        take longer: those that do no arithmetic just then lose their core to those that do.
    """

    def wait() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    os.environ[_THREADS] = str(share)
    # Its own would be of the whole system, and left behind when this process is terminated.
    tqdm.set_lock(threading.RLock())
    threading.Thread(target=wait, daemon=True).start()


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back in a block, and for good in processes that are started in it.

    A terminal sends it to all of them, and each would tell where it was.
    """
    if not hasattr(signal, "pthread_sigmask"):  # as on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
