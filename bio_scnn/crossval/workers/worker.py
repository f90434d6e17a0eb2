"""One implementation in a process of its own: ``python -m bio_scnn.crossval.workers.worker``.

`isolation` starts it, writes a job to its standard input, and reads one JSON object per line from
a pipe that nothing else can reach: frameworks print, so what was standard output at the start is
moved out of their way before any is imported. The job says how to make the adapter and which
steps to take; each is announced before it begins, so that the parent knows what a crash or a hang
belongs to.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from bio_scnn.crossval.likeness import behaves_like
from bio_scnn.crossval.protocol import Adapter
from bio_scnn.crossval.results import CheckResult
from bio_scnn.crossval.subject import Subject
from bio_scnn.errors import InputError
from bio_scnn.runtime.config import from_table

LOAD, BUILD, RUN = "(load)", "(build)", "(run)"
"""Steps before the checks, in which frameworks are imported and compilers may run."""

PORTRAIT, LIKENESS, IDENTITY = "(portrait)", "(behaves like)", "(identity)"
"""Steps after the checks."""


def make_adapter(recipe: dict[str, Any], dt_ms: float | None, time_limit_s: float) -> Adapter:
    """The adapter that a recipe describes.

    Parameters
    ----------
    recipe : dict
        ``{"resolve": NAME, "declare": TABLE}``, ``{"command": TEMPLATE}`` or
        ``{"nir": FILE, "index": NODE}``.
    dt_ms : float, ms
    time_limit_s : float, s
        For one run of a program.

    Raises
    ------
    InputError
        If there is no such thing.
    """
    if "command" in recipe:
        from bio_scnn.crossval.adapters.program import CommandAdapter

        return CommandAdapter(recipe["command"], timeout_s=time_limit_s)
    if "nir" in recipe:
        from bio_scnn.crossval.nir_io import nir_adapters

        return nir_adapters(Path(recipe["nir"]))[recipe["index"]]
    from bio_scnn.crossval.resolve import resolve

    return resolve(recipe["resolve"], dt_ms=dt_ms, declare=recipe.get("declare"))


class Worker:
    """Takes the steps of a job and tells the parent about each.

    Parameters
    ----------
    events : text file
        Where to write.
    """

    def __init__(self, events: TextIO):
        self._events = events

    def tell(self, event: str, content: object = None) -> None:
        """Send one event, whole and at once."""
        self._events.write(json.dumps({"event": event, "content": content}) + "\n")
        self._events.flush()

    def run(self, job: dict[str, Any]) -> None:
        """Load the adapter and take the steps; ends with "finished" or says why not."""
        from bio_scnn.crossval import suite

        self.tell("start", LOAD)
        try:
            adapter = make_adapter(job["recipe"], job["dt_ms"], job["time_limit_s"])
            subject = suite.prepared(adapter, job["dt_ms"])
            self.tell("loaded", suite.header(subject).to_json())
            if adapter.trouble:
                return self.tell("failed", adapter.trouble)
        except InputError as error:
            return self.tell("bad input", str(error))
        except (Exception, SystemExit) as error:
            return self.tell("failed", f"{type(error).__name__}: {error}")
        try:
            if BUILD in job["trials"]:
                self.tell("start", BUILD)
                subject.build(subject.setup(1))
            if RUN in job["trials"]:
                self.tell("start", RUN)
                subject.trace(np.zeros((1, 1)))
        except ImportError as error:
            return self.tell("failed", f"{type(error).__name__}: {error}")
        except (Exception, SystemExit):  # is for the checks to find, each for itself
            pass
        # Once more: of some frameworks the version is known when they have been imported.
        self.tell("loaded", suite.header(subject).to_json())
        results = [from_table(CheckResult, table, "result") for table in job.get("results", ())]
        for step in job["steps"]:
            self.tell("start", step)
            if step == IDENTITY:
                found = suite.identity_of(subject, results)
                self.tell("done", found and dataclasses.asdict(found))
                continue
            content = self.step(step, subject)
            if isinstance(content, CheckResult):
                results.append(content)
                content = dataclasses.asdict(content)
            self.tell("done", content)
        return self.tell("finished")

    def step(self, name: str, subject: Subject) -> object:
        """Take one step: a check, or what is drawn or said of the whole."""
        from bio_scnn.crossval import suite
        from bio_scnn.crossval.report import portrait

        if name == LIKENESS:
            return behaves_like(subject)
        if name == PORTRAIT:
            drawn = portrait.portray(subject)
            return {
                "portrait": None if drawn is None else dataclasses.asdict(drawn),
                "rate_at_150_hz": portrait.target_rate(subject),
            }
        return suite.run_check(name, subject)


def _private_pipes() -> tuple[int, TextIO]:
    """The pipes from and to the parent; whoever reads or prints from now on gets others."""
    jobs, events = os.dup(0), os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return jobs, events


def _end_with_parent(jobs: int) -> None:
    """Kill this process and all its children once the parent is gone, however it went."""
    os.read(jobs, 1)  # returns when the other end is closed
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def main() -> None:
    """Read a job, one line of JSON, and do it."""
    jobs, events = _private_pipes()
    # Where it was when it crashed, or was asked to tell.
    faulthandler.enable(all_threads=False)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, all_threads=False)
    line = b""
    # Without a buffer: a thread that sleeps in one would break the end of the interpreter.
    while not line.endswith(b"\n") and (more := os.read(jobs, 65536)):
        line += more
    threading.Thread(target=_end_with_parent, args=(jobs,), daemon=True).start()
    Worker(events).run(json.loads(line))


if __name__ == "__main__":
    main()
