"""Memory kept from growing, and from being cleared over and over."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from typing import Any

from bio_scnn.errors import InputError

# Parameters of glibc's mallopt, from its malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

_LARGE = 2**27  # bytes, of which a process should not hold more than it needs


@contextlib.contextmanager
def garbage_collected() -> Iterator[None]:
    """Collect the garbage that a block leaves behind, and no older one.

    Brian2's networks and Matplotlib's figures are full of reference cycles and hold large arrays,
    which Python's own collections may leave for long. With all older objects set aside it takes
    1 ms rather than 100.
    """
    freeze = gc.get_freeze_count() == 0  # the user's own frozen objects must stay frozen
    if freeze:
        gc.freeze()
    try:
        yield
    finally:
        if freeze:
            gc.collect()
            gc.unfreeze()


def keep_freed_memory() -> bool:
    """Let this process keep the memory it frees, for its next arrays.

    A training step allocates and frees the same tens of megabytes again and again. By default
    glibc gives them back to the system in between, which has to clear every page anew: about a
    tenth of the time of a step. The whole process then never shrinks below its highest need.

    Returns
    -------
    bool
        Whether it could be set: False where the C library is another than glibc.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is None:
        return False
    # Either of them switches off the automatic choice of the other, so both or none. Older
    # versions refuse to allocate more than 32 MiB in this way.
    return bool(mallopt(_M_MMAP_THRESHOLD, 2**25) and mallopt(_M_TRIM_THRESHOLD, 2**30))


def give_back_freed_memory(freed: int) -> None:
    """Let the system have memory that this process freed, if it was much.

    Parameters
    ----------
    freed : int
        Bytes, about.
    """
    trim = _of_glibc("malloc_trim")
    if freed >= _LARGE and trim is not None:
        trim(0)


def memory_limit() -> float:
    """Most bytes that this process can have: those of the machine, or of a limit set on it."""
    limits = [float("inf")]
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not on every system
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(ModuleNotFoundError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        limits.append(float("inf") if soft == resource.RLIM_INFINITY else soft)
    return min(limits)


def check_fits(needed: int, what: str) -> None:
    """Refuse work that needs more memory than this process can have, before it is begun.

    Parameters
    ----------
    needed : int
        Bytes, at least.
    what : str
        What needs them, and how it is made less, for the message.

    Raises
    ------
    InputError
        Says how much is needed, and how much there is.
    """
    if needed > (limit := memory_limit()):
        raise InputError(
            f"{what}: this needs {needed / 1e9:.3g} GB of memory, and there are {limit / 1e9:.3g}"
        )


def _of_glibc(name: str) -> Any:
    """A function of the C library, if that is glibc."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
