"""Recordings explained without their source: neurons stepped by hand, and files."""

import json

import numpy as np
import pytest

from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.numbers import simplest, unit_of
from bio_scnn.crossval.identify.recording import identify_recording
from bio_scnn.crossval.identify.recording_files import from_nir, read_recording
from bio_scnn.errors import InputError
from bio_scnn.validate import main

STEPS = 300


def drive(seed=0, level=1.6):
    return level * (0.6 + 0.8 * np.random.default_rng(seed).random(STEPS))


def lif(x, decay=0.9, gain=0.1, threshold=1.0, reset=lambda V: 0.0, before=False, refractory=0):
    """V and spikes of a neuron by hand."""
    V, left, shown, spikes = 0.0, 0, [], []
    for now in x:
        fires = False
        if left:
            left -= 1
        else:
            V = decay * V + gain * now
            fires = V >= threshold
        if before:
            shown.append(V)
        if fires:
            V, left = reset(V), refractory
        if not before:
            shown.append(V)
        spikes.append(fires)
    return np.array(shown), np.array(spikes, dtype=float)


def explains(found):
    """The neuron has every spike and V of the recording."""
    assert found.spikes > 5
    assert found.spikes_wrong == 0
    assert found.V_explained == 1.0
    return found.neuron


@pytest.mark.parametrize("decay", [0.5, 0.9, 1.0])
def test_a_leaky_and_a_perfect_integrator(decay):
    x = drive()
    found = identify_recording(x, *lif(x, decay, 0.6 if decay == 0.5 else 0.1))
    assert np.isclose(explains(found).decay, decay, atol=1e-9)
    assert found.V_error < 1e-9


@pytest.mark.parametrize(
    ("reset", "keep", "to"),
    [(lambda V: -0.4, 0, -0.4), (lambda V: V - 1, 1, -1), (lambda V: 0.3 * V, 0.3, 0)],
)
@pytest.mark.parametrize("before", [False, True])
def test_the_reset_and_where_v_is_shown(reset, keep, to, before):
    x = drive()
    found = identify_recording(x, *lif(x, reset=reset, before=before))
    neuron = explains(found)
    assert np.allclose([neuron.reset_keep, neuron.reset_to], [keep, to], atol=1e-6)
    assert found.V_shown == ("before reset" if before else "after reset")


def test_refractory_steps_and_delays():
    x = drive()
    V, spikes = lif(np.r_[0.0, x[:-1]], refractory=3, reset=lambda V: -0.2)
    neuron = explains(identify_recording(x, V, np.r_[0, 0, spikes[:-2]]))
    assert (neuron.refractory, neuron.while_refractory) == (3, "held")
    assert (neuron.input_delay, neuron.spike_delay) == (1, 2)


def test_v_in_a_unit_of_its_own_and_the_bounds_of_the_threshold():
    x = drive()
    V, spikes = lif(x)
    found = identify_recording(x, 25 * V, spikes)
    assert np.isclose(explains(found).threshold, 25, rtol=0.1)
    assert any("threshold lies between" in remark for remark in found.remarks)


@pytest.mark.parametrize("rounding", ["floor", "truncate", "nearest"])
def test_fixed_point_is_explained_bit_for_bit(rounding):
    x = np.rint(36 * np.random.default_rng(3).normal(0.7, 1.2, STEPS)).astype(int)
    V, shown, spikes = 0, [], []
    for now in x:
        product = V * 3700
        V = {
            "floor": product >> 12,
            "truncate": int(product / 4096),
            "nearest": (product + 2048) >> 12,
        }[rounding] + 10 * int(now)
        spikes.append(V > 1000)
        V = 0 if spikes[-1] else V
        shown.append(V)
    found = identify_recording(x, shown, spikes)
    neuron = explains(found)
    assert found.V_error == 0
    assert isinstance(neuron.number_format, FixedPoint)
    assert (neuron.decay * 4096, neuron.gain) == (3700, 10)
    assert neuron.number_format.rounding in (rounding, "nearest-even")


def test_a_synapse_before_the_membrane():
    x, V, S, shown, spikes = drive(level=0.4), 0.0, 0.0, [], []
    for now in x:
        S = 0.7 * S + now
        V = 0.9 * V + 0.1 * S
        spikes.append(V >= 1)
        V = 0.0 if spikes[-1] else V
        shown.append(V)
    neuron = explains(identify_recording(x, shown, spikes))
    assert np.isclose(neuron.synapse.decay, 0.7, atol=1e-4)
    assert np.isclose(neuron.decay, 0.9, atol=1e-4)


def test_spikes_off_the_grid():
    keep, V, x, shown, spikes = 0.9, 0.0, drive(level=2.0), [], []
    for now in x:
        end = keep * V + (1 - keep) * now
        spikes.append(end >= 1)
        if spikes[-1]:
            share = np.log((now - 1) / (now - V)) / np.log(keep)
            end = now - now * keep ** (1 - share)
        V = end
        shown.append(V)
    neuron = explains(identify_recording(x, shown, spikes))
    assert neuron.crossing == "within-step"
    assert np.isclose(neuron.threshold, 1, rtol=1e-6)


def test_spikes_alone_bound_the_decay():
    x = drive()
    found = identify_recording(x, None, lif(x)[1])
    assert found.spikes_wrong == 0
    assert found.V_error is None
    assert found.neuron.refractory == 0
    assert any("same spikes" in remark for remark in found.remarks)


def test_what_a_constant_input_cannot_tell_is_said():
    x = np.full(STEPS, 1.6)
    found = identify_recording(x, *lif(x))
    assert found.spikes_wrong == 0
    assert any("constant" in remark for remark in found.remarks)


def test_noise_is_not_explained():
    rng = np.random.default_rng(5)
    found = identify_recording(rng.random(120), rng.random(120), rng.random(120) < 0.15)
    assert found.V_explained is None or found.V_explained < 0.1
    assert found.spikes_wrong > 5
    assert found.excluded


def test_files_with_and_without_names_are_read_alike(tmp_path):
    x = drive()
    V, spikes = lif(x)
    table = np.stack([x, V, spikes], 1)
    np.savetxt(tmp_path / "plain.csv", table, delimiter=",")
    np.savetxt(
        tmp_path / "named.csv", table[:, ::-1], delimiter=";", header="spike;V;input", comments=""
    )
    np.save(tmp_path / "one.npy", table)
    np.savez(tmp_path / "one.npz", input=x, v=V, spikes=spikes)
    for name in ("plain.csv", "named.csv", "one.npy", "one.npz"):
        found = read_recording(tmp_path / name)
        assert np.allclose(found["input"], x), name
        assert np.allclose(found["V"], V), name
        assert np.array_equal(found["spikes"], spikes), name


def test_nir_s_data_classes_are_read_by_their_observables():
    class Gridded:
        def __init__(self, data, dt):
            self.data, self.dt = data, dt

    class Node:
        def __init__(self, **observables):
            self.observables = observables

    class Graph:
        def __init__(self, **nodes):
            self.nodes = nodes

    data = Node(data=Gridded(np.ones((2, 7, 3)), 1e-4))
    graph = Graph(input=data, lif=Node(v=Gridded(np.zeros((2, 7, 3)), 1e-4)))
    columns, dt_ms = from_nir(graph)
    assert columns["input"].shape == columns["V"].shape == (7, 6)
    assert np.isclose(dt_ms, 0.1)
    with pytest.raises(InputError, match="needed"):
        from_nir({"v": np.zeros(4)})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3,4\n5,6\n", "wanted are the columns"),
        ("input,V\n1,2\n3\n", "line 3 has 1 columns"),
        ("V,spike\n1,0\n2,0\n3,1\n", "no input"),
        ("input,V,spike\n1,nan,0\n2,0,0\n3,0,1\n", "V is not finite"),
        ("input,spike\n1,0\n2,0\n3,0\n", "no spikes and no V"),
        ("input,V,spike\n1,0,0.5\n2,0,0\n3,0,1\n", "whole numbers"),
        ("", "is empty"),
        ("input,V,spike\n", "no rows"),
        ("input,V,spike\n1,1e150,0\n2,0,0\n3,0,1\n", "as large as 1e.150"),
        ("input,V,spike\n1,0,1e30\n2,0,0\n3,0,1\n", "whole numbers"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        main(["--recording", str(path)])
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("damage", ["cut", "flipped", "bomb", "npy", "pickle"])
def test_damaged_arrays_are_refused_in_one_line(tmp_path, damage):
    x = drive()
    path = tmp_path / ("bad.npy" if damage == "npy" else "bad.npz")
    np.savez(tmp_path / "bad.npz", input=x, v=x, spikes=x * 0)
    data = bytearray((tmp_path / "bad.npz").read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "flipped":
        data[300] ^= 1
    elif damage == "bomb":  # 3 GB of zeros in 3 MB, as its directory says
        at = data.rindex(b"PK\1\2")
        data[at + 24 : at + 28] = (3 << 30).to_bytes(4, "little")
    elif damage == "npy":  # declares 8 TB
        header = "{'descr': '<f8', 'fortran_order': False, 'shape': (10**12,), }".replace(
            "10**12", str(10**12)
        )
        data = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header.encode()
    else:
        np.savez(path, input=np.array([{}], object), v=x)
        data = path.read_bytes()
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        main(["--recording", str(path)])
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_command_line_explains_a_recording(tmp_path, capsys):
    x = drive()
    np.savetxt(tmp_path / "r.csv", np.stack([x, *lif(x)], 1), delimiter=",")
    main(["--recording", str(tmp_path / "r.csv"), "--dt", "0.5"])
    out = capsys.readouterr().out
    assert "V <- 0.9 V + 0.1 x" in out
    assert "differences from" in out
    main(["--recording", str(tmp_path / "r.csv"), "--dt", "0.5", "--json"])
    table = json.loads(capsys.readouterr().out)
    assert table["neuron"]["decay"] == 0.9
    assert table["spikes_wrong"] == 0


def test_the_simplest_number_between_two():
    assert simplest(0.0997, 0.1036) == 0.1
    assert simplest(-1.9, 3) == 0
    assert simplest(1589, 1695) == 1600
    assert simplest(-2.5001, -2.4999) == -2.5


def test_the_unit_of_quantised_values():
    whole = np.arange(1, 40) * 3
    assert unit_of(whole / 64.0) == 3 / 64
    assert np.isclose(unit_of(whole * 0.001), 0.003)
    assert unit_of(np.random.default_rng(0).random(50)) is None
