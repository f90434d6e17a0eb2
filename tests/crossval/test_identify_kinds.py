"""Kinds of live neurons beyond the plain LIF: counts, spikes within steps, rest, adaptation.

Each layer is a loop written by hand. What is found is held against its constants, and against its
sentence of code.
"""

import math

import numpy as np
import pytest
from hand_written import hidden, stepped

from bio_scnn.crossval.identify import as_parameters, code_sentence, identify

# --- several spikes in a step -------------------------------------------------------------------


def counting(decay=0.8, threshold=0.7, size=0.7, most=np.inf):
    def advance(state, x):
        V = decay * state[0] + x
        count = np.clip(np.floor((V - threshold) / size) + 1, 0, most)
        return [V - count * size], count, V - count * size

    return stepped([0.0], advance)


def test_counts_of_spikes_in_a_step_are_told():
    found = identify(counting(decay=0.75, threshold=0.5, size=0.5))
    n = found.neuron
    assert found.exact
    assert found.spikes > 1000
    assert n.several
    assert (n.spike_size, n.most_spikes) == (None, np.inf)
    assert (n.decay, n.threshold, n.reset_keep, n.reset_to) == (0.75, 0.5, 1, -0.5)
    assert "floor(V / 0.5) spikes in a step; 0.5 subtracted for each" in code_sentence(n)


def test_a_bound_of_the_count_and_another_size_are_told():
    n = identify(counting(decay=0.75, threshold=0.5, size=1.0, most=4)).neuron
    assert (n.spike_size, n.most_spikes) == (1, 4)
    assert "floor(V - 0.5) + 1 spikes in a step, 4 at most" in code_sentence(n)


def test_counts_behind_a_synapse_are_told_from_spikes_alone():
    def advance(state, x):
        S = 0.75 * (state[1] + x)
        V = 0.9 * state[0] + S + 0.005
        count = np.maximum(np.floor(V), 0)
        return [V - count, S], count, V

    found = identify(hidden(stepped([0.0, 0.0], advance)))
    n = found.neuron
    assert found.spikes_wrong == 0
    assert n.several
    assert sorted([n.decay, n.synapse.decay]) == pytest.approx([0.75, 0.9], abs=1e-9)
    assert n.bias / n.threshold == pytest.approx(0.005, rel=1e-6)


# --- spikes within a step -----------------------------------------------------------------------


def within(tau, t_ref, *, floor=-np.inf, reset=0.0, jump=0.0):
    """LIF whose spikes are off the grid, one a step at most; V is exact for a held input."""

    def advance(state, x):
        V, wait, w = state
        drive, left = x - w, np.clip(1 - (wait - 1), 0, 1)
        V = drive + (V - drive) * np.exp(-left / tau)
        fired = V > 1
        over = np.where(fired, (V - drive) / np.where(fired, 1 - drive, 1), 1)
        since = tau * np.log(np.where(fired, 1 / over, 1))
        wait = np.where(fired, t_ref + 1 - since, wait - 1)
        V = np.where(fired, reset, np.maximum(V, floor))
        return [V, wait, 0.99 * w + jump * fired], fired, V

    return stepped([0.0, 0.0, 0.0], advance)


def test_spikes_within_steps_are_told_with_a_refractory_time_that_is_not_whole():
    found = identify(within(12.0, 2.3, reset=-0.25))
    n = found.neuron
    assert found.exact
    assert (n.crossing, n.reset_to) == ("within-step", -0.25)
    assert n.refractory == pytest.approx(2.3, abs=1e-6)
    assert n.decay == pytest.approx(math.exp(-1 / 12), abs=1e-10)
    assert "at the moment within the step at which V crosses" in code_sentence(n)


@pytest.mark.slow
def test_spikes_within_steps_are_told_from_spikes_alone():
    found = identify(hidden(within(20.0, 2.0, floor=0.0)))
    assert found.spikes_wrong == 0
    assert (found.neuron.crossing, found.neuron.floor) == ("within-step", 0)
    assert found.neuron.refractory == pytest.approx(2, abs=1e-6)


@pytest.mark.slow
def test_adaptation_within_steps_is_told():
    found = identify(within(20.0, 2.0, floor=0.0, jump=0.02))
    assert found.exact
    assert found.neuron.crossing == "within-step"
    assert found.neuron.adaptation.decay == pytest.approx(0.99, abs=1e-6)


# --- rest and start -----------------------------------------------------------------------------


def millivolts(start=-70.0, reset=-75.0, *, late=False):
    """LIF in mV and pA at 0.1 ms: rest -70, threshold -54; it decays to rest while refractory."""
    decay = math.exp(-0.1 / 15)

    def advance(state, x):
        V, left = state
        shown, free = V.copy(), left == 0
        V = -70 + (V + 70) * decay + np.where(free, 0.04 * (1 - decay) * x, 0)
        fired = free & (V >= -54)
        V = np.where(fired, reset, V)
        left = np.where(fired, 20, np.maximum(left - 1, 0))
        return [V, left], fired, shown if late else V

    return stepped([start, 0.0], advance)


def test_rest_threshold_and_reset_far_from_zero_are_told_in_their_own_unit():
    found = identify(millivolts(start=-66.0))
    n = found.neuron
    assert found.exact
    assert (n.threshold, n.reset_to, n.start) == pytest.approx((-54, -75, -66), abs=1e-8)
    assert n.bias / (1 - n.decay) == pytest.approx(-70, abs=1e-8)
    assert (n.refractory, n.while_refractory) == (20, "leaks")
    text = code_sentence(n)
    assert text.startswith("V <- -70 + 0.993356 (V + 70) + ")
    assert "V starts at -66" in text


def test_a_neuron_that_starts_at_its_rest_is_eq_1_counted_from_there():
    found = identify(millivolts(reset=-70.0))
    params, _ = as_parameters(found.neuron, 0.1)
    assert (params.tau_ms, params.R) == pytest.approx((15, 0.04), rel=1e-6)
    assert (params.V_th, params.V_reset) == pytest.approx((16, 0), abs=1e-8)
    assert params.t_ref_ms == pytest.approx(2)


def test_V_that_is_shown_a_step_late_is_told():
    found = identify(millivolts(late=True))
    assert found.exact
    assert found.V_shown == "after reset, a step late"
    assert any("a step late" in remark for remark in found.remarks)


def test_a_start_that_is_not_the_rest_is_told_from_spikes_alone():
    def advance(state, x):
        V = 0.9 * state[0] + x
        fired = V >= 1
        return [np.where(fired, 0, V)], fired, V

    n = identify(hidden(stepped([0.5], advance))).neuron
    assert (n.start, n.bias, n.threshold, n.reset_to) == (0.5, 0, 1, 0)


# --- adaptive thresholds ------------------------------------------------------------------------


def test_an_adaptive_threshold_that_is_subtracted_a_step_later_is_told():
    decay, rho, b0, beta = 0.9, 0.96, 0.1, 1.7

    def advance(state, x):
        V, b, fired = state
        b = rho * b + (1 - rho) * fired
        threshold = b0 + beta * b
        V = decay * V + (1 - decay) * x - threshold * fired
        now = (V > threshold) * 1.0
        return [V, b, now], now, V

    found = identify(stepped([0.0, 0.0, 0.0], advance))
    n = found.neuron
    assert found.exact
    assert (n.adaptation.on, n.adaptation.subtracted) == ("threshold", "raised")
    assert n.adaptation.decay == pytest.approx(rho, abs=1e-8)
    assert n.adaptation.jump == pytest.approx((1 - rho) * beta, rel=1e-6)
    assert (n.threshold, n.reset_when) == (pytest.approx(b0), "after-update")
    assert "0.1 + w, after its jump, subtracted at the end of the next step" in code_sentence(n)


def test_an_adaptive_threshold_is_counted_too():
    def advance(state, x):
        V, b = 0.75 * state[0] + x, state[1]
        threshold = 1 + 2 * b
        count = np.maximum(np.floor(V / threshold), 0)
        V = V - count * threshold
        return [V, 0.9375 * b + 0.0625 * count], count, V

    found = identify(stepped([0.0, 0.0], advance))
    n = found.neuron
    assert found.exact
    assert n.several
    assert (n.adaptation.decay, n.adaptation.jump) == pytest.approx((0.9375, 0.125), rel=1e-8)
    assert "floor(V / (1 + w)) spikes in a step; 1 + w subtracted for each" in code_sentence(n)


def test_an_adaptive_threshold_with_a_hard_reset_and_a_refractory_period_is_told():
    def advance(state, x):
        V, w, left = state
        free = left == 0
        V = np.where(free, 0.9 * V + x, V)
        fired = free & (V >= 1 + w)
        w = 0.95 * w + 0.2 * fired
        return [np.where(fired, 0, V), w, np.where(fired, 3, np.maximum(left - 1, 0))], fired, V

    found = identify(hidden(stepped([0.0, 0.0, 0.0], advance)))
    n = found.neuron
    assert found.spikes_wrong == 0
    assert (n.refractory, n.adaptation.on, n.adaptation.subtracted) == (3, "threshold", "no")
    assert n.adaptation.jump / n.threshold == pytest.approx(0.2, rel=1e-6)


# --- resets -------------------------------------------------------------------------------------


def test_a_reset_that_is_not_applied_twice_is_told():
    """The reset of the next step is moved up, and taken back where V stays above the threshold."""

    def advance(state, x):
        again = state[0] > 0.5
        V = 0.75 * state[0] + x - 0.5 * again
        fired = V > 0.5
        V = V - 0.5 * fired + 0.5 * again
        return [V], fired, V

    found = identify(stepped([0.0], advance))
    assert found.exact
    assert found.neuron.tested == "reduced"
    assert "tested on V - 0.5 where V stayed above it" in code_sentence(found.neuron)


def test_what_is_subtracted_behind_a_synapse_need_not_be_the_threshold():
    def advance(state, x):
        V, S = state
        fired = V > 1
        S = 0.6 * S + x
        V = 0.8 * (V - fired) + S - fired
        return [V, S], fired, V

    found = identify(hidden(stepped([0.0, 0.0], advance)))
    n = found.neuron
    assert found.spikes_wrong == 0
    late = n.reset_to if n.reset_when == "after-update" else n.decay * n.reset_to
    assert late / n.threshold == pytest.approx(-1.8, rel=1e-6)


def test_one_spike_at_most_is_told():
    def advance(state, x):
        V, over = 0.9 * state[0] + x, state[1]
        fired = (V >= 1) & (over == 0)
        return [np.where(fired, 0, V), over + fired], fired, np.where(fired, 0, V)

    found = identify(stepped([0.0, 0.0], advance))
    assert found.exact
    assert (found.neuron.refractory, found.neuron.reset_to) == (np.inf, 0)
    assert "one spike at most" in code_sentence(found.neuron)


# --- bounds and dead zones ----------------------------------------------------------------------


@pytest.mark.parametrize("ceiling", [1.5, 8.0])
def test_a_ceiling_above_the_threshold_is_told(ceiling):
    def advance(state, x):
        V = np.minimum(0.9 * state[0] + x, ceiling)
        fired = V >= 1
        return [V - fired], fired, V - fired

    found = identify(stepped([0.0], advance))
    assert found.exact
    assert found.neuron.ceiling == ceiling
    assert f"V kept at {ceiling:g} or below" in code_sentence(found.neuron)


@pytest.mark.parametrize("of", ["input", "change"])
def test_a_dead_zone_is_told(of):
    def advance(state, x):
        if of == "input":
            V = 0.75 * state[0] + np.where(np.abs(x) > 0.0625, x, 0)
        else:
            change = x - 0.25 * state[0]
            V = state[0] + np.where(np.abs(change) > 0.0625, change, 0)
        fired = V >= 1
        return [np.where(fired, 0, V)], fired, np.where(fired, 0, V)

    found = identify(stepped([0.0], advance))
    n = found.neuron
    assert found.exact
    assert (n.dead_input, n.dead_change) == ((0.0625, 0) if of == "input" else (0, 0.0625))
    words = "x of size 0.0625 or less taken as 0" if of == "input" else "0.0625 or less left out"
    assert words in code_sentence(n)


def test_a_leaky_integrator_that_never_fires_is_told_by_its_V():
    def advance(state, x):
        V = 0.9 * state[0] + 0.1 * x
        return [V], 0 * V, V

    layer = stepped([0.0], advance)
    found = identify(layer)
    assert (found.neuron.decay, found.neuron.gain) == pytest.approx((0.9, 0.1))
    assert code_sentence(found.neuron) == "V <- 0.9 V + 0.1 x; never fires"
    assert identify(hidden(layer)).neuron is None


def test_a_threshold_tested_before_the_update_is_told_with_the_unit_of_V():
    """Spyx's ALIF: V above the adapted threshold fires in the next step, which subtracts it."""

    def layer(x):
        V, w = np.zeros((2, x.shape[1]))
        spikes, shown = [], []
        for x_n in x:
            threshold = 1 + w
            spikes.append(threshold < V)
            V = 0.8 * V + x_n - spikes[-1] * threshold
            w = 0.9 * w + 0.1 * spikes[-1]
            shown.append(V)
        return np.array(spikes), np.array(shown)

    found = identify(layer)
    assert found.V_explained == 1
    assert code_sentence(found.neuron) == (
        "V <- 0.8 V + x; fires above 1 + w, tested on V before the update; 1 + w subtracted in "
        "the same step; w <- 0.9 w + 0.1 spike, added to the threshold"
    )
