"""SIGTERM, as from `kill`, a scheduler or a shutdown: a command ends as by Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType


class Terminated(KeyboardInterrupt):
    """Request to end by SIGTERM: what stops for Ctrl-C stops, cleans up and saves for it too."""


def end_cleanly() -> None:
    """Raise `Terminated` at the first SIGTERM; a second one ends the process at once.

    Nothing changes where somebody else handles the signal, and off the main thread. Processes that
    are forked later end at once.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return
    owner = os.getpid()

    def stop(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() != owner:
            os.kill(os.getpid(), number)
            return
        raise Terminated

    signal.signal(signal.SIGTERM, stop)
