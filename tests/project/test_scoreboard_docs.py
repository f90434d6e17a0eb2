"""The scoreboard of imports: every primitive has a row, and every word has its sentence."""

import numpy as np
import pytest

from bio_scnn.nir.departures import Departures, Verdict
from bio_scnn.nir.graph import FIELDS
from bio_scnn.nir.importers import IMPORTERS
from bio_scnn.nir.running import run
from bio_scnn.runtime.provenance import installed_version
from tools.docs import DOCS, scoreboard


def test_every_primitive_is_there_and_its_neurons_fire():
    nodes = scoreboard.primitives()
    kinds = {label.partition(" ")[0] for label in nodes}
    assert kinds == set(FIELDS) - {"Input", "Output"}
    for label in ("LIF", "IF", "CubaLIF", "LIF (r = 1, one tau)", "CubaLIF (r = 1, one tau)"):
        graph = scoreboard.graph_of(label, nodes[label])
        x = (np.random.default_rng(0).random((200, 6)) < 0.1).astype(float)
        assert run(graph, x, dialect="euler", dt_ms=0.1).counts["node"] > 10, label


def test_words_and_sentences(monkeypatch):
    answers = {
        "good": Departures("good", ""),
        "shy": Departures("shy", "ValueError: no"),
        "wrong": Departures("wrong", "", (Verdict("n", "LIF", "departs", 1, 2, "r is ignored"),)),
        "wired": Departures("wired", "", wiring="an edge is missing"),
    }

    def judge(graph, name):
        if name == "broken":
            raise RuntimeError("gone\nfor good")
        return answers[name]

    monkeypatch.setattr(scoreboard, "judge", judge)
    lines = scoreboard.table({"a": None, "b": None}, [*answers, "broken"])
    assert "| `a` | agrees | refused | departs | departs | not run |" in lines
    assert "- wrong, a, b: n (LIF): r is ignored." in lines
    assert "- broken, a, b: RuntimeError: gone." in lines
    assert sum("good" in line for line in lines) == 1


@pytest.mark.peer
@pytest.mark.parametrize("label", ["IF", "LIF", "CubaLIF", "Threshold"])
def test_the_page_holds_with_the_versions_here(label):
    """Word and sentence of each framework that is installed in the version of the page."""
    text = (DOCS / "scoreboard.md").read_text("utf-8")
    heads = next(line for line in text.splitlines() if line.startswith("| | ")).split(" | ")[1:]
    row = next(line for line in text.splitlines() if line.startswith(f"| `{label}` |"))
    words = dict(
        zip([h.strip(" |") for h in heads], row.strip("| ").split(" | ")[1:], strict=True)
    )
    here = [n for n in words if f" {n} {installed_version(n)}," in text]
    if not here:
        pytest.skip("none of these versions is installed")
    graph = scoreboard.graph_of(label, scoreboard.primitives()[label])
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    for name in here:
        word, sentence = scoreboard.cell(scoreboard.judge(graph, name))
        assert word == words[name], name
        told = " ".join(sentence.split())[:600].rstrip(".")
        ours = [x for x in lines if x.startswith(f"- {name}, ") and told in x]
        assert not sentence or any(label in x.partition(": ")[0] for x in ours), (name, sentence)


def test_the_page_names_every_primitive_and_importer():
    text = (DOCS / "scoreboard.md").read_text("utf-8")
    for label in scoreboard.primitives():
        assert f"| `{label}` |" in text
    for name in IMPORTERS:
        assert name in text
