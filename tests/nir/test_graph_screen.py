"""The first screen of a network: what it says where there is little to say."""

from __future__ import annotations

import argparse

import numpy as np
import pytest
from nir_graphs import chain, cuba, lif, neuron, table

from bio_scnn.nir import DIALECTS, build_graph
from bio_scnn.nir.beside import beside
from bio_scnn.nir.command import as_table, run_graph, screen

EULER = DIALECTS["euler"]


def shown(graph, x):
    found = beside(graph, {"input": x}, EULER)
    return screen(graph, EULER, found, "an input"), as_table(graph, EULER, found, [])


def test_a_network_without_a_run_in_continuous_time_is_shown_on_the_grid():
    w = {"type": "Linear", "weight": np.full((2, 2), 30.0)}
    nodes = {"n": cuba(2, tau_syn=0.001, tau_mem=0.0002, r=1.0, w_in=200.0), "w": w}
    edges = [("input", "n"), ("n", "w"), ("w", "n"), ("n", "output")]
    lines, table_ = shown(build_graph(table(nodes, edges, (2,), (2,))), np.ones((40, 2)))
    refused = next(line for line in lines if line.startswith("not run in continuous time"))
    assert "grows without end" in refused
    row = lines[-1].split()
    assert row[:2] == ["n", "-"]
    assert all(int(count.replace(",", "")) > 10 for count in row[2:])
    assert "wrong" not in lines[-1]
    assert "continuous" not in table_
    assert table_["grid"]["0.1"]["n"] == {"spikes": int(row[2]), "error": None}


def test_a_silent_network_is_told_so():
    lines, _ = shown(chain((1,), n=lif()), np.full((20, 1), 1e-3))
    assert lines[-1] == "  none in any node: the input is too weak; give another by --input"


@pytest.mark.parametrize(("dialect", "count"), [(None, 20), ("euler", 0)])
def test_if_neurons_with_r_1_take_impulses_unless_a_dialect_is_given(dialect, count, monkeypatch):
    """As `--against` has it: 20 values of 1, of which each takes V to 1.5 thresholds."""
    graph = chain((1,), n=neuron("IF", r=1.0, v_threshold=0.6, v_reset=0.0))
    monkeypatch.setattr("bio_scnn.nir.command.read_graph", lambda path: graph)
    monkeypatch.setattr(
        "bio_scnn.nir.command.input_of", lambda *_: ({"input": np.ones((20, 1))}, "ones")
    )
    kept = {}
    monkeypatch.setattr(
        "bio_scnn.nir.command.screen", lambda g, d, found, told: kept.update(found=found) or []
    )
    args = argparse.Namespace(graph=None, input=None, dialect=dialect, dt=None, gradients=False,
                              against=[], report=None, json=False)  # fmt: skip
    assert run_graph(args)
    found = kept["found"]
    assert found.exact.counts["n"] == count
    assert all(grid.counts["n"] == count for grid in found.grids.values())


def test_what_the_file_lacks_is_told_in_the_order_of_the_nodes():
    n = {k: v for k, v in lif().items() if k != "v_reset"}
    one = {"type": "Linear", "weight": np.ones((1, 1))}
    graph = chain((1,), **{"9": n, "w": one, "10": dict(n)})
    lines, _ = shown(graph, np.ones((5, 1)))
    assert "  the file has no v_reset; NIR's default 0 in 9, 10" in lines
