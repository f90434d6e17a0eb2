"""A validation as one HTML page that needs nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from bio_scnn.crossval.report.screen import identity_facts
from bio_scnn.crossval.report.svg import fi_curve_svg, membrane_svg
from bio_scnn.crossval.report.words import (
    STATUSES,
    decimal,
    details,
    first_line,
    headline,
    neuron,
    plural,
    problem,
    title,
)
from bio_scnn.crossval.results import CheckResult, Report
from bio_scnn.runtime import provenance
from bio_scnn.runtime.files import write_whole

T = TypeVar("T")

HEADING = "LIF neurons against their equation"
INTRODUCTION = (
    "Each was driven with the same currents as the exact leaky integrate-and-fire neuron, "
    "C dV/dt = I − V/R, with V held at V_reset for t_ref once it reaches V_th. A difference is a "
    "failure if it is larger than the time grid and the type of the numbers explain."
)
SYMBOLS = {
    "passed": "✓",
    "failed": "✗",
    "xfail": "≠",
    "xpass": "★",
    "skipped": "–",
    "error": "!",
}
MEANINGS = {
    "passed": "passed",
    "failed": "failed",
    "xfail": "failed, as declared",
    "xpass": "passed, though declared to fail",
    "skipped": "skipped",
    "error": "raised, crashed or hung",
}


def write_html(
    reports: Sequence[Report],
    path: Path,
    *,
    command: str = "",
    machine: Mapping[str, str] | None = None,
    date: str = "",
) -> None:
    """Write the page.

    Parameters
    ----------
    reports : sequence of Report
    path : Path
        File to be written.
    command : str
        Command line that made the reports.
    machine : mapping of str to str, optional
        What it ran on (default: this machine).
    date : str, optional
        When (default: now).

    Raises
    ------
    InputError
        If it cannot be written.
    """
    machine = provenance.machine() if machine is None else machine
    date = date or provenance.now()
    # What a framework says may hold half a character, which is no text.
    page = html_page(reports, command, machine, date).encode(errors="replace")
    write_whole(path, page)


def html_page(
    reports: Sequence[Report], command: str, machine: Mapping[str, str], date: str
) -> str:
    """The page as text; parameters as those of `write_html`."""
    bad = sum(not report.ok for report in reports)
    verdict = f"{bad} of {len(reports)} with unexpected failures" if bad else "nothing unexpected"
    checks = _in_order(result.check for report in reports for result in report.results)
    style, script = (
        files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "page.js")
    )
    body = [
        f"<h1>{HEADING}</h1>",
        f"<p><strong>{plural(len(reports), 'implementation')}: {verdict}.</strong> {INTRODUCTION}"
        f'</p><p class="soft">{escape(date)}</p>',
        _legend(reports),
        _matrix(reports, checks),
        '<div id="tip" role="status">Point at or tap a cell to read it.</div>',
        *(_section(number, report) for number, report in enumerate(reports)),
        "<h2>Measured deviations</h2>",
        _deviations(reports),
        "<h2>The checks</h2>",
        _descriptions(checks),
        "<h2>How this was made</h2>",
        _facts({"date": date, **({"command": command} if command else {}), **machine}),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{HEADING}</title><style>{style}</style></head>\n<body>\n"
        + "\n".join(body)
        + f"\n<script>{script}</script>\n</body></html>\n"
    )


def _legend(reports: Sequence[Report]) -> str:
    items = [
        f"<span>{_mark(status)}{MEANINGS[status]}: {sum(r.count(status) for r in reports)}</span>"
        for status in STATUSES
    ]
    return f'<div class="legend">{"".join(items)}</div>'


def _matrix(reports: Sequence[Report], checks: Sequence[str]) -> str:
    head = "".join(
        f'<th class="check"><span><a href="#c-{escape(check)}">{escape(check)}</a></span></th>'
        for check in checks
    )
    rows = []
    for number, report in enumerate(reports):
        found = {result.check: result for result in report.results}
        rate = report.rate_at_150_hz
        cells = "".join(_cell(number, report, found.get(check)) for check in checks)
        rows.append(
            f'<tr><th scope="row"><a href="#i{number}">{escape(report.name)}</a></th>'
            f'<td class="num">{"" if rate is None else f"{rate:.2f} Hz"}</td>{cells}'
            f'<td class="like">{_conclusion(report)}</td></tr>'
        )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="summary">'
        '<table class="matrix"><thead><tr><th>implementation</th>'
        f"<th>{_target(reports)} neuron fires at</th>{head}<th>behaves like</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _target(reports: Sequence[Report]) -> str:
    targets = {report.target_rate_hz for report in reports if report.rate_at_150_hz is not None}
    return f"a {next(iter(targets), 150.0):.4g} Hz" if len(targets) < 2 else "150 Hz or slower"


def _conclusion(report: Report) -> str:
    if why := problem(report):
        return _mark("error") + escape(first_line(why))
    return escape(report.behaves_like)


def _cell(number: int, report: Report, result: CheckResult | None) -> str:
    if result is None:
        return "<td></td>"
    text = f"{report.name}, {result.check}: {MEANINGS[result.status]}"
    if said := result.observed or first_line(result.reason):
        text += f". {said}"
    text = escape(text)
    return (
        f'<td class="cell"><a class="{result.status}" href="#{_anchor(number, result)}" '
        f'title="{text}">{SYMBOLS[result.status]}</a></td>'
    )


def _section(number: int, report: Report) -> str:
    claims = {
        field.name: value
        for field in dataclasses.fields(report.capabilities)
        if (value := getattr(report.capabilities, field.name)) is not None
    }
    effects = [result.effect for result in report.results if result.effect]
    facts = {
        **identity_facts(report.identity),
        "likely cause": report.verdict,
        "effect": effects[0] if effects else "",
        "behaves like": report.behaves_like,
        "cannot": "\n".join(report.cannot),
        "how it is used": "\n".join(report.remarks),
        "claims": "; ".join(f"{n.replace('_', ' ')}: {_said(v)}" for n, v in claims.items()),
        "checked with": f"dt = {report.dt_ms:g} ms, {report.dtype}, {neuron(report.params)}",
        "versions": ", ".join(f"{name} {version}" for name, version in report.versions.items()),
        "time": f"{report.seconds:.1f} s",
    }
    parts = [f'<section><h2 id="i{number}">{escape(title(report))}</h2>']
    if report.summary:
        parts.append(f'<p class="soft">{escape(report.summary)}</p>')
    if why := problem(report):
        parts.append(f'<p class="problem">{escape(why)}</p>')
    parts.append(_facts({name: text for name, text in facts.items() if text}))
    parts.append(_plots(report))
    told = [r for r in report.results if r.status not in ("passed", "skipped")]
    rest = [r for r in report.results if r.status in ("passed", "skipped")]
    parts += [_check(number, result) for result in told]
    if rest:
        what = f"{report.count('passed')} passed, {report.count('skipped')} skipped"
        inner = "".join(_check(number, result) for result in rest)
        parts.append(f'<details class="rest"><summary>{what}</summary>{inner}</details>')
    parts.append("</section>")
    return "\n".join(part for part in parts if part)


def _plots(report: Report) -> str:
    if report.portrait is None:
        return ""
    key = '<span class="key {0}">{1}</span>'
    exact, measured = key.format("exact", "exact"), key.format("measured", "measured")
    floor = key.format("floor", "perfect neuron on this time grid")
    return (
        f'<div class="plots"><figure>{fi_curve_svg(report.portrait, report.name)}'
        f"<figcaption>{exact}{floor}{measured}</figcaption></figure>"
        f"<figure>{membrane_svg(report.portrait, report.name)}"
        f"<figcaption>{exact}{measured}at the current of {report.target_rate_hz:.4g} Hz"
        "</figcaption></figure></div>"
    )


def _check(number: int, result: CheckResult) -> str:
    facts = details(result)
    if result.values:
        facts["measured"] = "\n".join(f"{n} = {decimal(v, 4)}" for n, v in result.values.items())
    facts["time"] = f"{result.seconds:.2f} s"
    return (
        f'<details id="{_anchor(number, result)}"><summary>{_mark(result.status)}'
        f"<strong>{escape(result.check)}</strong> {MEANINGS[result.status]}: "
        f"{escape(headline(result))}</summary>{_facts(facts)}</details>"
    )


def _deviations(reports: Sequence[Report]) -> str:
    measured = [
        {
            (result.check, name): value
            for result in r.results
            for name, value in result.values.items()
        }
        for r in reports
    ]
    head = "".join(f"<th>{escape(report.name)}</th>" for report in reports)
    rows = []
    for key in _in_order(key for values in measured for key in values):
        cells = (decimal(values[key], 4) if key in values else "" for values in measured)
        row = "".join(f'<td class="num">{cell}</td>' for cell in cells)
        rows.append(f'<tr><th scope="row">{escape(": ".join(key))}</th>{row}</tr>')
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="measured deviations">'
        f"<table><thead><tr><th>check: value</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _descriptions(checks: Sequence[str]) -> str:
    from bio_scnn.crossval.checks import check_names, describe

    known = [check for check in checks if check in check_names()]
    rows = (
        f'<dt id="c-{escape(check)}">{escape(check)}</dt><dd>{escape(describe(check))}</dd>'
        for check in known
    )
    return f"<dl>{''.join(rows)}</dl>"


def _facts(facts: Mapping[str, str]) -> str:
    rows = (f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    return f"<dl>{''.join(rows)}</dl>"


def _mark(status: str) -> str:
    return f'<b class="mark {status}" aria-hidden="true">{SYMBOLS[status]}</b>'


def _anchor(number: int, result: CheckResult) -> str:
    return escape(f"i{number}-{result.check}")


def _in_order(items: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(items))


def _said(claim: object) -> str:
    if isinstance(claim, bool):
        return "yes" if claim else "no"
    return ", ".join(claim) if isinstance(claim, tuple) else str(claim)
