"""The Python in docs/neurons.md prints what the page says, in the order of the page."""

import re
from pathlib import Path

from neuron_cases import KINDS

TEXT = (Path(__file__).parent.parent.parent / "docs" / "neurons.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)


def test_examples_print_what_they_say(capsys):
    namespace = {}
    shown = 0
    for block in BLOCKS:
        exec(compile(block, "docs/neurons.md", "exec"), namespace)
        right = re.findall(r"print\(.*\)  # (.*)$", block, re.M)
        printed = capsys.readouterr().out.strip().splitlines()
        assert printed == [line for text in right for line in text.split(" then ")]
        shown += len(printed)
    assert shown == 9


def test_every_neuron_has_a_row_and_an_example():
    for kind in KINDS:
        assert f"| `{kind.__name__}` |" in TEXT
        assert any(f"{kind.__name__}(" in block for block in BLOCKS)
