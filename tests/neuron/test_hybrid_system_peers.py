"""Neurons solved from event to event: SciPy's Runge-Kutta method, and NEST."""

import math

import numpy as np
import pytest
from neuron_cases import KINDS, random_case
from scipy.integrate import solve_ivp

from bio_scnn.neuron.events import solve
from bio_scnn.neuron.models import (
    LIParameters,
)
from bio_scnn.neuron.parameters import LIFParameters


def by_scipy(case):
    """Spike times and V by a Runge-Kutta method of order 8, with its dense output."""
    p, dt = case.params, case.dt_ms
    leak = 1 / p.tau_ms if hasattr(p, "tau_ms") else 0
    gain = p.R * (leak or 1)
    tau_w, w_in = getattr(p, "tau_w_ms", 1.0), getattr(p, "w", None)
    V_rest = getattr(p, "V_rest", 0.0)
    V_th, t_ref = getattr(p, "V_th", math.inf), getattr(p, "t_ref_ms", 0.0)
    y = np.array([getattr(p, "V_reset", V_rest), 0.0, 0.0])
    release, times, V = -1.0, [], []
    shots = sorted(
        [*((t, "q", x) for t, _, x in case.impulses), *((t, "s", x) for t, _, x in case.events)]
    )

    def fire(t):
        times.append(t)
        y[0] = y[0] - V_th + p.V_reset if p.reset == "subtract" else p.V_reset
        y[2] += getattr(p, "b", 0.0)
        return t + t_ref

    t = 0.0
    for n, drive in enumerate(case.current[:, 0]):
        end = (n + 1) * dt
        inside = [shot for shot in shots if n * dt <= shot[0] < end]
        for stop, kind, size in [*inside, (end, "", 0.0)]:
            while t < stop or (y[0] >= V_th and t >= release):
                if y[0] >= V_th and t >= release:
                    release = fire(t)
                    continue
                held = release > t
                goal = min(release, stop) if held else stop

                def slope(_, y, held=held, drive=drive):
                    push = y[1] - y[2] + (drive if w_in is None else 0)
                    dV = 0.0 if held else leak * (V_rest - y[0]) + gain * push
                    dS = ((0 if w_in is None else w_in * drive) - y[1]) / p.tau_syn_ms
                    return [dV, dS, -y[2] / tau_w]

                def over(_, y):
                    return y[0] - V_th

                over.terminal, over.direction = True, 1
                watch = None if held or V_th == math.inf else over
                found = solve_ivp(
                    slope, (t, goal), y, "DOP853", events=watch, rtol=1e-9, atol=1e-11,
                    max_step=(goal - t) / 2,
                )  # fmt: skip
                t, y = float(found.t[-1]), found.y[:, -1].copy()
                if found.status == 1:
                    y[0] = V_th
                    release = fire(t)
                elif not held:
                    t = goal
            if kind == "s" or (kind == "q" and w_in is not None):
                y[1] += size if kind == "s" else w_in * size / p.tau_syn_ms
            elif kind == "q" and t >= release:
                y[0] += gain * size
        V.append(y[0])
    return times, V


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_every_neuron_agrees_with_scipy(kind, seed):
    rng = np.random.default_rng(100 + seed)
    case = random_case(rng, kind, 10, mild=True)
    times, V = by_scipy(case)
    trace = solve(
        case.params, case.current, dt_ms=case.dt_ms, impulses=case.impulses, events=case.events
    )
    assert len(trace.spike_times_ms[0]) == len(times)
    scale = 1 + np.abs(V).max()
    np.testing.assert_allclose(trace.spike_times_ms[0], times, rtol=0, atol=1e-6)
    np.testing.assert_allclose(trace.membrane[:, 0], V, rtol=0, atol=1e-6 * scale)


def test_the_cases_fire():
    counts = {}
    for kind in KINDS:
        for seed in range(6):
            case = random_case(np.random.default_rng(100 + seed), kind, 10, mild=True)
            trace = solve(case.params, case.current, dt_ms=case.dt_ms, impulses=case.impulses)
            counts[kind] = counts.get(kind, 0) + len(trace.spike_times_ms[0])
    assert counts.pop(LIParameters) == 0
    assert min(counts.values()) > 12


@pytest.mark.peer
@pytest.mark.parametrize("model", ["iaf_psc_exp_ps", "iaf_psc_delta_ps"])
def test_nest_has_the_same_spikes(model):
    nest = pytest.importorskip("nest")
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.resolution = dt = 0.125
    p = LIFParameters(
        tau_ms=10, R=0.04, V_rest=-70, V_reset=-65, V_th=-55, t_ref_ms=2, tau_syn_ms=3
    )
    rng = np.random.default_rng(5)
    times = np.sort(rng.choice(np.arange(8, 1500), 300, replace=False)) * dt
    sizes = rng.uniform(50, 400, 300)
    common = {
        "E_L": p.V_rest, "V_m": p.V_reset, "V_th": p.V_th, "V_reset": p.V_reset,
        "tau_m": p.tau_ms, "C_m": p.C_ms, "t_ref": p.t_ref_ms, "I_e": 300.0,
    }  # fmt: skip
    delta = model == "iaf_psc_delta_ps"
    if not delta:
        common |= {"tau_syn_ex": p.tau_syn_ms}
    cell = nest.Create(model, params=common)
    weights = sizes / p.C_ms if delta else sizes
    source = nest.Create(
        "spike_generator", params={"spike_times": times - dt, "spike_weights": weights}
    )
    recorder = nest.Create("spike_recorder")
    nest.Connect(source, cell, syn_spec={"delay": dt})
    nest.Connect(cell, recorder)
    nest.Simulate(1600 * dt)
    rows = np.column_stack([times, np.zeros(300), sizes])
    arrivals = {"impulses": rows} if delta else {"events": rows}
    trace = solve(p, [300.0] * 1600, dt_ms=dt, **arrivals)
    found = recorder.events["times"]
    assert len(found) > 20
    found = found[: len(trace.spike_times_ms[0])]
    np.testing.assert_allclose(found, trace.spike_times_ms[0][: len(found)], rtol=0, atol=1e-9)
    assert abs(len(found) - len(trace.spike_times_ms[0])) <= 1
