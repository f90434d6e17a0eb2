"""Worker of the brush: one process that performs tasks, one at a time, and can be stopped."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import AsyncGenerator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from bio_scnn.brush.sheet import Sheet
from bio_scnn.runtime.processes import begin, interrupts_held, threads
from bio_scnn.runtime.tasks import Failure, attempt

_LOOK_S, _BEAT_S = 0.02, 0.5  # between looks at the pipe, and between signs of life
_STEP = 0.005  # of a task: smaller progress is not told
_CONTEXT = multiprocessing.get_context("spawn")  # the server has threads

Message = dict[str, Any]


class Worker:
    """A process that performs tasks of `bio_scnn.brush.tasks`, started anew after each stop."""

    def __init__(self) -> None:
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._turn = asyncio.Lock()

    def start(self) -> None:
        """Start the process, if there is none: it needs a second for its imports."""
        if self._process is not None:
            return
        self._pipe, end = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=work, args=(end, threads()), daemon=True)
        with interrupts_held():
            self._process.start()
        end.close()

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None and self._pipe is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = self._pipe = None

    async def perform(
        self, sheet: Sheet, task: str, options: Message
    ) -> AsyncGenerator[Message, None]:
        """Messages of a task; if whoever reads them stops, the task is stopped, too.

        Yields
        ------
        dict
            ``progress``, from 0 to 1, now and then; at last ``done``, the task's answer, or
            ``error``, a line.
        """
        yield {"progress": 0.0}
        async with self._turn:
            self.start()
            assert self._pipe is not None
            ended = False
            try:
                self._pipe.send((sheet, task, options))
                progress, told = 0.0, time.monotonic()
                while not ended:
                    message = self._received()
                    progress = message.get("progress", progress)
                    ended = bool(message.keys() & {"done", "error"})
                    if message or time.monotonic() - told > _BEAT_S:
                        told = time.monotonic()
                        yield message or {"progress": progress}
                    else:
                        await asyncio.sleep(_LOOK_S)
            except (EOFError, OSError):  # of a process that ended, as for lack of memory
                yield {
                    "error": "the restoring process ended, perhaps for lack of memory; try again"
                }
            finally:
                if not ended:
                    self.stop()
                    self.start()

    def _received(self) -> Message:
        """Next message, or none yet."""
        assert self._pipe is not None
        return self._pipe.recv() if self._pipe.poll() else {}


def work(pipe: Connection, share: int) -> None:
    """Perform tasks that come through a pipe, until it is closed."""
    begin(share)
    from bio_scnn.brush.tasks import perform

    told = [0.0]

    def report(fraction: float) -> None:
        if fraction - told[0] >= _STEP:
            told[0] = fraction
            pipe.send({"progress": fraction})

    with contextlib.suppress(EOFError, OSError):
        while True:
            sheet, task, options = pipe.recv()
            told[0] = 0.0
            answer = attempt(perform, sheet, (task, options, report))
            failed = isinstance(answer, Failure)
            pipe.send({"error": answer.reason} if failed else {"done": answer})
