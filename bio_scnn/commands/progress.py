"""Progress of a long command: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm

LINE_EVERY_S = 30.0


class Progress:
    """Bar where somebody watches; in a pipe or a file a line every half a minute, on stderr.

    Parameters
    ----------
    total : float
    name : str
        Written before the percentage.
    quiet : bool
        Show nothing.
    line_every_s : float

    Attributes
    ----------
    n : float
        Done, of `total`.
    """

    def __init__(
        self, total: float, name: str, *, quiet: bool, line_every_s: float = LINE_EVERY_S
    ) -> None:
        self.n, self._total, self._name, self._every_s = 0.0, total, name, line_every_s
        bar_format = "{desc} {percentage:3.0f}% |{bar}| {elapsed}<{remaining}{postfix}"
        self._bar = tqdm(
            total=total, desc=name, leave=False, disable=quiet or None, bar_format=bar_format
        )
        self._begun = time.monotonic()
        self._line_at = self._begun + line_every_s if self._bar.disable else float("inf")
        if quiet:
            self._line_at = float("inf")

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def update(self, more: float = 1, what: str = "") -> None:
        """Take note that `more` is done, and of what is done now."""
        self.n += more
        self._bar.set_postfix_str(what, refresh=False)
        self._bar.update(more)
        now = time.monotonic()
        if now >= self._line_at:
            self._line_at = now + self._every_s
            print(
                f"{self._name}: {100 * self.n / self._total:.0f} % after {now - self._begun:.0f} s"
                f"{f' ({what})' if what else ''}",
                file=sys.stderr,
                flush=True,
            )
