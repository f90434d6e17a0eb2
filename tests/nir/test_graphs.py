"""NIR graphs read, taken apart and refused."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from nir_graphs import chain, cuba, lif, neuron, table

from bio_scnn.data.hdf5 import read_hdf5
from bio_scnn.errors import InputError
from bio_scnn.nir import Dialect, build_graph, read_graph, run

FILE = Path(__file__).with_name("recurrent.nir")


def test_a_file_is_read_without_other_packages():
    """Written by nir 1.0.8: groups, gzip, texts; a subgraph with a loop."""
    g = read_graph(FILE)
    assert set(g.nodes) == {
        "input", "fc", "sub.input", "sub.lif", "sub.w", "sub.output", "output",
    }  # fmt: skip
    assert g.nodes["sub.lif"].kind == "LIF"
    np.testing.assert_array_equal(g.nodes["fc"].values["weight"], np.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal(g.nodes["sub.w"].values["weight"].ravel(), np.arange(9) / 8)
    assert g.nodes["sub.w"].values["weight"].dtype == np.float32
    np.testing.assert_array_equal(g.nodes["sub.lif"].values["v_reset"], [-0.5] * 3)
    assert g.back == {("sub.w", "sub.lif")}
    assert ("fc", "sub.input") in g.edges
    assert ("sub.output", "output") in g.edges
    assert (g.inputs, g.outputs, g.filled) == (("input",), ("output",), ())
    assert read_hdf5(FILE)["node"]["metadata"]["by"] == "hand"


def test_a_damaged_file_is_one_line(tmp_path):
    whole, rng, refused = FILE.read_bytes(), np.random.default_rng(0), 0
    for cut in [0, 7, 100, 900, *rng.integers(1000, len(whole), 20)]:
        part = tmp_path / "part.nir"
        part.write_bytes(whole[:cut])
        with pytest.raises(InputError, match=str(part)) as caught:
            read_graph(part)
        assert "\n" not in str(caught.value)
    for _ in range(200):
        bad = bytearray(whole)
        bad[rng.integers(0, 4000)] = rng.integers(0, 256)
        part.write_bytes(bad)
        try:
            read_graph(part)
        except InputError:
            refused += 1
    assert refused > 20
    with pytest.raises(InputError, match="no file"):
        read_graph(tmp_path / "none.nir")


@pytest.mark.peer
def test_the_reader_agrees_with_h5py(tmp_path):
    h5py = pytest.importorskip("h5py")
    rng, path = np.random.default_rng(0), tmp_path / "all.h5"
    arrays = {
        "chunks": rng.normal(size=(100, 37)), "whole": rng.integers(-9, 9, (4, 5)),
        "big": rng.normal(size=7).astype(">f4"), "words": np.array([[b"ab", b"cde"]]),
    }  # fmt: skip
    for libver in ("earliest", "latest"):
        with h5py.File(path, "w", libver=libver) as f:
            packed = {"shuffle": True, "compression": "gzip", "fletcher32": True}
            packed = packed if libver == "earliest" else {}
            chunks = (7, 10) if packed else None
            f.create_dataset("a/chunks", data=arrays["chunks"], chunks=chunks, **packed)
            for name in ("whole", "big", "words"):
                f[f"a/b/{name}"] = arrays[name]
            f["text"], f["number"] = "täxt", 3.5
            for i in range(40 if libver == "earliest" else 3):
                f[f"many/{i}"] = i
        read = read_hdf5(path)
        np.testing.assert_array_equal(read["a"]["chunks"], arrays["chunks"])
        for name in ("whole", "big", "words"):
            np.testing.assert_array_equal(read["a"]["b"][name], arrays[name])
        assert (read["text"], read["number"], read["many"]["2"]) == ("täxt", 3.5, 2)


def graph_with(nodes, edges, shape=(2,)):
    return lambda: build_graph(table(nodes, edges, shape), "a.nir")


W = {"type": "Linear", "weight": np.ones((3, 2))}
BAD = {
    "no such type": (graph_with({"x": {"type": "Spline"}}, []), "'x' has the type 'Spline'"),
    "no type": (graph_with({"x": {}}, []), "'x' has no type"),
    "missing field": (graph_with({"x": {"type": "LI", "tau": [1.0]}}, []), "lacks r and v_leak"),
    "dangling": (graph_with({"w": W}, [("input", "v")]), "'v', which is not a node"),
    "shapes": (
        graph_with({"w": W, "x": lif(2)}, [("input", "w"), ("w", "x")]),
        r"'w' puts out shape \(3,\), but 'x' takes \(2,\)",
    ),
    "tau": (graph_with({"x": lif(2, tau=0.0)}, [("input", "x")]), "tau .* greater than 0 s"),
    "nan": (graph_with({"x": lif(2, r=np.nan)}, [("input", "x")]), "r holds NaN"),
    "two shapes": (
        graph_with({"x": lif(2) | {"r": np.ones(3)}}, [("input", "x")]), "must have one shape",
    ),
    "bias": (
        graph_with({"w": W | {"type": "Affine", "bias": np.ones(2)}}, []),
        r"must have shape \(3,\)",
    ),
    "alone": (
        graph_with({"f": {"type": "Flatten", "start_dim": 0, "end_dim": -1}}, []),
        "nothing leads to it",
    ),
    "no input": (
        lambda: build_graph({"nodes": {"x": lif(2)}, "edges": [("x", "x")]}), "no Input",
    ),
    "linear loop": (
        lambda: run(
            build_graph(
                table(
                    {"a": {"type": "Scale", "scale": np.ones(2)}, "b": lif(2)},
                    [("input", "a"), ("a", "a"), ("a", "b")], (2,),
                )
            ),
            np.ones((3, 2)),
        ),
        "a -> a has only linear maps",
    ),
    "reset above threshold": (
        lambda: run(chain((1,), x=lif(v_reset=2.0)), [[1.0]]), "v_reset must be below",
    ),
    "loop without end": (
        lambda: run(
            build_graph(
                table({"x": neuron("IF", r=9, v_threshold=1)}, [("input", "x"), ("x", "x")], (1,))
            ),
            [[1.0]],
        ),
        "loop of 'x'.*without a delay it has no end",
    ),
    "input shape": (lambda: run(chain((2,), x=lif(2)), [[1.0]]), r"must have shape \(steps, 2\)"),
    "dialect": (lambda: run(chain((1,), x=lif()), [[1.0]], dialect="brian"), "must be one of"),
    "dt": (lambda: Dialect(dt_ms=0.0), "greater than 0 ms"),
    "format": (
        lambda: run(chain((1,), x=lif()), [[1.0]], dialect=Dialect(number_format="int8")), "Qm.n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_run_is_one_line(make, words):
    with pytest.raises(InputError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_filled_in_and_said():
    node = {k: v for k, v in cuba().items() if k not in ("v_reset", "w_in")}
    found = run(chain((1,), x=node), [[1.0]])
    assert sum("NIR's default" in sentence for sentence in found.open) == 2


def test_one_set_of_parameters_is_taken_for_all():
    w = {"type": "Linear", "weight": np.ones((3, 2))}
    one = chain((2,), w=w, half={"type": "Scale", "scale": np.array([0.5])}, x=lif(1))
    three = chain((2,), w=w, half={"type": "Scale", "scale": np.full(3, 0.5)}, x=lif(3))
    x = np.full((300, 2), 2.0)
    for mode in ({"held": True}, {"dialect": "euler"}):
        found, wanted = run(one, x, **mode), run(three, x, **mode)
        assert found.counts == wanted.counts
        assert found.counts["x"] > 3
        assert any("one set of parameters" in sentence for sentence in found.open)


@pytest.mark.peer
def test_graphs_of_the_nir_package():
    nir = pytest.importorskip("nir")
    whole = nir.read(FILE)
    ours, theirs = read_graph(FILE), read_graph(whole)
    assert list(ours.nodes) == list(theirs.nodes)
    assert set(ours.edges) == set(theirs.edges)
    x = (np.random.default_rng(0).random((50, 2)) < 0.5).astype(float)
    how = {"dt_ms": 1.0, "spike_area_s": 1e-3}
    assert run(ours, x, **how).counts == run(theirs, x, **how).counts
    conv = nir.Conv2d((8, 8), np.ones((3, 2, 3, 3)), 1, "same", 1, 1, np.zeros(3))
    nodes = {"i": nir.Input(np.array([2, 8, 8])), "c": conv, "p": nir.AvgPool2d(2, 2, 0)}
    nodes |= {"f": nir.Flatten({"input": np.array([3, 4, 4])}, 0, -1)}
    nodes |= {"l": nir.LI(np.ones(48), np.ones(48), np.zeros(48)), "o": nir.Output(np.array([48]))}
    names = list(nodes)
    made = nir.NIRGraph(nodes, list(itertools.pairwise(names)), type_check=False)
    assert read_graph(made).nodes["l"].output_shape == (48,)


def test_nodes_in_loops():
    """A ring of three, a node that leads to itself, and nodes before, between and behind."""
    names = ["a", "b", "c", "between", "self", "behind"]
    edges = [("input", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "between"),
             ("between", "self"), ("self", "self"), ("self", "behind")]  # fmt: skip
    g = build_graph(table({n: lif() for n in names}, edges, (1,)))
    assert g.in_loops() == {"a", "b", "c", "self"}
    assert build_graph(table({"a": lif()}, edges[:1], (1,))).in_loops() == set()
