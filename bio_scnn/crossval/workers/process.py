"""A worker process as its parent sees it: events with a time limit, and nothing left behind."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from typing import IO, Any

from bio_scnn.errors import InputError

_LINES_OF_STDERR = 8

# Layers of a few neurons gain nothing from threads, and checks at the same time would lose.
_THREADS = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "BLIS")
} | {"VECLIB_MAXIMUM_THREADS": "1"}


class Stopped(Exception):
    """The event was set that ends all workers."""


class WorkerProcess:
    """A worker with a job; a context, at whose end it is killed with all its children.

    Parameters
    ----------
    python : str
        Interpreter.
    job : dict
        As `worker.Worker.run` takes it.
    stop : threading.Event
        Once it is set, `next` raises `Stopped`.
    end_s : float, s
        Time to end by itself.

    Raises
    ------
    InputError
        If the interpreter cannot be run.
    """

    def __init__(self, python: str, job: dict[str, Any], stop: threading.Event, end_s: float):
        self._stop, self._end_s = stop, end_s
        try:
            self._process = subprocess.Popen(
                [python, "-m", "bio_scnn.crossval.workers.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
                start_new_session=True,  # so that it leads a group of processes
            )
        except OSError as error:
            raise InputError(f"{python}: cannot be run ({error.strerror})") from None
        self._events: queue.SimpleQueue[tuple[str, Any] | None] = queue.SimpleQueue()
        self._stderr: collections.deque[bytes] = collections.deque(maxlen=200)
        self._readers = [
            threading.Thread(target=read, args=(pipe,), daemon=True)
            for read, pipe in (
                (self._read_events, self._process.stdout),
                (self._read_stderr, self._process.stderr),
            )
        ]
        for reader in self._readers:
            reader.start()
        with contextlib.suppress(OSError):  # it is gone already, and `next` will say so
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()  # but not closed: the worker would take it for our end

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()

    def next(self, limit_s: float) -> tuple[str, Any]:
        """The next event, or ``("ended", why)`` when there will be none.

        Raises
        ------
        Stopped
        """
        deadline = time.monotonic() + limit_s
        while not self._stop.is_set():
            ended = self._has_ended()
            try:
                # What it sent before it ended may still be on its way through the reader.
                event = self._events.get(timeout=0.5 if ended else 0.1)
            except queue.Empty:
                if ended:
                    return "ended", self._ending()
                if time.monotonic() > deadline:
                    return "ended", self._late(limit_s)
                continue
            if event is not None:
                return event
            self.let_end()
            return "ended", self._ending()
        raise Stopped

    def let_end(self) -> None:
        """Give it time to end by itself: caches are written then."""
        deadline = time.monotonic() + self._end_s
        while not self._has_ended() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _has_ended(self) -> bool:
        # Without reaping it, so that its number still names its group and nothing else.
        if hasattr(os, "waitid") and self._process.returncode is None:
            options = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self._process.pid, options) is not None
        return self._process.poll() is not None

    def _kill(self) -> None:
        if self._process.returncode is None:
            if hasattr(os, "killpg"):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join(1.0)  # a process that left the group may hold the pipes open

    def _late(self, limit_s: float) -> str:
        if hasattr(signal, "SIGUSR1"):
            os.kill(self._process.pid, signal.SIGUSR1)  # the worker writes down where it is
            time.sleep(0.1)
        self._kill()
        how = f"no answer within the time limit of {limit_s:g} s"
        return "\n".join([how, *self._last_words()])

    def _ending(self) -> str:
        self._kill()
        code = self._process.returncode
        if code >= 0:
            how = f"the process ended by itself with exit code {code}"
        else:
            how = f"the process was killed by {signal.Signals(-code).name}"
            if -code == signal.SIGKILL:
                how += ", as happens when memory runs out"
        return "\n".join([how, *self._last_words()])

    def _last_words(self) -> list[str]:
        lines = b"".join(self._stderr).decode(errors="replace").splitlines()
        lines = [line for line in lines if line.strip()]
        for number, line in enumerate(lines):
            if line.startswith(("Fatal Python error", "Stack (most recent call first)")):
                # The innermost call comes first; what was said before may tell more.
                return lines[max(0, number - 3) : number + _LINES_OF_STDERR]
        return lines[-_LINES_OF_STDERR:]

    def _read_events(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                try:
                    message = json.loads(line)
                    event = message["event"], message["content"]
                except (ValueError, TypeError, KeyError):
                    continue  # printed while the interpreter started
                self._events.put(event)
        self._events.put(None)

    def _read_stderr(self, pipe: IO[bytes]) -> None:
        with pipe:
            while line := pipe.readline(500):
                self._stderr.append(line)


def _environment() -> dict[str, str]:
    xla = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return {
        **os.environ,
        **_THREADS,
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {xla}".strip(),
        "PYTHONIOENCODING": "utf-8",
    }
