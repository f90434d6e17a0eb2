"""The drawn figures, 1 and 2(b): what they show is what runs, in every format."""

import importlib
import json
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import PLAIN, SMALL, hole, photograph, random_model
from scipy.integrate import solve_ivp

from bio_scnn.network import cnn
from bio_scnn.network.architecture import network_input
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.options import SpikingOptions
from bio_scnn.network.units import LIFUnit
from bio_scnn.neuron.closed_form import current_for_rate, membrane, spike_times
from bio_scnn.neuron.parameters import TABLE_1
from figures import figure1_architecture as architecture
from figures import figure2b_circuit as circuit

FIGURES = Path(__file__).resolve().parent.parent.parent / "figures"
SHAPE = (48, 40)


def describe(model):
    return architecture.describe(model, photograph(*SHAPE) / 255, hole(*SHAPE))


def stages_of(data):
    return {stage["name"]: stage for stage in data["stages"]}


@pytest.mark.parametrize("name", ["inpaint", "paper", "cnn_twin", "one_step"])
def test_parameters_are_those_of_the_shipped_weights(name):
    data = architecture.measure(name, 64)
    model, _ = load_model(model_path(name))
    total = sum(value.size for value in model.params.values())
    assert data["parameters"] == total == sum(s["parameters"] for s in data["stages"])
    stages = stages_of(data)
    for key, value in model.params.items():
        layer, part = key.split(".")
        stage = stages[layer]
        if part == "weight":
            k, _, c_in, c_out = value.shape
            assert (stage["kernel"], stage["input_channels"], stage["shape"][2]) == (
                k,
                c_in,
                c_out,
            )
            assert stage["parameters"] == value.size + c_out
    spiking = [stage["name"] for stage in data["stages"] if stage["spikes"]]
    assert spiking == ([] if name == "cnn_twin" else ["neurons"])
    assert len(data["spike_trains_ms"]) == (8 if model.architecture.neurons == "lif" else 0)
    assert json.loads(json.dumps(data)) == data


@pytest.mark.parametrize("tiny", [SMALL, PLAIN], ids=["default", "paper"])
def test_shapes_are_those_of_the_arrays_of_a_restoration(monkeypatch, tiny):
    model = random_model(tiny)
    data = describe(model)
    seen = []

    def spy(x, weight, bias, *, conv2d=cnn.conv2d, **options):
        seen.append((x[0], conv2d(x, weight, bias, **options)[0], options))
        return seen[-1][1][np.newaxis]

    monkeypatch.setattr(cnn, "conv2d", spy)
    picture, mask = photograph(*SHAPE) / 255, hole(*SHAPE)
    fill = tiny.guess(picture, mask)
    x = network_input(tiny, fill, mask)
    options, rng = SpikingOptions(), np.random.default_rng(0)
    features = model.features(x, options, rng)
    spikes = model.fire(features, options, rng)
    restored = model.decode(fill, spikes.rates)

    stages = stages_of(data)
    assert ("fold" in stages) == (tiny.fold > 1)
    assert stages.get("fold", stages["fills"])["shape"] == list(x.shape)
    assert stages["snn"]["shape"] == list(features.shape)
    assert stages["neurons"]["shape"] == list(spikes.rates.shape)
    assert stages["neurons"]["units"] == spikes.neurons
    for number, (given, made, how) in enumerate(seen, start=2):
        stage = stages[f"conv{number}"]
        assert stage["shape"] == list(made.shape)
        assert stage["resolution"] == made.shape[0] / SHAPE[0]
        assert stage["input_channels"] == given.shape[-1]
        assert (stage["stride"], stage["dilation"]) == (how["stride"], how["dilation"])
        assert ("ReLU" in stage["kind"]) == how["relu"]
        residual = [c for c in data["connections"] if c["to"] == f"conv{number}"]
        assert (how["skip"] is not None) == ("residual" in [c["kind"] for c in residual])
    assert len(seen) == len(tiny.layers)
    assert data["stages"][-1]["shape"] == list(restored.shape)


def test_connections_are_the_architecture_s():
    data = describe(random_model())
    found = [tuple(link.values()) for link in data["connections"]]
    assert found == [
        ("residual", "conv2", "conv3", 8),
        ("residual", "conv3", "conv4", 8),
        ("concatenation", "neurons", "conv6", SMALL.channels),
        ("composition", "fills", "composition", 6),
    ]
    assert not describe(random_model(PLAIN))["connections"]


def test_another_architecture_is_another_drawing():
    base = describe(random_model())
    for change in ({"channels": 7}, {"kernel": 5}, {"neurons": "relu"}, {"fills": ("mean",) * 2}):
        changed = describe(random_model(replace(SMALL, **change)))
        assert changed["stages"] != base["stages"], change
    texts = [
        sorted(text.get_text() for text in architecture.draw(data).axes[0].texts)
        for data in (base, describe(random_model(PLAIN)))
    ]
    plt.close("all")
    assert texts[0] != texts[1]
    assert f"Σ {base['parameters']:,}" in texts[0]


def test_spikes_are_the_closed_form_s():
    model = random_model()
    z = np.random.default_rng(0).uniform(-0.2, 1.2, (3, 3, 6))
    trains = architecture.spike_trains(model, z)
    features = np.sort(z[1, 1])[np.linspace(0, 5, 8).astype(int)]
    currents = LIFUnit(model.lif).currents(features)
    for train, current in zip(trains, currents, strict=True):
        np.testing.assert_allclose(train, spike_times(current, 50.0), atol=6e-4)


def test_labels_of_the_circuit_are_table_1():
    data = circuit.measure()
    assert {name: getattr(TABLE_1, name) for name in data} == data
    assert data["R"] * data["C_ms"] == data["tau_ms"]
    texts = " ".join(text.get_text() for text in circuit.draw(data).axes[0].texts)
    plt.close("all")
    for label in ("=\n80 ms", "= 40 ms", "= 1 ms", "{th}$ = 1", "{reset}$ = 0", "=\n0.5"):
        assert label in texts, label
    changed = " ".join(t.get_text() for t in circuit.draw(data | {"C_ms": 81}).axes[0].texts)
    plt.close("all")
    assert "81 ms" in changed


def test_the_circuit_drawn_is_the_neuron_simulated():
    value = circuit.measure()
    current, end = current_for_rate(130.0), 30.0

    def charge(t, V):
        return (current - V / value["R"]) / value["C_ms"]  # Kirchhoff's law at the node V

    def reached(t, V):
        return V[0] - value["V_th"]

    reached.terminal = True
    t, times, voltages = 0.0, [], []
    while t < end:
        course = solve_ivp(
            charge, (t, end), [value["V_reset"]], events=reached, rtol=1e-10, atol=1e-12
        )
        times.append(course.t[:-1])
        voltages.append(course.y[0, :-1])
        t = course.t[-1] + value["t_ref_ms"]  # the switch is closed
        held = np.linspace(course.t[-1], t, 5)[1:-1]
        times.append(held[held < end])
        voltages.append(np.full(len(times[-1]), value["V_reset"]))
    assert len(times) > 6
    expected = membrane(np.concatenate(times), current)
    np.testing.assert_allclose(np.concatenate(voltages), expected, atol=1e-8)


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
@pytest.mark.parametrize("name", ["figure1_architecture", "figure2b_circuit"])
def test_files_are_written_and_the_same_each_time(monkeypatch, tmp_path, name, suffix):
    script = importlib.import_module(f"figures.{name}")
    if name == "figure1_architecture":
        data = {"model": "inpaint"} | describe(random_model())
        monkeypatch.setattr(script, "measure", lambda model: data)
    for folder in ("a", "b"):
        script.main(Namespace(output=tmp_path / folder, format=suffix))
        names = {path.name for path in (tmp_path / folder).iterdir()}
        assert names == {f"{name}.{suffix}", f"{name}.json"}
    first, second = ((tmp_path / f / f"{name}.{suffix}").read_bytes() for f in "ab")
    assert first == second
    magic = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    assert first.startswith(magic[suffix])


def test_another_model_is_written_beside_the_default(monkeypatch, tmp_path):
    words = ["figure", "--model", "paper", "--output", str(tmp_path), "--format", "png"]
    monkeypatch.setattr(sys, "argv", words)
    architecture.main()
    kept = json.loads((tmp_path / "figure1_architecture_paper.json").read_text())
    assert kept["model"] == "paper"
    assert (tmp_path / "figure1_architecture_paper.png").is_file()


@pytest.mark.parametrize("name", ["figure1_architecture", "figure2b_circuit"])
def test_committed_numbers_are_what_is_measured(name):
    kept = json.loads((FIGURES / f"{name}.json").read_text())
    found = importlib.import_module(f"figures.{name}").measure()
    for key in ("input_png", "output_png"):  # compressed by another Pillow, other bytes
        for data in (kept, found):
            data.pop(key, None)
    trains = [data.pop("spike_trains_ms", []) for data in (kept, found)]
    assert kept == found
    for one, other in zip(*trains, strict=True):
        assert one == pytest.approx(other, abs=2e-3)
