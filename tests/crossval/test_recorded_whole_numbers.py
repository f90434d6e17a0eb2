"""Recordings in whole numbers, against loops in integers that are written out here."""

import numpy as np
import pytest

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


@pytest.mark.parametrize("words", LEAKS)
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


@pytest.mark.slow
def test_nothing_is_claimed_of_v_that_no_rule_gives():
    x, V, spikes = recording(lambda v: (v >> 1) + (v >> 2), top=150)
    V[40::7] += 1
    assert not identify_recording(x, V, spikes).exact


def test_fractions_without_a_unit_have_no_rule():
    rng = np.random.default_rng(1)
    assert whole_updates(recorded(rng.normal(size=90), rng.normal(size=90), None)) == []
