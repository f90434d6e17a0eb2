"""One setting of the C library that training and the tasks of an engine want."""

from __future__ import annotations

import ctypes
import sys

# Parameters of glibc's mallopt, from its malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


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
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    # Either of them switches off the automatic choice of the other, so both or none. Older
    # versions refuse to allocate more than 32 MiB in this way.
    return bool(mallopt(_M_MMAP_THRESHOLD, 2**25) and mallopt(_M_TRIM_THRESHOLD, 2**30))
