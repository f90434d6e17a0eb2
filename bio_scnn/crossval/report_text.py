"""A validation as text for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from bio_scnn.crossval.results import UNEXPECTED, CheckResult, Report, Status

STATUSES: tuple[Status, ...] = ("passed", "failed", "xfail", "xpass", "skipped", "error")
_COLOURS = {"passed": "32", "failed": "1;31", "error": "1;31", "xpass": "33", "xfail": "36"}
_DECLARED = {"xfail": "expected", "xpass": "passed, though declared to fail"}
_NARROW = 30  # columns below which a text gets lines of its own


def text_report(reports: Sequence[Report], width: int = 100, colour: bool = False) -> str:
    """A table with a line per implementation, and what is to be said about each failure.

    Parameters
    ----------
    reports : sequence of Report
    width : int, columns
    colour : bool
        With the escape sequences of terminals.

    Returns
    -------
    str
        Several lines, the last without an end.
    """
    page = _Page(max(width, 40), colour)
    page.table(reports)
    for report in reports:
        page.failures(report)
    page.expected(reports)
    page.summary(reports)
    return "\n".join(page.lines)


def title(report: Report) -> str:
    """Name of an implementation with the version of what carries it."""
    # Of test vectors it says in words what the versions belong to.
    version = next((v for name, v in report.versions.items() if " " not in name), "")
    return f"{report.name} {version}".strip()


class _Page:
    def __init__(self, width: int, colour: bool):
        self.width = width
        self.colour = colour
        self.lines: list[str] = []

    def table(self, reports: Sequence[Report]) -> None:
        first = min(max([14, *(len(title(report)) for report in reports)]), 26)
        head = " ".join([" " * first, *STATUSES, "150 Hz reads"])
        room = self.width - len(head) - 2
        beside = room >= _NARROW
        self.lines.append(head + ("  behaves like" if beside else ""))
        for report in reports:
            name = _printable(title(report))
            name = name if len(name) <= first else name[: first - 1] + "…"
            cells = [self._count(report, status) for status in STATUSES]
            rate = report.rate_at_150_hz
            cells.append(f"{rate:9.2f} Hz" if rate is not None else f"{'-':>12}")
            row = " ".join([name.ljust(first), *cells])
            like = report.error.partition("\n")[0] or report.behaves_like
            if beside:
                pieces = textwrap.wrap(like, room) or [""]
                self.lines.append(f"{row}  {pieces[0]}".rstrip())
                self.lines += [" " * (len(head) + 2) + piece for piece in pieces[1:]]
            else:
                self.lines.append(row)
                self._wrap(like, "    ")

    def failures(self, report: Report) -> None:
        """Each unexpected failure; errors with the same message together."""
        if report.error:
            self._heading(report, "could not be checked", "error")
            self._wrap(report.error, "  ")
        errors: dict[str, list[str]] = {}
        for result in report.results:
            if result.status == "failed":
                self._heading(report, result.check, "failed")
                self._finding(result)
            elif result.status == "error":
                errors.setdefault(result.reason, []).append(result.check)
        for reason, checks in errors.items():
            self._heading(report, ", ".join(checks), "error")
            self._wrap(reason, "  ")

    def expected(self, reports: Sequence[Report]) -> None:
        """A line for each declared failure, and for those that did not happen."""
        for status, what in _DECLARED.items():
            rows = [
                f"{report.name}: {result.check}: {result.reason}"
                for report in reports
                for result in report.results
                if result.status == status
            ]
            if rows:
                self.lines += ["", self._paint(f"{what}:", status)]
            for row in rows:
                self._wrap(row, "  ", "    ")

    def summary(self, reports: Sequence[Report]) -> None:
        results = [result for report in reports for result in report.results]
        bad = sum(result.status in UNEXPECTED for result in results)
        bad += sum(bool(report.error) for report in reports)
        what = f"{bad} unexpected" if bad else "nothing unexpected"
        many = "implementation" if len(reports) == 1 else "implementations"
        self.lines.append("")
        start = len(self.lines)
        self._wrap(f"{len(reports)} {many}, {len(results)} checks: {what}", "")
        self._paint_from(start, "failed" if bad else "passed")

    def _count(self, report: Report, status: Status) -> str:
        number = report.count(status)
        cell = f"{number or '.':>{len(status)}}"
        return self._paint(cell, status) if number else cell

    def _heading(self, report: Report, what: str, status: str) -> None:
        self.lines.append("")
        start = len(self.lines)
        self._wrap(f"{report.name}: {what} ({status})", "")
        self._paint_from(start, status)

    def _finding(self, result: CheckResult) -> None:
        for name in ("observed", "expected", "cause", "effect", "reason"):
            if value := getattr(result, name):
                self._wrap(value, f"  {name:8}  ", " " * 12)

    def _wrap(self, text: str, indent: str, further: str | None = None) -> None:
        further = indent if further is None else further
        for line in map(_printable, text.splitlines()):
            self.lines += textwrap.wrap(
                line, self.width, initial_indent=indent, subsequent_indent=further
            )
            indent = further

    def _paint_from(self, start: int, status: str) -> None:
        self.lines[start:] = [self._paint(line, status) for line in self.lines[start:]]

    def _paint(self, text: str, status: str) -> str:
        code = _COLOURS.get(status, "")
        return f"\033[{code}m{text}\033[0m" if self.colour and code else text


def _printable(text: str) -> str:
    """Without the escape sequences that a framework may have sent to its terminal."""
    return "".join(c if c.isprintable() else " " for c in re.sub("\x1b\\[[0-9;]*m", "", text))
