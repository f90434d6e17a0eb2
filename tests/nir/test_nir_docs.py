"""The Python in docs/nir.md runs and prints what it says, and its tests exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "nir.md").read_text("utf-8")


def test_the_example_prints_what_it_says(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    (printed,) = re.findall(r"```\n\n```\n(.*?)```", PAGE, re.S)
    exec(compile(code, "docs/nir.md", "exec"), {})
    assert capsys.readouterr().out == printed


def test_every_test_that_the_page_names_exists():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    text = "".join(p.read_text("utf-8") for p in Path(__file__).parent.glob("test_*.py"))
    assert len(named) > 12
    assert not [name for name in named if f"def {name}(" not in text]
