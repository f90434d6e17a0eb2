"""Recordings in whole numbers, against loops in integers that are written out here."""

import numpy as np
import pytest

from bio_scnn.crossval.identify import identify
from bio_scnn.crossval.identify.recording import identify_recording, recorded
from bio_scnn.crossval.identify.whole.recorded import whole_updates


def recording(leak, *, top=400, current=None, word=16, steps=300):
    """Input, V and spikes of ``v <- leak(v) + x`` in a word that saturates, reset to 0."""
    rng = np.random.default_rng(3)
    x = rng.integers(-40, 110, steps)
    v, s, shown, spikes = 0, 0, [], []
    for now in x.tolist():
        drive = now
        if current is not None:
            s = current(s) + drive
            drive = s
        v = leak(v) + drive
        v = min(max(v, -(1 << (word - 1))), (1 << (word - 1)) - 1)
        spikes.append(v >= top)
        v = 0 if spikes[-1] else v
        shown.append(v)
    return x.astype(float), np.array(shown, float), np.array(spikes, float)


def towards_zero(k, bits):
    return lambda v: (abs(v) * k >> bits) * (1 if v >= 0 else -1)


LEAKS = {
    "(V >> 1) + (V >> 2)": {"leak": lambda v: (v >> 1) + (v >> 2), "top": 150},
    "the lowest 3 bits of V dropped": {"leak": lambda v: (v >> 3) * 29 >> 2, "top": 300},
    "decay S": {
        "leak": towards_zero(3900, 12),
        "current": towards_zero(3000, 12),
        "top": 1500,
        "word": 20,
    },
}


@pytest.mark.parametrize(
    "words", ["decay S", *(pytest.param(w, marks=pytest.mark.slow) for w in list(LEAKS)[:2])]
)
def test_rules_of_live_layers_explain_a_recording_in_its_units(words):
    x, V, spikes = recording(**LEAKS[words])
    found = identify_recording(x / 8, V / 64, spikes)
    assert spikes.sum() > 3
    assert found.exact
    assert words in str(found)
    assert found.neuron.number_format.unit == 1 / 64
    assert found.neuron.synapse or found.neuron.gain == 1 / 8


def test_joint_product():
    x = np.random.default_rng(0).integers(-40, 100, 300)
    v, shown, spikes = 0, [], []
    for now in x.tolist():
        v = (v * 230 + now * 77) >> 8
        spikes.append(v >= 100)
        v = 0 if spikes[-1] else v
        shown.append(v)
    found = identify_recording(x, shown, spikes)
    assert found.exact
    assert found.neuron.number_format.joint
    assert (found.neuron.decay, found.neuron.gain) == (230 / 256, 77 / 256)


def s16_15(x, keep=31171):
    """Neuron of SpiNNaker's kind: ``V <- x - (x - V) k`` in s16.15, held for two steps."""
    x = np.rint(np.asarray(x) * 2**15).astype(np.int64)
    V, left = np.zeros(x.shape[1], np.int64), np.zeros(x.shape[1], np.int64)
    spikes, shown = np.zeros(x.shape, int), np.zeros(x.shape)
    for t, now in enumerate(x):
        V = np.where(left > 0, V, now - ((now - V) * keep >> 15))
        fired = (left == 0) & (V >= 2**15)
        left = np.where(fired, 2, np.maximum(left - 1, 0))
        V = np.where(fired, 0, V)
        spikes[t], shown[t] = fired, V / 2**15
    return spikes, shown


def test_s16_15_is_told_from_a_float_live_and_recorded():
    x = np.random.default_rng(1).uniform(0, 4, (300, 1))
    spikes, V = s16_15(x)
    for found in (identify(s16_15), identify_recording(x, V, spikes)):
        assert found.exact
        assert "s16.15" in str(found)
        form = found.neuron.number_format
        assert (form.unit, form.joint, form.rounding) == (2.0**-15, True, "ceil")
        assert found.neuron.decay == 31171 / 2**15
        assert found.neuron.refractory == 2


@pytest.mark.nightly
@pytest.mark.slow
def test_nothing_is_claimed_of_v_that_no_rule_gives():
    x, V, spikes = recording(lambda v: (v >> 1) + (v >> 2), top=150)
    V[40::7] += 1
    assert not identify_recording(x, V, spikes).exact


def test_fractions_without_a_unit_have_no_rule():
    rng = np.random.default_rng(1)
    assert whole_updates(recorded(rng.normal(size=90), rng.normal(size=90), None)) == []


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("decayed", "threshold", "soft"),
    [(lambda V: V - (V >> 3), 40, False), (lambda V: V * 230 >> 8, 40, True)],
    ids=["shift", "fraction-soft"],
)
def test_whole_numbers_behind_spikes_alone(decayed, threshold, soft):
    x = np.random.default_rng(4).integers(-10, 25, 1500)
    V, spikes = 0, []
    for now in x:
        V = decayed(V) + int(now)
        spikes.append(V >= threshold)
        if spikes[-1]:
            V = V - threshold if soft else 0
    assert sum(spikes) > 20
    found = identify_recording(x, None, spikes)
    assert found.exact
    assert found.neuron.subtracts == soft
    assert found.neuron.decay == (230 / 256 if soft else 0.875)
    # The threshold is known up to V that never came.
    assert abs(found.neuron.threshold - threshold) <= (0 if soft else 3)
    assert any("whole multiple of the input's unit" in remark for remark in found.remarks)


def test_spikes_of_chance_have_no_whole_numbers_behind_them():
    rng = np.random.default_rng(5)
    found = identify_recording(rng.integers(0, 50, 180), None, rng.random(180) < 0.1)
    assert not found.exact
