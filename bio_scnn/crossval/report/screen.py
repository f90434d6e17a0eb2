"""The first screen on an implementation: what it is, the verdict, the worst findings."""

from __future__ import annotations

import textwrap

from bio_scnn.crossval.identity import Departure, Identity
from bio_scnn.crossval.remedies import remedy
from bio_scnn.crossval.report.words import plural
from bio_scnn.crossval.results import UNEXPECTED, Report

_WORST = 3


def screen(report: Report, width: int = 100) -> str:
    """First screen of a report, some twenty lines.

    Parameters
    ----------
    report : Report
    width : int, columns

    Returns
    -------
    str
    """
    lines = [report.name]
    if report.error:
        lines += _wrapped("cannot be checked", report.error, width)
        return "\n".join(lines)
    for remark in report.remarks:
        lines += _wrapped("use", remark, width)
    if report.identity is not None:
        lines += _what(report.identity, width)
    lines += _wrapped("verdict", _verdict(report), width)
    for number, finding in enumerate(_findings(report)[:_WORST], 1):
        lines += _wrapped(str(number), finding.cause, width)
        lines += _wrapped("", finding.effect, width) if finding.effect else []
        lines += _wrapped("", f"remedy: {finding.remedy}", width) if finding.remedy else []
    return "\n".join(lines)


def _what(identity: Identity, width: int) -> list[str]:
    if not identity.code:
        lines = _wrapped("it is", "no neuron was found that explains its spikes", width)
    else:
        lines = _wrapped("it is", identity.code, width)
        lines += _wrapped("", identity.physics, width)
        lines += _wrapped("", explains(identity), width)
    for other in identity.alternatives:
        lines += _wrapped("or", other, width)
    if identity.excluded and not identity.sure:
        lines += _wrapped("it is not", "; ".join(identity.excluded), width)
    for remark in identity.remarks:
        lines += _wrapped("note", remark, width)
    return lines


def identity_facts(identity: Identity | None) -> dict[str, str]:
    """Facts on an identified layer by their names, a line each; none of one that is not."""
    if identity is None:
        return {}
    if not identity.code:
        return {"it is": "no neuron was found that explains its spikes"}
    differences = "\n".join(
        "; ".join(filter(None, (d.cause, d.effect, d.remedy and f"remedy: {d.remedy}")))
        for d in identity.departures
    )
    return {
        "it is": f"{identity.code}\n{identity.physics}\n{explains(identity)}",
        "or": "\n".join(identity.alternatives),
        f"differs from {identity.compared_with or 'what is meant'}": differences,
        "note": "\n".join(identity.remarks),
    }


def explains(identity: Identity) -> str:
    """Share of the data that a neuron explains, in words."""
    right = round(identity.spikes_explained * identity.spikes)
    of_spikes = f"{right:,} of {identity.spikes:,} spikes"
    if identity.V_explained is None:
        return f"explains {of_spikes}"
    of_V = f"{100 * identity.V_explained:.4g} % of V"
    return f"explains {of_spikes} and {of_V}" if identity.spikes else f"explains {of_V}"


def _verdict(report: Report) -> str:
    if report.nothing:
        return report.nothing
    identity = report.identity
    own = identity is not None and identity.judged_by_own
    against = "the identified neuron" if own else "the declared neuron"
    if identity is not None and not own and identity.compared_with == "Table 1":
        against = "Table 1"
    bad = [r.check for r in report.results if r.status in UNEXPECTED]
    ran = sum(r.status != "skipped" for r in report.results)
    if bad:
        text = f"{len(bad)} of {ran} checks against {against} failed unexpectedly"
    else:
        text = f"all {ran} checks against {against} gave the expected result"
    if own and identity is not None and identity.departures:
        respects = plural(len(identity.departures), "respect")
        text += f"; it differs from {identity.compared_with} in {respects}"
    return text


def _findings(report: Report) -> list[Departure]:
    """Causes of what is wrong, the worst first."""
    identity = report.identity
    if identity is not None and identity.departures and (not report.ok or identity.judged_by_own):
        return list(identity.departures)
    found: dict[str, Departure] = {}
    if report.verdict:
        effects = [r.effect for r in report.results if r.status == "failed" and r.effect]
        found[report.verdict] = Departure(
            report.verdict,
            report.verdict_code,
            effects[0] if effects else "",
            remedy(report.verdict_code),
        )
    for result in report.results:
        if result.status == "failed" and result.cause not in found:
            what = result.cause or f"{result.check}: {result.observed}, not {result.expected}"
            code = result.cause_code
            found[what] = Departure(what, code, result.effect, remedy(code))
    for result in report.results:
        if result.status == "error":
            found.setdefault(result.reason, Departure(f"{result.check}: {result.reason}", ""))
    return list(found.values())


def _wrapped(label: str, text: str, width: int) -> list[str]:
    indent = f"  {label:9} "
    return textwrap.wrap(
        " ".join(text.split()), width, initial_indent=indent, subsequent_indent=" " * len(indent)
    )
