"""The tiers of tests: what a usual run takes, and what it leaves to the night."""

import ast
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "tests"
pytest_plugins = ["pytester"]

CASES = """
import pytest

@pytest.mark.sweep(3)
@pytest.mark.parametrize("n", range(7))
def test_alike(n):
    pass

SWEPT = pytest.mark.sweep(2)

@pytest.mark.parametrize("n", [0, *(pytest.param(n, marks=SWEPT) for n in (1, 2, 3))])
def test_some_alike(n, every_case):
    pass

@pytest.mark.nightly
def test_long():
    pass
"""


def test_a_usual_run_takes_every_nth_case_and_leaves_out_the_nightly_tests(pytester):
    pytester.makeini("[pytest]\nmarkers =\n    sweep(n): x\n    nightly: x\n")
    pytester.makeconftest((TESTS / "conftest.py").read_text("utf-8"))
    pytester.makepyfile(CASES)
    quiet = ("-p", "no:nengo", "-p", "no:cacheprovider", "-v")
    usual = pytester.runpytest_inprocess(*quiet)
    taken = re.findall(r"::(\w+)(?:\[(\d)\])? PASSED", usual.stdout.str())
    alike = [("test_alike", n) for n in "036"]
    assert taken == [*alike, *(("test_some_alike", n) for n in "013")]
    assert usual.parseoutcomes()["deselected"] == 6
    assert pytester.runpytest_inprocess(*quiet, "--every-case").parseoutcomes() == {"passed": 12}


def test_no_file_is_left_to_the_night_alone():
    nightly = {}
    for path in TESTS.rglob("test_*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        tests = [f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name[:4] == "test"]
        marks = ["mark.nightly" in map(ast.unparse, _marks(test)) for test in tests]
        if any(marks):
            nightly[path.name] = sum(marks)
            assert not all(marks), f"{path.name} has nightly tests only"
    assert len(nightly) > 5


def _marks(test):
    """Expressions ``mark.X`` of a test's own decorators, but for those of single cases."""
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Attribute) and ast.unparse(decorator).startswith("pytest."):
            yield ast.Attribute(ast.Name("mark"), decorator.attr)


def test_the_nightly_workflow_takes_every_case_on_every_python():
    workflow = yaml.safe_load((ROOT / ".github/workflows/nightly.yml").read_text("utf-8"))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (supported,) = re.findall(r"^SUPPORTED := (.*)$", makefile, re.M)
    every, peers = workflow["jobs"]["every-case"], workflow["jobs"]["peers"]
    assert every["strategy"]["matrix"]["python"] == supported.split()
    assert every["steps"][-1]["run"] == "make test-all"
    (recipe,) = re.findall(r"^test-all:.*\n((?:\t.+\n)+)", makefile, re.M)
    assert "-m 'not benchmark' --every-case" in recipe
    assert peers["steps"][-1]["run"].endswith("-m peer --every-case")
