"""The closed form against independent evaluations of the same model."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import (
    current_for_latency,
    current_for_rate,
    firing_rate,
    first_spike_ms,
    membrane,
    rate_derivative,
    rheobase,
    spike_count,
    spike_times,
)
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters

OTHER = LIFParameters(
    V_th=-0.3, V_reset=-1.2, t_ref_ms=0.5, tau_ms=17.0, C_ms=5.0, rate_min_hz=10, rate_max_hz=900
)
# As users have them: millivolts, R given, no refractory period, reset by subtraction.
MILLIVOLTS = LIFParameters(
    V_th=-50, V_reset=-65, V_rest=-70, R=2.0, tau_ms=20, t_ref_ms=0, reset="subtract"
)
BOTH = pytest.mark.parametrize(
    "params", [TABLE_1, OTHER, MILLIVOLTS], ids=["table1", "other", "millivolts"]
)


def test_known_values():
    assert rheobase() == 2.0
    assert current_for_rate(100.0) == pytest.approx(9.926357286353934, rel=1e-15)
    assert current_for_rate(200.0) == pytest.approx(21.0166638895501, rel=1e-14)


@BOTH
def test_latency_is_that_of_the_integrated_equation(params):
    for current in rheobase(params) + np.array([0.5, 3.0, 20.0]):

        def slope(t, V, current=current):
            return (current - (V - params.V_rest) / params.R) / params.C_ms

        def crossing(t, V):
            return V[0] - params.V_th

        crossing.terminal = True
        solution = solve_ivp(
            slope, (0, 500), [params.V_reset], events=crossing, rtol=1e-12, atol=1e-13
        )
        assert first_spike_ms(current, params) == pytest.approx(solution.t_events[0][0], rel=1e-9)


@BOTH
def test_rate_and_inverse_are_inverse(params):
    rate = np.linspace(params.rate_min_hz, params.rate_max_hz, 10_001)
    there_and_back = firing_rate(current_for_rate(rate, params), params)
    assert np.max(np.abs(there_and_back / rate - 1)) < 1e-13
    current = np.linspace(rheobase(params) + 0.1, rheobase(params) + 50, 10_001)
    back_and_there = current_for_rate(firing_rate(current, params), params)
    assert np.max(np.abs(back_and_there - current)) < 1e-11


@BOTH
def test_derivative_against_central_differences(params):
    current = np.linspace(rheobase(params) + 0.1, rheobase(params) + 50, 1001)
    h = 1e-5
    numeric = (firing_rate(current + h, params) - firing_rate(current - h, params)) / (2 * h)
    exact = rate_derivative(current, params)
    assert np.all(exact > 0)
    worst = np.argmax(np.abs(exact / numeric - 1))
    assert abs(exact[worst] / numeric[worst] - 1) < 1e-6, (exact[worst], numeric[worst])


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_edges_without_warnings(params, dtype):
    r = rheobase(params)
    huge = np.finfo(dtype).max
    current = np.array([-huge, -huge / 3, -0.0, r, huge, np.inf, np.nan], dtype)
    rate, slope = firing_rate(current, params), rate_derivative(current, params)
    assert rate.dtype == slope.dtype == dtype
    quiet = current <= dtype(r)
    assert quiet.sum() >= 2
    if dtype is np.float64 or params is TABLE_1:  # elsewhere r itself is rounded
        assert np.all(rate[quiet] == 0)
        assert np.all(slope[quiet] == 0)
    assert np.all(rate[4:6] == dtype(params.rate_limit_hz))
    limit = 0 if params.t_ref_ms else 1e3 * params.R / params.tau_ms / 15
    np.testing.assert_allclose(slope[4:6], dtype(limit), rtol=1e-6)
    assert np.isnan(rate[6])
    assert np.isnan(slope[6])


def test_just_above_rheobase_the_neuron_fires():
    current = np.nextafter(rheobase(), np.inf)
    assert 0 < firing_rate(current) < 1
    assert rate_derivative(current) > 1e12


def test_rate_zero_is_the_rheobase_and_impossible_rates_are_refused():
    assert current_for_rate(0.0) == rheobase()
    assert current_for_rate(1e-3) == pytest.approx(rheobase(), rel=1e-15)
    for bad in (-1.0, 1000.0, np.inf, np.nan, 1001.0):
        with pytest.raises(InputError, match=r"at least 0 Hz and below 1/t_ref \(=1000 Hz"):
            current_for_rate([100.0, bad])


def test_float32_stays_and_agrees():
    current = np.linspace(9.9, 21.0, 100_001)
    single = current.astype(np.float32)
    for function in (firing_rate, rate_derivative, first_spike_ms):
        narrow, wide = function(single), function(single.astype(float))
        assert narrow.dtype == np.float32
        assert wide.dtype == np.float64
        assert np.max(np.abs(narrow / wide - 1)) < 5e-6
    assert current_for_rate(np.float32([100.0])).dtype == np.float32
    assert firing_rate([10, 12]).dtype == np.float64
    assert np.ndim(firing_rate(10.0)) == 0
    assert single[0] == np.float32(9.9)  # the input is not overwritten


def test_spike_times_and_counts_agree():
    current = np.linspace(1.0, 25.0, 97)
    count = spike_count(current, 250.0)
    assert count.dtype == np.int64
    assert np.mean(count > 1) > 0.5
    for one, spikes in zip(current, count, strict=True):
        times = spike_times(one, 250.0)
        assert len(times) == spikes
        assert np.all((times > 0) & (times <= 250.0))
        if spikes > 1:
            np.testing.assert_allclose(np.diff(times), 1e3 / firing_rate(one), rtol=1e-11)
        # No spike is missing at the end.
        assert spikes == 0 or times[-1] + 1e3 / firing_rate(one) > 250.0


def test_a_spike_at_the_very_end_counts():
    # V reaches the threshold after exactly 1 ms when exp(1/tau) is exactly representable.
    params = LIFParameters(tau_ms=1 / np.log(2), C_ms=1 / np.log(2), t_ref_ms=1.0)
    latency = first_spike_ms(2.0, params)
    assert spike_count(2.0, latency, params) == 1
    assert spike_count(2.0, np.nextafter(latency, 0), params) == 0


@BOTH
def test_membrane_follows_the_equation(params):
    current = rheobase(params) + 5.0
    spikes = spike_times(current, 60.0, params)
    assert len(spikes) > 2
    t = np.linspace(0, 60, 60_001)
    V = membrane(t, current, params)
    refractory = np.zeros(t.shape, bool)
    for spike in spikes:
        refractory |= (t >= spike) & (t < spike + params.t_ref_ms)
    # Within rounding of a spike or a release either side of the jump is right.
    edges = np.concatenate([spikes, spikes + params.t_ref_ms])
    clear = np.min(np.abs(t[:, None] - edges), axis=1) > 1e-9
    assert clear.mean() > 0.99
    assert np.all(V[clear & refractory] == params.V_reset)
    assert np.max(V) <= params.V_th
    slope = np.gradient(V, t)[1:-1]
    expected = ((current - (V - params.V_rest) / params.R) / params.C_ms)[1:-1]
    edge_free = np.min(np.abs(t[:, None] - edges), axis=1)[1:-1] > 0.0021
    smooth = edge_free & ~refractory[1:-1]
    np.testing.assert_allclose(slope[smooth], expected[smooth], atol=1e-7)


def test_membrane_below_rheobase_saturates():
    assert membrane(0.0, 1.0) == 0.0
    assert membrane(1e6, 1.0) == 0.5
    V = membrane(np.array([[0.0, 40.0]]), np.array([[1.0], [1.5]]))
    np.testing.assert_allclose(V[:, 1], np.array([0.5, 0.75]) * -np.expm1(-1), rtol=1e-15)


def test_bad_arguments():
    with pytest.raises(InputError, match="t_ms"):
        membrane(-1.0, 5.0)
    with pytest.raises(InputError, match="current contains NaN"):
        membrane(1.0, np.nan)
    with pytest.raises(InputError, match="current contains NaN"):
        spike_count([1.0, np.inf], 10.0)
    with pytest.raises(InputError, match="duration_ms"):
        spike_count(1.0, -10.0)
    with pytest.raises(InputError, match="must be one number"):
        spike_times([1.0, 2.0], 10.0)


def test_without_a_refractory_period_the_rate_is_one_over_the_latency():
    params = LIFParameters(t_ref_ms=0)
    currents = np.linspace(3, 3000, 50)
    np.testing.assert_allclose(
        firing_rate(currents, params), 1e3 / first_spike_ms(currents, params), rtol=1e-15
    )
    np.testing.assert_allclose(
        current_for_rate(np.array([10.0, 5000.0]), params)[()],
        2 / -np.expm1(-np.array([100.0, 0.2]) / 40),
        rtol=1e-12,
    )


def test_one_formula_gives_the_current_for_a_latency_and_for_a_rate():
    for params in (TABLE_1, OTHER, MILLIVOLTS):
        latency = np.array([0.01, 0.5, 7.0, 300.0])
        current = current_for_latency(latency, params)
        np.testing.assert_allclose(first_spike_ms(current, params), latency, rtol=1e-8)
        same = current_for_rate(1e3 / (latency + params.t_ref_ms), params)
        np.testing.assert_allclose(same, current, rtol=1e-12)
        assert current_for_latency(np.inf, params) == rheobase(params)
    for bad in (0.0, -1.0, np.nan):
        with pytest.raises(InputError, match="must be greater than 0 ms"):
            current_for_latency([1.0, bad])


def test_reset_by_subtraction_is_the_same_under_a_constant_current():
    value, subtract = (LIFParameters(reset=reset) for reset in ("value", "subtract"))
    current, t = np.linspace(0, 30, 31), np.linspace(0, 50, 101)[:, np.newaxis]
    for function in (firing_rate, rate_derivative, first_spike_ms):
        np.testing.assert_array_equal(function(current, value), function(current, subtract))
    np.testing.assert_array_equal(membrane(t, current, value), membrane(t, current, subtract))
    np.testing.assert_array_equal(
        spike_count(current, 50, value), spike_count(current, 50, subtract)
    )


# --- extreme arguments -------------------------------------------------------------------------

HUGE, TINY = np.finfo(float).max, np.finfo(float).smallest_subnormal
NO_REFRACTORY = LIFParameters(t_ref_ms=0)
# V_inf comes as close to the threshold as floats go where threshold and rest are one.
AT_REST = LIFParameters(V_th=0.0, V_reset=-1.0)
EXTREME = [0.0, TINY, 1e-300, 1e-30, 1.0, 2.0, 1e30, 1e155, 1e300, HUGE]


@pytest.mark.parametrize(
    "params",
    [TABLE_1, NO_REFRACTORY, AT_REST, MILLIVOLTS, LIFParameters(R=1e10, t_ref_ms=0)],
    ids=["table1", "no_refractory", "at_rest", "millivolts", "large_R"],
)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("size", EXTREME)
def test_extreme_currents_give_numbers_or_a_clear_error(size, sign, params):
    current = sign * size
    latency = first_spike_ms(current, params)
    rate = firing_rate(current, params)
    slope = rate_derivative(current, params)
    assert latency >= 0
    with np.errstate(over="ignore"):
        silent = params.R * current <= params.V_th - params.V_rest
    assert (latency == np.inf) == silent == (rate == 0)
    assert slope >= 0
    assert rate <= params.rate_limit_hz
    for duration in (0.0, TINY, 100.0, HUGE):
        for function, says in ((spike_count, "more spikes"), (spike_times, "spikes")):
            found = outcome(function, current, duration, params)
            if isinstance(found, InputError):
                assert says in str(found)
                assert not silent
            else:
                assert np.all(found >= 0)
                assert np.all(np.isfinite(found))
        V = outcome(membrane, duration, current, params)
        if isinstance(V, InputError):
            assert "is too large" in str(V)
            assert size >= 1e300
        else:
            assert np.isfinite(V)
            assert V <= params.V_th + 1e-9 * abs(params.V_th)


def outcome(function, *arguments):
    """Value returned, or the error that a user would see."""
    try:
        return function(*arguments)
    except InputError as error:
        return error


def test_currents_next_to_a_threshold_at_rest():
    # log1p(1/x) = -ln x to rounding, also where 1/x is beyond the largest float.
    for gap in (1e-300, 1e-310, 4.94e-324):
        current = np.float64(gap) / AT_REST.R
        expected = -AT_REST.tau_ms * (np.log(current * AT_REST.R))
        assert first_spike_ms(current, AT_REST) == pytest.approx(expected, rel=1e-12)
        assert firing_rate(current, AT_REST) == pytest.approx(1e3 / (expected + 1), rel=1e-12)


def test_the_derivative_without_a_refractory_period_keeps_its_limit():
    free = LIFParameters(V_th=3.0, V_reset=-1.0, t_ref_ms=0, tau_ms=10.0, R=2.0)
    limit = 1e3 * 2.0 / (10.0 * 4.0)
    for current in (1e4, 1e100, 1e160, 1e300, HUGE, np.inf):
        assert rate_derivative(current, free) == pytest.approx(limit, rel=1e-3)
    assert np.isnan(rate_derivative(np.nan, free))
    current = rheobase(free) + np.array([0.5, 5.0, 50.0])
    numeric = (firing_rate(current + 1e-5, free) - firing_rate(current - 1e-5, free)) / 2e-5
    np.testing.assert_allclose(rate_derivative(current, free), numeric, rtol=1e-6)


def test_extreme_rates_give_currents_or_a_clear_error():
    for rate in (TINY, 1e-300, 1e300):
        current = current_for_rate(rate, NO_REFRACTORY)
        assert np.isfinite(current)
        assert current >= rheobase()
    assert firing_rate(current, NO_REFRACTORY) == pytest.approx(1e300, rel=1e-12)
    small_R = LIFParameters(R=1e-9, t_ref_ms=0)
    with pytest.raises(InputError, match="would take a current beyond the largest float64"):
        current_for_rate(1e305, small_R)
    with pytest.raises(InputError, match="would take a current beyond the largest float32"):
        current_for_rate(np.float32([1e38]), small_R)
    for rate in (np.nextafter(1000.0, 0), 1000 - 1e-9):
        assert np.isfinite(current_for_rate(rate))


def test_counts_beyond_64_bits_are_refused():
    for current, duration, params in (
        (9.0, 1e300, TABLE_1),
        (1e300, 100.0, NO_REFRACTORY),
        ([3.0, HUGE], 1.0, NO_REFRACTORY),
    ):
        with pytest.raises(InputError, match="than a 64-bit integer counts"):
            spike_count(current, duration, params)
    assert spike_count(9.0, 1e15) == pytest.approx(1e15 / (1e3 / firing_rate(9.0)), rel=1e-12)
    with pytest.raises(InputError, match="spike_times lists 1e\\+09 at most"):
        spike_times(9.0, 1e15)
    assert spike_count(1.0, 1e300) == 0
