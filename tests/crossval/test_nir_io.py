"""NIR files: read, refused where they are broken, and run by who can import them."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace

import numpy as np
import pytest

from bio_scnn import TABLE_1, InputError, current_for_rate, firing_rate
from bio_scnn.crossval import check_lif
from bio_scnn.crossval.nir_io import describe, import_nir, nir_adapters
from bio_scnn.crossval.nir_io.importers import IMPORTERS
from bio_scnn.crossval.protocol import CannotRepresent
from bio_scnn.crossval.subject import Subject
from bio_scnn.neuron.models import CubaLIFParameters, IFParameters, LIParameters
from bio_scnn.neuron.trace import mean_rate_hz
from bio_scnn.runtime.provenance import installed_version

peer = pytest.mark.peer
NODE = "node/nodes/lif"


def lif_file(path, shape=(3,), metadata=None, **changes):
    """A graph of an input, one LIF node, and an output."""
    nir = pytest.importorskip("nir")
    values = {"tau": 0.04, "r": 0.5, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0} | changes
    fields = {name: np.broadcast_to(value, shape).copy() for name, value in values.items()}
    ends = {"input": nir.Input({"input": np.array(shape)})}
    ends["lif"] = nir.LIF(**fields, metadata=metadata or {})
    ends["output"] = nir.Output({"output": np.array(shape)})
    nir.write(path, nir.NIRGraph(ends, [("input", "lif"), ("lif", "output")]))
    return path


def in_framework(path, framework):
    """The adapter of a file's one LIF node in a framework."""
    pytest.importorskip(framework)
    (found,) = [a for a in nir_adapters(path) if a.framework == framework]
    return found


def rate_at(adapter, current, dt_ms=0.1, neurons=2):
    trace = Subject(adapter, dt_ms).run(np.full((round(300 / dt_ms), neurons), current))
    rates = mean_rate_hz(trace)
    assert np.ptp(rates) == 0
    return float(rates[0]), trace


# Reading


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
    "unknown type": (put(f"{NODE}/type", "Izhikevich"), "type 'Izhikevich', which NIR has not"),
    "function as type": (put(f"{NODE}/type", "read"), "type 'read', which NIR has not"),
    "number as type": (put(f"{NODE}/type", 3), "the type .*3.*, which NIR has not"),
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
    with pytest.raises(InputError, match="not an HDF5 file, or damaged"):
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


# Importing frameworks, each held to the file


EXACT_WITHOUT_T_REF = 176.47  # Hz, of a neuron that t_ref = 1 ms would make fire at 150 Hz


@peer
def test_snntorch_is_close_where_it_can_be(tmp_path):
    adapter = in_framework(lif_file(tmp_path / "a.nir"), "snntorch")
    rate, trace = rate_at(adapter, current_for_rate(150.0))
    assert abs(rate - EXACT_WITHOUT_T_REF) < 2
    assert 0.9 < trace.membrane.max() < 1
    # A millisecond per call is a tenth of one to it.
    assert rate_at(adapter, current_for_rate(150.0), dt_ms=1.0)[0] == pytest.approx(17.5, abs=0.2)


@peer
def test_snntorch_loses_the_reset_potential(tmp_path):
    adapter = in_framework(lif_file(tmp_path / "a.nir", v_reset=-0.3), "snntorch")
    current = current_for_rate(150.0, adapter.params)
    exact = firing_rate(current, adapter.params)
    assert rate_at(adapter, current)[0] > 1.2 * exact


@peer
def test_norse_ignores_the_resistance(tmp_path):
    adapter = in_framework(lif_file(tmp_path / "a.nir"), "norse")
    assert rate_at(adapter, current_for_rate(150.0))[0] == pytest.approx(357, abs=2)
    one = in_framework(lif_file(tmp_path / "b.nir", r=1.0), "norse")
    rate, trace = rate_at(one, current_for_rate(150.0) / 2)
    assert abs(rate - EXACT_WITHOUT_T_REF) < 2
    assert 0.9 < trace.membrane.max() < 1
    # It can be told the time step.
    assert (
        abs(rate_at(one, current_for_rate(150.0) / 2, dt_ms=0.01)[0] - EXACT_WITHOUT_T_REF) < 0.2
    )


@peer
def test_spikingjelly_refuses_and_says_why(tmp_path):
    adapter = in_framework(lif_file(tmp_path / "a.nir"), "spikingjelly")
    with pytest.raises(ImportError, match=r"cannot import this LIF \(tau = 40 ms, r = 0.5\)"):
        rate_at(adapter, 10.0)
    one = in_framework(lif_file(tmp_path / "b.nir", r=1.0), "spikingjelly")
    assert abs(rate_at(one, current_for_rate(150.0) / 2)[0] - EXACT_WITHOUT_T_REF) < 2


@peer
def test_rockpool_breaks_and_says_so(tmp_path):
    adapter = in_framework(lif_file(tmp_path / "a.nir"), "rockpool")
    with pytest.raises(ImportError, match="rockpool cannot import this LIF"):
        rate_at(adapter, 10.0)


@peer
def test_spyx_fires_in_nearly_every_step(tmp_path):
    adapter = in_framework(lif_file(tmp_path / "a.nir"), "spyx")
    assert rate_at(adapter, current_for_rate(150.0))[0] > 5000


@peer
@pytest.mark.parametrize("framework", ["snntorch", "norse"])
def test_runs_start_anew_and_other_neurons_are_refused(tmp_path, framework, capsys):
    adapter = in_framework(lif_file(tmp_path / "a.nir", r=1.0), framework)
    subject = Subject(adapter, 0.1)
    current = np.full((300, 2), current_for_rate(150.0) / 2)
    first = subject.run(current)
    adapter.reset()
    again = subject.trace(current)
    assert len(first.spike_times_ms[0]) > 2
    np.testing.assert_array_equal(first.spike_times_ms, again.spike_times_ms)
    np.testing.assert_array_equal(first.membrane, again.membrane)
    for params in (replace(subject.params, tau_ms=20.0), replace(subject.params, t_ref_ms=1.0)):
        with pytest.raises(CannotRepresent, match="other parameters than the file's"):
            subject.run(current, params=params)
    assert capsys.readouterr().out == ""  # snntorch prints what it imports


@peer
def test_a_leak_potential_shifts_v(tmp_path):
    path = lif_file(tmp_path / "a.nir", r=1.0, v_leak=0.5, v_threshold=1.5, v_reset=0.5)
    adapter = in_framework(path, "norse")
    assert adapter.params.V_th == 1
    _, trace = rate_at(adapter, 0.8)  # below the rheobase: V tends to RI
    assert trace.membrane[-1] == pytest.approx(0.8, abs=2e-3)


@peer
def test_the_checks_name_what_an_importer_ignores(tmp_path):
    from bio_scnn.crossval.suite import check_lif

    checks = ("fi_curve", "first_spike", "silence", "as_declared")
    norse = in_framework(lif_file(tmp_path / "a.nir"), "norse")
    report = check_lif(norse, checks=checks, on_fail=None)
    assert not report.ok
    assert {r.check for r in report.results if r.status == "failed"} == set(checks)
    assert "resistance ignored" in report.behaves_like
    one = in_framework(lif_file(tmp_path / "b.nir", r=1.0), "norse")
    report = check_lif(one, checks=checks, on_fail=None)
    assert report.ok
    assert report.params == replace(TABLE_1, C_ms=40.0, t_ref_ms=0.0)
    snntorch = in_framework(lif_file(tmp_path / "a.nir"), "snntorch")
    assert check_lif(snntorch, checks=checks, on_fail=None).ok
    assert not check_lif(snntorch, checks=checks, dt_ms=1.0, on_fail=None).ok


@peer
def test_installed_frameworks_only(tmp_path):
    path = lif_file(tmp_path / "a.nir")
    found = {adapter.framework for adapter in nir_adapters(path)}
    assert found == {one.framework for one in IMPORTERS if installed_version(one.framework)}
    assert nir_adapters(path, importers=()) == []
    assert "pip install snntorch norse spikingjelly" in describe(path, importers=())
    assert "pip install" not in describe(path, importers=IMPORTERS)


# Other neurons


def other_file(path, node, shape=(3,)):
    """A graph of an input, one node, and an output, as files before v_reset have it."""
    nir, h5py = pytest.importorskip("nir"), pytest.importorskip("h5py")
    ends = {"input": nir.Input({"input": np.array(shape)}), "lif": node(nir, shape)}
    ends["output"] = nir.Output({"output": np.array(shape)})
    nir.write(path, nir.NIRGraph(ends, [("input", "lif"), ("lif", "output")]))
    with h5py.File(path, "a") as file:
        file[NODE].pop("v_reset", None)
    return path


OTHERS = {
    "IF": (
        lambda nir, shape: nir.IF(r=np.full(shape, 1e4), v_threshold=np.full(shape, 2.0)),
        IFParameters(R=10.0, V_th=2.0),
    ),
    "LI": (
        lambda nir, shape: nir.LI(
            tau=np.full(shape, 0.02), r=np.full(shape, 3.0), v_leak=np.full(shape, -0.5)
        ),
        LIParameters(tau_ms=20.0, R=3.0, V_rest=-0.5),
    ),
    "CubaLIF": (
        lambda nir, shape: nir.CubaLIF(
            tau_mem=np.full(shape, 0.02),
            tau_syn=np.full(shape, 0.005),
            r=np.full(shape, 200.0),
            v_leak=np.zeros(shape),
            v_threshold=np.ones(shape),
            w_in=np.full(shape, 50.0),
        ),
        CubaLIFParameters(tau_ms=20.0, tau_syn_ms=5.0, R=200.0, w=50.0),
    ),
}


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


@peer
@pytest.mark.parametrize("framework", ["snntorch", "norse", "spikingjelly"])
def test_a_cuba_lif_is_the_same_in_the_frameworks_that_import_it(tmp_path, framework):
    adapter = in_framework(other_file(tmp_path / "a.nir", OTHERS["CubaLIF"][0]), framework)
    report = check_lif(adapter, checks=["first_spike", "frozen_noise", "as_declared"])
    assert report.count("passed") == 3
    assert report.behaves_like == "CubaLIF, the synapse, then the membrane, forward Euler"
