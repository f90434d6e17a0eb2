"""Recordings of neurons on chips: shifts that move V by a unit at least, several spikes a step."""

import numpy as np
import pytest

from bio_scnn.crossval.identify.numbers import unit_of
from bio_scnn.crossval.identify.recording import identify_recording

STEPS = 1000


def pulses(seed, share):
    return (np.random.default_rng(seed).random(STEPS) < share).astype(float)


def shifted_down(v, by):
    """Leak by a shift, as on Xylo chips: v less v >> by, and less 1 at least."""
    return v - int(np.sign(v)) * max(abs(v) >> by, 1) if v else 0


def on_a_chip(x, weight, of_V, of_S, threshold, most):
    """V after its spikes, and their number, in whole numbers; without a synapse if of_S = 0."""
    v = current = 0
    shown = []
    for pulse in x:
        current = (shifted_down(current, of_S) if of_S else 0) + weight * int(pulse)
        v = shifted_down(v, of_V) + current
        spikes = min(v // threshold, most) if v >= threshold else 0
        v -= spikes * threshold
        shown.append((v, spikes))
    V, spikes = np.array(shown).T
    return V.astype(float), spikes


SLOW = pytest.mark.slow
CHIPS = {
    "no synapse": ((127, 5, 0, 200, 15), 0.08, 1.0),
    "no synapse, V scaled": ((127, 5, 0, 200, 15), 0.08, 0.1 / 200),
    "synapse, sparse": pytest.param((120, 4, 3, 700, 15), 0.035, 1.0, marks=SLOW),
    "synapse, V scaled": pytest.param((60, 5, 4, 900, 31), 0.08, 0.1 / 900, marks=SLOW),
    "several spikes": pytest.param((127, 5, 3, 90, 15), 0.08, 0.1 / 90, marks=SLOW),
}


@pytest.mark.sweep(2)
@pytest.mark.parametrize(("numbers", "share", "unit"), CHIPS.values(), ids=CHIPS)
def test_a_shift_that_moves_V_by_a_unit_at_least_is_explained_bit_for_bit(numbers, share, unit):
    weight, of_V, of_S, threshold, _ = numbers
    x = pulses(3, share)
    V, spikes = on_a_chip(x, *numbers)
    assert spikes.sum() > 10
    found = identify_recording(x, V * unit, spikes)
    n = found.neuron
    assert found.spikes_wrong == 0
    assert found.V_explained == 1.0
    assert n.decay == 1 - 2.0**-of_V
    assert n.number_format.rounding in ("ceil", "away")
    assert not n.number_format.dead_zone
    assert (n.synapse.decay if of_S else 1.0) == 1 - 2.0**-of_S * (of_S > 0)
    gain = n.synapse.gain * n.gain if of_S else n.gain
    assert np.isclose(gain, weight * unit, rtol=1e-3)
    assert np.isclose(n.threshold, threshold * unit, rtol=1e-2)


@pytest.mark.nightly
@SLOW
def test_one_wrong_bit_is_not_explained():
    x = pulses(3, 0.08)
    V, spikes = on_a_chip(x, 127, 5, 0, 200, 15)
    V[400] += 1
    assert identify_recording(x, V, spikes).V_explained < 1


def through_a_synapse(x, a, b, gain, threshold, kind=np.float64):
    """V and spikes of a neuron behind a synapse that subtracts its threshold."""
    v, current, shown = kind(0), kind(0), []
    for pulse in x.astype(kind):
        current = kind(kind(b) * current + pulse)
        v = kind(kind(v * kind(a)) + kind(gain) * current)
        spike = int(v >= kind(threshold))
        v = kind(v - spike * kind(threshold))
        shown.append((float(v), spike))
    V, spikes = np.array(shown).T
    return V, spikes.astype(int)


@pytest.mark.parametrize(
    ("share", "gain", "threshold", "kind", "close"),
    [(0.035, 0.0327, 0.1, np.float32, 1e-5), (0.3, 0.5, 1.0, np.float64, 1e-9)],
    ids=["float32", "spikes in most steps"],
)
def test_a_synapse_is_found_in_single_precision_and_behind_many_spikes(
    share, gain, threshold, kind, close
):
    x = pulses(5, share)
    V, spikes = through_a_synapse(x, 0.95, 0.8, gain, threshold, kind)
    assert spikes.sum() > 25
    found = identify_recording(x, V, spikes)
    assert found.spikes_wrong == 0
    assert found.V_explained == 1.0
    assert np.isclose(found.neuron.decay, 0.95, rtol=close)
    assert np.isclose(found.neuron.synapse.decay, 0.8, rtol=close)
    assert found.neuron.subtracts


def test_a_unit_may_lie_between_the_two_nearest_values():
    counts = np.array([0, 4, 9, 21, 35, 46, 51, 58, 77, 90, 101])
    assert np.isclose(unit_of(counts * 0.3), 0.3)
    assert unit_of(np.random.default_rng(0).random(50)) is None
