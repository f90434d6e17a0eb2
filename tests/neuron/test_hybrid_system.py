"""Neurons solved from event to event: closed forms, hand-made cases, SciPy, NEST, and grids."""

import dataclasses
import math

import numpy as np
import pytest
from fifty_digits import agree
from neuron_cases import KINDS, random_case
from scipy.integrate import solve_ivp

from bio_scnn.crossval.oracles.grid import grid_trace
from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import rheobase, spike_times
from bio_scnn.neuron.events import exact_trace, solve
from bio_scnn.neuron.hybrid_system import on_grid, run
from bio_scnn.neuron.linear import LinearNeuron
from bio_scnn.neuron.models import (
    AdaptiveLIFParameters,
    CubaLIFParameters,
    IFParameters,
    LIParameters,
    hybrid_system,
)
from bio_scnn.neuron.parameters import LIFParameters

RESETS = pytest.mark.parametrize("reset", ["value", "subtract"])
LIF = {"tau_ms": 20.0, "R": 2.0, "t_ref_ms": 0.0}


# --- each neuron against what can be worked out by hand ------------------------------------------


@RESETS
@pytest.mark.parametrize(("V_rest", "V_reset", "V_th"), [(0, 0, 1), (-65, -60, -50), (0.3, -1, 2)])
@pytest.mark.parametrize("t_ref_ms", [0.0, 2.37])
def test_lif_has_the_closed_form(reset, V_rest, V_reset, V_th, t_ref_ms):
    p = LIFParameters(
        tau_ms=13, R=2, V_rest=V_rest, V_reset=V_reset, V_th=V_th, t_ref_ms=t_ref_ms, reset=reset
    )
    current = (V_th - V_rest) / 2 * 1.3
    trace = solve(p, [current] * 300, dt_ms=0.7)
    expected = spike_times(current, 210, p)
    assert len(expected) > 5
    np.testing.assert_allclose(trace.spike_times_ms[0], expected, rtol=0, atol=2e-12)


@RESETS
def test_if_counts_up(reset):
    p = IFParameters(R=0.5, V_th=3, V_reset=1, t_ref_ms=0.25, reset=reset)
    trace = solve(p, [[2.0, -2.0]] * 40, dt_ms=0.5)  # 1 per ms: 2 ms to the threshold
    np.testing.assert_allclose(trace.spike_times_ms[0], 2 + 2.25 * np.arange(9), atol=1e-13)
    assert len(trace.spike_times_ms[1]) == 0
    np.testing.assert_allclose(trace.membrane[:, 1], 1 - 0.5 * np.arange(1, 41))


def test_li_is_the_lif_without_spikes():
    p = LIParameters(tau_ms=10, R=2, V_rest=-5)
    trace = solve(p, [3.0] * 50, dt_ms=0.5, impulses=[(5.0, 0, 4.0)])
    t = 0.5 * np.arange(1, 51)
    V = -5 + 6 * (1 - np.exp(-t / 10)) + np.where(t >= 5, 0.8 * np.exp(-(t - 5) / 10), 0)
    # At 5 ms a step ends, and the impulse comes at the start of the next.
    V[9] -= 0.8
    np.testing.assert_allclose(trace.membrane[:, 0], V, atol=1e-14)
    assert len(trace.spike_times_ms[0]) == 0


@pytest.mark.parametrize("tau_syn_ms", [1e-4, 3.0, 20.0, 20.0 * (1 + 1e-9), 900.0])
def test_cuba_lif_has_the_closed_form_of_two_filters(tau_syn_ms):
    tau = 20.0
    p = CubaLIFParameters(tau_ms=tau, tau_syn_ms=tau_syn_ms, w=1.5, R=2, V_th=1e9)
    trace = solve(p, [1.0] * 50, dt_ms=2.0)
    t = 2.0 * np.arange(1, 51)
    a, b = np.exp(-t / tau), np.exp(-t / tau_syn_ms)
    if math.isclose(tau, tau_syn_ms, rel_tol=1e-6):
        right, atol = 3 * (1 - (1 + t / tau) * a), 1e-8
    else:
        right, atol = 3 * (1 - (tau * a - tau_syn_ms * b) / (tau - tau_syn_ms)), 1e-13
    np.testing.assert_allclose(trace.membrane[:, 0], right, rtol=0, atol=atol)
    np.testing.assert_allclose(trace.variables["S"][:, 0], 1.5 * (1 - b), rtol=1e-12)


def test_adaptation_is_the_sum_of_its_kicks():
    p = AdaptiveLIFParameters(tau_ms=20, tau_w_ms=50, b=0.1, t_ref_ms=2)
    trace = solve(p, [4.0] * 400, dt_ms=0.5)
    times, t = trace.spike_times_ms[0], 0.5 * np.arange(1, 401)
    assert len(times) > 15
    isi = np.diff(times)
    assert isi[-1] > 1.1 * isi[0]
    since = t[:, np.newaxis] - times
    w = np.where(since >= 0, 0.1 * np.exp(-since / 50), 0).sum(axis=1)
    np.testing.assert_allclose(trace.variables["w"][:, 0], w, atol=1e-13)
    without = solve(dataclasses.replace(p, b=0), [4.0] * 400, dt_ms=0.5)
    lif = LIFParameters(tau_ms=20, R=1, t_ref_ms=2)
    np.testing.assert_array_equal(
        without.spike_times_ms[0], exact_trace(np.full((400, 1), 4.0), 0.5, lif).spike_times_ms[0]
    )


# --- impulses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reset", "t_ref_ms", "times", "V"),
    [
        ("value", 0.0, [1.0], 0.0),
        ("subtract", 0.0, [1.0, 1.0, 1.0], 0.25),
        ("value", 0.5, [1.0], 0.0),
        ("subtract", 0.5, [1.0, 1.5, 2.0], 0.25),  # held above V_th, it fires when it is released
    ],
)
def test_an_impulse_over_the_threshold(reset, t_ref_ms, times, V):
    p = IFParameters(reset=reset, t_ref_ms=t_ref_ms)
    trace = solve(p, [0.0] * 4, dt_ms=1.0, impulses=[(1.0, 0, 3.25)])
    np.testing.assert_array_equal(trace.spike_times_ms[0], times)
    assert trace.membrane[-1, 0] == V


def test_impulses_add_up_and_are_lost_while_v_is_held():
    p = LIFParameters(tau_ms=10, R=5, t_ref_ms=2)
    shots = [(1.0, 0, 1.0), (1.0, 0, 1.0), (2.0, 0, 5.0), (3.0, 0, 1.0), (1.5, 1, 0.5)]
    trace = solve(p, np.zeros((50, 2)), dt_ms=0.1, impulses=shots)
    # Twice 0.5 at 1 ms reaches V_th = 1; at 2 ms V is held; at 3 ms it is free again.
    np.testing.assert_array_equal(trace.spike_times_ms[0], [1.0])
    assert trace.membrane[-1, 0] == pytest.approx(0.5 * math.exp(-0.2), rel=1e-13)
    assert trace.membrane[-1, 1] == pytest.approx(0.25 * math.exp(-0.35), rel=1e-13)


def test_synaptic_current_goes_on_while_v_is_held():
    p = CubaLIFParameters(tau_ms=10, tau_syn_ms=5, R=3, t_ref_ms=4)
    trace = solve(p, [0.0] * 40, dt_ms=0.5, impulses=[(0.0, 0, 20.0), (9.0, 0, 5.0)])
    t = 0.5 * np.arange(1, 41)
    S = 4 * np.exp(-t / 5) + np.where(t > 9, np.exp(-(t - 9) / 5), 0)
    assert len(trace.spike_times_ms[0]) > 0
    np.testing.assert_allclose(trace.variables["S"][:, 0], S, rtol=1e-13)


# --- the threshold -------------------------------------------------------------------------------


@pytest.mark.parametrize("dt_ms", [0.01, 1.0, 30.0, 900.0])
@pytest.mark.parametrize("R", [0.3, 0.7, 2.0, 11.0])
def test_rheobase_never_fires_and_more_does(dt_ms, R):
    p = LIFParameters(tau_ms=3, R=R, V_rest=-65, V_reset=-70, V_th=-50, t_ref_ms=dt_ms)
    least = rheobase(p)
    current = np.array([[least, np.nextafter(least, 0), least * (1 + 1e-12)]] * 300)
    trace = solve(p, current, dt_ms=dt_ms)
    due = 300 * dt_ms > 150
    assert [len(x) > 0 for x in trace.spike_times_ms] == [False, False, due]
    assert np.isfinite(trace.membrane).all()
    after = solve(p, np.concatenate([current, current * 2]), dt_ms=dt_ms)
    assert all(len(x) > 0 for x in after.spike_times_ms) or dt_ms == 0.01


def test_rest_at_the_threshold_does_not_fire_and_above_it_does():
    for V_rest, fires in ((1.0, False), (1.1, True)):
        p = LIFParameters(tau_ms=1, R=1, V_rest=V_rest, t_ref_ms=0)
        assert bool(len(solve(p, [0.0] * 100, dt_ms=5).spike_times_ms[0])) is fires


@pytest.mark.parametrize("tau_syn_ms", [0.01, 3.0, 20.0, 400.0])
@pytest.mark.parametrize(("more", "spikes"), [(-1e-12, 0), (1e-12, 1)])
def test_a_touch_of_the_threshold(tau_syn_ms, more, spikes):
    tau, ts = 20.0, tau_syn_ms
    p = LIFParameters(tau_ms=tau, R=1, t_ref_ms=1e4, tau_syn_ms=ts)
    # The alpha-like response of V to an event of 1 peaks here, at this height.
    peak = tau if tau == ts else math.log(tau / ts) / (1 / ts - 1 / tau)
    height = math.exp(-peak / tau) * peak / tau
    if tau != ts:
        height = ts / (tau - ts) * (math.exp(-peak / tau) - math.exp(-peak / ts))
    trace = solve(p, [0.0] * 40, dt_ms=5, events=[(0.0, 0, (1 + more) / height)])
    assert len(trace.spike_times_ms[0]) == spikes
    if spikes:
        assert trace.spike_times_ms[0][0] == pytest.approx(peak, rel=1e-4)


# --- each neuron against SciPy -------------------------------------------------------------------


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


# --- the layer, the grid, and neurons that are wrong ---------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_neurons_of_a_layer_are_independent(kind):
    case = random_case(np.random.default_rng(7), kind, 40)
    rng = np.random.default_rng(8)
    current = case.current * rng.uniform(-1, 3, (40, 6))
    span = 40 * case.dt_ms
    rows = np.column_stack(
        [rng.uniform(0, span, 50), rng.integers(0, 6, 50), rng.normal(0, 1, 50)]
    )
    size = np.abs(case.current).max() + 1
    rows[:, 2] *= size
    layer = solve(case.params, current, dt_ms=case.dt_ms, events=rows)
    for i in range(6):
        own = rows[rows[:, 1] == i] * [1, 0, 1]
        alone = solve(case.params, current[:, i], dt_ms=case.dt_ms, events=own)
        np.testing.assert_array_equal(layer.spike_times_ms[i], alone.spike_times_ms[0])
        np.testing.assert_array_equal(layer.membrane[:, i], alone.membrane[:, 0])


@RESETS
@pytest.mark.parametrize("t_ref_ms", [0.0, 2.0])
def test_exact_steps_on_a_grid_are_those_of_the_grids_oracle(reset, t_ref_ms):
    p = LIFParameters(tau_ms=7, R=2, V_reset=-0.5, t_ref_ms=t_ref_ms, reset=reset)
    current = np.random.default_rng(3).normal(0.6, 1, (500, 20))
    trace = on_grid(hybrid_system(p), current, 1.0)
    neuron = dataclasses.replace(grid_trace.__defaults__[0], reset=reset)
    right = grid_trace(current, 1.0, p, neuron)
    assert right.raster.sum() > 500
    for i, times in enumerate(trace.spike_times_ms):
        np.testing.assert_array_equal(times, 1.0 + np.flatnonzero(right.raster[:, i]))
    np.testing.assert_allclose(trace.membrane, right.membrane, rtol=0, atol=1e-13)


def test_a_finer_grid_tends_to_the_exact_neuron():
    p = CubaLIFParameters(tau_ms=10, tau_syn_ms=4, R=2, t_ref_ms=1)
    exact = solve(p, [1.0] * 200, dt_ms=0.5)
    grid = on_grid(hybrid_system(p), np.ones((5_000, 1)), 0.02)
    assert len(exact.spike_times_ms[0]) > 8
    late = grid.spike_times_ms[0] - exact.spike_times_ms[0]
    assert (late >= 0).all()
    assert late[0] < 0.02


class NoHold(LinearNeuron):
    """V goes on while it should be held."""

    def hold(self, state, current, time_ms):
        after = super().hold(state, current, time_ms)
        after[0] = self._V(state[0], *self._drive(state, current), time_ms)
        return after


class WrongJump(LinearNeuron):
    """The reset misses by 1e-9 of the jump."""

    def jump(self, state, excess):
        after = super().jump(state, excess)
        after[0] += 1e-9 * (self.V_th - self.V_reset)
        return after


class FrozenCurrents(LinearNeuron):
    """Currents stay where they are while V is held."""

    def hold(self, state, current, time_ms):
        return state.copy()

    def flow(self, state, current, time_ms):
        after = super().hold(state, current, time_ms)
        after[0] = self._V(state[0], *self._drive(state, current), time_ms)
        return after


@pytest.mark.parametrize("wrong", [LinearNeuron, NoHold, WrongJump, FrozenCurrents])
def test_a_wrong_jump_or_hold_is_noticed(wrong):
    p = CubaLIFParameters(tau_ms=10, tau_syn_ms=30, R=3, t_ref_ms=2)
    right = hybrid_system(p)
    values = {f.name: getattr(right, f.name) for f in dataclasses.fields(right)}
    current = np.full((60, 1), 1.5)
    trace = run(wrong(**values), current, 1.0)
    given = trace.spike_times_ms[0], trace.membrane[:, 0], p, current[:, 0], 1.0
    if wrong is LinearNeuron:
        assert agree(*given).spikes > 4
    else:
        with pytest.raises(AssertionError, match=r"spikes instead of|off by"):
            agree(*given)


# --- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dt_ms": 0}, r"dt_ms \(=0 ms\) must be greater"),
        ({"current": [[[1.0]]]}, r"current \(shape \(1, 1, 1\)\)"),
        ({"current": []}, "must have shape"),
        ({"current": [np.nan]}, "current contains NaN"),
        ({"current": ["a"]}, "current must be an array of real numbers"),
        ({"impulses": [1.0, 2.0]}, "impulses .* must have rows"),
        ({"impulses": [(2.0, 0, 1.0)]}, r"impulses has a time \(=2 ms\) outside the run"),
        ({"events": [(0.0, 1, 1.0)]}, r"events has a neuron \(=1\) that is no index from 0 to 0"),
        ({"current": [1e300]}, "fire over 100,000 times in a step"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        solve(IFParameters(), **({"current": [1.0, 1.0], "dt_ms": 1} | arguments))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: IFParameters(V_th=0), r"V_reset \(=0\) must be below V_th \(=0\)"),
        (lambda: LIParameters(tau_ms=0), r"tau_ms \(=0 ms\) must be greater than 0 ms"),
        (lambda: CubaLIFParameters(tau_ms=1, tau_syn_ms=np.inf), "must be a finite number"),
        (lambda: AdaptiveLIFParameters(tau_ms=1, tau_w_ms=1, b="x"), "b .* must be one number"),
        (lambda: IFParameters(t_ref_ms=-1), "must be at least 0 ms"),
        (lambda: IFParameters(R=0), r"R \(=0\) must be greater than 0"),
        (lambda: IFParameters(reset="zero"), r"reset \(='zero'\) must be one of"),
    ],
)
def test_parameters_are_checked(make, message):
    with pytest.raises(InputError, match=message):
        make()


# --- NEST ----------------------------------------------------------------------------------------


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
