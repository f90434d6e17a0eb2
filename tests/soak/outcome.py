"""Outcome of a part of the soak: a row of its table."""

from __future__ import annotations

import importlib
import multiprocessing.util
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bio_scnn.commands.options import run


@dataclass(frozen=True)
class Outcome:
    """Outcome of a part of the soak: repetitions done and asked for, and findings."""

    name: str
    done: int
    asked: int
    seconds: float
    figures: str = ""
    findings: list[str] = field(default_factory=list)


def table(outcomes: Sequence[Outcome]) -> str:
    """A row for each, and a line for each finding."""
    lines = []
    for one in outcomes:
        lines.append(
            f"{one.name:44}{one.done:8,} of {one.asked:7,}{one.seconds:7.0f} s"
            f"{len(one.findings):4} findings  {one.figures}"
        )
        lines += [f"    {finding}" for finding in one.findings]
    return "\n".join(lines)


def command(module: str, *words: object) -> list[str]:
    """Words of one of our command lines."""
    return [sys.executable, "-m", f"bio_scnn.{module}", *map(str, words)]


def ran(
    words: Sequence[str], seconds: float = 120, **options: Any
) -> subprocess.CompletedProcess[str]:
    """A command run to its end; one that hangs has the exit code 124."""
    try:
        return subprocess.run(
            words, capture_output=True, text=True, timeout=seconds, check=False, **options
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, "", f"hung for {seconds:g} s")


def forked(module: str, words: Sequence[object], errors: Path) -> int:
    """A command line in a process and a group of its own, which need not import it first."""
    if (child := os.fork()) > 0:
        return child
    code: Any = 70  # of what must not happen
    try:
        os.setsid()
        for number, name in ((1, os.devnull), (2, str(errors))):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        run(lambda: importlib.import_module(f"bio_scnn.{module}").main([*map(str, words)]))
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        multiprocessing.util._exit_function()  # not those of our own temporary folders
        os._exit(code if isinstance(code, int) else 70)


def killed(
    module: str, words: Sequence[object], after: float, number: int, errors: Path
) -> tuple[int, str]:
    """Exit code and errors of a command that gets a signal; 'orphan' if it left a process."""
    child = forked(module, words, errors)
    code = _waited(child, after)
    if code is None:
        os.kill(child, number)
        code = _waited(child, 60)
    said = errors.read_text() if errors.exists() else ""
    end = time.monotonic() + 10
    while code is not None and _alive(child):
        if time.monotonic() > end:
            said = "orphan"
            break
        time.sleep(0.02)
    if code is None or said == "orphan":
        os.killpg(child, signal.SIGKILL)
    return (124, "goes on for a minute after the signal") if code is None else (code, said)


def _waited(child: int, seconds: float) -> int | None:
    """Exit code of a process; None if it still runs after some seconds."""
    end = time.monotonic() + seconds
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            return None
        time.sleep(0.005)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def hidden(folder: Path) -> list[Path]:
    """Partial files that are left."""
    return sorted(folder.rglob(".*.part"))
