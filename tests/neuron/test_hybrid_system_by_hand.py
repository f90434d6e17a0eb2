"""Neurons solved from event to event: closed forms and cases worked out by hand."""

import dataclasses
import math

import numpy as np
import pytest

from bio_scnn.neuron.closed_form import rheobase, spike_times
from bio_scnn.neuron.events import exact_trace, solve
from bio_scnn.neuron.models import (
    AdaptiveLIFParameters,
    CubaLIFParameters,
    IFParameters,
    LIParameters,
)
from bio_scnn.neuron.parameters import LIFParameters

RESETS = pytest.mark.parametrize("reset", ["value", "subtract"])
LIF = {"tau_ms": 20.0, "R": 2.0, "t_ref_ms": 0.0}


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
