"""Synapses with two currents, and synapses that a spike clears: stepped, identified, told."""

import numpy as np
import pytest

from bio_scnn.crossval.identify import SteppedNeuron, Synapse, code_sentence, identify, step
from bio_scnn.crossval.identify.currents import Second


def alpha(x):
    S, A, V = np.zeros((3, x.shape[1]))
    spikes, shown = [], []
    for x_n in x:
        S = 0.7 * S + x_n
        A = 0.7 * A + 0.3 * S
        V = 0.9 * V + 0.2 * A
        spikes.append(V > 1)
        V = np.where(spikes[-1], 0, V)
        shown.append(V)
    return np.array(spikes), np.array(shown)


def two_side_by_side(x):
    S, A, V = np.zeros((3, x.shape[1]))
    spikes = []
    for x_n in x:
        S, A = 0.5 * S + x_n, 0.95 * A - 0.1 * x_n
        V = 0.85 * V + 0.1 * (S + A)
        spikes.append(V >= 1)
        V = V - spikes[-1]
    return np.array(spikes), None


def cleared(x):
    S, V = np.zeros((2, x.shape[1]))
    spikes = []
    for x_n in x:
        S = 0.6 * S + x_n
        V = 0.95 * V + 0.05 * S
        spikes.append(V >= 1)
        S, V = np.where(spikes[-1], 0, S), np.where(spikes[-1], 0, V)
    return np.array(spikes), None


def difference_of_two(x):
    """The neuron that snnTorch calls Alpha: V is the difference of two currents, reset late."""
    e, i, V = np.zeros((3, x.shape[1]))
    spikes, shown = [], []
    for x_n in x:
        keep = V <= 1
        e, i = (0.9 * e + x_n) * keep, (0.8 * i - x_n) * keep
        V = 2 * (e + i)
        spikes.append(V > 1)
        shown.append(V)
    return np.array(spikes), np.array(shown)


def three_in_a_row(x):
    S, A, B, V = np.zeros((4, x.shape[1]))
    spikes = []
    for x_n in x:
        S = 0.7 * S + x_n
        A = 0.8 * A + 0.3 * S
        B = 0.6 * B + 0.3 * A
        V = 0.9 * V + 0.2 * B
        spikes.append(V > 1)
        V = np.where(spikes[-1], 0, V)
    return np.array(spikes), None


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (
            alpha,
            "S <- 0.7 S + x; A <- 0.7 A + S; V <- 0.9 V + 0.06 A; fires above 1; reset to 0 in "
            "the same step",
        ),
        (
            two_side_by_side,
            "S <- 0.5 S + x; A <- 0.95 A - 0.1 x; V <- 0.85 V + 0.1 (S + A); fires above 1; 1 "
            "subtracted in the same step",
        ),
        (
            cleared,
            "S <- 0.6 S + x; V <- 0.95 V + S; fires from 20 on; reset to 0, S to 0, in the same "
            "step",
        ),
        (
            difference_of_two,
            "S <- 0.8 S + x; V <- 0.9 V + 0.2 S(1 step ago); fires above 1; reset to 0, S to 0, "
            "at the end of the next step",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_they_are_identified(layer, sentence):
    found = identify(layer)
    assert found.spikes_explained == 1
    assert code_sentence(found.neuron).replace("from 1 on", "above 1") == sentence
    x = np.random.default_rng(5).normal(0.6, 6.0, (300, 4))  # another input than the search's
    right = np.asarray(layer(x)[0])
    assert right.sum() > 20
    assert np.array_equal(step(found.neuron, x).spikes > 0, right)


def test_a_third_current_is_not_claimed():
    found = identify(three_in_a_row)
    assert found.neuron is None or found.spikes_explained < 0.999


@pytest.mark.parametrize("when", ["same-step", "next-step", "after-update"])
@pytest.mark.parametrize("fresh", [True, False])
def test_a_cleared_synapse_is_stepped_as_by_hand(when, fresh):
    synapse = Synapse(0.8, 0.5, fresh, Second(0.6, 0.7), cleared=True)
    neuron = SteppedNeuron(
        decay=0.9, gain=2.0, bias=0.01, reset_when=when, refractory=2, synapse=synapse
    )
    x = np.random.default_rng(1).normal(0.2, 1.0, 400)
    S = A = V = 0.0
    left, pending, spikes = 0, False, []
    for x_n in x:
        if pending and when == "next-step":
            S = A = V = 0.0
        before = A
        S = 0.8 * S + 0.5 * x_n
        A = 0.6 * A + 0.7 * S
        if left == 0:
            V = 0.9 * V + 2 * (A if fresh else before) + 0.01
        if pending and when == "after-update":
            S = A = V = 0.0
        pending = left == 0 and V >= 1
        left = 2 if pending else max(left - 1, 0)
        if pending and when == "same-step":
            S = A = V = 0.0
        spikes.append(pending)
    assert 10 < sum(spikes) < 200
    assert np.array_equal(step(neuron, x[:, None]).spikes[:, 0] > 0, spikes)


@pytest.mark.parametrize("behind", [True, False])
def test_the_gain_of_two_currents_is_where_they_settle(behind):
    synapse = Synapse(0.8, 0.5, second=Second(0.6, 0.7, behind))
    never = SteppedNeuron(decay=0.0, threshold=np.inf, synapse=synapse)
    settled = step(never, np.ones((200, 1))).V[-1, 0]
    assert settled == pytest.approx(synapse.steady, rel=1e-12)
