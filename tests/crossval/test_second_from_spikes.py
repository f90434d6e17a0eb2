"""Spikes of neurons with a bias, a synapse or an adaptation, without V."""

import numpy as np
import pytest

from bio_scnn.crossval.identify.recording import identify_recording

STEPS = 2000


def spikes_of(x, kind):
    """Spikes of V <- 0.9 V + drive at threshold 1, reset to 0."""
    V = S = w = 0.0
    spikes = []
    for now in x:
        S = 0.7 * S + now
        drive = {"synapse": S, "bias": now + 0.05}.get(kind, now)
        V = 0.9 * V + drive
        spikes.append(int(V >= 1 + (w if kind == "threshold" else 0)))
        w = 0.95 * w + 0.3 * spikes[-1]
        V = 0.0 if spikes[-1] else V
    assert 50 < sum(spikes) < STEPS / 2
    return spikes


@pytest.mark.slow
@pytest.mark.sweep(3)
@pytest.mark.parametrize(
    ("kind", "level"), [("threshold", 0.25), ("synapse", 0.06), ("bias", 0.12)]
)
def test_the_second_variable_is_told(kind, level):
    x = np.random.default_rng(1).normal(level, level, STEPS)
    found = identify_recording(x, None, spikes_of(x, kind))
    assert found.exact
    neuron = found.neuron
    assert np.isclose(neuron.decay, 0.9, atol=0.01)
    assert np.isclose(neuron.gain, 1.0, rtol=0.05)
    assert (neuron.synapse is not None) == (kind == "synapse")
    assert (neuron.adaptation is not None) == (kind == "threshold")
    if kind == "synapse":
        assert neuron.synapse.fresh
        assert np.isclose(neuron.synapse.decay, 0.7, atol=0.03)
    elif kind == "threshold":
        assert neuron.adaptation.on == "threshold"
        assert np.isclose(neuron.adaptation.decay, 0.95, atol=0.01)
        assert np.isclose(neuron.adaptation.jump, 0.3, rtol=0.1)
    else:
        assert np.isclose(neuron.bias, 0.05, rtol=0.1)
    assert any("without a bias, a synapse or an adaptation" in text for text in found.excluded)
