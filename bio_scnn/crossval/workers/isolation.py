"""Checks of one implementation in a process of its own, so that no crash or hang costs a result.

A step that ends its worker, or exceeds the time limit, becomes that check's ``error``; the
remaining ones are taken by a new worker.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bio_scnn.crossval.identity import Identity
from bio_scnn.crossval.results import CheckResult, Portrait, Report
from bio_scnn.crossval.workers.process import WorkerProcess
from bio_scnn.crossval.workers.worker import BUILD, IDENTITY, LIKENESS, LOAD, PORTRAIT, RUN
from bio_scnn.errors import InputError
from bio_scnn.runtime.config import from_table

OnEvent = Callable[[str, Any], None]


@dataclass(frozen=True)
class Target:
    """An implementation to be checked, and the interpreter that runs it.

    Attributes
    ----------
    name : str
        For progress and errors, until the adapter gives its own.
    recipe : dict
        As `worker.make_adapter` takes it.
    python : str
        Interpreter of an environment that has bio_scnn, and the framework.
    """

    name: str
    recipe: dict[str, Any]
    python: str = sys.executable


@dataclass(frozen=True)
class Limits:
    """Time limits of an implementation, and how often it may crash.

    Attributes
    ----------
    check_s : float, s
        For each check.
    load_s : float, s
        For loading, building, and running the first time each, if that is more than `check_s`:
        imports and compilers are slow the first time.
    end_s : float, s
        For its process to end by itself when it is done.
    crashes : int
        In a row. A framework that dies so often will go on to do so, and is given up.
    """

    check_s: float = 60.0
    load_s: float = 30.0
    end_s: float = 5.0
    crashes: int = 3


DEFAULT_LIMITS = Limits()


def check_apart(
    target: Target,
    checks: Sequence[str],
    *,
    dt_ms: float | None = None,
    limits: Limits = DEFAULT_LIMITS,
    on_event: OnEvent | None = None,
    stop: threading.Event | None = None,
) -> Report:
    """Run checks on one implementation in a process of its own.

    Parameters
    ----------
    target : Target
    checks : sequence of str
        Their names.
    dt_ms : float, ms
    limits : Limits
    on_event : callable, optional
        Called with ``("start", check)`` before and ``("result", CheckResult)`` after each check.
    stop : threading.Event, optional
        Once it is set, the worker is killed.

    Returns
    -------
    Report
        Its `error` says why, if the implementation could not be loaded or kept crashing.

    Raises
    ------
    InputError
        If there is no such implementation or interpreter.
    Stopped
        After `stop` was set.
    """
    began = time.monotonic()
    state = _State(target, checks, dt_ms, on_event or (lambda kind, content: None))
    stop = stop or threading.Event()
    crashes = 0
    trials = [BUILD, RUN]
    while state.left and not state.report.error:
        job = {
            "recipe": target.recipe,
            "dt_ms": dt_ms,
            "time_limit_s": limits.check_s,
            "trials": trials,
            "steps": state.left,
            "results": [dataclasses.asdict(result) for result in state.report.results],
        }
        before = len(state.left)
        with WorkerProcess(target.python, job, stop, limits.end_s) as process:
            step, why = state.follow(process, limits)
        if step == LOAD:
            state.give_up(why)
        elif step in trials and why:
            # What hangs or crashes there may do so in some checks only; they will say where.
            trials = trials[: trials.index(step)]
        elif why:
            # Progress between two crashes means that only single checks are at fault.
            crashes = crashes + 1 if len(state.left) == before else 1
            state.crashed(step, why)
            if crashes == limits.crashes and state.left:
                how = why.partition("\n")[0]
                state.give_up(f"given up after {crashes} crashes in a row; the last: {how}")
    return replace(state.report, seconds=time.monotonic() - began)


class _State:
    """The report on an implementation so far, and the steps that are left."""

    def __init__(self, target: Target, checks: Sequence[str], dt_ms: float | None, tell: OnEvent):
        self.report = Report(name=target.name, dt_ms=dt_ms or 0.1)
        self.left = [*checks, PORTRAIT, LIKENESS, IDENTITY]
        self._checks = tuple(checks)
        self._tell = tell
        self._loaded = False
        self._since = 0.0

    def follow(self, process: WorkerProcess, limits: Limits) -> tuple[str, str]:
        """Take in a worker's events: the step at which it ended, and why, if unfinished."""
        step = LOAD
        while True:
            slow = step in (LOAD, BUILD, RUN)
            limit = max(limits.check_s, limits.load_s) if slow else limits.check_s
            event, content = process.next(limit)
            if event == "start":
                step, self._since = content, time.monotonic()
                if step in self._checks:
                    self._tell("start", step)
            elif event == "loaded":
                self._loaded = True
                if not self.report.results:
                    self.report = Report.from_json(content)
            elif event == "done":
                self._done(step, content)
            elif event == "bad input" and not self._loaded:
                raise InputError(content)
            elif event in ("failed", "bad input"):
                return LOAD, content
            elif event == "finished":
                process.let_end()
                return step, ""
            else:
                return step, content

    def crashed(self, step: str, why: str) -> None:
        """Turn the end of a worker into a result."""
        if step in self._checks:
            seconds = time.monotonic() - self._since
            self._add(CheckResult(step, "error", reason=why, seconds=seconds))
        self.left.remove(step)

    def give_up(self, why: str) -> None:
        """No more workers; what is left of the checks has not been run."""
        for step in self.left:
            if self.report.results and step in self._checks:
                self._add(CheckResult(step, "error", reason=f"not run: {why}"))
        self.report = replace(self.report, error=why)

    def _done(self, step: str, content: Any) -> None:
        if step in self._checks:
            self._add(from_table(CheckResult, content, "result"))
        elif step == LIKENESS:
            self.report = replace(self.report, behaves_like=content)
        elif step == IDENTITY:
            found = content and from_table(Identity, content, "identity")
            self.report = self.report.identified(found)
        else:
            drawn = content["portrait"]
            portrait = None if drawn is None else from_table(Portrait, drawn, "portrait")
            rate = content["rate_at_150_hz"]
            self.report = replace(self.report, portrait=portrait, rate_at_150_hz=rate)
        self.left.remove(step)

    def _add(self, result: CheckResult) -> None:
        self.report = replace(self.report, results=(*self.report.results, result))
        self._tell("result", result)
