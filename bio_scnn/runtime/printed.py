"""Lines that libraries of C print to standard error, kept back from whoever runs the program."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

_ONE = threading.RLock()  # standard error belongs to the whole process
_THEIRS = re.compile(rb"[\w./-]+: .*\.\s*")  # such as: Fax4Decode: Bad code word at line 7.


@contextlib.contextmanager
def printed_lines() -> Iterator[list[str]]:
    """Lines that libtiff prints in a block; they are in the list when it has ended.

    What other threads print meanwhile appears at the end of the block. Without a standard error
    nothing is done.
    """
    lines: list[str] = []
    if sys.__stderr__ is None:  # its number may be that of any file
        yield lines
        return
    with _ONE, contextlib.ExitStack() as stack:
        try:
            held = stack.enter_context(tempfile.TemporaryFile())
            usual = os.dup(2)
        except OSError:  # no place for it
            yield lines
            return
        stack.callback(os.close, usual)
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        os.dup2(held.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(usual, 2)
            held.seek(0)
            for line in held.read().splitlines(keepends=True):
                if _THEIRS.fullmatch(line):
                    lines.append(line.decode("utf-8", "replace").strip())
                else:
                    os.write(2, line)
