"""Networks in continuous time, against an event loop written out by hand."""

from __future__ import annotations

import numpy as np
from nir_graphs import chain, cuba, lif, neuron, table, two_neurons

from bio_scnn.nir import build_graph, run


def by_hand(arrivals, tau, leak, V_th, V_reset, end):
    """Spikes of one LIF driven by impulses, in seconds; each arrival changes V by its size."""
    V, at, spikes = 0.0, 0.0, []
    for t, size in [*sorted(arrivals), (end, 0.0)]:
        while leak > V_th:  # it rises by itself
            cross = at + tau * np.log((leak - V) / (leak - V_th))
            if cross > t:
                break
            spikes.append(cross)
            V, at = V_reset, cross
        V, at = leak + (V - leak) * np.exp(-(t - at) / tau) + size, t
        if V > V_th:
            spikes.append(t)
            V = V_reset
    return spikes


def test_two_layers_of_different_neurons():
    """Every neuron has a tau, a threshold and a reset of its own."""
    rng = np.random.default_rng(4)
    tau, leak = rng.uniform(0.005, 0.03, 5), np.where(np.arange(5) % 2, 1.4, 0.0)
    level, to = rng.uniform(0.5, 1.0, 5), rng.uniform(-0.5, 0.2, 5)
    w1, w2 = rng.normal(0.3, 0.5, (5, 3)), rng.normal(0.3, 0.6, (2, 5))
    first = lif(5, tau=tau, r=tau, v_leak=leak, v_threshold=level, v_reset=to)
    second = lif(2, tau=0.01, r=0.01)
    graph = chain(
        (3,),
        w1={"type": "Linear", "weight": w1},
        first=first,
        w2={"type": "Linear", "weight": w2},
        second=second,
    )
    x = (rng.random((200, 3)) < 0.3).astype(float)
    found = run(graph, x, dt_ms=0.5)
    step = np.arange(200) * 0.5 / 1e3
    sent = [
        by_hand(list(zip(step, x @ w1[i], strict=True)), tau[i], leak[i], level[i], to[i], 0.1)
        for i in range(5)
    ]
    for i, times in enumerate(sent):
        mine = found.times_ms["first"][found.who["first"] == i]
        np.testing.assert_allclose(mine, np.array(times) * 1e3, rtol=1e-12)
    for j in range(2):
        merged: dict[float, float] = {}
        for i, times in enumerate(sent):
            for t in times:  # the same instant: input times are the same floats
                merged[round(t, 13)] = merged.get(round(t, 13), 0.0) + w2[j, i]
        wanted = by_hand(list(merged.items()), 0.01, 0.0, 1.0, 0.0, 0.1)
        mine = found.times_ms["second"][found.who["second"] == j]
        np.testing.assert_allclose(mine, np.array(wanted) * 1e3, rtol=1e-9)
    assert min(map(len, sent)) > 1
    assert found.counts["second"] > 10


def test_a_loop_with_a_delay():
    """A neuron that excites itself 3 ms later fires every 3 ms after the first spike."""
    nodes = {
        "x": neuron("IF", r=1.0, v_threshold=0.5),
        "late": {"type": "Delay", "delay": np.array([0.003])},
    }
    graph = build_graph(table(nodes, [("input", "x"), ("x", "late"), ("late", "x")], (1,)))
    x = np.zeros((20, 1))
    x[2] = 1.0
    times = run(graph, x, dt_ms=1.0).times_ms["x"]
    np.testing.assert_allclose(times, [2.0, 5.0, 8.0, 11.0, 14.0, 17.0])


def test_a_loop_without_a_delay_acts_at_once():
    """A inhibits B at the moment that A fires, so B, which gets its input through A, is late."""
    nodes = {
        "a": neuron("IF", 2, r=1.0, v_threshold=1.5),
        "w": {"type": "Linear", "weight": np.array([[0.0, 0.0], [-1.0, 0.0]])},
    }
    graph = build_graph(table(nodes, [("input", "a"), ("a", "w"), ("w", "a")], (2,)))
    x = np.tile([1.0, 0.7], (8, 1))
    found = run(graph, x, dt_ms=1.0)
    V, wanted = np.zeros(2), []
    for n, row in enumerate(x):
        V = V + row
        fires = V > 1.5
        V = np.where(fires, 0.0, V)
        wanted += [(n, i) for i in np.flatnonzero(fires)]
        V[1] -= fires[0]
    mine = sorted(zip(found.times_ms["a"].tolist(), found.who["a"].tolist(), strict=True))
    assert mine == [(float(n), i) for n, i in wanted]
    assert len(mine) >= 4


def test_impulses_at_one_time_add_up_before_the_threshold():
    """An excitation and an inhibition that arrive together, through paths of different length."""
    nodes = {
        "plus": {"type": "Scale", "scale": np.array([2.0])},
        "minus": {"type": "Scale", "scale": np.array([-1.5])},
        "again": {"type": "Scale", "scale": np.array([1.0])},
        "x": neuron("IF", r=1.0, v_threshold=1.0),
    }
    edges = [("input", "plus"), ("input", "minus"), ("minus", "again"), ("plus", "x")]
    graph = build_graph(table(nodes, [*edges, ("again", "x")], (1,)))
    found = run(graph, np.ones((3, 1)), dt_ms=1.0)
    np.testing.assert_allclose(found.times_ms["x"], [2.0])  # 0.5, 1.0 (not above), 1.5


def test_a_spike_that_only_meets_the_threshold_is_none_until_v_rises():
    graph = chain((1,), x=neuron("IF", r=1.0, v_threshold=1.0))
    assert run(graph, [[1.0], [0.0]], dt_ms=1.0).counts == {"x": 0}
    assert run(graph, [[1.0], [1e-9]], dt_ms=1.0).counts == {"x": 1}


def test_subtracting_leaves_the_rest_and_fires_again():
    graph = chain((1,), x=neuron("IF", r=1.0, v_threshold=1.0))
    found = run(graph, [[3.5], [0.6]], dt_ms=1.0, reset="subtract")
    np.testing.assert_array_equal(found.times_ms["x"], [0, 0, 0, 1])
    np.testing.assert_allclose(found.V["x"][:, 0], [0.5, 0.1])
    assert run(graph, [[3.5], [0.6]], dt_ms=1.0).counts == {"x": 1}


def test_two_neurons_have_the_same_V_whatever_the_step():
    """Those of the NIR paper: one fires by itself, and drives the other."""
    graph, found = two_neurons(), {}
    for dt in (0.125, 0.25, 1.0):
        x = np.zeros((round(200 / dt), 1))
        found[dt] = run(graph, x, dt_ms=dt, spike_area_s=0.01)
    period = 10 * np.log(1.2 / 0.2)
    np.testing.assert_allclose(found[1.0].times_ms["lif1"], period * np.arange(1, 12), rtol=1e-13)
    for dt, every in ((0.125, 8), (0.25, 4)):
        for node in ("lif1", "lif2"):
            fine = found[dt].V[node][every - 1 :: every]
            np.testing.assert_array_equal(fine, found[1.0].V[node])
    assert found[1.0].V["lif2"].max() > 1.0


def test_the_area_of_a_spike_is_the_one_that_the_gains_suggest():
    """Graph of an exporter with dt = 1e-4 s: a weight adds as it is, for any time constant."""
    first = cuba(2, tau_syn=[0.004, 0.002], w_in=[40.0, 20.0], tau_mem=0.01, r=100.0)
    graph = chain((2,), a=first, b=lif(2, tau=0.003, r=30.0))
    x = np.ones((8, 2))
    found = run(graph, x, dt_ms=0.1)
    assert "0.0001 s taken" in found.open[0]
    assert found.counts == run(graph, x, dt_ms=0.1, spike_area_s=1e-4).counts
    assert found.counts["a"] > 3
    for nodes in ({"a": lif(2)}, {"a": lif(2, r=2.0), "b": lif(2, r=3.0)}):
        assert "1 s taken" in run(chain((2,), **nodes), x).open[0]
