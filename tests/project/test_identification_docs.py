"""The Python in docs/identification.md runs as it is printed, and prints what it says."""

import re
from pathlib import Path

TEXT = (Path(__file__).parent.parent.parent / "docs" / "identification.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)


def test_every_block_runs_and_prints_what_it_says(capsys):
    namespace = {}
    said = []
    for block in BLOCKS:
        exec(compile(block, "docs/identification.md", "exec"), namespace)
        said += re.findall(r"^print\(.*\)  # (.*)$", block, re.M)
    printed = capsys.readouterr().out.splitlines()
    assert printed == said
    assert len(said) == 8
