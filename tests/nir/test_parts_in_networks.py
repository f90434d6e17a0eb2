"""Integrators before neurons on a grid, and subgraphs: each against the same by hand."""

from __future__ import annotations

import numpy as np
import pytest
from nir_graphs import chain, cuba, lif, neuron, table

from bio_scnn.nir import Dialect, build_graph, run

W = np.array([[1.2, -0.4], [0.3, 0.9]])
SOURCES = {
    "I": neuron("I", 2, r=60.0),
    "LI": neuron("LI", 2, tau=0.006, r=2.0, v_leak=0.3),
    "CubaLI": cuba(2, kind="CubaLI", tau_mem=0.008, tau_syn=0.003, r=2.0, v_leak=0.2),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_an_integrator_drives_neurons_on_a_grid(kind):
    """V of the integrator is a current of the neurons in the same step: Euler in a loop."""
    weights = {"type": "Linear", "weight": W}
    graph = chain((2,), source=SOURCES[kind], w=weights, target=lif(2, tau=0.01, v_reset=-0.2))
    x = np.random.default_rng(1).normal(0.8, 1.0, (120, 2))
    found = run(graph, x, dialect=Dialect(dt_ms=1.0, number_format="float64"))
    dt, V, S, v = 1e-3, np.zeros(2), np.zeros(2), np.zeros(2)
    count = 0
    for n, u in enumerate(x):
        if kind == "I":
            V = V + dt * 60.0 * u
        elif kind == "LI":
            V = V + dt / 0.006 * (0.3 - V + 2.0 * u)
        else:
            S = S + dt / 0.003 * (u - S)
            V = V + dt / 0.008 * (0.2 - V + 2.0 * S)
        v = v + dt / 0.01 * (W @ V - v)
        fires = v > 1.0
        v = np.where(fires, -0.2, v)
        np.testing.assert_allclose(found.V["source"][n], V, atol=1e-12)
        np.testing.assert_array_equal(found.spikes["target"][n], fires)
        np.testing.assert_allclose(found.V["target"][n], v, atol=1e-12)
        count += fires.sum()
    assert count > 5


@pytest.mark.parametrize(
    "how",
    [
        {"spike_area_s": 0.004},
        {"held": True, "spike_area_s": 0.004},
        {"dialect": "euler"},
    ],
)
def test_a_subgraph_is_its_nodes(how):
    """A loop in a subgraph of a subgraph, and the same nodes without any."""
    rng = np.random.default_rng(2)
    nodes = {
        "fc": {"type": "Affine", "weight": rng.uniform(0, 3, (3, 2)), "bias": np.full(3, 0.5)},
        "n": lif(3, tau=[0.01, 0.015, 0.02], v_reset=-0.1),
        "w": {"type": "Linear", "weight": rng.uniform(-1, 1, (3, 3))},
        "out": cuba(3, r=20.0),
    }
    loop = [("n", "w"), ("w", "n")]
    plain = table(nodes, [("input", "fc"), ("fc", "n"), *loop, ("n", "out"), ("out", "output")],
                  (2,), (3,))  # fmt: skip
    inner = table({"n": nodes["n"], "w": nodes["w"]}, [("input", "n"), *loop, ("n", "output")],
                  (3,), (3,))  # fmt: skip
    outer = table({"fc": nodes["fc"], "inner": inner},
                  [("input", "fc"), ("fc", "inner"), ("inner", "output")], (2,), (3,))  # fmt: skip
    edges = [("input", "outer"), ("outer", "out"), ("out", "output")]
    whole = table({"outer": outer, "out": nodes["out"]}, edges, (2,), (3,))
    x = (rng.random((30, 2)) < 0.5) * 2.0
    wanted = run(build_graph(plain), x, dt_ms=1.0, **how)
    found = run(build_graph(whole), x, dt_ms=1.0, **how)
    assert found.counts == {"outer.inner.n": wanted.counts["n"], "out": wanted.counts["out"]}
    assert 3 < min(found.counts.values()) <= max(found.counts.values()) < 200
    for mine, other in (("outer.inner.n", "n"), ("out", "out")):
        np.testing.assert_array_equal(found.spikes[mine], wanted.spikes[other])
        np.testing.assert_array_equal(found.V[mine], wanted.V[other])
