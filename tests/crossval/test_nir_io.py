"""NIR files: read, and refused where they are broken."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace

import numpy as np
import pytest
from nir_files import NODE, OTHERS, lif_file, other_file
from peak_memory import peak_bytes

from bio_scnn import TABLE_1, InputError
from bio_scnn.crossval.nir_io import describe, import_nir, nir_adapters

peer = pytest.mark.peer


@peer
@pytest.mark.parametrize("shape", [(3,), (2, 4, 5), (1,)])
def test_parameters_come_in_milliseconds(tmp_path, shape):
    path = lif_file(tmp_path / "a.nir", shape)
    (neuron,) = import_nir(path)
    assert neuron.params == replace(TABLE_1, t_ref_ms=0.0)
    assert (neuron.node, neuron.count, neuron.v_leak) == ("lif", np.prod(shape), 0)
    assert describe(path).startswith(f"lif: {np.prod(shape)} neurons, tau 40 ms, R 0.5")
    assert "Table 1 has t_ref 1 ms" in describe(path)


@peer
def test_differences_to_table_1_are_named(tmp_path):
    path = lif_file(
        tmp_path / "a.nir", tau=0.02, r=2.0, v_threshold=0.7, metadata={"t_ref": 0.001}
    )
    (neuron,) = import_nir(path)
    assert (neuron.params.tau_ms, neuron.params.R, neuron.params.t_ref_ms) == (20, 2, 1)
    assert "Table 1 has tau 40 ms, R 0.5, V_th 1" in describe(path)
    assert "t_ref" not in describe(path).split("Table 1 has")[1]


@peer
def test_single_precision_reads_as_what_was_meant(tmp_path):
    path = lif_file(tmp_path / "a.nir", tau=np.float32(0.04), r=np.float32(0.5))
    assert "as Table 1" in describe(
        lif_file(tmp_path / "b.nir", tau=np.float32(0.04), metadata={"t_ref": 0.001})
    )
    assert import_nir(path)[0].params.tau_ms == pytest.approx(40, rel=1e-7)


@peer
def test_v_is_counted_from_the_leak_potential(tmp_path):
    path = lif_file(tmp_path / "a.nir", v_leak=-65.0, v_threshold=-50.0, v_reset=-70.0, r=1.0)
    (neuron,) = import_nir(path)
    assert (neuron.params.V_th, neuron.params.V_reset, neuron.v_leak) == (15, -5, -65)
    lif = neuron.graph(4).nodes["lif"]  # and back
    for field, value in {"v_threshold": -50, "v_reset": -70, "v_leak": -65, "tau": 0.04}.items():
        np.testing.assert_allclose(getattr(lif, field), np.full(4, value), rtol=1e-15)
    assert "counted from v_leak = -65" in describe(path)


@peer
def test_different_neurons_of_a_node_are_told_apart(tmp_path):
    tau = np.repeat([0.01, 0.02, 0.03], [2, 5, 1])
    path = lif_file(tmp_path / "a.nir", (8,), tau=tau)
    neurons = import_nir(path)
    assert [(n.params.tau_ms, n.count) for n in neurons] == [(20, 5), (10, 2), (30, 1)]
    assert "lif#1: 5 neurons, tau 20 ms" in describe(path)
    many = lif_file(tmp_path / "b.nir", (50,), tau=np.linspace(0.01, 0.05, 50))
    assert len(import_nir(many)) == 50
    assert "50 different neurons, of which the 8" in describe(many)
    adapters = nir_adapters(many)
    assert len({a.params for a in adapters}) == (8 if adapters else 0)


@peer
def test_neurons_that_are_not_checked_are_named(tmp_path):
    nir = pytest.importorskip("nir")
    one = np.ones(2)
    nodes = {
        "cuba": nir.CubaLI(one, one, one, 0 * one),
        "i": nir.I(one),
        "lif": nir.LIF(one, one, 0 * one, one),
        "end": nir.Output({"output": np.array([2])}),
    }
    names = list(nodes)
    graph = nir.NIRGraph(nodes, list(itertools.pairwise(names)))
    nir.write(tmp_path / "a.nir", graph)
    assert [neuron.node for neuron in import_nir(tmp_path / "a.nir")] == ["lif"]
    text = describe(tmp_path / "a.nir")
    for name, reason in {"cuba": "synaptic", "i": "neither leak"}.items():
        assert f"{name}: " in text
        assert reason in text
    nodes.pop("lif")
    names = list(nodes)
    nir.write(tmp_path / "b.nir", nir.NIRGraph(nodes, list(itertools.pairwise(names))))
    with pytest.raises(InputError, match=r"has no LIF, IF, LI or CubaLIF.*cuba \(CubaLI never"):
        import_nir(tmp_path / "b.nir")


@peer
def test_subgraphs_are_searched(tmp_path):
    nir = pytest.importorskip("nir")
    inner = nir.read(lif_file(tmp_path / "a.nir"))
    shape = {"input": np.array([3])}
    outer = nir.NIRGraph(
        {"in": nir.Input(shape), "block": inner, "out": nir.Output({"output": np.array([3])})},
        [("in", "block"), ("block", "out")],
    )
    nir.write(tmp_path / "b.nir", outer)
    (neuron,) = import_nir(tmp_path / "b.nir")
    assert neuron.node == "block.lif"


# Malformed files: each is a good one with one thing broken.


def delete(what):
    return lambda file: file.__delitem__(what)


def put(what, value):
    def change(file):
        if what in file:
            del file[what]
        file[what] = value

    return change


MALFORMED = {
    "no node": (delete("node"), "it has no 'node'"),
    "node is no group": (put("node", 3), "it has no 'node'"),
    "no nodes": (delete("node/nodes"), "the graph has no nodes"),
    "no edges": (delete("node/edges"), "refuses the graph"),
    "no type": (delete(f"{NODE}/type"), "node 'lif' has no type"),
    "unknown type": (
        put(f"{NODE}/type", "Izhikevich"),
        "type 'Izhikevich', which NIR does not have",
    ),
    "function as type": (put(f"{NODE}/type", "read"), "type 'read', which NIR does not have"),
    "number as type": (put(f"{NODE}/type", 3), "the type .*3.*, which NIR does not have"),
    "missing tau": (delete(f"{NODE}/tau"), "LIF node 'lif' lacks tau"),
    "missing r and v_leak": (
        lambda file: [file.__delitem__(f"{NODE}/{field}") for field in ("r", "v_leak")],
        "lacks r and v_leak",
    ),
    "missing threshold": (delete(f"{NODE}/v_threshold"), "lacks v_threshold"),
    "negative tau": (put(f"{NODE}/tau", [0.04, -0.04, 0.04]), r"tau \(=-0.04 s\) must be greater"),
    "zero tau": (put(f"{NODE}/tau", [0.04, 0.0, 0.04]), r"tau \(=0 s\) must be greater"),
    "NaN tau": (put(f"{NODE}/tau", [0.04, np.nan, 0.04]), "tau holds NaN"),
    "infinite tau": (put(f"{NODE}/tau", [0.04, np.inf, 0.04]), "tau holds NaN or infinity"),
    "zero r": (put(f"{NODE}/r", [0.0, 1, 1]), r"r \(=0\) must be greater than 0"),
    "negative r": (put(f"{NODE}/r", [-2.0, 1, 1]), r"r \(=-2\) must be greater than 0"),
    "NaN r": (put(f"{NODE}/r", [np.nan, 1, 1]), "r holds NaN"),
    "reset at threshold": (
        put(f"{NODE}/v_reset", [0.0, 0.0, 1.0]),
        r"v_reset \(=1\) must be below v_threshold \(=1\)",
    ),
    "shapes that disagree": (put(f"{NODE}/tau", [0.04, 0.04]), r"one shape, not tau \(2,\)"),
    "wrong output shape": (put("node/nodes/output/shape", [4]), "refuses the graph"),
    "edge to nowhere": (put("node/edges", [[b"input", b"lif"], [b"lif", b"x"]]), "refuses"),
    "words for numbers": (put(f"{NODE}/tau", "40 ms"), "tau holds no numbers"),
    "no neurons": (
        lambda file: (
            [put(f"{NODE}/{f}", np.empty(0))(file) for f in ("tau", "r")]
            and [
                put(f"{NODE}/{f}", np.empty(0))(file) for f in ("v_leak", "v_threshold", "v_reset")
            ]
        ),
        "has no neurons",
    ),
    "field that NIR has not": (put(f"{NODE}/t_ref", [1.0, 1, 1]), "refuses the graph"),
    "negative t_ref": (put(f"{NODE}/metadata/t_ref", -0.001), "t_ref .* at least 0 s"),
    "t_ref in words": (put(f"{NODE}/metadata/t_ref", "1 ms"), "t_ref .* one number, in seconds"),
    "t_ref of another shape": (put(f"{NODE}/metadata/t_ref", [0.0, 0.0]), "array of shape"),
}


@peer
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_graphs_are_refused_in_one_line(tmp_path, name):
    h5py = pytest.importorskip("h5py")
    path = lif_file(tmp_path / "a.nir")
    assert import_nir(path)  # good until now
    change, message = MALFORMED[name]
    with h5py.File(path, "r+") as file:
        change(file)
    for function in (import_nir, describe, nir_adapters):
        with pytest.raises(InputError, match=message) as caught:
            function(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@peer
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no file"),
        (b"", "not an HDF5 file"),
        (b"tau = 40 ms\n", "not an HDF5 file"),
        (0.5, "truncated"),
        (0.97, "truncated"),
    ],
)
def test_files_that_are_no_hdf5(tmp_path, content, message):
    good = lif_file(tmp_path / "good.nir").read_bytes()
    path = tmp_path / "a.nir"
    if content is not None:
        path.write_bytes(
            content if isinstance(content, bytes) else good[: int(content * len(good))]
        )
    with pytest.raises(InputError, match=message):
        import_nir(path)


@peer
def test_damaged_values_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = lif_file(tmp_path / "a.nir")
    with h5py.File(path) as file:
        chunk = file[f"{NODE}/tau"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + chunk.size] = bytes(chunk.size)
    path.write_bytes(content)
    with pytest.raises(InputError, match="truncated or damaged"):
        import_nir(path)


@peer
def test_scalars_and_a_missing_reset_are_fine(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = lif_file(tmp_path / "a.nir", (1,))
    with h5py.File(path, "r+") as file:
        del file[f"{NODE}/v_reset"]
    assert import_nir(path)[0].params.V_reset == 0


def test_without_nir_one_line_says_so(tmp_path, monkeypatch):
    for module in ("nir", "h5py"):
        monkeypatch.setitem(sys.modules, module, None)  # as if not installed
    with pytest.raises(InputError, match="pip install nir"):
        import_nir(tmp_path / "a.nir")


@peer
@pytest.mark.parametrize("kind", OTHERS)
def test_other_neurons_are_read_and_what_was_assumed_is_said(tmp_path, kind):
    node, params = OTHERS[kind]
    path = other_file(tmp_path / "a.nir", node)
    (neuron,) = import_nir(path)
    assert neuron.params == params
    said = describe(path)
    assert said.startswith(f"lif: 3 neurons, {kind}: ")
    assert ("v_reset = 0 is assumed" in said) == (kind != "LI")
    assert all(kind in adapter.kinds for adapter in nir_adapters(path))


def _external(h5py, node):
    node["x"] = h5py.ExternalLink("/dev/zero", "/x")


def _soft(h5py, node):
    node["x"] = h5py.SoftLink("/node")


def _circle(h5py, node):
    node["x"] = node.parent


def _deep(h5py, node):
    for _ in range(40):
        below = node.create_group("a")
        node["b"] = below
        node = below


def _virtual(h5py, node):
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource("/dev/zero", "x", (3,))
    node.create_virtual_dataset("x", layout)


def _declared(h5py, node):
    node.create_dataset("x", (3 * 10**8,), "f8", chunks=(2**16,))


@peer
@pytest.mark.parametrize(
    ("damage", "wrong"),
    [
        (_external, "is a link to somewhere else"),
        (_soft, "is a link to somewhere else"),
        (_circle, "is linked more than once"),
        (_deep, "is linked more than once|nested over"),
        (_virtual, "lie in other files"),
        (_declared, "by far more than a file of"),
    ],
)
def test_links_and_declared_sizes_are_not_followed(tmp_path, damage, wrong):
    path = lif_file(tmp_path / "a.nir")
    assert len(import_nir(path)) == 1
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "a") as file:
        damage(h5py, file[NODE])

    def refused():
        with pytest.raises(InputError, match=rf"a\.nir: .*({wrong})"):
            import_nir(path)

    assert peak_bytes(refused) < 1e7
