"""Hostile input: every case ends right, or in one line that names its file."""

import pytest

from tests.hostile.running import GROUPS, Case, available, run, table

FAST = {"models": 12, "configurations": 30, "test vectors": 20, "library calls": 30}


def no_findings(cases):
    counts = table(cases)
    assert all(case.outcome in ("right", "refused") for case in cases), counts
    assert any(case.outcome == "refused" for case in cases)


@pytest.mark.parametrize("group", FAST)
def test_hostile_input_in_little(group):
    no_findings(run(group, range(FAST[group])))


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_hostile_input(group):
    if not available(group):
        pytest.skip("nir is not installed")
    no_findings(run(group, range(GROUPS[group][1])))


def test_findings_are_told_with_their_seed():
    told = table([Case("models", 3, "right"), Case("models", 4, "KeyError: 'a'")])
    assert told.splitlines()[-1] == "models 4: KeyError: 'a'"
    assert told.splitlines()[1].split() == ["models", "2", "1", "0", "1"]
