"""``python -m bio_scnn.validate``: what it finds, and that nothing it runs can break it."""

import json
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from waiting import alive, wait_for

from bio_scnn import InputError
from bio_scnn.crossval import Report
from bio_scnn.validate import main

FAKES = Path(__file__).parent.parent / "support" / "validate_fakes.py"
# One that finds Late, one that passes it, and one whose input the bad ones wait for.
CHECKS = ("first_spike", "silence", "non_finite_input")
BAD = ("Segfault", "Leaves", "Hangs", "Loud", "Good", "Absent", "Doomed")
OPTIONS = ("--time-limit", "3", "--jobs", "3", "--json")


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


@pytest.mark.slow
def test_what_crashes_hangs_leaves_or_prints_costs_no_other_result(tmp_path):
    """All in one run, which several tests would have to repeat where they run side by side."""
    done = subprocess.run(
        [sys.executable, "-m", "bio_scnn.validate", *map(fake, BAD), "--only", *CHECKS, *OPTIONS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    reports = map(Report.from_json, json.loads(done.stdout)["reports"])
    found = dict(zip(BAD, reports, strict=True))

    # A crash costs one check; a new process went on with what was left.
    for name, why in (
        ("Segfault", "killed by SIGSEGV"),
        ("Leaves", "ended by itself with exit code 3"),
        ("Hangs", "no answer within the time limit of 3 s"),
    ):
        report = found[name]
        assert statuses(report) == dict(zip(CHECKS, ("passed", "passed", "error"), strict=True))
        assert why in report.results[-1].reason
        assert not report.error
        assert not report.ok
        assert report.portrait is not None
        assert report.rate_at_150_hz == pytest.approx(175.44, abs=0.01)

    # The reason says where it was, and what it said.
    assert "out of licences" in found["Leaves"].results[-1].reason
    for name in ("Segfault", "Hangs"):
        assert "validate_fakes.py" in found[name].results[-1].reason
    assert found["Hangs"].results[-1].seconds == pytest.approx(3, abs=2)

    # Nothing survives the time limit.
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 2
    assert not any(map(alive, pids))

    # What is printed does not matter.
    quiet = replace(found["Good"], name="loud", summary="", seconds=0, results=())
    assert quiet == replace(found["Loud"], summary="", seconds=0, results=())
    assert set(statuses(found["Loud"]).values()) == {"passed"}

    # What cannot be imported is an error of the whole, as is what keeps crashing.
    assert "No module named 'a_framework_that_is_not_installed'" in found["Absent"].error
    assert not found["Absent"].results
    doomed = found["Doomed"]
    assert [result.status for result in doomed.results] == ["error"] * 3
    assert "given up after 3 crashes in a row" in doomed.error
    assert doomed.name == "doomed"


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
    # Failures that were declared do not count, and one that did not happen is told.
    assert call(fake("Good"), fake("Declared"), "--jobs", "2") == 0
    printed = capsys.readouterr().out
    assert "nothing unexpected" in printed
    assert "its input is delayed" in printed
    assert "passed, though declared to fail:\n  declared: silence" in printed
    assert call(fake("Late")) == 1
    printed = capsys.readouterr().out
    assert "late: 1 unexpected\n" in printed
    assert "\n  first_spike (failed)\n    observed" in printed
    assert printed.endswith("1 implementation, 3 checks: 1 unexpected\n")
    assert printed.count("a 150 Hz neuron fires at") == 1


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
        (
            [f"{FAKES}:Coarse", "--dt", "0.1"],
            "coarse has a time step of 1 ms, but shall be checked at 0.1 ms",
        ),
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


def test_what_cannot_be_checked_is_no_success(tmp_path, capsys):
    junit = tmp_path / "junit.xml"
    assert call(fake("Unable"), "--junit", str(junit)) == 1
    printed = capsys.readouterr().out
    assert "unable: nothing could be checked: it is out of order" in printed
    assert printed.endswith("3 checks: 1 unexpected\n")
    assert "skipped:\n  unable: first_spike, silence, non_finite_input (it is out" in printed
    assert ET.fromstring(junit.read_bytes()).get("errors") == "1"


@pytest.mark.slow
def test_infinite_potentials_and_half_characters_are_reported(tmp_path, capsys):
    words = ["--report", str(tmp_path), "--junit", str(tmp_path / "junit.xml"), "--json"]
    assert call(fake("Diverges"), *words, checks=["silence"]) == 1  # it is silent altogether
    assert "half a character: ?" in capsys.readouterr().out
    table = json.loads((tmp_path / "results.json").read_text("utf-8"))
    (report,) = map(Report.from_json, table["reports"])
    assert report.portrait.membrane[0] < 1
    assert report.portrait.membrane[2] is None
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "half a character: ?" in page
    assert page.count("<svg") == 2
    assert b"half a character" in (tmp_path / "junit.xml").read_bytes()


@pytest.mark.slow
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


@pytest.mark.nightly
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
