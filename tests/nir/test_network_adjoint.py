"""Gradients of spike times through layers, against central differences of the run itself."""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import pytest
from nir_graphs import cuba, lif, neuron, table

from bio_scnn.errors import InputError
from bio_scnn.nir import build_graph, run
from bio_scnn.nir.adjoint import map_gradients, network_gradients
from bio_scnn.nir.cells import _between, _once, _twice

STEPS, DT, AREA = 14, 1.0, 0.006


def loss_of(whole, x, **how):
    """Sum of cos(t / 7 ms) of the last neurons' spikes, and the run."""
    found = run(build_graph(whole), x, dt_ms=DT, spike_area_s=AREA, **how)
    return float(np.cos(found.times_ms["n2"] / 7).sum()), found


def central(f, h):
    """Derivative at 0 by the five-point formula."""
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


def affine(rng, out, into, mean, bias):
    weight = rng.uniform(0.3 * mean, 1.7 * mean, (out, into))
    return {"type": "Affine", "weight": weight, "bias": np.linspace(0.5, 1.5, out) * bias}


def layers(kind, rng):
    """Two layers of neurons with weights and biases before each."""
    if kind == "CubaLIF":
        one, two = cuba(4, tau_mem=0.009, r=1.3, v_leak=0.1, v_reset=-0.1), cuba(3, tau_syn=0.004)
        first, second = affine(rng, 4, 3, 1.0, 0.7), affine(rng, 3, 4, 1.4, 0.2)
    elif kind == "LIF":
        one, two = lif(4, tau=0.008, v_leak=0.2, v_reset=-0.3), lif(3, tau=0.012, r=1.2)
        first, second = affine(rng, 4, 3, 0.1, 1.4), affine(rng, 3, 4, 0.3, 1.1)
    else:
        one, two = (neuron("IF", n, r=r, v_threshold=1, v_reset=-0.1)
                    for n, r in ((4, 110.0), (3, 90.0)))  # fmt: skip
        first, second = affine(rng, 4, 3, 0.2, 1.3), affine(rng, 3, 4, 0.3, 1.2)
    nodes = {"w1": first, "n1": one, "w2": second, "n2": two}
    edges = [("input", "w1"), ("w1", "n1"), ("n1", "w2"), ("w2", "n2"), ("n2", "output")]
    return table(nodes, edges, (3,), (3,))


def recurrent(rng, kind="CubaLIF", strength=0.4, drive=1.0):
    """Neurons with weights back to themselves."""
    whole = layers(kind, rng)
    whole["nodes"]["w1"]["weight"] *= drive
    loop = rng.uniform(-strength, strength, (4, 4))
    whole["nodes"]["loop"] = {"type": "Linear", "weight": loop}
    whole["edges"] += [("n1", "loop"), ("loop", "n1")]
    return whole


def shared(rng):
    """A convolution and a pool between the layers: weights that are used at many places."""
    whole = layers("CubaLIF", rng)
    conv = {"type": "Conv2d", "weight": rng.uniform(0.5, 1.5, (2, 1, 2, 2)), "bias": np.zeros(2),
            "stride": np.array([1, 1]), "padding": np.array([1, 1]),
            "dilation": np.array([1, 1]), "groups": 1}  # fmt: skip
    pool = {"type": "AvgPool2d", "kernel_size": np.array([2, 2]), "stride": np.array([1, 1]),
            "padding": np.array([0, 0])}  # fmt: skip
    flat = {"type": "Flatten", "start_dim": 0, "end_dim": -1}
    square = {k: np.reshape(v, (1, 2, 2)) if np.ndim(v) else v
              for k, v in whole["nodes"]["n1"].items()}  # fmt: skip
    first = {"type": "Conv2d", "weight": np.full((1, 1, 1, 1), 3.0), "bias": np.full(1, 0.5),
             "stride": np.array([1, 1]), "padding": np.array([0, 0]),
             "dilation": np.array([1, 1]), "groups": 1}  # fmt: skip
    last = {"type": "Linear", "weight": rng.uniform(0.2, 0.8, (3, 8))}
    nodes = {"w1": first, "n1": square, "w2": conv, "pool": pool, "flat": flat, "w3": last,
             "n2": whole["nodes"]["n2"]}  # fmt: skip
    names = ["input", *nodes, "output"]
    return table(nodes, list(pairwise(names)), (1, 2, 2), (3,))


CASES = {
    **{kind: (lambda rng, kind=kind: layers(kind, rng), {}) for kind in ("IF", "LIF")},
    "IF by subtraction": (lambda rng: layers("IF", rng), {"reset": "subtract"}),
    "CubaLIF by subtraction": (lambda rng: layers("CubaLIF", rng), {"reset": "subtract"}),
    "LIF with currents": (lambda rng: layers("LIF", rng), {"held": True}),
    "CubaLIF with currents": (lambda rng: layers("CubaLIF", rng), {"held": True}),
    "a loop": (recurrent, {}),
    "a loop of IF": (lambda rng: recurrent(rng, "IF", 0.5), {}),
    "a loop of LIF": (lambda rng: recurrent(rng, "LIF", 1.5, 2.0), {}),
    "a loop of LIF with currents": (lambda rng: recurrent(rng, "LIF", 1.5, 2.0), {"held": True}),
    "a loop of IF by subtraction": (lambda rng: recurrent(rng, "IF", 0.5), {"reset": "subtract"}),
    "shared weights": (shared, {}),
}


def directions(whole, gradients, found, x, rng):
    """Random directions in the weights, biases, levels and inputs, with the derivative in each."""
    groups = {
        "weights": [((n, "weight"), g) for n, g in gradients.items()],
        "levels": [((n, key), g) for n, fields in found.fields.items()
                   for key, g in fields.items() if key.startswith("v_")],
        "time constants and gains": [((n, key), g) for n, fields in found.fields.items()
                                     for key, g in fields.items() if key[0] != "v"],
        "biases": [((w, "bias"), found.bias[n]) for w, n in (("w1", "n1"), ("w2", "n2"))
                   if np.size(whole["nodes"][w]["bias"]) == found.bias[n].size],
        "inputs": [("x", found.inputs["input"])],
    }  # fmt: skip
    groups["biases"] += groups.pop("inputs")  # one direction for both
    for name, parts in groups.items():
        along = [rng.normal(size=np.shape(g)) for _, g in parts]
        for change, (key, _) in zip(along, parts, strict=True):
            if key == "x":
                change *= (x != 0).reshape(change.shape)
            elif name.startswith("time"):  # relative to what it is
                change *= whole["nodes"][key[0]][key[1]].ravel()
        yield (
            name,
            along,
            parts,
            sum(np.sum(d * g) for d, (_, g) in zip(along, parts, strict=True)),
        )


@pytest.mark.sweep(2)
@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_central_differences(case):
    make, how = CASES[case]
    rng = np.random.default_rng(5)
    whole = make(rng)
    graph = build_graph(whole)
    shape = graph.the_input().input_shape
    x = (rng.random((STEPS, *shape)) < 0.4) * rng.uniform(0.5, 1.5, (STEPS, *shape))
    _, activity = loss_of(whole, x, **how)
    if "loop of" in case:  # a spike makes others fire within its instant
        assert activity.rounds["n1"].max() > 1 or (activity.rounds["n1"] == 1).sum() > 2
    assert activity.counts["n1"] > 3
    assert activity.counts["n2"] > 2
    assert sum(activity.counts.values()) < 90
    slopes = {"n2": -np.sin(activity.times_ms["n2"] / 7) / 7}
    found = network_gradients(graph, x, activity, slopes, spike_area_s=AREA, **how)
    maps = map_gradients(graph, found)
    assert set(maps) == {n for n, v in whole["nodes"].items() if "weight" in v}
    moves = 0
    for name, along, parts, value in directions(whole, maps, found, x, rng):

        def moved(h, along=along, parts=parts):
            other, given = copy.deepcopy(whole), x
            for change, (key, _) in zip(along, parts, strict=True):
                if key == "x":
                    given = x + h * change.reshape(x.shape)
                    continue
                field = other["nodes"][key[0]]
                field[key[1]] = field[key[1]] + h * change.reshape(np.shape(field[key[1]]))
            loss, again = loss_of(other, given, **how)
            assert again.counts == activity.counts
            return loss

        assert value == pytest.approx(central(moved, 3e-6), rel=1e-6, abs=1e-7), name
        moves += abs(value) > 1e-4
    assert moves == 4


def test_spikes_of_a_loop_move_with_the_one_that_causes_them():
    """By hand: IF neurons without a leak, of which the first fires and takes the others along."""
    slow = neuron("IF", 3, r=np.array([100.0, 50.0, 25.0]), v_threshold=1, v_reset=-9)
    loop = np.array([[0, 0, 0], [3.0, 0, 0], [0, 6.0, 0]])  # 0 -> 1 -> 2
    nodes = {"n": slow, "loop": {"type": "Linear", "weight": loop}}
    edges = [("input", "n"), ("n", "loop"), ("loop", "n"), ("n", "output")]
    graph, x = build_graph(table(nodes, edges, (3,), (3,))), np.ones((STEPS, 3))
    found = run(graph, x, dt_ms=DT, spike_area_s=AREA, held=True)
    assert found.times_ms["n"] == pytest.approx([10.0, 10.0, 10.0])  # 0.1 per ms
    assert list(zip(found.who["n"], found.rounds["n"], strict=True)) == [(0, 0), (1, 1), (2, 2)]
    back = network_gradients(
        graph, x, found, {"n": np.array([0.0, 0.0, 1.0])}, spike_area_s=AREA, held=True
    )
    # The spike of neuron 2 is at v_threshold / (r I): only what neuron 0 has moves it.
    assert back.fields["n"]["r"] == pytest.approx([-0.1, 0, 0])
    assert back.fields["n"]["v_threshold"] == pytest.approx([10, 0, 0])
    assert back.inputs["input"][:10].sum(0) == pytest.approx([-10, 0, 0])


def test_a_neuron_that_an_impulse_takes_to_its_threshold_fires_as_it_rises():
    nodes = {"n": neuron("IF", 2, r=np.array([100.0, 125.0]), v_threshold=1, v_reset=-9),
             "loop": {"type": "Linear", "weight": np.array([[0.0, 0], [0.5, 0]])}}  # fmt: skip
    edges = [("input", "n"), ("n", "loop"), ("loop", "n"), ("n", "output")]
    graph = build_graph(table(nodes, edges, (2,), (2,)))
    x = np.tile([1.0, 0.4], (STEPS, 1))  # at 10 ms: V = 1 and 0.5, and 0.5 is added
    found = run(graph, x, dt_ms=DT, spike_area_s=0.008, held=True)
    assert found.times_ms["n"] == pytest.approx([10.0, 10.0])
    back = network_gradients(
        graph, x, found, {"n": np.array([0.0, 1.0])}, spike_area_s=0.008, held=True
    )
    # As if V had been a little below: then neuron 1 crosses by itself, V' = 0.05 per ms.
    assert back.fields["n"]["v_threshold"] == pytest.approx([0.0, 20.0])


def test_flow_loses_no_digits_where_time_constants_are_alike():
    mpmath = pytest.importorskip("mpmath")
    for apart in (0.0, 1e-12, 1e-6, 1e-2, 3.0):
        for u in (-1e-4, -0.3, -0.999, -1.3, -20.0, -300.0):
            with mpmath.workdps(60):
                v = mpmath.mpf(u) * (1 + mpmath.mpf(apart))
                exp = [mpmath.expm1(z) for z in (mpmath.mpf(u), v)]
                first = exp[0] / u
                if apart:
                    between = (exp[0] - exp[1]) / (u - v)
                    twice = (exp[1] / v - first) / (v - u)
                else:
                    between = exp[0] + 1
                    twice = (between - first) / u
            one, two = np.array([u]), np.array([float(v)])
            assert _once(one)[0] == pytest.approx(float(first), rel=1e-14)
            assert _between(one, two)[0] == pytest.approx(float(between), rel=1e-13)
            assert _twice(one, two)[0] == pytest.approx(float(twice), rel=1e-13)


def test_a_spike_that_an_impulse_causes_does_not_depend_on_weights():
    """By hand: LIF neurons that only get impulses fire at these; the loss cannot move."""
    whole = layers("LIF", np.random.default_rng(0))
    for node in ("w1", "w2"):
        whole["nodes"][node] |= {"bias": np.zeros(4 if node == "w1" else 3)}
        whole["nodes"][node]["weight"] = 4.0 * whole["nodes"][node]["weight"] + 1.0
    graph = build_graph(whole)
    x = (np.random.default_rng(1).random((STEPS, 3)) < 0.5).astype(float)
    _, activity = loss_of(whole, x)
    assert activity.counts["n2"] > 4
    slopes = {"n2": np.ones(activity.counts["n2"])}
    found = network_gradients(graph, x, activity, slopes, spike_area_s=AREA)
    assert not any(G.any() for G in found.weights.values())


def test_what_has_no_such_gradient_is_refused():
    whole = layers("LIF", np.random.default_rng(0))
    graph, x = build_graph(whole), np.ones((STEPS, 3))
    _, activity = loss_of(whole, x)
    with pytest.raises(InputError, match="spikes and 2 slopes"):
        network_gradients(graph, x, activity, {"n2": np.ones(2)}, spike_area_s=AREA)
    with pytest.raises(InputError, match="continuous time"):
        network_gradients(graph, x, run(graph, x, dialect="euler"), {}, spike_area_s=AREA)
    li = build_graph(table({"a": cuba(kind="CubaLI"), "n2": lif()},
                           [("input", "a"), ("a", "n2")], (1,)))  # fmt: skip
    with pytest.raises(InputError, match="not through the CubaLI 'a'"):
        network_gradients(li, x[:, :1], activity, {}, spike_area_s=AREA)
