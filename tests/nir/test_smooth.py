"""Integrators that drive neurons in continuous time: V and spikes against an ODE solver."""

from __future__ import annotations

import numpy as np
import pytest
from nir_graphs import chain, cuba, lif, neuron
from scipy.integrate import solve_ivp

from bio_scnn.errors import InputError
from bio_scnn.nir import run

W = np.array([[0.8, -0.3], [0.5, 1.1]])
DT, STEPS, AREA = 2.0, 10, 0.004
X = np.random.default_rng(9).normal(1.0, 1.0, (STEPS, 2))


def solved(source, target, *, held, fires):
    """V of the target by steps of an ODE solver, and its spikes, reset to -0.2."""
    s, t = source, target
    slow = s.get("tau_mem", s.get("tau"))

    def rates(_, y, u):
        S, V, U = y[:2], y[2:4], y[4:]
        dS = (-S + s["w_in"] * u) / s["tau_syn"] if "w_in" in s else np.zeros(2)
        drive = S if "w_in" in s else u
        dV = (s["v_leak"] - V + s["r"] * drive) / slow if slow is not None else s["r"] * u
        if "tau" in t:
            return np.concatenate([dS, dV, (t["v_leak"] - U + t["r"] * (W @ V)) / t["tau"]])
        return np.concatenate([dS, dV, t["r"] * (W @ V)])

    y, Vs, spikes = np.zeros(6), [], []
    events = []
    for i in (0, 1) if fires else ():

        def crosses(_, y, u, i=i):
            return y[4 + i] - 1.0

        crosses.terminal, crosses.direction = True, 1
        events.append(crosses)
    for n in range(STEPS):
        at, end = n * DT / 1e3, (n + 1) * DT / 1e3
        u = X[n] if held else np.zeros(2)
        if not held:
            if "w_in" in s:
                y[:2] += s["w_in"] * X[n] * AREA / s["tau_syn"]
            else:
                y[2:4] += s["r"] * X[n] * AREA / (slow if slow is not None else 1.0)
        while at < end:
            found = solve_ivp(
                rates, (at, end), y, "DOP853", events=events, args=(u,), rtol=1e-10, atol=1e-12
            )
            y, at = found.y[:, -1].copy(), found.t[-1]
            for i, when in enumerate(found.t_events or ()):
                if len(when):
                    spikes.append((at * 1e3, i))
                    y[4 + i] = -0.2
        Vs.append(y[4:].copy())
    return np.array(Vs), spikes


SOURCES = {
    "LI": neuron("LI", 2, tau=0.006, r=2.0, v_leak=0.3),
    "LI of two taus": neuron("LI", 2, tau=[0.006, 0.015], r=2.0, v_leak=[0.3, -0.1]),
    "CubaLI": cuba(2, kind="CubaLI", tau_mem=0.008, tau_syn=0.003, r=2.0, v_leak=0.2),
    "I": neuron("I", 2, r=40.0),
}
TARGETS = {
    "LIF": lif(2, tau=0.01, r=1.5, v_leak=0.1, v_reset=-0.2),
    "IF": neuron("IF", 2, r=90.0, v_threshold=1.0, v_reset=-0.2),
    "LI": neuron("LI", 2, tau=0.01, r=1.5, v_leak=0.1),
}


CASES = [(s, "LIF", held) for s in SOURCES for held in (False, True)]
CASES += [("LI", "IF", False), ("CubaLI", "IF", True), ("I", "IF", False)]
CASES += [("LI of two taus", "LI", True), ("CubaLI", "LI", False)]


@pytest.mark.parametrize(("source", "target", "held"), CASES)
def test_an_integrator_drives_neurons(source, target, held):
    weights = {"type": "Linear", "weight": W}
    graph = chain((2,), source=SOURCES[source], w=weights, target=TARGETS[target])
    if source == "I" and held:
        with pytest.raises(InputError, match="a ramp"):
            run(graph, X, dt_ms=DT, held=True)
        return
    found = run(graph, X, dt_ms=DT, held=held, spike_area_s=AREA)
    fires = target != "LI"
    V, spikes = solved(SOURCES[source], TARGETS[target], held=held, fires=fires)
    np.testing.assert_allclose(found.V["target"], V, rtol=0, atol=2e-8)
    if fires:
        order = np.argsort(found.times_ms["target"], kind="stable")
        assert found.who["target"][order].tolist() == [i for _, i in spikes]
        mine = found.times_ms["target"][order]
        np.testing.assert_allclose(mine, [t for t, _ in spikes], atol=1e-6)
        assert len(spikes) > 1


def test_what_has_no_closed_form_here_is_refused():
    li = SOURCES["LI"]
    for nodes, words in (
        ({"a": li, "b": li, "c": lif(2)}, "is itself driven by V of 'a'"),
        ({"a": li, "b": cuba(2)}, "the CubaLIF 'b' is driven by V of the LI 'a'"),
        ({"a": neuron("LI", 3, tau=[0.1, 0.2, 0.3], r=1, v_leak=0), "b": lif(3)}, "3 time const"),
        ({"a": cuba(2, kind="CubaLI", tau_syn=0.02), "b": lif(2)}, "the two must differ"),
    ):
        graph = chain((3 if "3 time" in words else 2,), **nodes)
        with pytest.raises(InputError, match=words):
            run(graph, np.zeros((2, *graph.the_input().input_shape)))
