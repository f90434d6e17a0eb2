"""Graphs as exporters declare them: with batch axes, without ends, with misnamed edges."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from nir_graphs import chain, cuba, lif, neuron, table

from bio_scnn.errors import InputError
from bio_scnn.nir import build_graph, read_graph, run

PUBLIC = Path(__file__).with_name("lif_rockpool.nir.gz")
"""neuromorphs/NIR at 1ebdca1d9d, paper/01_lif/lif_rockpool.nir; BSD-3-Clause, NIR Team 2023."""


def end(kind, *shape):
    return {"type": kind, "shape": np.array(shape)}


def graph(nodes, edges=None):
    return build_graph({"nodes": nodes, "edges": edges or list(pairwise(nodes))}, "a.nir")


def window(shape, start):
    """A convolution, neurons, a Flatten and weights for 2 x 3 x 3 outputs."""
    conv = {"type": "Conv2d", "weight": np.full((2, 1, 2, 2), 0.5), "bias": np.zeros(2),
            "stride": np.array([1, 1]), "padding": np.array([0, 0]),
            "dilation": np.array([1, 1]), "groups": 1}  # fmt: skip
    flat = {"type": "Flatten", "start_dim": start, "end_dim": -1}
    fc = {"type": "Linear", "weight": np.ones((1, 18))}
    cell = neuron("IF", shape, r=1.0, v_threshold=1.0, v_reset=0.0)
    return {"c": conv, "n": cell, "f": flat, "fc": fc}


def test_a_batch_axis_is_no_axis_of_the_network():
    """The same spikes with and without it; each change is a sentence of the result."""
    plain = graph({"input": end("Input", 1, 4, 4), **window((2, 3, 3), 0), "o": end("Output", 1)})
    batch = graph(
        {"input": end("Input", 1, 1, 4, 4), **window((1, 2, 3, 3), 1), "o": end("Output", 1, 1)}
    )
    x = (np.random.default_rng(0).random((20, 1, 4, 4)) < 0.5).astype(float)
    wanted, found = run(plain, x), run(batch, x)
    np.testing.assert_array_equal(found.outputs["o"], wanted.outputs["o"])
    assert wanted.counts["n"] > 20
    for words in ("axes (1,), taken for batch or time in input, o", "axis of 1 is taken for a",
                  "counted with a batch in front in f"):  # fmt: skip
        assert any(words in sentence for sentence in found.open)
    assert not any("batch" in sentence for sentence in wanted.open)


def test_a_flatten_counted_with_a_batch_in_front():
    """Start 1 of (2, 3, 3) leaves (2, 9); only (18,) fits the weights behind it."""
    found = graph({"input": end("Input", 1, 4, 4), **window((2, 3, 3), 1), "o": end("Output", 1)})
    assert found.nodes["f"].output_shape == (18,)
    alone = graph({"input": end("Input", 2, 3, 3), "f": window((1,), 1)["f"], "o": end("Output")}
                  | {"o": {"type": "Output"}})  # fmt: skip
    assert alone.nodes["f"].output_shape == (2, 9)


def test_a_time_axis_of_the_ends_is_left_out():
    nodes = {"input": end("Input", 256, 2), "n": lif(2), "o": end("Output", 256, 2)}
    found = graph(nodes)
    assert found.nodes["input"].output_shape == found.nodes["o"].output_shape == (2,)
    assert sum("(256,), taken for batch or time" in s for s in found.filled) == 2


def subgraph(cell, edges, shape):
    inside = {"input": end("Input", shape), cell: lif(3), "output": end("Output", 3)}
    fc = {"type": "Linear", "weight": np.ones((3, 2))}
    return {"input": end("Input", 2), "fc": fc, "sub": {"type": "NIRGraph", "nodes": inside,
            "edges": edges}, "output": end("Output", 3)}  # fmt: skip


def test_a_subgraph_takes_the_shape_that_leads_to_it():
    """Rockpool's braille.nir declares its inputs as those of the whole network."""
    edges = [("input", "lif"), ("lif", "output")]
    found = graph(subgraph("lif", edges, 2))
    assert found.nodes["sub.input"].output_shape == (3,)
    assert found.filled == (
        "sub.input: its shape is declared otherwise; that of its source taken",
    )


def test_a_renamed_neuron_of_a_subgraph_is_found():
    """The NIR paper's subgraphs have edges to "lif" and a node "lif1"."""
    edges = [("input", "lif"), ("lif", "output")]
    found = graph(subgraph("lif1", edges, 3))
    assert ("sub.input", "sub.lif1") in found.edges
    assert "'lif', which is not a node; 'lif1'" in found.filled[0]
    for other in ("cell", "lif_unused"):  # not "lif" with a number
        with pytest.raises(InputError, match=r"'sub\.lif', which is not a node"):
            graph(subgraph(other, edges, 3))


def test_ends_of_a_loop_that_was_taken_apart():
    """Older exports keep a subgraph's ends as nodes of the graph; they are not ends of it."""
    nodes = {
        "input": end("Input", 1), "lif1.input": end("Input", 1), "lif1.lif": lif(),
        "lif1.output": end("Output", 1), "output": end("Output", 1),
    }  # fmt: skip
    edges = [("input", "lif1"), ("lif1", "output"), ("lif1.input", "lif1.lif"),
             ("lif1.lif", "lif1.output")]  # fmt: skip
    found = graph(nodes, edges)
    assert (found.inputs, found.outputs) == (("input",), ("output",))
    assert run(found, [[3.0]] * 200, held=True).counts["lif1.lif"] == 2


def test_a_graph_without_an_input_gets_one():
    found = graph({"a": lif(2), "w": {"type": "Linear", "weight": np.ones((1, 2))}, "b": lif(1)})
    assert (found.inputs, found.outputs) == (("input_a",), ())
    assert found.nodes["input_a"].output_shape == (2,)
    assert found.filled == ("a: the file has no Input; one is taken here",)


def test_shapes_that_fit_in_no_way_are_refused():
    """The error about shapes that fit in no way names those of the file."""
    wide = {"input": end("Input", 3), "n": lif(2), "o": end("Output", 2)}
    with pytest.raises(InputError, match=r"'input' puts out shape \(3,\), but 'n' takes \(2,\)"):
        graph(wide)
    with pytest.raises(InputError, match=r"takes \(3,\)"):
        graph({"input": end("Input", 2), "n": lif(2), "o": end("Output", 3)})
    with pytest.raises(InputError, match="2 nodes and no list of edges"):
        build_graph({"nodes": {"input": end("Input", 1), "n": lif()}, "type": "NIRGraph"})


def test_a_public_file_with_two_axes_too_many(tmp_path):
    """One neuron, exported by Rockpool: 21 spikes by impulses, 4 by Euler."""
    path = tmp_path / "lif_rockpool.nir"
    path.write_bytes(gzip.decompress(PUBLIC.read_bytes()))
    found = read_graph(path)
    assert found.nodes["output"].output_shape == (1,)
    x = (np.random.default_rng(0).random((200, 1)) < 0.1).astype(float)
    assert run(found, x, dt_ms=0.1).counts == {"1_LIFNeuronTorch": 21}
    assert run(found, x, dialect="euler", dt_ms=0.1).counts == {"1_LIFNeuronTorch": 4}


def test_a_loop_that_grows_without_end_is_refused_soon():
    """Trained with a delay of a step, some loops have none that holds them in continuous time."""

    def looped(weight):
        w = {"type": "Linear", "weight": np.full((2, 2), weight)}
        nodes = {"n": cuba(2, tau_syn=0.001, tau_mem=0.0002), "w": w}
        edges = [("input", "n"), ("n", "w"), ("w", "n"), ("n", "output")]
        return build_graph(table(nodes, edges, (2,), (2,)))

    x = np.full((40, 2), 3.0)
    assert run(looped(0.01), x, spike_area_s=1e-3).counts["n"] > 10
    with pytest.raises(InputError, match="grows without end"):
        run(looped(30.0), x, spike_area_s=1e-3)


def test_slow_or_busy_neurons_of_a_loop_do_not_run_away():
    """LIF with tau = 1 s at 127 Hz, with 20 ms at 9.95 kHz: a period is -tau ln(1 - 1/I)."""
    for tau, current, end_ms in ((1.0, 128.0, 1000), (0.02, 200.0, 50)):
        w = {"type": "Linear", "weight": np.zeros((1, 1))}
        nodes = {"n": lif(tau=tau), "w": w}
        edges = [("input", "n"), ("n", "w"), ("w", "n"), ("n", "output")]
        looped = build_graph(table(nodes, edges, (1,), (1,)))
        found = run(looped, np.full((end_ms, 1), current), dt_ms=1.0, held=True)
        period_ms = -1e3 * tau * np.log1p(-1 / current)
        assert found.counts["n"] == int(end_ms / period_ms) > 100


def test_the_area_of_a_spike_in_files_without_w_in():
    """r/tau_mem = 1/dt in neurons of different tau_mem: braille_v2.nir of the NIR paper."""

    def said(*taus):
        cells = {f"n{i}": cuba(1, tau_mem=tau, tau_syn=1.1 * tau, r=tau / 1e-4)
                 for i, tau in enumerate(taus)}  # fmt: skip
        return run(chain((1,), **cells), [[0.0]]).open[0]

    assert "area: 0.0001 s taken" in said(0.001, 0.0004)
    assert "area: 1 s taken" in said(0.001, 0.001)
