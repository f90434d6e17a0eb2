"""Hostile input: every case ends right, or in one line that names its file."""

import pytest

from tests.hostile.running import GROUPS, Case, available, run, table

FAST = {
    "pictures": 10, "masks": 10, "models": 12, "configurations": 30, "test vectors": 20,
    "recordings": 10, "adapters": 8, "command lines": 20, "library calls": 30,
}  # fmt: skip
SLOW = {"pictures": 60, "masks": 40}  # of many more by the command


def no_findings(cases):
    counts = table(cases)
    assert all(case.outcome in ("right", "refused") for case in cases), counts
    assert {case.group for case in cases if case.outcome == "refused"} >= {"models", "masks"}


def test_hostile_input_in_little():
    no_findings(run({group: range(number) for group, number in FAST.items()}))


@pytest.mark.slow
def test_hostile_input(every_case):
    groups = [group for group in GROUPS if available(group)]
    cases = {group: SLOW.get(group, GROUPS[group][1]) for group in groups}
    no_findings(run({g: range(n if every_case else -(-n // 2)) for g, n in cases.items()}))


def test_findings_are_told_with_their_seed():
    told = table([Case("models", 3, "right"), Case("models", 4, "KeyError: 'a'")])
    assert told.splitlines()[-1] == "models 4: KeyError: 'a'"
    assert told.splitlines()[1].split() == ["models", "2", "1", "0", "1"]
