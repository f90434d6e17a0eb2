"""`simulate` with synapses, against a finely sampled solution and 50 digits."""

import numpy as np
import pytest
from fifty_digits import largest_time_error_ms, solve
from scipy.optimize import brentq
from simulations import NIGHTLY_TARGETS, OTHER, TOLERANCE_MS

from bio_scnn.neuron._brian2_crossing import first_crossing
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.simulation import simulate


def synaptic_solution(current, events, dt_ms, params):
    """Spike times of one neuron with an exponential synapse: sampled finely, then bisected."""
    tau, tau_syn, R = params.tau_ms, params.tau_syn_ms, params.R
    V, I_syn, free_from, spikes = params.V_reset, 0.0, 0.0, []
    for step, increment in enumerate(events):
        begin, end = step * dt_ms, (step + 1) * dt_ms
        I_syn += increment
        now = begin
        while free_from < end:
            now = max(now, free_from)
            I_now = I_syn * np.exp(-(now - begin) / tau_syn)
            drive = R * I_now * tau_syn / (tau_syn - tau)

            def above(s, V=V, drive=drive):
                slow, fast = np.exp(-s / tau_syn), np.exp(-s / tau)
                V_inf = R * current
                return V_inf + (V - V_inf) * fast + drive * (slow - fast) - params.V_th

            s = np.linspace(0, end - now, 401)
            hits = np.flatnonzero(above(s) >= 0)
            if hits.size and hits[0] > 0:
                root = brentq(above, s[hits[0] - 1], s[hits[0]], xtol=1e-14, rtol=1e-15)
                now += root
                spikes.append(now)
                V, free_from = params.V_reset, now + params.t_ref_ms
                continue
            V = above(end - now) + params.V_th
            break
        I_syn *= np.exp(-dt_ms / tau_syn)
    return np.array(spikes)


@NIGHTLY_TARGETS
@pytest.mark.parametrize(("params", "dt_ms"), [(TABLE_1, 1.0), (TABLE_1, 0.25), (OTHER, 2.0)])
def test_synaptic_drive_is_exact(params, dt_ms, target):
    rng = np.random.default_rng(5)
    steps, neurons = round(100 / dt_ms), 24
    happens = rng.random((steps, neurons)) < 0.3
    events = happens * rng.normal(2.0, 6.0, (steps, neurons))  # both signs
    current = rng.uniform(0, 6, neurons)
    recording = simulate(
        current,
        params,
        duration_ms=100,
        dt_ms=dt_ms,
        synaptic_events=events,
        record=range(neurons),
        target=target,
    )
    worst = 0.0
    for neuron, train in enumerate(recording.spike_trains_ms):
        expected = synaptic_solution(current[neuron], events[:, neuron], dt_ms, params)
        assert len(train) == len(expected), neuron
        worst = max(worst, np.max(np.abs(train - expected), initial=0.0))
    assert np.mean(recording.count > 1) > 0.6
    assert worst <= TOLERANCE_MS, worst


@NIGHTLY_TARGETS
def test_a_peak_inside_a_step_is_not_missed(target):
    # After one presynaptic spike V peaks at t_peak, where it equals R I_syn. Scaled to pass the
    # threshold by one part in 1e6, V is above it for 0.1 ms only.
    tau, tau_syn = TABLE_1.tau_ms, TABLE_1.tau_syn_ms
    t_peak = np.log(tau_syn / tau) / (1 / tau - 1 / tau_syn)
    peak = TABLE_1.R * np.exp(-t_peak / tau_syn)
    weight = TABLE_1.V_th / peak * np.array([1 + 1e-6, 1 - 1e-6, 1 + 1e-9])
    events = np.zeros((80, 3))
    events[0] = weight
    recording = simulate(
        np.zeros(3), duration_ms=80, synaptic_events=events, record=[0], target=target
    )
    V_end_of_step = recording.membrane[0]
    assert recording.count.tolist() == [1, 0, 1]
    assert np.max(V_end_of_step) < TABLE_1.V_th
    expected = synaptic_solution(0.0, events[:, 0], 1.0, TABLE_1)
    # The approach to a peak is flat, here 3e-5 per ms: a rounding of V moves the crossing by
    # 3e4 times as many ms.
    assert abs(recording.spike_trains_ms[0][0] - expected[0]) <= TOLERANCE_MS


def test_synaptic_current_decays():
    events = np.zeros((10, 1))
    events[2] = 3.0
    recording = simulate(np.ones(1), duration_ms=10, synaptic_events=events, record=[0])
    expected = 1 + 3 * np.exp(-(np.arange(10) - 2) / TABLE_1.tau_syn_ms) * (np.arange(10) >= 2)
    np.testing.assert_allclose(recording.current[0], expected, rtol=1e-14)


# --- any synapse, any refractory period ---------------------------------------------------------

KINDS = [  # tau, tau_syn, t_ref, dt
    (40, 1e-3, 1, 1),
    (40, 0.03, 1, 1),
    (40, 0.2, 1, 0.5),
    (40, 40, 1, 1),
    (40, 40 * (1 + 1e-12), 1, 1),
    (40, 39.99, 0.1, 0.1),
    (40, 1e6, 1, 1),
    pytest.param(40, 60, 0, 1, marks=[pytest.mark.slow, pytest.mark.nightly]),
    (40, 40, 0, 5),
    (40, 0.5, 0.3, 2),
    (5, 1e5, 50, 5),
    pytest.param(0.1, 3, 0, 2, marks=pytest.mark.slow),  # hundreds of spikes in a step
]


@NIGHTLY_TARGETS
@pytest.mark.parametrize(("tau", "tau_syn", "t_ref", "dt"), KINDS)
def test_synapses_of_any_stiffness_against_50_digits(tau, tau_syn, t_ref, dt, target):
    params = LIFParameters(tau_ms=tau, C_ms=2 * tau, tau_syn_ms=tau_syn, t_ref_ms=t_ref)
    rng = np.random.default_rng(1)
    steps, neurons = 40 if tau >= dt else 8, 8  # a fast neuron fires many times in a step
    # An event lifts V by about one threshold, in half of the neurons by minus that at times.
    events = (rng.random((steps, neurons)) < 0.3) * rng.uniform(0.5, 3, (steps, neurons))
    events *= 2 * tau / min(tau_syn, tau, dt)
    events[:, 4:] *= rng.choice([-1, 1, 1], (steps, 4))
    current = np.full((steps, neurons), 1.5)
    recording = simulate(
        current,
        params,
        duration_ms=steps * dt,
        dt_ms=dt,
        synaptic_events=events,
        record=range(neurons),
        target=target,
    )
    assert largest_time_error_ms(recording, current, params, events) <= TOLERANCE_MS
    assert np.isfinite(recording.membrane).all()
    assert np.mean(recording.count > 2) > 0.7


def test_events_while_refractory_before_a_stiff_release():
    # Released in the second step, at whose start the event came: little is left of it.
    rng = np.random.default_rng(3)
    for tau_syn in (0.03, 0.1, 0.3):
        params = LIFParameters(tau_syn_ms=tau_syn)
        current = rng.uniform(-50, 50, (3, 60))
        current[0] = 80 / rng.uniform(0.02, 0.98, 60)
        events = np.zeros((3, 60))
        events[1] = 10 ** rng.uniform(1, 8, 60)
        recording = simulate(
            current, params, duration_ms=3, synaptic_events=events, record=range(60)
        )
        assert largest_time_error_ms(recording, current, params, events) <= TOLERANCE_MS
        assert np.sum(recording.count > 1) > 2


def test_the_comparison_sees_a_synapse_that_is_slightly_slower():
    events = np.zeros((50, 1))
    events[::9] = 8.0
    current = np.zeros((50, 1))
    slower = LIFParameters(tau_syn_ms=60.001)
    recording = simulate([0.0], slower, duration_ms=50, synaptic_events=events, record=[0])
    assert recording.count[0] > 2
    assert largest_time_error_ms(recording, current, TABLE_1, events) > 1e-6
    assert largest_time_error_ms(recording, current, slower, events) <= TOLERANCE_MS


@pytest.mark.slow
def test_rounds_always_reach_the_crossing(every_case):
    """Also where Newton's method alone would crawl or leave the bracket."""
    rng = np.random.default_rng(0)
    n = 2000
    V = 1 - 10 ** rng.uniform(-14, 0, n)
    drive = 10 ** rng.uniform(-6, 9, n) * rng.choice([-1, 1], n)
    V_inf = rng.choice([-1e3, 0, 1 + 1e-9, 3, 1e6], n)
    span = 10 ** rng.uniform(-3, 2, n)
    for tau, tau_syn in ((40, 1e-3), (40, 40), (1e-2, 50), (40, 1e6)):
        wait = first_crossing(V, V_inf, drive, span, 1.0, tau, tau_syn)
        fires = np.isfinite(wait)
        assert fires.sum() > 300
        assert np.all((wait[fires] >= 0) & (wait[fires] <= span[fires]))
        for k in range(60 if every_case else 20):
            neuron = LIFParameters(V_reset=V[k], tau_ms=tau, R=1, tau_syn_ms=tau_syn)
            exact = solve(neuron, [V_inf[k]], span[k], events=[(0, drive[k])]).spikes
            assert bool(exact) == fires[k]
            if exact:
                assert float(abs(exact[0] - wait[k])) <= 1e-15 * span[k]
