"""Layers of impulse-driven neurons, run one after the other: against the run event by event."""

from itertools import pairwise

import numpy as np
import pytest
from nir_graphs import lif, table

from bio_scnn import InputError
from bio_scnn.nir import build_graph, run
from bio_scnn.nir import layered as module
from bio_scnn.nir.layered import Spikes, run_layers


def network(rng, **changes):
    """Two convolutions, the first with LIF and the second with IF neurons."""

    def conv(channels, before, kernel, stride):
        weight = rng.normal(0.35, 0.5, (channels, before, kernel, kernel))
        sides = {"stride": np.array([stride] * 2), "padding": np.array([0, 0])}
        alike = {"dilation": np.array([1, 1]), "groups": 1, "bias": np.zeros(channels)}
        return {"type": "Conv2d", "weight": weight, **sides, **alike}

    cells = lif(3 * 5 * 5, tau=0.004, r=1.5, v_leak=-0.1, v_reset=-0.2) | changes
    first = {k: v.reshape(3, 5, 5) if np.ndim(v) else v for k, v in cells.items()}
    shape = (2, 2, 2)
    last = {"type": "IF", "r": np.full(shape, 300.0), "v_threshold": np.ones(shape)}
    nodes = {"c1": conv(3, 2, 3, 1), "n1": first, "c2": conv(2, 3, 2, 2), "n2": last}
    names = ["input", *nodes, "output"]
    return build_graph(table(nodes, list(pairwise(names)), (2, 7, 7), shape))


@pytest.mark.parametrize("most", [50, 2_000_000])
def test_layers_are_those_of_the_run_from_event_to_event(monkeypatch, most):
    monkeypatch.setattr(module, "BLOCK_EVENTS", most)
    rng = np.random.default_rng(4)
    graph = network(rng)
    x = (rng.random((60, 2, 7, 7)) < 0.2).astype(float)
    exact = run(graph, x, dt_ms=0.5, spike_area_s=4e-3)
    step, *place = np.nonzero(x)
    given = Spikes(step * 0.5, np.ravel_multi_index(place, x.shape[1:]))
    found = run_layers(graph, given, area_s=4e-3, threads=2)
    fan_out = np.bincount(given.who, minlength=98) @ reach()
    assert found["n1"].events == fan_out
    for name in ("n1", "n2"):
        assert len(found[name].who) > 50
        order = np.lexsort((exact.who[name], exact.times_ms[name]))
        np.testing.assert_allclose(found[name].times_ms, exact.times_ms[name][order], atol=1e-12)
        np.testing.assert_array_equal(found[name].who, exact.who[name][order])


def reach():
    """Weights that lead from each of 2 x 7 x 7 inputs into 3 channels of windows of 3 x 3."""
    along = np.array([1, 2, 3, 3, 3, 2, 1])
    return np.tile(3 * np.outer(along, along).ravel(), 2)


def test_what_is_no_chain_of_impulses_is_refused():
    rng = np.random.default_rng(4)
    given = Spikes(np.empty(0), np.empty(0, dtype=int))
    assert not len(run_layers(network(rng), given, area_s=1.0)["n2"].who)
    with pytest.raises(InputError, match=r"rests above its threshold.*end_ms"):
        run_layers(network(rng, v_leak=np.full(75, 2.0)), given, area_s=1.0)
    nodes = {"a": lif(2, tau=0.01), "b": lif(2, tau=0.01)}
    edges = [("input", "a"), ("a", "b"), ("input", "b"), ("b", "output")]
    with pytest.raises(InputError, match="chain"):
        run_layers(build_graph(table(nodes, edges, (2,), (2,))), given, area_s=1.0)
    late = Spikes(np.array([5.0]), np.zeros(1, dtype=int))
    with pytest.raises(InputError, match="after end_ms"):
        run_layers(network(rng), late, area_s=1.0, end_ms=4.0)


def pooled(rng, kind, cell):
    """A convolution with a bias, neurons, a pool, and an Affine with a bias behind it."""
    window = {key: np.array([n] * 2) for key, n in
              {"kernel_size": 2, "stride": 2, "padding": 0}.items()}  # fmt: skip
    sides = {"stride": np.array([1, 1]), "padding": np.array([1, 1])}
    conv = {
        "type": "Conv2d", "weight": rng.normal(0.3, 0.5, (3, 2, 3, 3)), **sides,
        "dilation": np.array([1, 1]), "groups": 1, "bias": rng.normal(0.6, 0.9, 3),
    }  # fmt: skip
    flat = {"type": "Flatten", "start_dim": 0, "end_dim": -1}
    out = {
        "type": "Affine",
        "weight": rng.normal(0.2, 0.6, (5, 12)),
        "bias": np.linspace(-2, 2, 5),
    }
    shaped = {k: np.broadcast_to(v, (3, 4, 4)) for k, v in cell.items() if k != "type"}
    last = {k: np.broadcast_to(v, (5,)) for k, v in cell.items() if k != "type"}
    name = {"type": cell["type"]}
    nodes = {"c": conv, "n1": shaped | name, "pool": {"type": kind, **window}, "flat": flat,
             "fc": out, "n2": last | name}  # fmt: skip
    return build_graph(table(nodes, list(pairwise(["input", *nodes, "output"])), (2, 4, 4), (5,)))


CELLS = {
    "LIF": {"type": "LIF", "tau": 0.004, "r": 1.1, "v_leak": 0.1, "v_threshold": 0.8,
            "v_reset": -0.2},
    "IF": {"type": "IF", "r": 150.0, "v_threshold": 0.8, "v_reset": -0.2},
}  # fmt: skip


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("kind", ["SumPool2d", "AvgPool2d"])
def test_pools_and_biases_are_those_of_the_run_from_event_to_event(kind, cell):
    """A pool of spikes puts out impulses; a bias is a current that is always held."""
    rng = np.random.default_rng(8)
    graph = pooled(rng, kind, CELLS[cell])
    x = (rng.random((40, 2, 4, 4)) < 0.2).astype(float)
    exact = run(graph, x, dt_ms=0.5, spike_area_s=4e-3)
    step, *place = np.nonzero(x)
    given = Spikes(step * 0.5, np.ravel_multi_index(place, x.shape[1:]))
    found = run_layers(graph, given, area_s=4e-3, end_ms=20.0, threads=2)
    by_itself = 0
    for name in ("n1", "n2"):
        order = np.lexsort((exact.who[name], exact.times_ms[name].round(9)))
        ours = np.lexsort((found[name].who, found[name].times_ms.round(9)))
        np.testing.assert_allclose(
            found[name].times_ms[ours], exact.times_ms[name][order], atol=1e-9
        )
        np.testing.assert_array_equal(found[name].who[ours], exact.who[name][order])
        by_itself += np.sum(~np.isin(found[name].times_ms, given.times_ms))
        assert len(ours) > 40
    assert by_itself > 40
    with pytest.raises(InputError, match="give end_ms"):
        run_layers(graph, given, area_s=4e-3)


def test_a_bias_alone_makes_a_neuron_fire_with_its_period():
    """By hand: 0 to 1 towards 2 takes tau ln 2; after n periods the run ends."""
    nodes = {"w": {"type": "Affine", "weight": np.ones((2, 1)), "bias": np.array([2.0, 0.9])},
             "n": lif(2, tau=0.01)}  # fmt: skip
    graph = build_graph(table(nodes, list(pairwise(["input", *nodes, "output"])), (1,), (2,)))
    nothing = Spikes(np.empty(0), np.empty(0, dtype=int))
    found = run_layers(graph, nothing, area_s=1.0, end_ms=35.0)["n"]
    np.testing.assert_allclose(found.times_ms, 10 * np.log(2) * np.arange(1, 6), rtol=1e-14)
    np.testing.assert_array_equal(found.who, 0)
