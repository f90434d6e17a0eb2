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
    with pytest.raises(InputError, match="rests at its threshold"):
        run_layers(network(rng, v_leak=np.full(75, 2.0)), given, area_s=1.0)
    nodes = {"a": lif(2, tau=0.01), "b": lif(2, tau=0.01)}
    edges = [("input", "a"), ("a", "b"), ("input", "b"), ("b", "output")]
    with pytest.raises(InputError, match="chain"):
        run_layers(build_graph(table(nodes, edges, (2,), (2,))), given, area_s=1.0)
    li = {"type": "Affine", "weight": np.ones((2, 2)), "bias": np.ones(2)}
    edges = [("input", "w"), ("w", "a"), ("a", "output")]
    biased = build_graph(table({"w": li, "a": lif(2, tau=0.01)}, edges, (2,), (2,)))
    with pytest.raises(InputError, match="bias"):
        run_layers(biased, given, area_s=1.0)
