"""Recordings as instruments and people make them: rounded, noisy, with gaps, of many neurons."""

import numpy as np
import pytest

from bio_scnn.crossval.identify.recording import identify_recording
from bio_scnn.crossval.identify.recording_files import read_recording, read_with_step
from bio_scnn.errors import InputError
from bio_scnn.validate import main

STEPS = 800


def drive(seed, level=0.16):
    return np.random.default_rng(seed).normal(level, level, STEPS)


def lif(x, decay=0.9, threshold=1.0):
    """V after the reset and spikes of V <- decay V + x, reset to 0."""
    V, shown, spikes = 0.0, [], []
    for now in x:
        V = decay * V + now
        spikes.append(int(V >= threshold))
        V = 0.0 if spikes[-1] else V
        shown.append(V)
    assert sum(spikes) > 20
    return np.array(shown), np.array(spikes)


def is_the_lif(neuron, *, unit=1.0, offset=0.0, close=1e-9):
    numbers = (neuron.decay, neuron.gain, neuron.threshold, neuron.reset_to, neuron.start)
    wanted = (0.9, unit, unit + offset, offset, offset)
    return np.allclose(numbers, wanted, rtol=close, atol=close * unit)


@pytest.mark.sweep(2)
@pytest.mark.parametrize(("unit", "offset"), [(200.0, 512.0), (1 / 0.0048828125, 0.0)])
def test_V_in_the_counts_of_a_converter(unit, offset):
    x = drive(8)
    V, spikes = lif(x)
    found = identify_recording(x, np.round(unit * V + offset), spikes)
    assert found.exact
    assert is_the_lif(found.neuron, unit=unit, offset=offset, close=2e-3)
    assert any("rounded to whole multiples of 1" in remark for remark in found.remarks)


def test_V_with_noise_of_its_measurement():
    x = drive(1)
    V, spikes = lif(x)
    noisy = V + np.random.default_rng(2).normal(0, 0.02, STEPS)
    found = identify_recording(x, noisy, spikes)
    assert found.spikes_wrong == 0
    assert is_the_lif(found.neuron, close=5e-3)
    assert found.V_explained == 1.0
    remark = next(r for r in found.remarks if "white noise" in r)
    assert 0.018 < float(remark.split("deviation ")[1].split(";")[0]) < 0.022


@pytest.mark.slow
def test_what_is_left_of_V_by_a_wrong_neuron_is_not_taken_for_noise():
    # A slow oscillation is added to V: what is left has a memory.
    x = drive(1)
    V, spikes = lif(x)
    found = identify_recording(x, V + 0.02 * np.sin(np.arange(STEPS) / 20), spikes)
    assert not any("white noise" in remark for remark in found.remarks)
    assert found.V_explained < 1


@pytest.mark.sweep(2)
@pytest.mark.parametrize("peak", [1.5, np.nan])
def test_V_that_shows_spikes_as_a_peak_or_not_at_all(peak):
    x = drive(3)
    V, spikes = lif(x, threshold=1.2)
    found = identify_recording(x, np.where(spikes > 0, peak, V), spikes)
    assert found.exact
    assert (found.neuron.decay, found.neuron.gain, found.neuron.threshold) == (0.9, 1.0, 1.2)
    assert "in the step of a spike V is shown as" in found.remarks[0]


def test_V_that_lacks_elsewhere_is_refused():
    x = drive(3)
    V, spikes = lif(x)
    V[np.flatnonzero(spikes == 0)[7]] = np.nan
    with pytest.raises(InputError, match="V is not finite in step"):
        identify_recording(x, V, spikes)


def test_neurons_that_differ_are_told_one_by_one_although_the_arrays_lie_across():
    x = np.stack([drive(k, 0.25) for k in range(3)], 1)[:400]
    made = [lif(column, 0.8 + 0.05 * k, 1 + 0.1 * k) for k, column in enumerate(x.T)]
    V, spikes = (np.stack(part, 1) for part in zip(*made, strict=True))
    found = identify_recording(x.T, V.T, spikes.T)
    assert found.exact
    assert found.spikes == spikes.sum()
    assert found.neuron.decay == 0.8
    text = "\n".join(found.remarks)
    assert "the 3 neurons differ" in text
    assert "neuron 1: V <- 0.85 V + x; fires from 1.1 on" in text
    assert "neuron 2: V <- 0.9 V + x; fires from 1.2 on" in text
    assert "(3 neurons, 400 steps)" in text


def test_a_late_spike_leaves_the_threshold_round():
    x = drive(5)
    V, spikes = lif(x)
    found = identify_recording(x, V, np.r_[0, 0, spikes[:-2]])
    assert found.exact
    assert (found.neuron.spike_delay, found.neuron.threshold) == (2, 1.0)


@pytest.mark.parametrize(
    ("name", "unit", "dt_ms"),
    [
        ("time_ms", 0.5, 0.5),
        ("t (s)", 1e-4, 0.1),
        ("Time [us]", 250, 0.25),
        ("microseconds", 1, None),
        ("time", 0.1, None),
    ],
)
def test_a_column_of_times_tells_the_step_if_it_has_a_unit(tmp_path, name, unit, dt_ms):
    x = drive(6)[:50]
    table = np.stack([unit * np.arange(50), x, x, x > 0.2], 1)
    path = tmp_path / "r.csv"
    np.savetxt(path, table, delimiter=",", header=f"{name},input,V,spike", comments="")
    columns, step = read_with_step(path)
    assert set(columns) == {"input", "V", "spikes"}
    assert step == dt_ms


def test_uneven_times_are_refused(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("t_ms,input,spike\n0,1,0\n1,1,0\n3,1,1\n")
    with pytest.raises(InputError, match="steps of t_ms are 1 to 2; a recording needs one"):
        read_with_step(path)


@pytest.mark.parametrize("header", ["# chip 7\n# dt = 1 ms\ninput;V;spike\n", "# input;V;spike\n"])
def test_comments_are_left_out_and_may_hold_the_header(tmp_path, header):
    path = tmp_path / "r.csv"
    path.write_text(header + "1;0;1\n# lost contact\n2;3;0\n4;5;False\n")
    found = read_recording(path)
    np.testing.assert_array_equal(found["input"], [1, 2, 4])
    np.testing.assert_array_equal(found["V"], [0, 3, 5])
    np.testing.assert_array_equal(found["spikes"], [1, 0, 0])


def test_differences_are_from_a_neuron_with_the_same_rest(tmp_path, capsys):
    x = 16 * drive(7)
    rest, threshold, V, rows = -65.0, -50.0, -65.0, []
    for now in x:
        V = rest + 0.9 * (V - rest) + now
        fires = V >= threshold
        V = -70.0 if fires else V
        rows.append((now, V, int(fires)))
    assert sum(row[2] for row in rows) > 20
    path = tmp_path / "r.csv"
    np.savetxt(path, rows, fmt="%.17g", delimiter=",", header="input,V,spike", comments="")
    main(["--recording", str(path)])
    said = capsys.readouterr().out
    assert "V_rest = -65, V_th = -50, V_reset = -70" in said
    assert said.splitlines()[-1] == "no differences from eq. 1 with the same parameters"


def test_volts_and_amperes_are_units_as_any_other():
    # V of 15 mV above a rest of -65 mV, driven by some 100 pA through 100 megohms.
    decay, R, rest, V, rows = np.exp(-0.1 / 20), 1e8, -0.065, -0.065, []
    levels = np.random.default_rng(9).uniform(0, 4.5e-10, 60)
    for now in np.repeat(levels, 40):
        V = rest + decay * (V - rest) + (1 - decay) * R * now
        fires = V >= -0.05
        V = rest if fires else V
        rows.append((now, V, int(fires)))
    x, shown, spikes = np.array(rows).T
    assert spikes.sum() > 10
    found = identify_recording(x, shown, spikes, dt_ms=0.1)
    assert found.exact
    assert np.isclose(found.neuron.decay, decay, rtol=1e-9)
    assert np.isclose(found.neuron.gain, (1 - decay) * R, rtol=1e-6)
    assert np.isclose(found.neuron.threshold, -0.05, rtol=1e-9)
