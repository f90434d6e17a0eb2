"""`simulate` under constant currents, against the closed form."""

import numpy as np
import pytest
from simulations import BAND, NEEDS_COMPILER, NIGHTLY_TARGETS, OTHER, TARGETS, TOLERANCE_MS

from bio_scnn.neuron.closed_form import (
    current_for_rate,
    firing_rate,
    first_spike_ms,
    membrane,
    rheobase,
    spike_count,
    spike_times,
)
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.simulation import simulate


def compare_with_closed_form(currents, recording, params):
    """Mismatched counts, largest time error in s and largest relative rate error."""
    latency = first_spike_ms(currents, params)
    isi = latency + params.t_ref_ms
    count = spike_count(currents, recording.duration_ms, params)
    with np.errstate(invalid="ignore"):
        last = latency + (recording.count - 1) * isi
    fired = recording.count > 0
    time_error = max(
        np.max(np.abs(recording.first_spike_ms - latency)[fired], initial=0.0),
        np.max(np.abs(recording.last_spike_ms - last)[fired], initial=0.0),
    )
    for neuron, train in zip(recording.record, recording.spike_trains_ms, strict=True):
        expected = spike_times(currents[neuron], recording.duration_ms, params)
        if len(train) == len(expected):  # otherwise the counts already tell
            time_error = max(time_error, np.max(np.abs(train - expected), initial=0.0))
    several = recording.count > 1
    rate_error = np.abs(recording.rate_hz() / firing_rate(currents, params) - 1)[several]
    assert several.mean() > 0.9, "most neurons must have fired"
    return np.sum(recording.count != count), 1e-3 * time_error, np.max(rate_error)


@pytest.mark.sweep(2)
@NIGHTLY_TARGETS
@pytest.mark.parametrize("dt_ms", [0.1, 0.25, 0.5, 1.0, 1.6, 2.5, 5.0])
def test_constant_currents_are_exact(dt_ms, target):
    # No neuron of the band comes closer to a spike at exactly 1000 ms than rounding can move
    # it, so the counts leave nothing to decide.
    band = BAND[::4] if (target, dt_ms) == ("numpy", 0.1) else BAND  # ten thousand steps of it
    isi = 1e3 / firing_rate(band)
    phase = (1000.0 - first_spike_ms(band)) / isi
    assert np.min(np.abs(phase - np.round(phase))) > 1e-6

    recording = simulate(
        band, duration_ms=1000, dt_ms=dt_ms, record=range(0, len(band), 500), target=target
    )
    mismatches, time_error_s, rate_error = compare_with_closed_form(band, recording, TABLE_1)
    print(f"dt {dt_ms} ms {target}: {mismatches=} {time_error_s=:.2e} {rate_error=:.2e}")
    assert mismatches == 0
    assert time_error_s <= 1e-12
    assert rate_error <= 1e-12
    assert recording.total_spikes == recording.count.sum() > 100 * len(band)


@pytest.mark.parametrize("dt_ms", [0.5, 2.0])
def test_other_parameters_are_exact(dt_ms):
    currents = np.linspace(rheobase(OTHER) * 1.01, 5e3, 1000)
    recording = simulate(currents, OTHER, duration_ms=500, dt_ms=dt_ms, record=range(0, 1000, 50))
    error = compare_with_closed_form(currents, recording, OTHER)
    assert error[0] == 0, error
    assert error[1] <= 1e-12, error
    assert error[2] <= 1e-12, error


@pytest.mark.parametrize("steps", [230, 150, 70])
def test_long_steps_are_exact_with_other_parameters(steps):
    # Longer than t_ref, no multiple of it, and up to nearly the fastest neuron's interval.
    currents = np.linspace(1.01, 4, 1000) * rheobase(OTHER)
    dt_ms = 500 / steps
    assert OTHER.t_ref_ms < dt_ms < OTHER.t_ref_ms + first_spike_ms(currents[-1], OTHER) < 7.5
    recording = simulate(currents, OTHER, duration_ms=500, dt_ms=dt_ms, record=range(0, 1000, 50))
    # Neurons that are released in the step of their spike, and in the next.
    inside = np.concatenate(recording.spike_trains_ms) % dt_ms
    assert np.mean(inside + OTHER.t_ref_ms < dt_ms) > 0.05
    assert np.mean(inside + OTHER.t_ref_ms > dt_ms) > 0.25
    error = compare_with_closed_form(currents, recording, OTHER)
    assert error[0] == 0, error
    assert error[1] <= 1e-12, error
    assert error[2] <= 1e-12, error


def test_near_rheobase_the_error_grows_with_the_conditioning():
    # The crossing is read off a V that rises with slope (RI - V_th)/tau, so that a rounding of V
    # moves the spike by as much more: about 1e-16 tau / (relative distance to rheobase).
    distance = np.array([1e-2, 1e-4, 1e-6])
    currents = rheobase() * (1 + distance)
    recording = simulate(currents, duration_ms=700)
    assert np.all(recording.count >= 1)
    error = np.abs(recording.first_spike_ms - first_spike_ms(currents))
    assert np.all(error <= 20 * 1e-16 * 40 / distance), error


def test_a_neuron_off_by_one_step_fails_the_comparison():
    """The comparison is sharp enough to see a refractory period one step short."""
    short = LIFParameters(t_ref_ms=TABLE_1.t_ref_ms - 0.1)
    recording = simulate(BAND[::100], short, duration_ms=1000, dt_ms=0.1)
    mismatches, time_error_s, rate_error = compare_with_closed_form(
        BAND[::100], recording, TABLE_1
    )
    assert mismatches > 50
    assert time_error_s > 1e-3
    assert rate_error > 5e-3


def test_a_spike_on_a_grid_point_is_found_once():
    # 100 and 200 Hz put their spikes at 9, 19, ... and 4, 9, ... ms, on the grid to rounding.
    currents = current_for_rate(np.array([100.0, 200.0, 125.0]))
    for dt_ms in (0.1, 0.25, 0.5, 1.0):
        recording = simulate(currents, duration_ms=102, dt_ms=dt_ms, record=[0, 1, 2])
        assert recording.count.tolist() == [10, 20, 12]
        np.testing.assert_allclose(
            recording.spike_trains_ms[0], np.arange(9, 100, 10), atol=TOLERANCE_MS
        )
        assert recording.rate_hz("count") == pytest.approx(recording.count / 0.102)


def test_two_spikes_give_the_rate_and_fewer_are_told_apart():
    recording = simulate([1.0, current_for_rate(30.0), BAND[0], BAND[-1]], duration_ms=35)
    assert recording.count.tolist() == [0, 1, 3, 7]
    rate = recording.rate_hz()
    assert rate[0] == 0
    assert np.isnan(rate[1])
    np.testing.assert_allclose(rate[2:], [100.0, 200.0], rtol=1e-13)
    assert np.isnan(recording.first_spike_ms[0])
    assert np.isnan(recording.last_spike_ms[0])


@pytest.mark.parametrize("dt_ms", [0.25, 1.0, 2.4])
@pytest.mark.parametrize("params", [TABLE_1, OTHER], ids=["table1", "other"])
def test_membrane_overlays_the_closed_form(params, dt_ms):
    currents = np.array([0.5, 1.3, 2.2, 2.7]) * rheobase(params) * 2
    recording = simulate(currents, params, duration_ms=60, dt_ms=dt_ms, record=[3, 1, 0, 2])
    order = list(recording.record)
    V = membrane(recording.t_ms, currents[order][:, None], params)
    clear = np.ones(V.shape, bool)
    refractory = np.zeros(V.shape, bool)
    for row, neuron in enumerate(order):
        for spike in spike_times(currents[neuron], 60, params):
            t = recording.t_ms
            # On a spike to rounding, V_th and V_reset are both right; not so at a release.
            clear[row] &= np.abs(t - spike) > TOLERANCE_MS
            refractory[row] |= (t > spike) & (t < spike + params.t_ref_ms)
    assert clear.mean() > 0.9
    assert refractory.sum() > 3
    assert np.all(recording.membrane[clear & refractory] == params.V_reset)
    assert np.max(np.abs(recording.membrane - V)[clear]) < 1e-12
    assert np.all(recording.current == currents[order][:, None])
    assert recording.t_ms[-1] == 60


# --- at and next to rheobase -------------------------------------------------------------------

QUIET = [
    (LIFParameters(tau_ms=0.1, C_ms=0.2), 0.1, 100),
    (TABLE_1, 20, 4000),
    (TABLE_1, 40, 4000),
    (TABLE_1, 400, 4000),
    (TABLE_1, 4000, 40_000),
    (LIFParameters(tau_ms=1, t_ref_ms=0), 1, 200),
    (LIFParameters(V_th=-50, V_reset=-70, V_rest=-65, tau_ms=3, R=0.7, t_ref_ms=2), 2, 400),
    (LIFParameters(t_ref_ms=1000, rate_min_hz=0.1, rate_max_hz=0.5), 40, 4000),
]

# Each set is compiled anew, so two of them are, by day.
QUIET_COMPILED = [
    pytest.param(
        *case,
        "cython",
        marks=[NEEDS_COMPILER, pytest.mark.slow, *([] if n in (1, 6) else [pytest.mark.nightly])],
    )
    for n, case in enumerate(QUIET)
]


@pytest.mark.parametrize(
    ("params", "dt_ms", "duration_ms", "target"),
    [*((*case, "numpy") for case in QUIET), *QUIET_COMPILED],
)
def test_at_and_below_rheobase_no_neuron_fires(params, dt_ms, duration_ms, target):
    silent = rheobase(params)
    gap = (params.V_th - params.V_reset) / params.R
    ulps = [silent]
    for _ in range(8):
        ulps.append(np.nextafter(ulps[-1], np.inf))
    while params.V_rest + params.R * silent > params.V_th:  # V_th/R is rounded
        silent = np.nextafter(silent, -np.inf)
    currents = [silent, np.nextafter(silent, -np.inf), silent - 1e-12 * gap, *ulps, silent + gap]
    recording = simulate(
        currents,
        params,
        duration_ms=duration_ms,
        dt_ms=dt_ms,
        record=range(len(currents)),
        target=target,
    )
    assert not recording.count[:3].any()
    assert recording.count[-1] == spike_count(currents[-1], duration_ms, params) > 2
    assert np.isfinite(recording.membrane).all()
    for train in recording.spike_trains_ms:  # next above it, rounding decides, but in the run
        assert np.all((train > 0) & (train <= duration_ms))


# --- any step, any refractory period -----------------------------------------------------------


@TARGETS
@pytest.mark.parametrize("t_ref_ms", [0, 0.3, 1.0])
@pytest.mark.parametrize("dt_ms", [1.0, 10.0, 50.0, 500.0])
def test_several_spikes_in_a_step_are_exact(t_ref_ms, dt_ms, target):
    params = LIFParameters(t_ref_ms=t_ref_ms)
    currents = np.array([1.0, 2.01, 3.0, 9.7, 21.3, 800.0, 1e4])
    recording = simulate(
        currents, params, duration_ms=500, dt_ms=dt_ms, record=range(7), target=target
    )
    assert recording.count.max() > (400 if t_ref_ms == 1 else 1500)
    for current, train, count in zip(
        currents, recording.spike_trains_ms, recording.count, strict=True
    ):
        exact = spike_times(current, 500, params)
        assert len(train) == count == len(exact), (current, len(train), len(exact))
        np.testing.assert_allclose(train, exact, rtol=0, atol=TOLERANCE_MS)


def test_a_step_may_be_longer_than_the_shortest_interval():
    fast, slow = current_for_rate([199.0, 101.0])
    recording = simulate([fast, slow], duration_ms=50, dt_ms=10)
    assert recording.count.tolist() == [10, 5]


@TARGETS
@pytest.mark.parametrize(
    "params",
    [
        LIFParameters(V_th=-50, V_reset=-70, V_rest=-65, tau_ms=20, R=2, t_ref_ms=2),
        LIFParameters(V_rest=1.5, V_reset=-1),  # fires without input
        LIFParameters(V_rest=-3, reset="subtract"),
    ],
)
def test_resting_potentials_are_exact(params, target):
    currents = rheobase(params) + np.linspace(0.1, 20, 50) / params.R
    if params.V_rest > params.V_th:
        currents[0] = 0.0
    recording = simulate(currents, params, duration_ms=200, record=range(0, 50, 7), target=target)
    mismatches, time_error_s, _ = compare_with_closed_form(currents, recording, params)
    assert mismatches == 0
    assert time_error_s < 1e-13
    assert recording.count[0] > 0


# --- rounding that does not grow with the number of steps --------------------------------------


@pytest.mark.nightly
@pytest.mark.slow
def test_small_steps_lose_nothing_over_a_second():
    currents = current_for_rate(np.array([101.0, 149.0, 198.7]))
    recording = simulate(currents, duration_ms=1000, dt_ms=0.01, record=[0, 1, 2])
    for current, train in zip(currents, recording.spike_trains_ms, strict=True):
        exact = spike_times(current, 1000)
        assert len(train) == len(exact) > 100
        assert np.max(np.abs(train - exact)) < 1e-10  # 1e-13 s
