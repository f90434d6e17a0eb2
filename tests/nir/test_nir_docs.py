"""The Python in docs/nir.md runs and prints what it says, and its tests exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "nir.md").read_text("utf-8")


def test_the_examples_print_what_they_say(capsys):
    names: dict = {}
    parts = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE, re.S)
    assert len(parts) == PAGE.count("```python") == 2
    for code, printed in parts:  # the second goes on from the first
        exec(compile(code, "docs/nir.md", "exec"), names)
        assert capsys.readouterr().out == printed


def test_every_test_that_the_page_names_exists():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    text = "".join(p.read_text("utf-8") for p in Path(__file__).parent.glob("test_*.py"))
    assert len(named) > 12
    assert not [name for name in named if f"def {name}(" not in text]
