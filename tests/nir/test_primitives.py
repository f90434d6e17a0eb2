"""Every primitive of NIR in both modes, against loops and closed forms written out by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from nir_graphs import chain, cuba, lif, neuron
from scipy.optimize import brentq

from bio_scnn.nir import Dialect, run

IMPULSES = Dialect(input="impulse", number_format="float64")


def conv_by_hand(x, weight, bias, stride, padding, dilation, groups):
    """Cross-correlation with loops over everything, of any number of axes."""
    sides = weight.ndim - 2
    x = np.pad(x, [(0, 0)] + [(padding, padding)] * sides)
    sizes = [
        (x.shape[1 + i] - dilation * (weight.shape[2 + i] - 1) - 1) // stride + 1
        for i in range(sides)
    ]
    y = np.zeros((weight.shape[0], *sizes))
    each_in, each_out = weight.shape[1], weight.shape[0] // groups
    for o in range(weight.shape[0]):
        for at in itertools.product(*map(range, sizes)):
            total = bias[o]
            for c in range(each_in):
                for k in itertools.product(*map(range, weight.shape[2:])):
                    place = tuple(a * stride + b * dilation for a, b in zip(at, k, strict=True))
                    total += weight[(o, c, *k)] * x[(o // each_out * each_in + c, *place)]
            y[(o, *at)] = total
    return y


def pool_by_hand(x, kernel, stride, padding, mean):
    weight = np.ones((x.shape[0], 1, kernel, kernel)) / (kernel**2 if mean else 1)
    return conv_by_hand(x, weight, np.zeros(x.shape[0]), stride, padding, 1, x.shape[0])


def maps():
    """Name, node, input shape, and the map by hand."""
    rng = np.random.default_rng(1)
    w, b = rng.normal(size=(5, 6)), rng.normal(size=5) / 8
    w1, w2 = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 1, 3, 2))
    b4, scale = rng.normal(size=4) / 8, rng.normal(size=(2, 3))

    def conv(kind, weight, groups, stride, padding, dilation, bias):
        return {
            "type": kind,
            "weight": weight,
            "bias": bias,
            "stride": np.array([stride] * (weight.ndim - 2)),
            "padding": np.array(padding),
            "dilation": np.array(dilation),
            "groups": np.array(groups),
        }

    def pool(kind):
        sizes = {"kernel_size": np.array([2, 2]), "stride": np.array([2, 2])}
        return {"type": kind, "padding": np.array([1, 1])} | sizes

    def flat(x):
        return np.array([x[i, j, k] for i in range(2) for j in range(3) for k in range(2)])

    return [
        ("Affine", {"type": "Affine", "weight": w, "bias": b}, (6,), lambda x: w @ x + b),
        ("Linear", {"type": "Linear", "weight": w}, (6,), lambda x: w @ x),
        ("Scale", {"type": "Scale", "scale": scale}, (2, 3), lambda x: scale * x),
        (
            "Conv1d",
            conv("Conv1d", w1, 1, 2, 1, 1, b4),
            (2, 7),
            lambda x: conv_by_hand(x, w1, b4, 2, 1, 1, 1),
        ),
        (
            "Conv2d",
            conv("Conv2d", w2, 2, 1, 1, 2, b4),
            (2, 6, 5),
            lambda x: conv_by_hand(x, w2, b4, 1, 1, 2, 2),
        ),
        ("SumPool2d", pool("SumPool2d"), (2, 5, 4), lambda x: pool_by_hand(x, 2, 2, 1, False)),
        ("AvgPool2d", pool("AvgPool2d"), (2, 5, 4), lambda x: pool_by_hand(x, 2, 2, 1, True)),
        (
            "Flatten",
            {"type": "Flatten", "start_dim": np.array(0), "end_dim": np.array(-1)},
            (2, 3, 2),
            flat,
        ),
    ]


MAPS = maps()
NAMES = [name for name, *_ in MAPS]


def spike_input(shape, steps=12):
    return (np.random.default_rng(2).random((steps, *shape)) < 0.4).astype(float)


@pytest.mark.parametrize(("name", "node", "shape", "by_hand"), MAPS, ids=NAMES)
def test_maps_on_a_grid(name, node, shape, by_hand):
    x = spike_input(shape) * 1.7
    found = run(chain(shape, map=node), x, dialect=IMPULSES).outputs["map"]
    wanted = np.array([by_hand(row) for row in x])
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
    assert np.ptp(wanted) > 0.5


@pytest.mark.parametrize(("name", "node", "shape", "by_hand"), MAPS, ids=NAMES)
def test_maps_in_continuous_time(name, node, shape, by_hand):
    """IF neurons behind the map add up impulses; constants are currents between them."""
    x, out = spike_input(shape), by_hand(np.zeros(shape)).shape
    constant = by_hand(np.zeros(shape))
    graph = chain(shape, map=node, cell=neuron("I", out, r=1.0))
    V, total = run(graph, x, dt_ms=1.0).V["cell"], np.zeros(out)
    for n, row in enumerate(x):
        total = total + (by_hand(row) - constant) + constant * 1e-3
        np.testing.assert_allclose(V[n], total, rtol=0, atol=1e-12)
    assert np.ptp(total) > 0.5


def decay(t, tau):
    return np.exp(-t / tau)


STATES = [
    ("I", neuron("I", r=50.0), lambda t, q: 50.0 * q + 50.0 * 2.0 * t),
    (
        "LI",
        neuron("LI", tau=0.02, r=3.0, v_leak=-0.5),
        lambda t, q: 3 * q / 0.02 * decay(t, 0.02) + (6.0 - 0.5) * (1 - decay(t, 0.02)),
    ),
    (
        "CubaLI",
        cuba(kind="CubaLI", w_in=4.0, r=2.0, v_leak=0.25),
        lambda t, q: (
            0.25 * (1 - decay(t, 0.02))
            + 2 * (4 * q / 0.005 - 8) * 0.005 / (0.02 - 0.005) * (decay(t, 0.02) - decay(t, 0.005))
            + 2 * 8 * (1 - decay(t, 0.02))
        ),
    ),
]


@pytest.mark.parametrize(("name", "node", "V"), STATES, ids=[s[0] for s in STATES])
def test_integrators_in_continuous_time(name, node, V):
    """An impulse at 0, or a current of 2, at two distances of the samples."""
    for dt, steps in ((1.0, 40), (0.125, 320)):
        t = (np.arange(steps) + 1) * dt / 1e3
        held = run(chain((1,), cell=node), np.full((steps, 1), 2.0), dt_ms=dt, held=True)
        np.testing.assert_allclose(held.V["cell"][:, 0], V(t, 0.0), rtol=1e-13, atol=1e-15)
        x = np.zeros((steps, 1))
        x[0] = 1.0
        sent = run(chain((1,), cell=node), x, dt_ms=dt, spike_area_s=0.003).V["cell"][:, 0]
        # Of the impulse alone: the formula less what the current of 2 does in it.
        silent = run(chain((1,), cell=node), np.zeros((steps, 1)), dt_ms=dt).V["cell"][:, 0]
        np.testing.assert_allclose(sent - silent, V(t, 0.003) - V(t, 0.0), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", ["IF", "LIF", "CubaLIF"])
def test_neurons_that_fire_in_continuous_time(kind):
    """Crossing times of a held current, from the closed form of V and a root of it."""
    held, tau, tau_s = 3.0, 0.02, 0.005
    node = {
        "IF": neuron("IF", r=40.0, v_threshold=1.0, v_reset=-0.5),
        "LIF": lif(v_leak=0.25, v_reset=-0.5),
        "CubaLIF": cuba(v_leak=0.25, v_reset=-0.5),
    }[kind]

    def V(t, start, S):
        if kind == "IF":
            return start + 40.0 * held * t
        end = 0.25 + held
        plain = end + (start - end) * decay(t, tau)
        if kind == "LIF":
            return plain
        return plain + (S - held) * tau_s / (tau_s - tau) * (decay(t, tau_s) - decay(t, tau))

    wanted, at, start = [], 0.0, 0.0
    while len(wanted) < 5:
        S = held * (1 - decay(at, tau_s))
        at += brentq(lambda t, a=start, S=S: V(t, a, S) - 1.0, 0, 1, xtol=1e-17, rtol=1e-14)
        wanted.append(at * 1e3)
        start = -0.5
    found = run(chain((1,), cell=node), np.full((300, 1), held), dt_ms=1.0, held=True)
    np.testing.assert_allclose(found.times_ms["cell"][:5], wanted, rtol=1e-12)


@pytest.mark.parametrize("kind", ["I", "LI", "IF", "LIF", "CubaLI", "CubaLIF"])
@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_states_on_a_grid(kind, reset):
    """Forward Euler in a loop."""
    dt, p = 1e-3, {"tau": 0.02, "r": 1.5, "v_leak": 0.1, "v_threshold": 1.0, "v_reset": -0.2}
    p |= {"tau_mem": 0.02, "tau_syn": 0.005, "w_in": 1.3}
    names = {"I": "r", "LI": "tau r v_leak", "IF": "r v_threshold v_reset"}
    names["LIF"] = "tau r v_leak v_threshold v_reset"
    names["CubaLI"] = "tau_mem tau_syn r v_leak w_in"
    names["CubaLIF"] = names["CubaLI"] + " v_threshold v_reset"
    node = neuron(kind, 2, **{key: p[key] for key in names[kind].split()})
    if kind in ("I", "IF"):
        node["r"] = node["r"] * 40
    rng = np.random.default_rng(3)
    x = rng.normal(1.0, 2.0, size=(200, 2))
    d = Dialect(dt_ms=1.0, reset=reset, number_format="float64")
    found = run(chain((2,), cell=node), x, dialect=d)
    V, S, spikes = np.zeros(2), np.zeros(2), 0
    for n, u in enumerate(x):
        if kind in ("I", "IF"):
            V = V + dt * 60.0 * u
        elif kind in ("LI", "LIF"):
            V = V + dt / 0.02 * (0.1 - V + 1.5 * u)
        else:
            S = S + dt / 0.005 * (1.3 * u - S)
            V = V + dt / 0.02 * (0.1 - V + 1.5 * S)
        if kind in ("IF", "LIF", "CubaLIF"):
            over = V > 1.0
            V = np.where(over, -0.2 if reset == "value" else V - 1.2, V)
            np.testing.assert_array_equal(found.spikes["cell"][n], over)
            spikes += over.sum()
        np.testing.assert_allclose(found.V["cell"][n], V, rtol=0, atol=1e-12)
    assert spikes > 5 or kind in ("I", "LI", "CubaLI")


def test_delay_in_both_modes():
    """Each element by its own time; in continuous time by that time, not by a step's."""
    node = {"type": "Delay", "delay": np.array([0.0023, 0.0, 0.0041])}
    x = np.zeros((10, 3))
    x[1] = [1, 2, 3]
    graph = chain((3,), late=node, cell=neuron("IF", 3, r=1.0, v_threshold=0.5))
    exact = run(graph, x, dt_ms=1.0)
    np.testing.assert_allclose(
        [exact.times_ms["cell"][exact.who["cell"] == i][0] for i in range(3)], [3.3, 1.0, 5.1]
    )
    grid = run(graph, x, dialect=Dialect(dt_ms=1.0, input="impulse"))
    np.testing.assert_array_equal(np.argmax(grid.spikes["cell"], axis=0), [3, 1, 5])
    assert any("late" in sentence for sentence in grid.open)
    held = run(graph, np.ones((10, 3)) * 100, dt_ms=1.0, held=True)
    first = [held.times_ms["cell"][held.who["cell"] == i][0] for i in range(3)]
    np.testing.assert_allclose(first, np.array([2.3, 0.0, 4.1]) + 5.0)


def test_threshold_in_both_modes():
    """Above a level, not at it; a held current that passes it holds 1."""
    node = {"type": "Threshold", "threshold": np.array([0.5, 1.0])}
    x = np.array([[0.4, 1.0], [0.6, 1.1], [0.5, 3.0], [0.7, 0.0]])
    over = np.array([[0, 0], [1, 1], [0, 1], [1, 0]])
    graph = chain((2,), level=node, cell=neuron("I", 2, r=1.0))
    for mode in ({"dt_ms": 1.0}, {"dialect": IMPULSES}):
        np.testing.assert_allclose(run(graph, x, **mode).V["cell"], np.cumsum(over, 0))
    held = run(graph, x, dt_ms=1.0, held=True).V["cell"]
    np.testing.assert_allclose(held, np.cumsum(over, 0) * 1e-3, atol=1e-16)
