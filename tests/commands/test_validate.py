"""``python -m bio_scnn.validate``: what it finds, and that nothing it runs can break it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, browser
from waiting import alive, wait_for

from bio_scnn import InputError
from bio_scnn.crossval import CheckResult, Report
from bio_scnn.crossval.report.html import html_page
from bio_scnn.crossval.report.junit import junit_xml
from bio_scnn.crossval.report.svg import membrane_svg
from bio_scnn.crossval.report.text import text_report
from bio_scnn.crossval.results import Portrait
from bio_scnn.crossval.workers import isolation
from bio_scnn.validate import main

FAKES = Path(__file__).parent.parent / "support" / "validate_fakes.py"
# One that finds Late, one that passes it, and one whose input the bad ones wait for.
CHECKS = ("first_spike", "silence", "non_finite_input")
BAD = ("Segfault", "Leaves", "Hangs", "Loud", "Good", "Absent", "Doomed")
OPTIONS = ("--time-limit", "3", "--jobs", "3", "--json")
EVERY = ("passed", "failed", "xfail", "xpass", "skipped", "error")


def call(*words, checks=CHECKS):
    """Run the command line in this process; its exit code."""
    try:
        main([*words, "--only", *checks])
    except SystemExit as end:
        return end.code
    return 0


def fake(name):
    """A fake layer as the command line takes it."""
    return f"{FAKES}:{name}"


def statuses(report):
    """Status by check."""
    return {result.check: result.status for result in report.results}


@pytest.fixture(scope="module")
def bad_ones(tmp_path_factory):
    """Reports of layers that crash, hang, leave and print, all in one run."""
    folder = tmp_path_factory.mktemp("bad")
    done = subprocess.run(
        [sys.executable, "-m", "bio_scnn.validate", *map(fake, BAD), "--only", *CHECKS, *OPTIONS],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    table = json.loads(done.stdout)
    reports = [Report.from_json(report) for report in table["reports"]]
    return {"folder": folder, **dict(zip(BAD, reports, strict=True))}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Segfault", "killed by SIGSEGV"),
        ("Leaves", "ended by itself with exit code 3"),
        ("Hangs", "no answer within the time limit of 3 s"),
    ],
)
def test_a_crash_costs_one_check(bad_ones, name, why):
    report = bad_ones[name]
    assert statuses(report) == dict(zip(CHECKS, ("passed", "passed", "error"), strict=True))
    assert why in report.results[-1].reason
    assert not report.error
    assert not report.ok
    # A new process went on with what was left.
    assert report.portrait is not None
    assert report.rate_at_150_hz == pytest.approx(175.44, abs=0.01)


def test_the_reason_says_where_it_was_and_what_it_said(bad_ones):
    assert "out of licences" in bad_ones["Leaves"].results[-1].reason
    for name in ("Segfault", "Hangs"):
        assert "validate_fakes.py" in bad_ones[name].results[-1].reason
    assert bad_ones["Hangs"].results[-1].seconds == pytest.approx(3, abs=2)


def test_nothing_survives_the_time_limit(bad_ones):
    pids = (bad_ones["folder"] / "pids").read_text().split()
    assert len(pids) == 2
    assert not any(map(alive, pids))


def test_what_is_printed_does_not_matter(bad_ones):
    quiet = replace(bad_ones["Good"], name="loud", summary="", seconds=0, results=())
    assert quiet == replace(bad_ones["Loud"], summary="", seconds=0, results=())
    assert set(statuses(bad_ones["Loud"]).values()) == {"passed"}


def test_what_cannot_be_imported_is_an_error_of_the_whole(bad_ones):
    assert "No module named 'a_framework_that_is_not_installed'" in bad_ones["Absent"].error
    assert not bad_ones["Absent"].results


def test_what_keeps_crashing_is_given_up(bad_ones):
    report = bad_ones["Doomed"]
    assert [result.status for result in report.results] == ["error"] * 3
    assert "given up after 3 crashes in a row" in report.error
    assert report.name == "doomed"


@pytest.mark.skipif(os.name != "posix", reason="signals and process groups are POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_nothing_outlives_the_command(tmp_path, number, code):
    command = [sys.executable, "-m", "bio_scnn.validate", fake("Hangs"), "--only", CHECKS[-1]]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        wait_for((tmp_path / "pids").exists)
        pids = (tmp_path / "pids").read_text().split()
        assert all(map(alive, pids))
        process.send_signal(number)
        assert process.wait(20) == code
        assert b"Traceback" not in process.stderr.read()
    wait_for(lambda: not any(map(alive, pids)))


def test_exit_code_and_text(capsys):
    assert call(fake("Good")) == 0
    assert "nothing unexpected" in capsys.readouterr().out
    # Failures that were declared do not count, and one that did not happen is told.
    assert call(fake("Declared")) == 0
    printed = capsys.readouterr().out
    assert "its threshold is too high" in printed
    assert "passed, though declared to fail:\n  declared: silence" in printed
    assert call(fake("Late")) == 1
    printed = capsys.readouterr().out
    assert "late: 1 unexpected\n" in printed
    assert "\n  first_spike (failed)\n    observed" in printed
    assert printed.endswith("1 implementation, 3 checks: 1 unexpected\n")
    assert printed.count("a 150 Hz neuron fires at") == 1
    assert call(fake("Good"), checks=["silence"]) == 0
    assert "1 implementation, 1 check: nothing" in capsys.readouterr().out


def test_reports_are_written_and_read_again(tmp_path, capsys):
    out = tmp_path / "new" / "report"
    junit = tmp_path / "junit.xml"
    words = [fake("Late"), fake("Good"), "--report", str(out), "--junit", str(junit), "--json"]
    assert call(*words) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((out / "results.json").read_text("utf-8"))
    assert printed["meta"]["machine"]["python"].endswith(".".join(map(str, sys.version_info[:3])))
    assert "--report" in printed["meta"]["command"]
    late, good = (Report.from_json(report) for report in printed["reports"])
    assert statuses(late)["first_spike"] == "failed"
    assert late.results[0].observed
    assert late.results[0].expected
    assert "150 Hz" in late.results[0].effect
    assert (late.name, late.ok, good.name, good.ok) == ("late", False, "good", True)
    assert Report.from_json(late.to_json()) == late
    page = (out / "index.html").read_text("utf-8")
    for text in ("late", "good 1.2", "first_spike", "a refractory period", "--report"):
        assert text in page
    assert page.count("<svg") == 4
    suites = ET.fromstring(junit.read_bytes())
    assert [suite.get("name") for suite in suites] == ["late", "good"]
    assert suites.get("failures") == "1"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nosuchframework"], "'nosuchframework' is not known"),
        (["closed-from"], "did you mean 'closed-form'"),
        (["nowhere.py:Layer"], "there is no file nowhere.py"),
        ([f"{FAKES}:Nobody"], "Nobody"),
        (["closed-form", "--only", "fi_curv"], "did you mean 'fi_curve'"),
        (["closed-form", "--only", "silence", "--skip", "silence"], "leave no check"),
        (["closed-form", "--dt", "-1"], "--dt"),
        (["closed-form", "--dt", "nan"], "--dt"),
        (["closed-form", "--time-limit", "0"], "--time-limit"),
        (["closed-form", "--python", "python3"], "must be NAME=PATH"),
        (["closed-form", "--python", "other=python3"], "other is not among"),
        (["closed-form", "--python", "closed-form=/no/such/python"], "cannot be run"),
        ([str(FAKES)], "validate_fakes.py: name the object"),
        ([f"{FAKES}:"], "validate_fakes.py:OBJECT"),
        ([f"{FAKES}:Abstract"], "Abstract() cannot be called (TypeError: Can't instantiate"),
        ([f"{FAKES}:Coarse"], "coarse has a time step of 1 ms, but shall be checked at 0.1 ms"),
        (["--report", "out"], "nothing to report on: name implementations"),
        (["--json"], "nothing to report on"),
        (["closed-form", "--report", str(FAKES)], "is a file, and must be a folder"),
        (["closed-form", "--junit", "no/such/folder/x.xml"], "there is no folder no/such/folder"),
        (["closed-form", "--junit", "."], "is a folder, and must be a file"),
    ],
)
def test_bad_input_is_one_clear_line(words, message):
    with pytest.raises(InputError, match=re.escape(message)):
        main(words)


def test_a_file_that_leaves_when_it_is_imported(tmp_path):
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(InputError, match=r"cannot be imported \(SystemExit: 3\)"):
        main([f"{tmp_path / 'leaves.py'}:layer"])
    assert not (tmp_path / "no").exists()


def test_leaving_whatever_it_is_given_is_an_error_of_each_check(capsys):
    assert call(fake("Exits"), "--json") == 1
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert statuses(Report.from_json(report)) == dict.fromkeys(CHECKS, "error")
    for result in report["results"]:
        assert re.search(r"^SystemExit: 3, raised in .*validate_fakes.py:\d+ ", result["reason"])
    assert not report["error"]


@pytest.mark.slow
def test_hanging_whatever_it_is_given_costs_the_time_limit_of_three_checks(capsys, monkeypatch):
    monkeypatch.setattr(isolation, "SECONDS_TO_LOAD", 4.0)
    began = time.monotonic()
    checks = [*CHECKS, "fi_curve"]
    assert call(fake("Loops"), "--time-limit", "1", "--json", checks=checks) == 1
    assert time.monotonic() - began < 25
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert statuses(Report.from_json(report)) == dict.fromkeys(checks, "error")
    *hung, last = report["results"]
    for result in hung:
        assert "no answer within the time limit of 1 s" in result["reason"]
        assert "validate_fakes.py" in result["reason"]
    assert "not run: given up after 3 crashes in a row" in last["reason"]


@pytest.mark.slow
def test_a_program_that_hangs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(isolation, "SECONDS_TO_LOAD", 4.0)
    program = tmp_path / "program.py"
    program.write_text("import time\ntime.sleep(600)\n")
    began = time.monotonic()
    command = f"{sys.executable} -I -S {program} {{dir}}"
    assert call("--command", command, "--time-limit", "1", "--json") == 1
    assert time.monotonic() - began < 30
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert statuses(Report.from_json(report)) == dict.fromkeys(CHECKS, "error")


def test_what_cannot_be_checked_is_no_success(tmp_path, capsys):
    junit = tmp_path / "junit.xml"
    assert call(fake("Unable"), "--junit", str(junit)) == 1
    printed = capsys.readouterr().out
    assert "unable: nothing could be checked: it is out of order" in printed
    assert printed.endswith("3 checks: 1 unexpected\n")
    assert "skipped:\n  unable: first_spike, silence, non_finite_input (it is out" in printed
    assert ET.fromstring(junit.read_bytes()).get("errors") == "1"


def test_infinite_potentials_and_half_characters_are_reported(tmp_path, capsys):
    words = ["--report", str(tmp_path), "--junit", str(tmp_path / "junit.xml")]
    assert call(fake("Diverges"), *words) == 0
    capsys.readouterr()
    table = json.loads((tmp_path / "results.json").read_text("utf-8"))
    (report,) = map(Report.from_json, table["reports"])
    assert report.portrait.membrane[0] < 1
    assert report.portrait.membrane[2] is None
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "half a character: ?" in page
    assert page.count("<svg") == 2
    assert b"half a character" in (tmp_path / "junit.xml").read_bytes()
    assert call(fake("Diverges"), "--json") == 0
    assert "half a character: ?" in capsys.readouterr().out


def test_no_output_costs_another_one(tmp_path, capsys, monkeypatch):
    def fails(*args, **kwargs):
        raise OverflowError("too large")

    monkeypatch.setattr("bio_scnn.crossval.report.html.html_page", fails)
    monkeypatch.setattr("bio_scnn.crossval.report.junit.junit_xml", fails)
    words = ["--report", str(tmp_path), "--junit", str(tmp_path / "junit.xml")]
    with pytest.raises(InputError, match=r"junit.xml: cannot be made .*; .*index.html: cannot"):
        call(fake("Good"), *words)
    assert "nothing unexpected" in capsys.readouterr().out
    assert json.loads((tmp_path / "results.json").read_text("utf-8"))["reports"]


@pytest.mark.parametrize("V", [1e308, -1e308, 1.7976931348623157e308])
def test_potentials_of_any_size_are_drawn(V):
    portrait = replace(made_up().portrait, membrane=(0.1, None, V, V))
    svg = membrane_svg(portrait, "x")
    assert "nan" not in svg
    assert "inf" not in svg


def test_a_program(tmp_path, capsys):
    """It never fires; nor does it need NumPy."""
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, os\n"
        "open(os.path.join(sys.argv[1], 'spikes.csv'), 'w').write('neuron,time_ms\\n')\n"
    )
    assert call("--command", f"{sys.executable} -I -S {program} {{dir}}", "--json") == 1
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert not report["error"]
    assert statuses(Report.from_json(report))["first_spike"] == "failed"
    assert report["rate_at_150_hz"] == 0


@pytest.mark.peer
def test_a_nir_file(tmp_path, capsys):
    nir = pytest.importorskip("nir")
    pytest.importorskip("snntorch")
    one, path = np.ones(1), tmp_path / "neuron.nir"
    lif = nir.LIF(tau=0.04 * one, r=one, v_leak=0 * one, v_threshold=one, v_reset=0 * one)
    nodes = {"input": nir.Input(one), "lif": lif, "output": nir.Output(one)}
    nir.write(path, nir.NIRGraph(nodes, [("input", "lif"), ("lif", "output")]))
    call("--nir", str(path))
    printed = capsys.readouterr().out
    assert "tau 40 ms" in printed
    assert re.search(r"^lif in snntorch .* Hz", printed, re.M)


@pytest.mark.slow
def test_test_vectors(tmp_path, capsys):
    folder = tmp_path / "vectors"
    main(["--export-vectors", str(folder)])
    assert str(folder) in capsys.readouterr().out
    with pytest.raises(InputError, match="no case has an answer"):
        main(["--check-vectors", str(folder)])
    (folder / "constant" / "answer_spikes.csv").write_text("neuron,time_ms\n")
    assert call("--check-vectors", str(folder), "--json") == 1
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert statuses(Report.from_json(report))["constant"] == "failed"


def test_bad_input_has_its_exit_code(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "bio_scnn.validate", "nosuchframework"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert re.fullmatch(r"error: .*\n", done.stderr)


def test_one_bad_name_does_not_cost_the_others(capsys):
    assert call(fake("Nobody"), fake("Good"), "--json") == 1
    nobody, good = json.loads(capsys.readouterr().out)["reports"]
    assert "Nobody" in nobody["error"]
    assert statuses(Report.from_json(good)) == dict.fromkeys(CHECKS, "passed")


def test_without_names_it_says_what_there_is(capsys):
    main([])
    printed = capsys.readouterr().out
    main(["--list"])
    assert capsys.readouterr().out == printed
    for text in ("closed-form", "first_spike", "python -m bio_scnn.validate --all"):
        assert text in printed


def test_another_interpreter(tmp_path, capsys):
    """A script that leaves a mark stands in for another environment."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ntouch "{tmp_path}/used"\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    assert call("closed-form", "--python", f"closed-form={python}") == 0
    assert (tmp_path / "used").exists()
    assert "closed-form" in capsys.readouterr().out


def test_an_interpreter_without_bio_scnn_is_an_error_of_the_whole(tmp_path, capsys):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    python.chmod(0o755)
    assert call("closed-form", "--python", f"closed-form={python}", "--json") == 1
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert "bio_scnn" in report["error"]


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
