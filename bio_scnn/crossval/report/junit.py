"""A validation as JUnit XML, which continuous integration systems read."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from bio_scnn.crossval.report.words import details, headline, problem
from bio_scnn.crossval.results import CheckResult, Report

# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(reports: Sequence[Report]) -> bytes:
    """A test suite per implementation, a test case per check.

    Parameters
    ----------
    reports : sequence of Report

    Returns
    -------
    bytes
        A failure is a failure, an error an error; skipped checks and expected failures are
        skipped, with the reason. An expected failure that passed is a success that says so.
    """
    root = ET.Element("testsuites", name="bio_scnn.validate")
    for report in reports:
        root.append(_suite(report))
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", f"{sum(report.seconds for report in reports):.3f}")
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suite(report: Report) -> ET.Element:
    suite = ET.Element("testsuite", name=_clean(report.name), time=f"{report.seconds:.3f}")
    properties = ET.SubElement(suite, "properties")
    known = {**report.versions, "dt_ms": f"{report.dt_ms:g}", "dtype": report.dtype}
    if report.behaves_like:
        known["behaves_like"] = report.behaves_like
    for name, value in known.items():
        ET.SubElement(properties, "property", name=_clean(name), value=_clean(value))
    cases = [_case(report, result) for result in report.results]
    if why := problem(report):
        cases.append(_case(report, CheckResult("(run)", "error", reason=why)))
    suite.extend(cases)
    suite.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    return suite


def _case(report: Report, result: CheckResult) -> ET.Element:
    case = ET.Element(
        "testcase",
        classname=_clean(f"bio_scnn.{report.name}"),
        name=_clean(result.check),
        time=f"{result.seconds:.3f}",
    )
    text = _clean("\n".join(f"{name}: {value}" for name, value in details(result).items()))
    if tag := {"failed": "failure", "error": "error"}.get(result.status):
        first = _clean(headline(result))
        ET.SubElement(case, tag, message=first, type=result.status).text = text
    elif result.status == "xfail":
        ET.SubElement(case, "skipped", message=_clean(f"expected failure: {result.reason}"))
    elif result.status == "skipped":
        ET.SubElement(case, "skipped", message=_clean(result.reason))
    if result.status == "xpass":
        text = f"passed, though declared to fail\n{text}"
    if text and not tag:
        ET.SubElement(case, "system-out").text = text
    return case


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
