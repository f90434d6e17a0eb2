"""The examples of docs/extending.md run as they stand, each on its own."""

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parent.parent.parent / "docs" / "extending.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S))


def test_the_page_has_four_examples():
    assert list(SECTIONS) == ["A neuron", "An adapter", "A check", "A fill"]


@pytest.mark.parametrize("section", SECTIONS)
def test_example(section):
    (code,) = re.findall(r"^```python\n(.*?)^```$", SECTIONS[section], re.M | re.S)
    assert code.count("\nassert ") >= 1
    exec(compile(code, f"docs/extending.md, {section}", "exec"), {})
