"""Tasks: functions of a module that know nothing of one another, and run alike anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from bio_scnn.errors import InputError
from bio_scnn.runtime.memory import keep_freed_memory

Task = Callable[..., Any]


class Failure(NamedTuple):
    """Reason, in one line, why a task has no result."""

    reason: str


def attempt(task: Task, item: Any, shared: tuple[Any, ...]) -> Any:
    """Result of ``task(item, *shared)``, or the `Failure` that it ended in."""
    # A twentieth of a restoration's time. Dask has its workers give back freed memory at once
    # (MALLOC_TRIM_THRESHOLD_): without this it took twice as long there.
    keep_freed_memory()
    import scipy.linalg  # noqa: F401 # its own BLAS is limited only once it is loaded

    try:
        # The last bits of a matrix product depend on how many threads share it.
        with threadpool_limits(1, user_api="blas"):
            return task(item, *shared)
    except Exception as error:
        return failure_of(error)


def failure_of(error: Exception) -> Failure:
    """The `Failure` that an exception means."""
    reason = " ".join(str(error).split())
    return Failure(
        reason if isinstance(error, InputError) else f"{type(error).__name__}: {reason}"
    )
