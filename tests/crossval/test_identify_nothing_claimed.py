"""Live layers of which nothing can be claimed, and why: noise, state left over, coupling."""

import numpy as np
import pytest
from hand_written import stepped

from bio_scnn.crossval.identify import identify


def noisy(rng_of, shared=False):
    """LIF with noise from a generator that is had at the beginning of each call."""

    def run(x):
        rng, V = rng_of(), np.zeros(x.shape[1])
        spikes, shown = np.zeros(x.shape, int), np.zeros(x.shape)
        for n, value in enumerate(x):
            V = 0.9 * V + value + 0.05 * rng.normal(size=None if shared else V.shape)
            spikes[n] = V >= 1
            V = np.where(spikes[n] > 0, 0, V)
            shown[n] = V
        return spikes, shown

    return run


def test_noise_that_is_not_seeded_is_said():
    rng = np.random.default_rng(1)
    found = identify(noisy(lambda: rng))
    assert found.neuron is None
    assert "from call to call" in found.remarks[0]


@pytest.mark.sweep(2)
@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_noise_that_is_the_same_in_every_run_is_said(shared):
    found = identify(noisy(lambda: np.random.default_rng(1), shared))
    assert found.neuron is None
    assert any("noise that is the same in every run" in remark for remark in found.remarks)


def test_state_that_is_left_over_is_said():
    kept = {}

    def run(x):
        V = kept.get(x.shape[1], np.zeros(x.shape[1]))
        spikes = np.zeros(x.shape, int)
        for n, value in enumerate(x):
            V = 0.9 * V + value
            spikes[n] = V >= 1
            V = np.where(spikes[n] > 0, 0, V)
        kept[x.shape[1]] = V
        return spikes, None

    found = identify(run)
    assert found.neuron is None
    assert "state is left over" in found.remarks[0]


def test_V_that_is_not_a_number_is_said_in_one_line():
    def advance(state, x):
        V = 0.9 * state[0] + x
        fired = V >= 1
        V = np.where(fired, 0, V)
        return [np.where(V < -2, np.nan, V)], fired, V + np.where(V < -2, np.nan, 0)

    found = identify(stepped([0.0], advance))
    assert found.neuron is None
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith("V is nan in step ")


def test_V_that_is_not_drawn_at_a_spike_does_no_harm():
    def advance(state, x):
        V = 0.75 * state[0] + x
        fired = V >= 1
        V = np.where(fired, 0, V)
        return [V], fired, np.where(fired, np.nan, V)

    found = identify(stepped([0.0], advance))
    assert found.exact
    assert found.neuron.decay == 0.75


@pytest.mark.slow
def test_neurons_that_act_on_each_other_are_said_to():
    def advance(state, x):
        V = 0.9 * state[0] + x - 0.01 * state[0].mean()
        fired = V >= 1
        return [np.where(fired, 0, V)], fired, V

    found = identify(stepped([0.0], advance))
    assert found.neuron is None
    assert any("act on each other" in remark for remark in found.remarks)


@pytest.mark.slow
def test_a_quadratic_neuron_is_not_claimed():
    def advance(state, x):
        V = state[0] + 0.1 * (state[0] * (state[0] - 0.5) + x)
        fired = V >= 1
        return [np.where(fired, 0, V)], fired, np.where(fired, 0, V)

    found = identify(stepped([0.0], advance))
    assert not found.exact
    assert found.excluded
    assert any("not in proportion" in remark for remark in found.remarks)
