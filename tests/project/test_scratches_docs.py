"""The page docs/scratches.md: written by its script, and quoted right."""

import re
from pathlib import Path

import numpy as np
from helpers import photograph

from bio_scnn.data.images import write_image
from tools.docs import scratches

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_page_is_what_its_script_writes(tmp_path, capsys, monkeypatch):
    write_image(tmp_path / "photos" / "a.png", photograph(90, 70))
    monkeypatch.setattr(scratches, "embedded_images", lambda: [tmp_path / "photos" / "a.png"])
    words = ["--data", str(tmp_path / "photos"), "-o", str(tmp_path / "page.md")]
    scratches.main(words)
    written = (tmp_path / "page.md").read_text()
    assert written == capsys.readouterr().out.rstrip("\n") + "\n"
    assert written.count("| a.png |") == 2
    committed = (ROOT / "docs" / "scratches.md").read_text("utf-8")

    def prose(text):
        return [line for line in text.splitlines() if not line.startswith("|")]

    assert prose(written) == prose(committed)
    assert str(tmp_path) not in written


def test_means_are_those_of_the_rows_and_the_page_on_restoring():
    page = (ROOT / "docs" / "scratches.md").read_text("utf-8")
    rows = re.findall(r"^\| (.+?) \| .* % \| (.*) \| (.*) \| .* %", page, re.M)
    group: list[tuple[float, float]] = []
    for name, *numbers in rows:
        precision, recall = map(float, numbers)
        if name.startswith("**mean"):
            assert np.allclose(np.mean(group, axis=0), (precision, recall), atol=0.006)
            group = []
        else:
            group.append((precision, recall))
    quoted = " ".join((ROOT / "docs" / "restore.md").read_text("utf-8").split())
    right, found = round(100 * precision), round(100 * recall)
    assert f"{right} % of the proposed pixels were damage, and {found} % of the damage" in quoted
