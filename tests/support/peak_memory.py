"""Memory that a piece of work takes."""

import tracemalloc


def peak_bytes(work):
    """Largest sum of what Python and NumPy hold at a time while something is done."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
