"""`simulate` with an Ornstein-Uhlenbeck current."""

import numpy as np
from simulations import BAND, TARGETS, TOLERANCE_MS, event_driven

from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.neuron.simulation import simulate


def test_noise_has_the_stated_variance_and_correlation():
    neurons, steps, std = 4000, 60, 0.1
    recording = simulate(
        np.full(neurons, 5.0),
        duration_ms=steps,
        noise_std=std,
        seed=11,
        record=range(neurons),
    )
    x = (recording.current - 5.0) / std
    # Neurons are independent: an estimate from n of them has the standard error below.
    for lag in (0, 1, 10, 30):
        a, b = x[:, 20], x[:, 20 + lag]
        rho = np.exp(-lag / TABLE_1.tau_noise_ms)
        z = (np.mean(a * b) - rho) / np.sqrt((1 + rho**2) / neurons)
        assert abs(z) < 4, (lag, z)
    z_start = (np.mean(x[:, 0] ** 2) - 1) / np.sqrt(2 / neurons)
    z_mean = np.mean(x[:, -1]) * np.sqrt(neurons)
    assert abs(z_start) < 4, "stationary from the start"
    assert abs(z_mean) < 4


@TARGETS
def test_noise_is_reproducible_and_leaves_the_global_generator_alone(target):
    np.random.seed(1)  # noqa: NPY002 - the legacy state is what must not change
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - as above
    keywords = {"duration_ms": 50, "noise_std": 2.0, "record": [1, 7], "target": target}
    one = simulate(BAND[:50], seed=4, **keywords)
    two = simulate(BAND[:50], seed=4, **keywords)
    other = simulate(BAND[:50], seed=5, **keywords)
    for field in ("count", "first_spike_ms", "last_spike_ms", "membrane", "current"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))
    assert not np.array_equal(one.first_spike_ms, other.first_spike_ms)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002 - as above
    # The noise itself does not depend on the target.
    numpy = simulate(BAND[:50], seed=4, **{**keywords, "target": "numpy"})
    np.testing.assert_array_equal(one.current, numpy.current)


def test_noisy_spikes_are_exact_given_the_noise():
    recording = simulate(BAND[::200], duration_ms=100, noise_std=3.0, seed=2, record=range(50))
    for train, current in zip(recording.spike_trains_ms, recording.current, strict=True):
        expected = event_driven(current, 1.0, TABLE_1)
        assert len(train) == len(expected)
        np.testing.assert_allclose(train, expected, atol=TOLERANCE_MS)
