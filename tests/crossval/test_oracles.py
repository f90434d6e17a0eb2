"""The oracles agree with the closed form, with Brian2, and with one another."""

import numpy as np
import pytest

from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.follow import follow
from bio_scnn.crossval.oracles.grid import crossing_steps, grid_trace
from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import first_spike_ms, membrane, rheobase, spike_times
from bio_scnn.neuron.events import exact_trace
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.simulation import simulate
from bio_scnn.neuron.trace import Trace

OTHER = LIFParameters(V_th=1.5, V_reset=-0.5, t_ref_ms=3, tau_ms=20, C_ms=30)


@pytest.mark.parametrize("t_ref_ms", [0.0, 1.0, 2.37])
def test_events_give_the_closed_form_under_constant_currents(t_ref_ms):
    params = LIFParameters(t_ref_ms=t_ref_ms)
    currents = np.array([1.9, 2.1, 10.0, 21.0, 400.0])
    trace = exact_trace(drives.held(currents, 200), 0.5, params)
    for neuron, current in enumerate(currents):
        expected = spike_times(current, 100, params)
        np.testing.assert_allclose(trace.spike_times_ms[neuron], expected, rtol=1e-11)
    assert len(trace.spike_times_ms[-1]) > 30  # several in a step, without a refractory period
    t = 0.5 * np.arange(1, 201)
    V = membrane(t[:, None], currents[:3], params)
    np.testing.assert_allclose(trace.membrane[:, :3], V, atol=1e-12)


@pytest.mark.parametrize("make", [drives.stepping, drives.noise])
def test_events_agree_with_brian2_when_currents_change(make):
    extra = {"coloured": True} if make is drives.noise else {}
    current = make(TABLE_1, 0.5, 400, 30, **extra)
    trace = exact_trace(current, 0.5, TABLE_1)
    recording = simulate(current, duration_ms=200, dt_ms=0.5, record=range(30))
    assert recording.total_spikes > 200
    for one, other in zip(trace.spike_times_ms, recording.spike_trains_ms, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)
    np.testing.assert_allclose(trace.membrane.T, recording.membrane[:, 1:], atol=1e-11)


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_the_on_grid_oracle_is_the_floor(dt):
    current = drives.rates(TABLE_1, dt)
    found = grid_trace(drives.held(current, round(200 / dt)), dt, TABLE_1)
    isi = TABLE_1.t_ref_ms + dt * np.ceil(first_spike_ms(current) / dt)
    for neuron in range(len(current)):
        times = dt * (1 + np.flatnonzero(found.raster[:, neuron]))
        assert len(times) > 5
        np.testing.assert_allclose(np.diff(times), isi[neuron])
        np.testing.assert_allclose(times[0], isi[neuron] - TABLE_1.t_ref_ms)
    np.testing.assert_allclose(1e3 / isi, drives.rate_floor(current, dt, TABLE_1))


def test_labels_lead_back_to_the_step_of_the_crossing():
    steps = np.array([3, 4, 90])
    raster = np.zeros((100, 1))
    raster[steps] = 1
    for label in ("end", "start"):
        trace = Trace.from_raster(raster, 0.1, label=label)
        assert crossing_steps(trace, 0.1, label)[0].tolist() == steps.tolist()
    inside = Trace(((steps + 0.4) * 0.1,))
    assert crossing_steps(inside, 0.1, "exact")[0].tolist() == steps.tolist()


@pytest.mark.parametrize("params", [TABLE_1, OTHER])
def test_the_level_of_a_current_is_where_it_brings_v(params):
    assert drives.level(params, 1.0) == pytest.approx(rheobase(params), rel=1e-15)
    current = drives.held(drives.level(params, [-2.0, 0.0, 0.3]), 4000)
    V = exact_trace(current, 0.1, params).membrane[-1]
    way = params.V_th - params.V_reset
    np.testing.assert_allclose(V, params.V_reset + way * np.array([-2.0, 0.0, 0.3]), atol=1e-4)


@pytest.mark.parametrize("tolerance", [1e-9, np.inf])
@pytest.mark.parametrize("params", [TABLE_1, OTHER])
def test_followed_from_its_own_spikes_the_perfect_neuron_is_itself(params, tolerance):
    current = drives.stepping(params, 0.5, 600, 8)
    found = grid_trace(current, 0.5, params)
    assert found.raster.sum() > 100
    followed = follow(found.raster, current, 0.5, params, tolerance)
    assert (followed.missed, followed.extra, followed.largest) == (0, 0, 0)
    np.testing.assert_allclose(followed.after, found.membrane, atol=1e-12)
    np.testing.assert_allclose(followed.before, found.before_reset, atol=1e-12)


def test_v_restarts_at_the_spikes_that_are_followed_and_at_no_other():
    current = drives.held(drives.rates(TABLE_1, 0.5, 1), 200)
    raster = grid_trace(current, 0.5, TABLE_1).raster
    first, second = np.flatnonzero(raster[:, 0])[:2]
    raster[first] = False
    judged = follow(raster, current, 0.5, TABLE_1, tolerance=1e-9)
    assert (judged.missed, judged.extra) == (1, 0)
    V = follow(raster, current, 0.5, TABLE_1, tolerance=np.inf).after[:, 0]
    assert V[second - 1] > TABLE_1.V_th
    assert V[second] == TABLE_1.V_reset


def test_endless_firing_is_refused_and_infinite_currents_do_not_fire():
    params = LIFParameters(t_ref_ms=0)
    current = np.array([[20.0, np.inf, np.nan]] * 100)
    trace = exact_trace(current, 0.1, params)
    assert [len(train) for train in trace.spike_times_ms] == [2, 0, 0]
    with pytest.raises(InputError, match="fire over 100,000 times in a step"):
        exact_trace(np.full((3, 1), 1e300), 0.1, params)
