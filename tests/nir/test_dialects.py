"""Dialects on the grid: against loops written as the frameworks write them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from nir_graphs import chain, cuba, lif, neuron, table, two_neurons

from bio_scnn.nir import DIALECTS, Dialect, build_graph, read_graph, run
from bio_scnn.nir.dialects import dialect_of

f4 = np.float32
PAPER = os.environ.get("NIR_PAPER")
"""Folder with the files of the NIR paper, where there is one."""


def drive(n=3, steps=300, seed=5):
    return np.random.default_rng(seed).normal(1.0, 2.0, (steps, n)).astype(f4).astype(float)


def test_snntorch_scales_the_threshold():
    tau, r, x = 0.002, 4.0, drive()
    found = run(chain((3,), x=lif(3, tau=tau, r=r)), x, dialect="snntorch")
    beta, level = f4(1 - 1e-4 / tau), f4(1.0) / f4(r * 1e-4 / tau)
    mem, count = np.zeros(3, f4), 0
    for n, u in enumerate(x.astype(f4)):
        mem = beta * mem + u
        spikes = mem > level
        mem = np.where(spikes, f4(0), mem)
        np.testing.assert_array_equal(found.spikes["x"][n], spikes)
        count += spikes.sum()
    assert count > 20


def test_spikingjelly_divides_and_fires_at_the_threshold():
    x = drive()
    found = run(chain((3,), x=lif(3, tau=0.002)), x, dialect="spikingjelly")
    V, count = np.zeros(3, f4), 0
    for n, u in enumerate(x.astype(f4)):
        V = V + (u - V) / f4(20)
        spikes = V >= 1
        V = np.where(spikes, f4(0), V)
        np.testing.assert_array_equal(found.V["x"][n], V)
        count += spikes.sum()
    assert count > 5
    graph = chain((1,), x=lif(tau=1e-4))  # V is the input
    assert run(graph, [[1.0]], dialect="spikingjelly").counts == {"x": 1}
    assert run(graph, [[1.0]], dialect="norse", dt_ms=0.1).counts == {"x": 0}


def test_sinabs_fires_several_times_and_has_a_floor():
    x = np.array([[3.7], [-9.0], [1.5], [0.6]])
    found = run(chain((1,), x=neuron("IF", r=1.0, v_threshold=1.0)), x, dialect="sinabs")
    np.testing.assert_array_equal(found.spikes["x"][:, 0], [3, 0, 0, 1])
    np.testing.assert_allclose(found.V["x"][:, 0], [0.7, -1.0, 0.5, 0.1], atol=1e-6)


def test_what_norse_ignores_is_said_and_has_no_effect():
    x = drive()
    plain = run(chain((3,), x=lif(3, tau=0.002)), x, dialect="norse", dt_ms=0.1)
    other = chain((3,), x=lif(3, tau=0.002, r=7.0, v_reset=-2.0))
    found = run(other, x, dialect="norse", dt_ms=0.1)
    np.testing.assert_array_equal(found.V["x"], plain.V["x"])
    assert any("LIF.r" in sentence for sentence in found.open)
    assert run(other, x, dialect="euler").counts != found.counts


@pytest.mark.parametrize(
    ("change", "moments"),
    [
        ({}, [1, 3, 5]),  # alone it fires every other step; the loop comes a step later
        ({"recurrent_delay": 2}, [1, 3, 5]),
        ({"edge_delay": 3}, [1, 3, 5]),
        ({"input_delay": 1}, [2, 4]),
        ({"reset_when": "next step"}, [1, 3, 5]),
    ],
)
def test_delays(change, moments):
    """A second neuron behind the first shows when its spikes arrive."""
    nodes = {
        "a": neuron("IF", r=1.0, v_threshold=1.5),
        "b": neuron("IF", r=1.0, v_threshold=0.5),
        "w": {"type": "Scale", "scale": np.array([0.0])},
    }
    edges = [("input", "a"), ("a", "w"), ("w", "a"), ("a", "b")]
    graph = build_graph(table(nodes, edges, (1,)))
    d = Dialect(input="impulse", **change)
    found = run(graph, np.ones((6, 1)), dialect=d)
    np.testing.assert_array_equal(np.flatnonzero(found.spikes["a"]), moments)
    late = change.get("edge_delay", 0)
    heard = [m + late for m in moments if m + late < 6]
    np.testing.assert_array_equal(np.flatnonzero(found.spikes["b"]), heard)


def test_a_loop_takes_the_declared_steps():
    nodes = {"a": neuron("IF", r=1.0, v_threshold=0.5)}
    graph = build_graph(table(nodes, [("input", "a"), ("a", "a")], (1,)))
    x = np.zeros((10, 1))
    x[0] = 1
    for delay in (1, 2, 4):
        d = Dialect(input="impulse", recurrent_delay=delay)
        found = run(graph, x, dialect=d).spikes["a"][:, 0]
        np.testing.assert_array_equal(np.flatnonzero(found), np.arange(0, 10, delay))


def test_the_exact_update_meets_continuous_time_between_spikes():
    x = np.repeat(drive(steps=60), 5, axis=0)
    for node in (lif(3, v_threshold=1e9), cuba(3, v_threshold=1e9, v_leak=0.3)):
        graph = chain((3,), x=node)
        exact = run(graph, x, dt_ms=0.5, held=True).V["x"]
        grid = run(graph, x, dialect=dialect_of("exact", 0.5)).V["x"]
        np.testing.assert_allclose(grid, exact, rtol=0, atol=1e-13)
        assert np.ptp(exact) > 1


def test_number_formats():
    x, graph = drive(), chain((3,), x=lif(3, tau=0.002, v_threshold=9.0))
    whole = run(graph, x, dialect=Dialect(number_format="float64")).V["x"]
    for name, unit in (("float32", 2.0**-24), ("bfloat16", 2.0**-8), ("Q7.8", 2.0**-8)):
        V = run(graph, x, dialect=Dialect(number_format=name)).V["x"].astype(float)
        assert 0 < np.abs(V - whole).max() < 200 * unit * np.abs(whole).max()
        if name == "Q7.8":
            np.testing.assert_array_equal(V * 256, np.rint(V * 256))
        if name == "bfloat16":
            bits = V.astype(f4).view(np.uint32)
            assert not (bits & 0xFFFF).any()


def test_euler_nears_continuous_time_with_the_step():
    """The first spike of the two neurons: at a multiple of dt, some steps off at most."""
    exact = 10 * np.log(1.2 / 0.2)
    for dt in (0.4, 0.1, 0.025):
        x = np.zeros((round(20 / dt), 1))
        grid = run(two_neurons(), x, dialect=dialect_of("euler", dt))
        late = (np.argmax(grid.spikes["lif1"]) + 1) * dt - exact
        assert 0 < abs(late) < 1.2 * dt


def norse_outputs(path, x, dt_s):
    """Outputs of Norse's import, step by step."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("norse")
    import nir
    from norse.torch import from_nir

    module, state, out = from_nir(nir.read(path), ignore_warnings=True, dt=dt_s), None, []
    with torch.no_grad():
        for row in x:
            y, state = module(torch.from_numpy(row.astype(f4))[None], state)
            out.append(y.numpy().ravel().copy())
    return np.array(out)


def recurrent_file(path):
    """A recurrent network as that of the NIR paper, with random weights."""
    nir, rng = pytest.importorskip("nir"), np.random.default_rng(6)

    def cells(n, tau):
        full = np.full(n, tau)
        v = (np.zeros(n), np.ones(n), np.zeros(n))
        return nir.CubaLIF(full / 4, full, full / 1e-4, *v, w_in=full / 4e-4)

    nodes = {
        "input": nir.Input(np.array([12])),
        "fc1": nir.Affine(rng.normal(0, 0.4, (38, 12)).astype(f4), np.full(38, 0.05, f4)),
        "lif1.lif": cells(38, 1e-3),
        "lif1.w_rec": nir.Linear(rng.normal(0, 0.3, (38, 38)).astype(f4)),
        "fc2": nir.Linear(rng.normal(0.1, 0.4, (7, 38)).astype(f4)),
        "lif2": cells(7, 5e-4),
        "output": nir.Output(np.array([7])),
    }
    edges = [("input", "fc1"), ("fc1", "lif1.lif"), ("lif1.lif", "lif1.w_rec")]
    edges += [("lif1.w_rec", "lif1.lif"), ("lif1.lif", "fc2"), ("fc2", "lif2")]
    nir.write(path, nir.NIRGraph(nodes, [*edges, ("lif2", "output")]))
    return path


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_norse_bit_for_bit(tmp_path):
    """Braille networks and convolutional network of the NIR paper, where its files are."""
    rng = np.random.default_rng(0)
    cases = [(recurrent_file(tmp_path / "a.nir"), 256, 1e-4, 0.1)]
    if PAPER:
        cases += [(p, 256, 1e-4, 0.1) for p in sorted(Path(PAPER).glob("braille*.nir"))]
        cases.append((Path(PAPER) / "cnn_sinabs.nir", 40, 1e-3, 0.3))
    for path, steps, dt_s, share in cases:
        graph = read_graph(path)
        x = (rng.random((steps, *graph.the_input().input_shape)) < share).astype(float)
        wanted = norse_outputs(path, x, dt_s)
        found = run(graph, x, dialect="norse", dt_ms=dt_s * 1e3).outputs[graph.outputs[0]]
        np.testing.assert_array_equal(found.reshape(wanted.shape), wanted, err_msg=str(path))
        assert wanted.sum() > 10


@pytest.mark.skipif(not PAPER, reason="NIR_PAPER names no folder")
def test_recordings_of_the_papers_platforms():
    """One LIF neuron on other platforms; Lava's input acts a step later."""
    for name, error in (("norse", 4e-9), ("lava", 4e-8)):
        file = {"norse": "lif_norse.csv", "lava": "lif_lava_cpu_float.csv"}[name]
        x, V, spikes = np.loadtxt(Path(PAPER) / file, delimiter=",").T
        found = run(Path(PAPER) / "lif_norse.nir", x[:, None], dialect=dialect_of(name, 0.1))
        assert np.abs(found.V["1"][:, 0] - V).max() < error
        np.testing.assert_array_equal(found.spikes["1"][:, 0], spikes)
        assert spikes.sum() == 4


def test_every_dialect_runs_a_spiking_network():
    x = np.abs(drive())
    for name in DIALECTS:
        found = run(chain((3,), a=cuba(3, tau_mem=0.002, tau_syn=0.001)), x, dialect=name)
        assert found.counts["a"] > 5, name
        assert len(found.open) >= 6
