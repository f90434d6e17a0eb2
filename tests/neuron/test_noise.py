"""Ornstein-Uhlenbeck noise has its variance and its correlation at any time step."""

import math

import numpy as np
import pytest

from bio_scnn.neuron.noise import ornstein_uhlenbeck, ou_factors


@pytest.mark.parametrize("dt_ms", [1e-9, 0.1, 1.0, 10.0, 1e3])
def test_two_short_steps_are_one_long_step(dt_ms):
    keep, renew = ou_factors(dt_ms, 10.0)
    longer, renewed = ou_factors(2 * dt_ms, 10.0)
    assert keep**2 == pytest.approx(longer, rel=1e-14)
    assert (keep * renew) ** 2 + renew**2 == pytest.approx(renewed**2, rel=1e-14)
    assert keep**2 + renew**2 == pytest.approx(1, rel=1e-15)
    # Where 1 - keep**2 has lost its digits, renew has them all.
    assert renew**2 == pytest.approx(2 * dt_ms / 10, rel=dt_ms / 10) or dt_ms > 0.1


@pytest.mark.parametrize(("dt_ms", "tau_ms"), [(0.1, 10.0), (1.0, 10.0), (5.0, 2.0)])
def test_variance_and_correlation(dt_ms, tau_ms):
    steps, neurons = 400, 5000
    x = ornstein_uhlenbeck(steps, neurons, dt_ms, tau_ms, np.random.default_rng(1))
    assert x.shape == (steps, neurons)
    for row in (0, 1, steps // 2, steps - 1):  # stationary from the first step on
        assert x[row].var() == pytest.approx(1, abs=5 * math.sqrt(2 / neurons))
        assert x[row].mean() == pytest.approx(0, abs=5 / math.sqrt(neurons))
    lag = max(1, round(tau_ms / dt_ms))
    found = np.mean(x[-1] * x[-1 - lag])
    assert found == pytest.approx(math.exp(-lag * dt_ms / tau_ms), abs=5 / math.sqrt(neurons))
    assert abs(np.mean(x[:, 1:] * x[:, :-1])) < 0.01


def test_the_generator_decides():
    one, same, other = (
        ornstein_uhlenbeck(5, 3, 0.1, 10.0, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
