"""Many implementations checked at a time, each in a process of its own, here or on a cluster."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from bio_scnn.crossval.results import Report
from bio_scnn.crossval.workers.isolation import DEFAULT_LIMITS, Limits, Target, check_apart
from bio_scnn.errors import InputError
from bio_scnn.runtime.cluster import Cluster
from bio_scnn.runtime.tasks import Failure

Progress = Callable[[str, float], None]
"""Told what is done now, in words, and the fraction that is finished."""


def check_all(
    targets: Sequence[Target],
    checks: Sequence[str],
    *,
    dt_ms: float | None = None,
    limits: Limits = DEFAULT_LIMITS,
    jobs: int = 1,
    progress: Progress | None = None,
) -> list[Report]:
    """Check implementations on this machine.

    Parameters
    ----------
    targets : sequence of Target
    checks : sequence of str
        Their names.
    dt_ms : float, ms
    limits : Limits
    jobs : int
        Implementations at a time.
    progress : callable, optional
        Told of every check that begins, and of the fraction of all checks that is finished.

    Returns
    -------
    list of Report
        In the order of the targets. One that does not exist, or whose interpreter does not, has
        an `error`: the others' results are worth more than an early end.

    Raises
    ------
    InputError
        If the only target does not exist.
    """
    stop, lock = threading.Event(), threading.Lock()
    finished: list[str] = []  # checks of all targets
    total = len(targets) * len(checks)

    def check(target: Target) -> Report:
        def tell(what: str, *done: str) -> None:
            with lock:
                finished.extend(done)
                if progress is not None:
                    progress(f"{target.name}: {what}", len(finished) / total)

        def follow(kind: str, content: Any) -> None:
            if kind == "start":
                tell(content)
            else:
                tell(content.check, content.check)

        try:
            report = check_apart(
                target, checks, dt_ms=dt_ms, limits=limits, on_event=follow, stop=stop
            )
        except InputError as error:
            report = _not_run(target, dt_ms, str(error), alone=len(targets) == 1)
        tell("done", *checks[len(report.results) :])
        return report

    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(check, target) for target in targets]
        try:
            return [future.result() for future in running]
        except BaseException:  # Ctrl-C as well: no worker may outlive us
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def check_all_on_cluster(
    targets: Sequence[Target],
    checks: Sequence[str],
    cluster: Cluster,
    *,
    dt_ms: float | None = None,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> list[Report]:
    """Check implementations on the workers of a cluster, with their own interpreters.

    Parameters, returned value and errors are those of `check_all`.
    """
    reports = {}
    for index, found in cluster.each(_check_there, targets, checks, dt_ms, limits):
        if isinstance(found, Failure):
            found = _not_run(targets[index], dt_ms, found.reason, alone=len(targets) == 1)
        reports[index] = found
        if progress is not None:
            progress(targets[index].name, len(reports) / len(targets))
    return [reports[index] for index in range(len(targets))]


def _check_there(
    target: Target, checks: Sequence[str], dt_ms: float | None, limits: Limits
) -> Report:
    """Check one target on a worker of the cluster."""
    target = replace(target, python=sys.executable)
    return check_apart(target, checks, dt_ms=dt_ms, limits=limits)


def _not_run(target: Target, dt_ms: float | None, why: str, *, alone: bool) -> Report:
    if alone:
        raise InputError(why)
    return Report(name=target.name, dt_ms=dt_ms or 0.1, error=why)
