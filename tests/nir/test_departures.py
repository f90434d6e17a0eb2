"""Importers with planted faults: the node, the cause, and the effect."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from nir_graphs import chain, cuba, lif, neuron, table
from small_importer import SmallImporter

from bio_scnn import validate
from bio_scnn.errors import InputError
from bio_scnn.nir import Dialect, build_graph, run
from bio_scnn.nir.beside import beside
from bio_scnn.nir.departures import depart, reference_for
from bio_scnn.nir.importers import IMPORTERS, within
from bio_scnn.nir.page import page

FILE = Path(__file__).with_name("recurrent.nir")
rng = np.random.default_rng(7)


def recurrent():
    """Two layers, the first with a loop; every field of its neurons matters."""
    first = lif(
        6, tau=rng.uniform(0.002, 0.006, 6), r=rng.uniform(2, 5, 6), v_leak=0.2, v_reset=-0.3
    )
    nodes = {
        "fc1": {"type": "Affine", "weight": rng.normal(0.8, 0.8, (6, 4)), "bias": np.full(6, 0.2)},
        "lif1": first,
        "w_rec": {"type": "Linear", "weight": rng.normal(0.2, 0.8, (6, 6))},
        "fc2": {"type": "Linear", "weight": rng.normal(1.0, 1.0, (3, 6))},
        "lif2": cuba(3, tau_mem=0.002, tau_syn=0.001, r=8.0, w_in=4.0, v_reset=-0.1),
    }
    edges = [("input", "fc1"), ("fc1", "lif1"), ("lif1", "w_rec"), ("w_rec", "lif1")]
    edges += [("lif1", "fc2"), ("fc2", "lif2"), ("lif2", "output")]
    return build_graph(table(nodes, edges, (4,), (3,)))


def pooled():
    pool = {
        "kernel_size": np.array([2, 2]),
        "stride": np.array([2, 2]),
        "padding": np.array([0, 0]),
    }
    nodes = {
        "pool": {"type": "SumPool2d", **pool},
        "flat": {"type": "Flatten", "start_dim": np.array(0), "end_dim": np.array(-1)},
        "cells": lif(8, tau=0.002, r=2.0),
    }
    edges = [("input", "pool"), ("pool", "flat"), ("flat", "cells"), ("cells", "output")]
    return build_graph(table(nodes, edges, (2, 4, 4), (8,)))


GRAPHS = {"recurrent": recurrent(), "pooled": pooled()}
INPUTS = {
    name: {"input": (rng.random((200, *g.the_input().input_shape)) < 0.3).astype(float)}
    for name, g in GRAPHS.items()
}

FAULTS = {
    "r": ("recurrent", "lif1", "r is ignored"),
    "v_reset": ("recurrent", "lif1", "v_reset is ignored"),
    "v_leak": ("recurrent", "lif1", "v_leak is ignored"),
    "r and v_reset": (
        "recurrent",
        "lif1",
        "r is ignored, as if it were 1, and v_reset is ignored",
    ),
    "subtract": ("recurrent", "lif1", "subtracts v_threshold - v_reset"),
    "no reset": ("recurrent", "lif1", "V is not reset"),
    "one tau": ("recurrent", "lif1", "the mean tau is taken for all"),
    "dt": ("recurrent", "lif1", "it steps by 0.01 ms, not 0.1 ms"),
    "late input": ("recurrent", "lif1", "input acts a step late"),
    "late output": ("recurrent", "lif1", "output is 1 step late"),
    "exact": ("recurrent", "lif1", "steps exactly"),
    "bias": ("recurrent", "fc1", "bias is ignored"),
    "8 bits": ("recurrent", "fc1", "rounded to 8 bits"),
    "transposed": ("recurrent", "w_rec", "transposed"),
    "taus swapped": ("recurrent", "lif2", "tau_mem and tau_syn are swapped"),
    "w_in": ("recurrent", "lif2", "w_in is ignored"),
    "old current": ("recurrent", "lif2", "last step's synaptic current"),
    "inverse tau": ("recurrent", "lif1", "tau is taken for its inverse"),
    "reset to v_leak": ("recurrent", "lif1", "a spike sets V to v_leak"),
    "r twice": ("recurrent", "lif1", "r is used twice"),
    "floor": ("recurrent", "lif1", "V is bounded below by 0"),
    "scaled weights": ("recurrent", "fc1", "0.1 times as large"),
    "like spyx": ("recurrent", "lif2", "a spike is put out a step later; a spike subtracts"),
    "like rockpool": ("recurrent", "lif2", "it steps by tau/(1 + r) = 0.2222 ms"),
    "stride": ("pooled", "pool", "stride is ignored"),
    "pool": ("pooled", "pool", "it takes means"),
    "flatten": ("pooled", "flat", "columns are taken before the rows"),
}


@pytest.mark.parametrize("which", GRAPHS)
def test_a_right_importer_agrees(which):
    found = depart(GRAPHS[which], INPUTS[which], SmallImporter())
    assert found.agrees, str(found)
    assert "agree" in str(found)
    assert found.outputs[0] == found.outputs[1] > 20


QUICK = (
    "r",
    "v_reset",
    "dt",
    "bias",
    "transposed",
    "taus swapped",
    "pool",
    "flatten",
    "like spyx",
)


OTHERS = [pytest.mark.slow, pytest.mark.sweep(3)]


@pytest.mark.parametrize(
    "fault", [pytest.param(f, marks=() if f in QUICK else OTHERS) for f in FAULTS]
)
def test_the_first_wrong_node_and_its_cause(fault):
    which, node, words = FAULTS[fault]
    found = depart(GRAPHS[which], INPUTS[which], SmallImporter(fault))
    assert not found.agrees
    first = found.first
    assert first is not None
    assert (first.node, first.outcome) == (node, "departs")
    assert any(words in cause for cause in (first.cause, *first.others)), str(found)
    assert len(first.others) <= 2
    assert first.fix
    assert first.sort == ("convention" if fault in ("exact", "old current") else first.sort)
    assert "the output has" in found.effect or fault == "stride"  # whose shapes do not fit
    assert first.cause in " ".join(str(found).split())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("lost loop", "the edge w_rec -> lif1 is missing"),
        ("rerouted", "edge fc1 -> lif1 leads to w_rec instead"),
    ],
)
def test_wrong_wiring_where_every_node_agrees(fault, words):
    found = depart(GRAPHS["recurrent"], INPUTS["recurrent"], SmallImporter(fault))
    assert found.first is None
    assert words in found.wiring
    assert not found.agrees


def test_a_refusal_is_one_line():
    found = depart(GRAPHS["recurrent"], INPUTS["recurrent"], SmallImporter("refuses CubaLIF"))
    assert "KeyError" in found.refused
    assert [v.node for v in found.verdicts if v.outcome == "refused"] == ["lif2"]
    assert len(str(found).splitlines()) == 2
    missing = depart(GRAPHS["recurrent"], INPUTS["recurrent"], "no such framework")
    assert "known are" in missing.refused


def test_no_cause_is_claimed_that_does_not_explain_all():
    class Noisy(SmallImporter):
        def lif(self, v, tau, r, dt):
            step, chance = super().lif(v, tau, r, dt), np.random.default_rng(0)
            return lambda x: step(x + chance.normal(0, 0.3, x.shape).astype(np.float32))

    found = depart(GRAPHS["pooled"], INPUTS["pooled"], Noisy())
    assert found.first.node == "cells"
    assert "no cause that was tried explains all of it" in found.first.cause
    assert found.first.sort == ""


def test_counts_near_continuous_time_as_the_step_shrinks():
    graph = chain(
        (3,), w={"type": "Linear", "weight": np.eye(3) * 0.4}, x=lif(3, tau=0.004, r=4.0)
    )
    x = {"input": (np.random.default_rng(8).random((400, 3)) < 0.4).astype(float)}
    found = beside(graph, x, Dialect(dt_ms=1.0), dts_ms=(1.0, 0.25, 0.0625))
    errors = [found.error("x", dt) for dt in found.grids]
    assert found.exact.counts["x"] > 50
    assert errors[0] > errors[-1]
    assert errors[-1] < 0.05
    alone = run(graph, x["input"], dialect=Dialect(dt_ms=1.0))
    assert found.grids[1.0].counts == alone.counts  # at the dialect's dt it is the dialect


def test_if_with_r_1_gets_impulses():
    assert reference_for(GRAPHS["pooled"]).IF_input == ""
    graph = chain((1,), x=neuron("IF", r=1.0, v_threshold=1.0))
    assert reference_for(graph).IF_input == "impulse"


def test_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(IMPORTERS, "none", IMPORTERS["norse"])  # a package that nobody has
    validate.main(["--graph", str(FILE), "--dt", "0.5"])
    screen = capsys.readouterr().out
    assert "7 nodes, 7 edges, 1 recurrent" in screen
    assert "left open by the file" in screen
    assert "sub.lif" in screen.split("spikes in")[1]
    np.save(tmp_path / "x.npy", np.ones((50, 2)))
    with pytest.raises(SystemExit) as caught:
        validate.main(
            [
                "--graph",
                str(FILE),
                "--input",
                str(tmp_path / "x.npy"),
                "--json",
                "--against",
                "none",
            ]
        )
    assert caught.value.code == 1
    table = json.loads(capsys.readouterr().out)
    assert table["continuous"]["sub.lif"] > 0
    assert "none is not installed here" in table["against"][0]["refused"]
    with pytest.raises(InputError, match="there is no importer 'nrose': did you mean norse"):
        validate.main(["--graph", str(FILE), "--against", "norse", "nrose"])
    (tmp_path / "bad.csv").write_text("1,2,3\n")
    with pytest.raises(ValueError, match="a step has 3 values"):
        validate.main(["--graph", str(FILE), "--input", str(tmp_path / "bad.csv")])


def test_the_page_shows_the_graph_with_verdicts(tmp_path):
    graph, faulty = GRAPHS["recurrent"], SmallImporter("v_reset")
    found = depart(graph, INPUTS["recurrent"], faulty)
    text = page(graph, ["a < b"], [found])
    root = ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
    titles = [title.text for title in root.iter("title")]
    assert "lif1: LIF departs" in titles
    assert "fc1: Affine agrees" in titles
    assert len(titles) == len(graph.nodes)
    assert text.count("<svg") == 4  # the graph, two rasters, and V
    own, faulty_V = found.potentials
    assert own.shape == faulty_V.shape == found.rasters[0].shape
    fired = found.rasters[0] > 0
    assert np.allclose(own[fired], -0.3)  # v_reset; 0 with this fault
    assert np.allclose(faulty_V[found.rasters[1] > 0], 0)
    assert "and that of the cause named for small importer" in text
    assert "a &lt; b" in text
    validate.main(["--graph", str(FILE), "--report", str(tmp_path / "new")])
    assert "sub.lif" in (tmp_path / "new" / "index.html").read_text("utf-8")


@pytest.mark.peer
@pytest.mark.parametrize("name", ["norse", "snntorch"])
def test_real_importers(name):
    """Norse ignores r of a LIF; snnTorch takes dt = 0.1 ms whatever it is told."""
    pytest.importorskip(name)
    pytest.importorskip("nir")
    nodes = {"x": lif(tau=0.004, r=3.0)}
    graph = build_graph(table(nodes, [("input", "x"), ("x", "output")], (1,), (1,)))
    x = {"input": np.random.default_rng(0).normal(1.0, 2.0, (300, 1))}
    found = depart(graph, x, name, dt_ms=0.2)
    words = {"norse": "r is ignored", "snntorch": "it steps by"}[name]
    assert found.first is not None
    assert words in found.first.cause, str(found)


def test_an_import_that_never_ends_is_one_line():
    """nirtorch never ends with a loop through a subgraph's ends."""

    class Endless:
        name = "endless"

        def load(self, graph, dt_ms):
            with within(0.2, f"its import of {graph.name}"):
                while True:
                    pass

    graph = build_graph(table({"n": lif()}, [("input", "n"), ("n", "output")], (1,), (1,)))
    found = depart(graph, {"input": np.ones((3, 1))}, Endless())
    assert "does not end within 0.2 s" in found.refused
    assert found.verdicts[0].outcome == "refused"
    with within(0.2, "nothing"):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
