"""The Python in docs/validation.md runs as it is printed, in the order in which it is printed."""

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TEXT = (Path(__file__).parent.parent.parent / "docs" / "validation.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)
NEEDS_TORCH = [block for block in BLOCKS if "import torch" in block]
UNDER_PYTEST = [block for block in BLOCKS if "def test_" in block]
(ADAPTER,) = (block for block in BLOCKS if "class MyLayer(Adapter)" in block)
(CALLED,) = (block for block in BLOCKS if "find_call(step)" in block)


def test_every_block_is_run_by_a_test():
    assert len(NEEDS_TORCH) == 2
    assert len(UNDER_PYTEST) == 1
    assert sorted(BLOCKS) == sorted([*NEEDS_TORCH, ADAPTER, CALLED, *UNDER_PYTEST])
    assert "bio_scnn[" not in TEXT  # it is on no package index


@pytest.mark.peer
def test_modules(capsys):
    pytest.importorskip("torch")
    namespace = {}
    for block in NEEDS_TORCH:
        exec(compile(block, "docs/validation.md", "exec"), namespace)
    printed = capsys.readouterr().out.strip()
    assert f"print(report.verdict)  # {printed}\n" in NEEDS_TORCH[0]
    assert namespace["report"].count("failed") > 0


def test_a_step_function_is_called_as_it_wants_to_be(capsys):
    exec(compile(CALLED, "docs/validation.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert printed == re.findall(r"^print.*\)  # (.*)$", CALLED, re.M)


def test_adapter_and_pytest(pytester):
    pytester.makepyfile(my_layer=ADAPTER, test_it=UNDER_PYTEST[0])
    result = pytester.runpytest_subprocess("-p", "no:nengo", "-p", "no:cacheprovider", "-q")
    outcomes = result.parseoutcomes()
    assert not {"failed", "errors", "xpassed"} & set(outcomes), outcomes
    assert outcomes["passed"] > 10
    assert outcomes["xfailed"] + outcomes["skipped"] > 0
