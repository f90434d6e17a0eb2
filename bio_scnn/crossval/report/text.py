"""A validation as text for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from bio_scnn.crossval.report.screen import screen
from bio_scnn.crossval.report.words import STATUSES, first_line, plural, problem, title
from bio_scnn.crossval.results import UNEXPECTED, CheckResult, Report, Status

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
    page.screens(reports)
    page.table(reports)
    page.remarks(reports)
    for report in reports:
        page.failures(report)
    page.expected(reports)
    page.skipped(reports)
    page.summary(reports)
    return "\n".join(page.lines)


class _Page:
    def __init__(self, width: int, colour: bool):
        self.width = width
        self.colour = colour
        self.lines: list[str] = []

    def screens(self, reports: Sequence[Report]) -> None:
        """First screen of each layer that was identified."""
        for report in reports:
            if report.identity is not None:
                name, *rest = screen(report, self.width).splitlines()
                self._heading(name, "passed" if report.ok else "failed")
                self.lines += [*map(_printable, rest), ""]

    def table(self, reports: Sequence[Report]) -> None:
        longest = max([14, *(len(title(report)) for report in reports)])
        first = min(longest, 26 if self.width < 90 else 34)
        targets = {r.target_rate_hz for r in reports if r.rate_at_150_hz is not None} or {150.0}
        reads = f"{min(targets):.4g} Hz reads" if len(targets) == 1 else "neuron reads"
        head = " ".join([" " * first, *STATUSES, f"{reads:>12}"])
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
            like = first_line(problem(report)) or report.behaves_like
            if beside:
                pieces = textwrap.wrap(like, room) or [""]
                self.lines.append(f"{row}  {pieces[0]}".rstrip())
                self.lines += [" " * (len(head) + 2) + piece for piece in pieces[1:]]
            else:
                self.lines.append(row)
                self._wrap(like, "    ")

    def remarks(self, reports: Sequence[Report]) -> None:
        """Wrong use of a layer that was worked around, a line for each."""
        rows = [f"{report.name}: {text}" for report in reports for text in report.remarks]
        if rows:
            self.lines += ["", "use:"]
        for row in rows:
            self._wrap(row, "  ", "    ")

    def failures(self, report: Report) -> None:
        """Unexpected failures of an implementation, and the cause behind them as a whole."""
        if report.nothing:
            self.lines.append("")
            self._heading(f"{report.name}: {report.nothing}", "failed")
        failed = [result for result in report.results if result.status == "failed"]
        # Those that ended in the same way, wherever they were.
        errors: dict[str, list[CheckResult]] = {}
        for result in report.results:
            if result.status == "error":
                errors.setdefault(first_line(result.reason), []).append(result)
        bad = len(failed) + report.count("error") + bool(report.error)
        if not bad:
            return
        effects = dict.fromkeys(result.effect for result in failed if result.effect)
        self.lines.append("")
        self._heading(f"{report.name}: {bad} unexpected", "failed")
        if report.error:
            self._field("error", report.error, "  ")
        self._field("cause", report.verdict, "  ")
        for effect in effects:
            self._field("effect", effect, "  ")
        for result in failed:
            self._heading(f"  {result.check} (failed)", "failed")
            self._field("observed", result.observed)
            self._field("expected", result.expected)
            if result.cause != report.verdict:
                self._field("cause", result.cause)
        for alike in errors.values():
            names = ", ".join(result.check for result in alike)
            self._heading(f"  {names} (error)", "error")
            self._wrap(alike[0].reason, "    ")

    def expected(self, reports: Sequence[Report]) -> None:
        """A line for each reason of a declared failure, and for those that did not happen."""
        for status, what in _DECLARED.items():
            rows = [
                f"{report.name}: {', '.join(checks)}: {reason}"
                for report in reports
                for reason, checks in _by_reason(report, status).items()
            ]
            if rows:
                self.lines += ["", self._paint(f"{what}:", status)]
            for row in rows:
                self._wrap(row, "  ", "    ")

    def skipped(self, reports: Sequence[Report]) -> None:
        """Reasons for skipped checks, in one line for each implementation."""
        rows = []
        for report in reports:
            reasons = _by_reason(report, "skipped").items()
            told = "; ".join(
                f"{', '.join(checks)} ({' '.join(reason.split())})" for reason, checks in reasons
            )
            if told:
                rows.append(f"{report.name}: {told}")
        if rows:
            self.lines += ["", "skipped:"]
        for row in rows:
            self._wrap(row, "  ", "    ")

    def summary(self, reports: Sequence[Report]) -> None:
        """The whole in one line."""
        results = [result for report in reports for result in report.results]
        bad = sum(result.status in UNEXPECTED for result in results)
        bad += sum(bool(problem(report)) for report in reports)
        what = f"{bad} unexpected" if bad else "nothing unexpected"
        many = f"{plural(len(reports), 'implementation')}, {plural(len(results), 'check')}"
        self.lines.append("")
        self._heading(f"{many}: {what}", "failed" if bad else "passed")

    def _count(self, report: Report, status: Status) -> str:
        number = report.count(status)
        cell = f"{number or '.':>{len(status)}}"
        return self._paint(cell, status) if number else cell

    def _heading(self, text: str, status: str) -> None:
        start = len(self.lines)
        indent = " " * (len(text) - len(text.lstrip()))
        self._wrap(text.strip(), indent)
        self.lines[start:] = [self._paint(line, status) for line in self.lines[start:]]

    def _field(self, name: str, text: str, indent: str = "    ") -> None:
        self._wrap(text, f"{indent}{name:8}  ", indent + " " * 10)

    def _wrap(self, text: str, indent: str, further: str | None = None) -> None:
        further = indent if further is None else further
        for line in map(_printable, text.splitlines()):
            self.lines += textwrap.wrap(
                line, self.width, initial_indent=indent, subsequent_indent=further
            )
            indent = further

    def _paint(self, text: str, status: str) -> str:
        code = _COLOURS.get(status, "")
        return f"\033[{code}m{text}\033[0m" if self.colour and code else text


def _by_reason(report: Report, status: str) -> dict[str, list[str]]:
    """Names of the checks that ended so, by the reason given."""
    found: dict[str, list[str]] = {}
    for result in report.results:
        if result.status == status:
            found.setdefault(result.reason, []).append(result.check)
    return found


def _printable(text: str) -> str:
    """Without the escape sequences that a framework may have sent to its terminal."""
    return "".join(c if c.isprintable() else " " for c in re.sub("\x1b\\[[0-9;]*m", "", text))
