"""Reports as text, page, curves and JUnit XML, and what becomes of one that cannot be made."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from browser import CHROMIUM, browser

from bio_scnn import InputError
from bio_scnn.crossval import CheckResult, Report
from bio_scnn.crossval.report.html import html_page
from bio_scnn.crossval.report.junit import junit_xml
from bio_scnn.crossval.report.publish import publish
from bio_scnn.crossval.report.svg import membrane_svg
from bio_scnn.crossval.report.text import text_report
from bio_scnn.crossval.results import Portrait

EVERY = ("passed", "failed", "xfail", "xpass", "skipped", "error")


def made_up():
    """A report with every status, names that are markup, and numbers that are not finite."""
    nan = float("nan")
    portrait = Portrait(
        current=(0.0, 2.0, 4.0),
        rate_hz=(0.0, nan, 50.0),
        exact_rate_hz=(0.0, 20.0, 49.0),
        floor_rate_hz=(0.0, 20.0, 48.0),
        t_ms=(0.1, 0.2, 0.3, 0.4),
        membrane=(0.1, nan, 0.3, 1e300),
        exact_membrane=(0.1, 0.2, 0.3, 0.4),
        spikes_ms=(),
        exact_spikes_ms=(0.25,),
    )
    results = tuple(
        CheckResult(
            f"check_{status}",
            status,
            observed=f"<b>{status}</b> & \x1b[31mred\x00",
            expected="x" * 300,
            reason="first line\nsecond line" if status != "passed" else "",
            values={"error_ms": -0.5},
        )
        for status in EVERY
    )
    return Report(
        name="<script>alert('name')</script>",
        summary="<i>",
        versions={"<b>": "1 & 2"},
        cannot=("<img src=x>",),
        behaves_like="V < V_th",
        results=results,
        portrait=portrait,
        rate_at_150_hz=149.25,
    )


def test_no_output_costs_another_one(tmp_path, capsys):
    # A version that is no text has no place in XML, nor a curve without its times in a picture.
    portrait = replace(made_up().portrait, t_ms=())
    report = replace(made_up(), name="odd", versions={"odd": 3}, portrait=portrait)
    with pytest.raises(InputError, match=r"junit.xml: cannot be made .*; .*index.html: cannot"):
        publish([report], command="", folder=tmp_path, junit=tmp_path / "junit.xml")
    assert "1 implementation, 6 checks: 2 unexpected" in capsys.readouterr().out
    assert json.loads((tmp_path / "results.json").read_text("utf-8"))["reports"]
    assert not (tmp_path / "index.html").exists()


@pytest.mark.parametrize("V", [1e308, -1e308, 1.7976931348623157e308])
def test_potentials_of_any_size_are_drawn(V):
    portrait = replace(made_up().portrait, membrane=(0.1, None, V, V))
    svg = membrane_svg(portrait, "x")
    assert "nan" not in svg
    assert "inf" not in svg


def test_html_is_escaped_and_has_everything_in_it():
    page = html_page([made_up(), Report(name="x", error="<u>broken")], "<cmd>", {"os": "<os>"}, "")
    for markup in ("<script>alert", "<b>passed", "<img", "<i>", "<cmd>", "<os>", "<u>"):
        assert markup not in page
    assert "&lt;script&gt;alert(&#x27;name&#x27;)&lt;/script&gt;" in page
    assert not re.search(r'(?:src|href)="(?!#|data:,")', page)
    assert "nan" not in re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page).lower()
    for status in EVERY:
        assert re.search(rf'class="{status}" href="#i0-check_{status}"', page)


def test_curves_keep_their_shape():
    """Points are left out of the lines, by at most the tolerance; spikes never."""
    t = np.arange(1, 401) / 10
    V = 1 - np.exp(-np.mod(t, 7) / 4)
    spikes = tuple(np.arange(7.0, 40, 7))
    portrait = replace(
        made_up().portrait,
        t_ms=tuple(t),
        membrane=tuple(V),
        exact_membrane=tuple(V),
        spikes_ms=spikes,
        exact_spikes_ms=spikes,
    )
    svg = membrane_svg(portrait, "x")
    assert svg.count('class="measured" d="') == len(spikes) + 1
    line = max(re.findall('class="measured" d="M([^"]*)"', svg), key=len)
    points = np.array([[float(number) for number in p.split()] for p in line.split("L")])
    assert 10 < len(points) < 200
    # In pixels, whose scale the first and the last time and the extremes of V tell.
    px, py = points.T
    x = np.interp(t, t[[0, -1]], px[[0, -1]])
    y = np.interp(V, (V.min(), V.max()), (py.max(), py.min()))
    start, along = points[:-1], np.diff(points, axis=0)
    off = np.stack([x, y], axis=1)[:, np.newaxis] - start
    where = np.clip((off * along).sum(-1) / (along**2).sum(-1), 0, 1)
    distance = np.linalg.norm(off - where[..., np.newaxis] * along, axis=-1).min(axis=1)
    assert distance.shape == t.shape
    assert distance.max() < 0.35  # 0.2, and coordinates rounded to 0.1


def test_junit_counts_and_is_well_formed():
    broken = Report(name="x", error="no \x00 module")
    suites = ET.fromstring(junit_xml([made_up(), broken]))
    first, second = suites
    assert first.get("name") == made_up().name
    counts = {name: first.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "6", "failures": "1", "errors": "1", "skipped": "2"}
    cases = {case.get("name"): case for case in first.findall("testcase")}
    assert "first line" in cases["check_xfail"].find("skipped").get("message")
    assert "though declared" in cases["check_xpass"].findtext("system-out")
    assert cases["check_passed"].find("failure") is None
    assert second.get("errors") == "1"
    assert suites.get("errors") == "2"


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_text_keeps_to_the_width(width):
    reports = [replace(made_up(), name="a layer"), replace(made_up(), name="n" * 60)]
    lines = text_report(reports, width).splitlines()
    table = lines[: next(i for i, line in enumerate(lines) if not line)]
    assert max(len(line) for line in lines[len(table) :]) <= width
    assert max(len(line) for line in table) <= max(width, 80)
    assert any("check_failed (failed)" in line for line in lines)
    assert not any("\x1b" in line or "\x00" in line for line in lines)
    assert "\x1b[" in text_report(reports, width, colour=True)


def test_one_is_no_plural():
    one = Report(name="x", results=(CheckResult("silence", "passed"),))
    assert text_report([one]).endswith("\n1 implementation, 1 check: nothing unexpected")
    assert text_report([one, one]).endswith("\n2 implementations, 2 checks: nothing unexpected")


LOOK = """(()=>{
for(const it of document.querySelectorAll("details"))it.open=true;
const cell=document.querySelector("td.cell a");
cell.dispatchEvent(new PointerEvent("pointerover",{bubbles:true}));
return{wanted:document.documentElement.scrollWidth,has:innerWidth,
tip:document.getElementById("tip").textContent,
svg:document.querySelector("svg").getBoundingClientRect().height}})()"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH")
@pytest.mark.parametrize("width", [1280, 390])
def test_html_in_a_browser(tmp_path, width):
    reports = [replace(made_up(), name=f"layer {n} " + "n" * 40) for n in range(20)]
    page = html_page(reports, "python " + "x" * 200, {"system": "y" * 200}, "today")
    (tmp_path / "page.html").write_text(page, "utf-8")
    with browser(tmp_path / "profile") as tab:
        tab.open((tmp_path / "page.html").as_uri(), width=width)
        found = tab.run(LOOK)
        assert tab.problems == []
    assert found["has"] == width
    assert found["wanted"] <= width
    assert "check_passed: passed" in found["tip"]
    assert found["svg"] > 100
