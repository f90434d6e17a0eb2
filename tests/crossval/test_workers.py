"""Layers in processes of their own: what hangs, and what many of them tell of themselves."""

import sys
import time
from pathlib import Path

import pytest

from bio_scnn import InputError
from bio_scnn.crossval.workers.isolation import Limits, Target, check_apart
from bio_scnn.crossval.workers.many import check_all

FAKES = Path(__file__).parent.parent / "support" / "validate_fakes.py"
CHECKS = ("first_spike", "silence", "non_finite_input", "fi_curve")
# Loading takes a second or two, unless the machine is busy.
SHORT = Limits(check_s=1.0, load_s=20.0)  # imports take seconds on a busy machine


def fake(name):
    return Target(name, {"resolve": f"{FAKES}:{name}"})


@pytest.mark.nightly
@pytest.mark.slow
def test_hanging_whatever_it_is_given_costs_the_time_limit_of_three_checks():
    began = time.monotonic()
    report = check_apart(fake("Loops"), CHECKS, limits=SHORT)
    assert time.monotonic() - began < 100
    assert {result.check: result.status for result in report.results} == dict.fromkeys(
        CHECKS, "error"
    )
    *hung, last = report.results
    for result in hung:
        assert "no answer within the time limit of 1 s" in result.reason
        assert "validate_fakes.py" in result.reason
    assert "not run: given up after 3 crashes in a row" in last.reason


@pytest.mark.slow
def test_a_program_that_hangs(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import time\ntime.sleep(600)\n")
    target = Target("program", {"command": f"{sys.executable} -I -S {program} {{dir}}"})
    began = time.monotonic()
    report = check_apart(target, CHECKS[:3], limits=SHORT)
    assert time.monotonic() - began < 100
    assert [result.status for result in report.results] == ["error"] * 3


def test_patience_is_a_matter_of_choice():
    # Where one crash is enough, nothing is run after it.
    report = check_apart(fake("Doomed"), CHECKS, limits=Limits(crashes=1))
    first, *others = report.results
    assert "killed by SIGSEGV" in first.reason
    assert "given up after 1 crashes in a row; the last: the process was killed" in report.error
    assert [result.reason.partition(":")[0] for result in others] == ["not run"] * 3


def test_many_report_in_their_order_and_tell_how_far_they_are():
    told = []
    targets = [fake("Nobody"), fake("Good")]
    nobody, good = check_all(
        targets, CHECKS[:2], progress=lambda what, done: told.append((what, done))
    )
    assert "Nobody" in nobody.error
    assert good.ok
    assert good.name == "good"
    done = [fraction for _, fraction in told]
    assert done == sorted(done)
    assert done[-1] == 1
    # One that cannot be loaded is done with at once.
    assert ("Nobody: done", 0.5) in told
    assert {what for what, _ in told} >= {"Good: first_spike", "Good: silence"}


def test_the_only_one_must_exist():
    with pytest.raises(InputError, match="Nobody"):
        check_all([fake("Nobody")], CHECKS)
