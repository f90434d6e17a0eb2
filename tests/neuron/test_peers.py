"""Tests of LIF neurons by Nengo, NEST and Brian2, in our words, and textbook results on noise.

The tests are restated, not copied: the parameters and what has to hold are the peers', and the
bounds are at least as narrow as theirs.
"""

import numpy as np
import pytest
from scipy import integrate, special

from bio_scnn.errors import InputError
from bio_scnn.neuron import _brian2 as codegen
from bio_scnn.neuron.closed_form import current_for_rate, firing_rate, first_spike_ms, membrane
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.simulation import simulate

# --- Nengo: nengo/tests/test_neurons.py --------------------------------------------------------

NENGO = LIFParameters(tau_ms=20.0, R=1.0, t_ref_ms=2.0)


def lif_rate(current, params):
    """Rates of Nengo's `LIFRate`, Hz: ``1/(tau_ref + tau_rc log1p(1/(J - 1)))`` above J = 1."""
    above = np.maximum(current - 1, 1e-300)
    rate = 1e3 / (params.t_ref_ms + params.tau_ms * np.log1p(1 / above))
    return np.where(current > 1, rate, 0)


def test_nengo_rates_match_those_of_the_rate_neuron():
    # Neurons with a given rate at x = 1 and none below their intercept, asked at x = 0.5.
    rng = np.random.default_rng(0)
    max_rate, intercept = rng.uniform(10, 200, 2000), rng.uniform(-1, 1, 2000)
    at_max = 1 / -np.expm1((NENGO.t_ref_ms - 1e3 / max_rate) / NENGO.tau_ms)
    gain = (at_max - 1) / (1 - intercept)
    current = gain * 0.5 + 1 - gain * intercept
    expected = lif_rate(current, NENGO)
    assert np.mean(expected > 0) > 0.5, "at least half of the neurons must fire"
    np.testing.assert_allclose(firing_rate(current, NENGO), expected, rtol=1e-12)
    recording = simulate(current, NENGO, duration_ms=1000, record=[0])
    several = recording.count > 1
    assert several.sum() > 0.5 * len(current)
    assert np.all(np.abs(recording.rate_hz("count") - expected) <= 1)
    np.testing.assert_allclose(recording.rate_hz()[several], expected[several], rtol=1e-10)
    assert np.abs(np.diff(recording.membrane)).sum() > 1


def test_nengo_rates_saturate_at_the_refractory_period():
    current = np.array([1e3, 1e6, 1e12])
    recording = simulate(current, NENGO, duration_ms=100)
    np.testing.assert_allclose(recording.rate_hz(), lif_rate(current, NENGO), rtol=1e-11)
    assert abs(recording.rate_hz()[-1] - 500) < 1e-6
    assert np.all(np.diff(recording.rate_hz()) > 0)


def test_nengo_without_a_refractory_period_a_neuron_fires_in_every_step():
    params = LIFParameters(tau_ms=20.0, R=1.0, t_ref_ms=0.0)
    current = current_for_rate(np.array([1000.0, 900.0]), params)
    np.testing.assert_allclose(lif_rate(current, params), [1000, 900], rtol=1e-12)
    recording = simulate(current, params, duration_ms=20.5, dt_ms=0.5)
    assert recording.count.tolist() == [20, 18]
    np.testing.assert_allclose(recording.rate_hz(), [1000, 900], rtol=1e-12)


# --- NEST: test_iaf_ps_dc_accuracy, test_iaf_ps_dc_t_accuracy ----------------------------------

NEST_CURRENT = 1000.0  # pA, with which V tends to 40 mV


def nest_neuron(V_th):
    return LIFParameters(V_th=V_th, tau_ms=10.0, C_ms=250.0, t_ref_ms=2.0)


NIGHTLY = [pytest.mark.slow, pytest.mark.nightly]
EXPONENTS = [
    *range(0, -9, -1),
    pytest.param(-11, marks=pytest.mark.slow),
    *(pytest.param(k, marks=NIGHTLY) for k in (-9, -10, -12, -13)),
]
"""Exponents of the step, in powers of 2 ms."""


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_nest_membrane_under_dc_at_any_resolution(exponent):
    recording = simulate(
        [NEST_CURRENT], nest_neuron(2000.0), duration_ms=5, dt_ms=2.0**exponent, record=[0]
    )
    assert recording.t_ms[-1] == 5.0
    error = np.abs(recording.membrane[0] + 40 * np.expm1(-recording.t_ms / 10))
    assert error[-1] < 1e-13
    assert np.max(error) < 1e-13  # at every sample, where NEST looks at the last


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_nest_spike_time_under_dc_at_any_resolution(exponent):
    recording = simulate([NEST_CURRENT], nest_neuron(15.0), duration_ms=5, dt_ms=2.0**exponent)
    assert recording.count.tolist() == [1]
    assert abs(recording.first_spike_ms[0] + 10 * np.log1p(-15 / 40)) < 1e-13


@pytest.mark.parametrize("exponent", [0, -2, -4])
def test_nest_membrane_reaches_its_limit(exponent):
    recording = simulate(
        [NEST_CURRENT], nest_neuron(2000.0), duration_ms=500, dt_ms=2.0**exponent, record=[0]
    )
    assert abs(recording.membrane[0, -1] - 40) < 1e-9


# --- NEST: test_iaf_psc_exp_ps_lossless --------------------------------------------------------

# V starts just below the threshold, which the leak takes it away from; one presynaptic spike
# lifts it. Potentials are counted from rest, 70 mV above NEST's.
LOSSLESS = LIFParameters(
    V_th=21.0, V_reset=21 - 1e-3 * np.exp(-2 / 100), tau_ms=100.0, C_ms=250.0, tau_syn_ms=1.0,
    t_ref_ms=2.0,
)  # fmt: skip


def one_event(weights, dt_ms):
    steps = round(10 / dt_ms)
    events = np.zeros((steps, len(weights)))
    events[0] = weights
    recording = simulate(
        np.zeros(len(weights)), LOSSLESS, duration_ms=10, dt_ms=dt_ms, synaptic_events=events
    )
    return recording.count, recording.first_spike_ms


@pytest.mark.parametrize("dt_ms", [1.0, 0.25])
def test_nest_no_spike_is_lost_inside_a_step(dt_ms):
    # Below the threshold throughout; above it within the first step, below it at its end; above.
    count, first = one_event([55.0, 70.0, 90.0], dt_ms)
    assert count.tolist() == [0, 1, 1]
    np.testing.assert_allclose(first[1:], [0.01442, 0.00659], atol=1e-5)


def test_nest_spikes_are_told_from_near_misses_everywhere_in_state_space():
    weights = np.linspace(50, 100, 4001)
    p = LOSSLESS
    slow = p.R * weights * p.tau_syn_ms / (p.tau_syn_ms - p.tau_ms)
    fast = p.V_reset - slow
    # dV/ds = 0 at the peak of V = slow exp(-s/tau_syn) + fast exp(-s/tau).
    ratio = -(slow / p.tau_syn_ms) / (fast / p.tau_ms)
    s = np.maximum(np.log(ratio) / (1 / p.tau_syn_ms - 1 / p.tau_ms), 0)
    peak = slow * np.exp(-s / p.tau_syn_ms) + fast * np.exp(-s / p.tau_ms)
    clear = np.abs(peak - p.V_th) > 1e-9
    assert clear.mean() > 0.99
    count, _ = one_event(weights, 1.0)
    np.testing.assert_array_equal((count > 0)[clear], (peak > p.V_th)[clear])
    missed_on_a_grid = (peak > p.V_th) & (s < 0.5)
    assert missed_on_a_grid.sum() > 1000
    assert np.sum(count == 0) > 100


# --- Brian2: brian2/tests/test_refractory.py ---------------------------------------------------

HELD = LIFParameters(tau_ms=20.0, R=1.0, t_ref_ms=5.0, tau_syn_ms=7.0)


def test_brian2_membrane_is_held_and_then_rises_as_at_first():
    latency = 4.0
    current = 1 / -np.expm1(-latency / HELD.tau_ms)  # fires at 4, 13, 22 ms
    recording = simulate([current], HELD, duration_ms=20.5, dt_ms=0.5, record=[0])
    np.testing.assert_allclose(recording.spike_trains_ms[0], [4, 13], atol=1e-12)
    V, t = recording.membrane[0], recording.t_ms
    held = (t > 4) & (t < 9)
    assert held.sum() == 9
    assert np.all(V[held] == HELD.V_reset)
    rising = (t > 9) & (t < 13)
    np.testing.assert_allclose(V[rising], V[(t > 0) & (t < 4)], rtol=1e-12)
    assert np.all(V[rising] > 0)


def test_brian2_current_goes_on_while_the_membrane_is_held():
    events = np.zeros((40, 2))
    events[0] = 40.0
    events[3, 1] = 40.0  # while V is held
    recording = simulate(
        [0.0, 0.0], HELD, duration_ms=20, dt_ms=0.5, synaptic_events=events, record=[0, 1]
    )
    first = recording.first_spike_ms
    assert first[0] == first[1] < 1.0
    t, V, current = recording.t_ms, recording.membrane, recording.current
    held = (t > first[0]) & (t < first[0] + HELD.t_ref_ms)
    assert held.sum() == 10
    assert np.all(V[:, held] == HELD.V_reset)
    decay = np.exp(-recording.t_current_ms / HELD.tau_syn_ms)
    np.testing.assert_allclose(current[0], 40 * decay, rtol=1e-12)
    later = recording.t_current_ms >= 1.5
    np.testing.assert_allclose(
        current[1, later], 40 * decay[later] * (1 + np.exp(1.5 / 7)), rtol=1e-12
    )
    second = [train[1] for train in recording.spike_trains_ms]
    assert second[1] < second[0]


def test_brian2_a_neuron_that_fires_whenever_it_can_fires_once_a_refractory_period():
    recording = simulate([1e13], HELD, duration_ms=5000, dt_ms=0.5, record=[0])
    intervals = np.diff(recording.spike_trains_ms[0])
    assert len(intervals) >= 998
    np.testing.assert_allclose(intervals, HELD.t_ref_ms, rtol=1e-11)


def test_brian2_refractory_period_in_any_unit_of_time_and_no_other():
    brian2 = codegen.load_brian2()
    ms, second, Hz = brian2.ms, brian2.second, brian2.Hz
    trains = [
        simulate([2.0], LIFParameters(t_ref_ms=t_ref, R=1.0), duration_ms=200, record=[0])
        for t_ref in (5, 5.0, 5 * ms, 0.005 * second, np.array(5) * ms)
    ]
    for recording in trains:
        np.testing.assert_array_equal(recording.spike_trains_ms[0], trains[0].spike_trains_ms[0])
    assert trains[0].count[0] > 5
    for wrong in (3 * Hz, 3 * brian2.mV, "ref", [5 * ms]):
        with pytest.raises(InputError, match="t_ref_ms"):
            LIFParameters(t_ref_ms=wrong)


# --- Textbook: noise ---------------------------------------------------------------------------

ALPHA = np.sqrt(2) * abs(special.zeta(0.5))


def siegert(mean, sigma, params, shift_reset, shift_threshold):
    """Mean rate, Hz, and coefficient of variation of the intervals of a LIF with white noise.

    Siegert (1951) and Brunel (2000), with ``tau dV = (mean - V) dt + sigma sqrt(tau) dW``. The
    shifts, in units of sigma, stand for a short correlation time of the noise.
    """
    low = (params.V_reset - mean) / sigma + shift_reset
    high = (params.V_th - mean) / sigma + shift_threshold
    time = integrate.quad(lambda u: special.erfcx(-u), low, high)[0]
    isi = params.t_ref_ms + params.tau_ms * np.sqrt(np.pi) * time

    def inner(x):
        return integrate.quad(lambda u: special.erfcx(-u) ** 2 * np.exp(-u * u), -12, x)[0]

    spread = integrate.quad(lambda x: np.exp(x * x) * inner(x), low, high)[0]
    return 1e3 / isi, np.sqrt(2 * np.pi * spread) * params.tau_ms / isi


@pytest.mark.sweep(2)
@pytest.mark.slow
@pytest.mark.parametrize("t_ref_ms", [0.02, 2.0])
def test_siegert_rates_and_irregularity_with_the_correction_for_coloured_noise(t_ref_ms):
    std, repeats, recorded, duration, dt = 4.0, 1000, 150, 500, 0.02
    params = LIFParameters(tau_ms=20.0, R=1.0, t_ref_ms=t_ref_ms, tau_noise_ms=0.2)
    tau, tau_s = params.tau_ms, params.tau_noise_ms
    means = np.array([0.8, 1.0, 1.4])  # below, at and above the threshold
    # The noise is held over steps of dt, which adds a little to its intensity 2 tau_s std^2.
    sigma = np.sqrt(std**2 * dt / np.tanh(dt / (2 * tau_s)) / tau)
    recording = simulate(
        np.repeat(means, repeats),
        params,
        duration_ms=duration,
        dt_ms=dt,
        noise_std=std,
        seed=1,
        record=[row * repeats + k for row in range(len(means)) for k in range(recorded)],
    )
    # Noise of short correlation time moves threshold and reset by sqrt(tau_s/tau) alpha/2
    # (Fourcaud & Brunel 2002). In a refractory period far longer than tau_s it forgets that it
    # had driven V over the threshold, and the reset stays.
    shift = np.sqrt(tau_s / tau) * ALPHA / 2
    shift_reset = shift if t_ref_ms < tau_s else 0.0
    for row, mean in enumerate(means):
        count = recording.count[row * repeats : (row + 1) * repeats]
        trains = recording.spike_trains_ms[row * recorded : (row + 1) * recorded]
        # Those that begin in the first half: the end of the run cuts hardly any of them off.
        begun = [train[train < duration / 2] for train in trains]
        intervals = np.concatenate(
            [np.diff(train[: len(b) + 1]) for train, b in zip(trains, begun, strict=True)]
        )
        cv = np.std(intervals) / np.mean(intervals)
        rate, expected_cv = siegert(mean, sigma, params, shift_reset, shift)
        white, _ = siegert(mean, sigma, params, 0.0, 0.0)
        # All start at a release: a renewal process has fired (CV^2 - 1)/2 spikes more by T than
        # rate * T, and rate * t_ref more, as its first interval has no refractory period.
        surplus = (expected_cv**2 - 1) / 2 + rate * t_ref_ms * 1e-3
        seen = (count.mean() - surplus) / (duration * 1e-3)
        error = count.std() / np.sqrt(repeats) / (duration * 1e-3)
        print(f"mean {mean}: {seen:.2f} +- {error:.2f} Hz, expected {rate:.2f}, white noise ")
        print(
            f"{white:.2f}; CV of {len(intervals)} intervals {cv:.3f}, expected {expected_cv:.3f}"
        )
        # The correction is of first order in sqrt(tau_s/tau) = 0.1: what it leaves is about 1 %.
        assert abs(seen - rate) < 3 * error + 0.01 * rate
        assert abs(seen - white) > 3 * error + 0.01 * rate
        assert len(intervals) > 500
        assert abs(cv - expected_cv) < 3 * cv / np.sqrt(2 * len(intervals)) + 0.02 * cv


def test_without_spikes_the_membrane_has_the_variance_of_filtered_noise():
    params = LIFParameters(V_th=1e3, tau_ms=20.0, R=1.0, t_ref_ms=2.0, tau_noise_ms=5.0)
    neurons, dt, std = 4000, 1.0, 0.5
    recording = simulate(
        np.zeros(neurons), params, duration_ms=200, dt_ms=dt, noise_std=std, seed=2,
        record=range(neurons),
    )  # fmt: skip
    V = recording.membrane[:, -1]
    # V <- a V + (1 - a) x with x <- b x + ..., in its stationary state.
    a, b = np.exp(-dt / params.tau_ms), np.exp(-dt / params.tau_noise_ms)
    variance = std**2 * (1 - a) / (1 + a) * (1 + a * b) / (1 - a * b)
    assert variance == pytest.approx(std**2 * 5 / (5 + 20), rel=0.01)  # with white noise in time
    assert abs(V.var() / variance - 1) < 4 * np.sqrt(2 / neurons)
    assert abs(V.mean()) < 4 * np.sqrt(variance / neurons)


def test_textbook_latency_and_membrane_of_a_step_of_current():
    p = LIFParameters(tau_ms=10.0, R=2.0, t_ref_ms=3.0, V_th=5.0)
    assert first_spike_ms(5.0, p) == pytest.approx(10 * np.log(2), rel=1e-15)
    assert firing_rate(5.0, p) == pytest.approx(1e3 / (3 + 10 * np.log(2)), rel=1e-15)
    assert membrane(10.0, 2.0, p) == pytest.approx(4 * (1 - np.exp(-1)), rel=1e-15)
