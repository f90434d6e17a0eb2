"""Recordings of neurons with quirks, each stepped by hand, and what is said of them."""

import sys
import types

import numpy as np
import pytest

from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.readings import code_sentence
from bio_scnn.crossval.identify.recording import identify_recording
from bio_scnn.crossval.identify.recording_files import read_with_step
from bio_scnn.crossval.identify.stepped import SteppedNeuron
from bio_scnn.errors import InputError
from bio_scnn.validate import main

STEPS = 600


def pulses(seed=0, size=1.0, often=0.4):
    return size * (np.random.default_rng(seed).random(STEPS) < often)


def noise(seed=0):
    return np.random.default_rng(seed).normal(0.5, 0.6, STEPS)


def explains(found):
    assert found.spikes > 5
    assert found.exact
    return found.neuron


def adaptive(x, on, decay, jump):
    """V and spikes of a neuron with V <- 0.96 V + 0.04 x, threshold 0.1, reset to 0."""
    V, w, shown, spikes = 0.0, 0.0, [], []
    for now in x:
        V = 0.96 * V + 0.04 * now - (w if on == "current" else 0)
        fires = V >= 0.1 + (w if on == "threshold" else 0)
        V = 0.0 if fires else V
        w = decay * w + jump * fires
        shown.append(V)
        spikes.append(int(fires))
    return np.array(shown), np.array(spikes)


@pytest.mark.parametrize("drive", [pulses(1, 1.5), noise(2)], ids=["pulses", "noise"])
@pytest.mark.parametrize(
    ("on", "decay", "jump"), [("current", 0.95, 0.01), ("threshold", 0.9, 0.03)]
)
def test_adaptation_of_drive_and_threshold(on, decay, jump, drive):
    found = identify_recording(drive, *adaptive(drive, on, decay, jump))
    adaptation = explains(found).adaptation
    assert adaptation is not None
    assert adaptation.on == on
    assert np.isclose(adaptation.decay, decay, rtol=0.03)
    assert np.isclose(adaptation.jump, jump, rtol=0.1)


def test_without_adaptation_none_is_told():
    x = noise(3)
    assert explains(identify_recording(x, *adaptive(x, "current", 0.9, 0.0))).adaptation is None


def in_words(x, half, overflow, threshold, soft):
    """V and spikes in a word that holds -half to half - 1, decay 250/256 rounded down."""
    V, shown, spikes = 0, [], []
    for now in x:
        V = (V * 250 >> 8) + int(now)
        if overflow == "wrap":
            V = (V + half) % (2 * half) - half
        elif overflow == "saturate":
            V = max(-half, min(half - 1, V))
        fires = V > threshold
        V = (V - threshold if soft else 0) if fires else V
        shown.append(V)
        spikes.append(int(fires))
    return np.array(shown, dtype=float), np.array(spikes)


@pytest.mark.parametrize(
    ("overflow", "soft"), [("wrap", False), ("saturate", True), ("none", False)]
)
def test_the_word_of_fixed_point(overflow, soft):
    x = np.rint(40 * np.maximum(noise(4), -0.5) + 6)
    found = identify_recording(x, *in_words(x, 128, overflow, 100, soft))
    form = explains(found).number_format
    assert isinstance(form, FixedPoint)
    assert found.V_error == 0
    if overflow == "none":
        assert form.word is None
    else:
        assert (form.word, form.overflow) == (8, overflow)


def bfloat16(x):
    """Half to even on the upper sixteen bits of float32."""
    bits = int(np.float32(x).view(np.uint32))
    bits += 0x7FFF + ((bits >> 16) & 1)
    return float(np.uint32(bits & 0xFFFF0000).view(np.float32))


def test_bfloat16_is_explained_to_the_last_bit():
    decay, gain, threshold = map(bfloat16, (0.96, 0.04, 0.1))
    V, shown, spikes, x = 0.0, [], [], [bfloat16(value) for value in noise(5)]
    for now in x:
        V = bfloat16(bfloat16(decay * V) + bfloat16(gain * now))
        spikes.append(V >= threshold)
        V = 0.0 if spikes[-1] else V
        shown.append(V)
    found = identify_recording(x, shown, spikes)
    neuron = explains(found)
    assert found.V_error == 0
    assert (neuron.decay, neuron.gain) == (decay, gain)
    assert neuron.number_format.name == "bfloat16"


@pytest.mark.parametrize("drive", [pulses(6), noise(6)], ids=["pulses", "noise"])
def test_v_shown_a_step_late(drive):
    V, spikes = adaptive(drive, "current", 0.5, 0.0)
    found = identify_recording(drive, np.r_[0.0, V[:-1]], spikes)
    assert explains(found).input_delay == 0
    assert found.V_shown == "after reset, a step late"
    assert any("step late" in remark for remark in found.remarks)


def test_v_with_few_decimals_is_explained_within_them():
    x = noise(7)
    V, spikes = adaptive(x, "current", 0.5, 0.0)
    found = identify_recording(x, np.round(V, 4), spikes)
    assert np.isclose(explains(found).decay, 0.96, atol=1e-3)
    assert found.V_error <= 0.5001e-4


@pytest.mark.sweep(2)
@pytest.mark.parametrize("fresh", [True, False])
def test_a_synapse_behind_pulses(fresh):
    V, S, shown, spikes, x = 0.0, 0.0, [], [], pulses(8)
    for now in x:
        old, S = S, 0.8 * S + now
        V = 0.96 * V + 0.01 * (S if fresh else old)
        spikes.append(V >= 0.1)
        V = V - 0.1 if spikes[-1] else V
        shown.append(V)
    neuron = explains(identify_recording(x, shown, spikes))
    assert np.allclose([neuron.synapse.decay, neuron.decay], [0.8, 0.96], atol=1e-9)
    assert neuron.synapse.fresh is fresh


def test_a_floor_of_v():
    V, shown, spikes, x = 0.0, [], [], noise(9) - 0.2
    for now in x:
        V = max(0.96 * V + 0.06 * now, 0.0)
        spikes.append(V >= 0.1)
        V = 0.0 if spikes[-1] else V
        shown.append(V)
    assert explains(identify_recording(x, shown, spikes)).floor == 0


def test_what_cannot_be_told_is_said_once():
    x = pulses(10)
    found = identify_recording(x, *in_words(40 * x, 1 << 20, "none", 100, False))
    sentences = [code_sentence(n) for n in (explains(found), *found.alternatives)]
    assert len(set(sentences)) == len(sentences) > 1
    assert any("> and >= cannot be told apart" in remark for remark in found.remarks)
    stays, moves = (SteppedNeuron(number_format=FixedPoint(dead_zone=d)) for d in (True, False))
    assert code_sentence(stays) != code_sentence(moves)


def test_nir_s_data_are_read_from_a_file(tmp_path, monkeypatch, capsys):
    path = tmp_path / "data.h5"
    path.write_bytes(b"...")
    x = pulses(11)
    V, spikes = adaptive(x, "current", 0.5, 0.0)
    grid = {
        name: types.SimpleNamespace(data=values.reshape(1, -1, 1), dt=1e-4)
        for name, values in {"input": x, "v": V, "spikes": spikes}.items()
    }
    node = types.SimpleNamespace(observables=grid)
    fake = types.SimpleNamespace(read_data=lambda path: types.SimpleNamespace(nodes={"lif": node}))
    monkeypatch.setitem(sys.modules, "nir", fake)
    columns, dt_ms = read_with_step(path)
    assert np.array_equal(columns["V"][:, 0], V)
    assert np.isclose(dt_ms, 0.1)
    main(["--recording", str(path)])
    first = capsys.readouterr().out.splitlines()
    assert "explains every spike and every V" in first[0]
    assert "tau = 2.44966 ms" in first[2]
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(InputError, match=r"need the package nir.*taken are CSV"):
        read_with_step(path)
