"""`simulate` of IF, LI, CubaLIF and adaptive LIF, against the solution from event to event."""

from dataclasses import replace

import numpy as np
import pytest
from simulations import NEEDS_COMPILER, TOLERANCE_MS

from bio_scnn.errors import InputError
from bio_scnn.neuron.events import solve
from bio_scnn.neuron.hybrid_system import on_grid
from bio_scnn.neuron.models import (
    AdaptiveLIFParameters,
    CubaLIFParameters,
    IFParameters,
    LIParameters,
    hybrid_system,
)
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.simulation import simulate

NEURONS = {
    "adaptive": AdaptiveLIFParameters(tau_ms=20, tau_w_ms=100, b=0.2, t_ref_ms=2.5),
    "facilitating": AdaptiveLIFParameters(tau_ms=20, tau_w_ms=30, b=-0.2, tau_syn_ms=3),
    "IF": IFParameters(R=0.05, V_reset=-0.2, t_ref_ms=1.3),
    "LI": LIParameters(tau_ms=10, R=2, V_rest=-5, tau_syn_ms=3),
    "CubaLIF": CubaLIFParameters(tau_ms=20, tau_syn_ms=5, w=1.5, R=2, V_rest=0.2, t_ref_ms=2),
    "CubaLIF-equal-taus": CubaLIFParameters(tau_ms=20, tau_syn_ms=20, R=2, reset="subtract"),
}
STEPS_PER_STUDY = 140


def study(params, dt_ms, *, synaptic, target="numpy"):
    """A recording of `simulate` under a noisy current, and the exact solution of the same."""
    rng = np.random.default_rng(3)
    steps, neurons = round(STEPS_PER_STUDY / dt_ms), 12
    current = rng.normal(1.5, 2.0, (steps, neurons))
    events, rows = None, np.empty((0, 3))
    if synaptic:
        events = (rng.random(current.shape) < 0.05 * dt_ms) * rng.normal(0.5, 2.0, current.shape)
        rows = np.array([(n * dt_ms, i, events[n, i]) for n, i in np.argwhere(events)])
    recording = simulate(
        current,
        params,
        duration_ms=STEPS_PER_STUDY,
        dt_ms=dt_ms,
        synaptic_events=events,
        record=range(neurons),
        target=target,
    )
    return recording, solve(params, current, dt_ms=dt_ms, events=rows)


@pytest.mark.sweep(2)
@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize(
    ("dt_ms", "synaptic", "target"),
    [
        (0.5, False, "numpy"),
        (1.0, True, "numpy"),
        (7.0, True, "numpy"),
        pytest.param(
            1.0, True, "cython", marks=[NEEDS_COMPILER, pytest.mark.slow, pytest.mark.nightly]
        ),
    ],
)
def test_spikes_and_V_are_those_of_the_event_driven_solution(name, dt_ms, synaptic, target):
    recording, exact = study(NEURONS[name], dt_ms, synaptic=synaptic, target=target)
    for found, right in zip(recording.spike_trains_ms, exact.spike_times_ms, strict=True):
        assert len(found) == len(right)
        np.testing.assert_allclose(found, right, rtol=0, atol=TOLERANCE_MS)
    scale = np.abs(exact.membrane).max()
    np.testing.assert_allclose(recording.membrane[:, 1:].T, exact.membrane, atol=1e-12 * scale)
    # All but the leaky integrator fire, none of them on the grid.
    spikes = np.concatenate(recording.spike_trains_ms)
    assert (len(spikes) > 20) == (name != "LI")
    assert np.all(np.abs(spikes / dt_ms - np.rint(spikes / dt_ms)) > 1e-7)


def test_several_spikes_in_a_step_each_have_their_time():
    p = IFParameters(R=1.0, t_ref_ms=0.25)
    recording = simulate([2.0], p, duration_ms=10, dt_ms=5, record=[0])
    right = 0.5 + 0.75 * np.arange(13)
    np.testing.assert_allclose(recording.spike_trains_ms[0], right, atol=1e-12)


def test_a_refractory_period_may_be_any_time():
    p = IFParameters(R=1.0, t_ref_ms=3.4)
    recording = simulate([2.0], p, duration_ms=12, dt_ms=1, record=[0])
    np.testing.assert_allclose(recording.spike_trains_ms[0], [0.5, 4.4, 8.3], atol=1e-12)


def test_the_recorded_current_is_what_drives_V():
    p = AdaptiveLIFParameters(tau_ms=20, tau_w_ms=50, b=0.4)
    recording = simulate([4.0], p, duration_ms=30, record=[0])
    fired = recording.spike_trains_ms[0]
    assert len(fired) > 1
    n = int(np.ceil(fired[0]))  # the first step that starts after the spike
    w = 0.4 * np.exp(-(n - fired[fired < n]) / 50).sum()
    assert recording.current[0, n] == pytest.approx(4.0 - w, abs=1e-12)


def test_soft_and_hard_reset_are_one_where_V_crosses():
    for p in (NEURONS["CubaLIF"], NEURONS["adaptive"], LIFParameters(t_ref_ms=2)):
        trains = [
            simulate([9.0], replace(p, reset=reset), duration_ms=100, record=[0]).spike_trains_ms
            for reset in ("value", "subtract")
        ]
        assert len(trains[0][0]) > 3
        np.testing.assert_array_equal(trains[0][0], trains[1][0])


@pytest.mark.parametrize("name", ["LI", "CubaLIF", "CubaLIF-equal-taus", "adaptive"])
def test_stock_mode_is_the_neuron_on_the_grid(name):
    dt, p = 0.5, NEURONS[name]
    current = np.random.default_rng(0).uniform(0, 5, (200, 8))
    recording = simulate(current, p, duration_ms=100, dt_ms=dt, mode="stock", record=range(8))
    neuron = hybrid_system(p)
    # Brian2 dates a spike to the start of its step, and counts t_ref from there.
    neuron = replace(neuron, t_ref_ms=max(neuron.t_ref_ms - dt, 0.0))
    grid = on_grid(neuron, current, dt)
    for found, right in zip(recording.spike_trains_ms, grid.spike_times_ms, strict=True):
        np.testing.assert_allclose(found + dt, right, atol=1e-9)
    exact, _ = study(p, 0.5, synaptic=False)
    assert exact.mode != recording.mode
    assert (recording.total_spikes > 20) == (name != "LI")


def test_the_stock_mode_still_needs_whole_steps():
    with pytest.raises(InputError, match="t_ref_ms"):
        simulate([1.0], NEURONS["IF"], duration_ms=10, dt_ms=1, mode="stock")
    with pytest.raises(InputError, match="a neuron"):
        simulate([1.0], {"tau_ms": 20}, duration_ms=10)


@pytest.mark.nightly
@pytest.mark.slow
def test_noise_drives_the_others_as_it_drives_the_lif():
    p = CubaLIFParameters(tau_ms=20, tau_syn_ms=5, R=2)
    one, two = (simulate([2.0], p, duration_ms=200, noise_std=1.0, seed=s).count for s in (1, 1))
    assert one == two > 3
    I = simulate(  # noqa: E741 - the symbol of eq. 1
        [0.0], IFParameters(V_th=1e9), duration_ms=20_000, noise_std=0.7, seed=2, record=[0]
    ).current
    assert I.std() == pytest.approx(0.7, rel=0.15)
