"""`simulate` under currents that step, against an event-driven solution."""

import numpy as np
import pytest
from fifty_digits import largest_time_error_ms
from simulations import NIGHTLY_TARGETS, OTHER, TOLERANCE_MS, event_driven

from bio_scnn.neuron.closed_form import rheobase
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.simulation import simulate

NIGHTLY = [pytest.mark.slow, pytest.mark.nightly]


@NIGHTLY_TARGETS
@pytest.mark.parametrize(("params", "dt_ms"), [(TABLE_1, 0.1), (TABLE_1, 1.0), (OTHER, 0.5)])
def test_currents_that_step_are_exact(params, dt_ms, target):
    rng = np.random.default_rng(3)
    steps, neurons = round(200 / dt_ms), 60
    # Half of the neurons get a new current at every step, half at random grid times; with
    # refractory periods of 1 to 10 steps, many changes fall inside one.
    current = rng.uniform(-10, 60, (steps, neurons))
    for neuron in range(0, neurons, 2):
        change = rng.random(steps) < 0.05
        change[0] = True
        current[:, neuron] = current[np.maximum.accumulate(np.where(change, range(steps), 0)), 0]
        current[:, neuron] = (
            rng.permutation(current[:, neuron])
            if neuron % 4
            else current[np.maximum.accumulate(np.where(change, range(steps), 0)), neuron + 1]
        )
    recording = simulate(
        current, params, duration_ms=200, dt_ms=dt_ms, record=range(neurons), target=target
    )
    worst, inside = 0.0, 0
    for neuron, train in enumerate(recording.spike_trains_ms):
        expected = event_driven(current[:, neuron], dt_ms, params)
        assert len(train) == recording.count[neuron] == len(expected), neuron
        worst = max(worst, np.max(np.abs(train - expected), initial=0.0))
        changes = dt_ms * (1 + np.flatnonzero(np.diff(current[:, neuron])))
        since = changes - expected[np.maximum(np.searchsorted(expected, changes) - 1, 0)]
        inside += np.sum((since > 0) & (since < params.t_ref_ms))
    assert inside > 100, "no current stepped inside a refractory period"
    assert np.mean(recording.count > 5) > 0.9
    assert worst <= TOLERANCE_MS, worst


@NIGHTLY_TARGETS
@pytest.mark.parametrize(
    ("dt_ms", "t_ref_ms"),
    [
        *((2.0, t_ref_ms) for t_ref_ms in (0, 0.3, 2.0)),
        pytest.param(30.0, 0.3, marks=pytest.mark.slow),
        *(pytest.param(30.0, t_ref_ms, marks=NIGHTLY) for t_ref_ms in (0, 30.0)),
    ],
)
def test_any_refractory_period_and_step_against_50_digits(t_ref_ms, dt_ms, target):
    params = LIFParameters(
        V_th=0.7, V_reset=-0.4, V_rest=-0.2, t_ref_ms=t_ref_ms, tau_ms=13.0, C_ms=30.0
    )
    rng = np.random.default_rng(7)
    current = rng.uniform(-10, 30, (20, 6)) * rng.choice([1, 1, 10], (20, 6))
    recording = simulate(
        current, params, duration_ms=20 * dt_ms, dt_ms=dt_ms, record=range(6), target=target
    )
    assert largest_time_error_ms(recording, current, params) <= TOLERANCE_MS
    assert recording.count.min() > 2


@NIGHTLY_TARGETS
def test_a_neuron_held_at_rheobase_is_not_dead(target):
    params = LIFParameters(tau_ms=1.0)
    current = np.full((100, 3), rheobase(params))
    current[:60, 1] *= 1 - 1e-12
    current[:60, 2] = 0
    current[60:] *= 2
    recording = simulate(current, params, duration_ms=100, record=range(3), target=target)
    assert np.isfinite(recording.membrane).all()
    at_once, nearly, from_rest = recording.spike_trains_ms
    assert at_once[0] == pytest.approx(60, abs=1e-9)
    assert nearly[0] == pytest.approx(60, abs=1e-9)
    assert from_rest[0] == pytest.approx(60 + np.log(2), abs=1e-12)
    assert recording.count.tolist() == [24, 24, 24]
