"""Test vectors: what is exported is exact."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import replace

import numpy as np
import pytest
from vector_answers import answer, cases, exact_times, manifest, neuron, statuses

from bio_scnn import TABLE_1, LIFParameters, firing_rate, simulate
from bio_scnn.crossval.vectors import cases as vector_cases
from bio_scnn.crossval.vectors import check_vectors, export_vectors
from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import spike_times
from bio_scnn.neuron.events import exact_trace


@pytest.mark.slow
def test_hashes_size_and_repetition(exported, tmp_path):
    seen = []
    again = export_vectors(tmp_path / "again", progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    files = sorted(p.relative_to(exported) for p in exported.rglob("*") if p.is_file())
    assert sum((exported / name).stat().st_size for name in files) < 5e6
    for name in files:
        assert (exported / name).read_bytes() == (again / name).read_bytes(), name
    digests = manifest(exported)["sha256"]
    assert set(digests) == {str(name) for name in files} - {"manifest.json"}
    for name, digest in digests.items():
        assert hashlib.sha256((exported / name).read_bytes()).hexdigest() == digest


def test_cases_hold_what_they_promise(exported):
    found = cases(exported)
    nearest = {n: c["nearest_to_threshold"] for n, c in manifest(exported)["cases"].items()}
    assert nearest.pop("ties") < 1e-6
    assert min(nearest.values()) > 2e-5
    assert {s["dt_ms"] for _, s, _ in found} == {0.1, 1.0}
    assert {s["t_ref_ms"] for _, s, _ in found} == {0.0, 1.0, 5.0}
    assert {s["V_reset"] for _, s, _ in found} == {0.0, -0.5, 0.4}
    jumps_inside = 0
    for name, setup, current in found:
        assert current.shape == (setup["steps"], setup["neurons"])
        np.testing.assert_array_equal(current, current.astype(np.float32))
        np.testing.assert_array_equal(
            np.loadtxt(exported / name / "current.csv", delimiter=","), current
        )
        trains = exact_times(exported / name, setup["neurons"])
        rows = np.load(exported / name / "exact_spikes.npy")
        np.testing.assert_array_equal(rows[:, 1], np.concatenate(trains))
        for i, train in enumerate(trains):
            t = (1 + np.flatnonzero(np.diff(current[:, i]))) * setup["dt_ms"]
            since = t[:, np.newaxis] - train
            jumps_inside += ((since > 1e-9) & (since < setup["t_ref_ms"] - 1e-9)).any()
    assert jumps_inside > 50
    witnesses = {name: c["exact_by"] for name, c in manifest(exported)["cases"].items()}
    assert len(witnesses["steps"]) == 3
    assert all(len(names) >= 2 for names in witnesses.values())


@pytest.mark.parametrize("name", ["constant", "constant_coarse", "large_drive", "rheobase"])
def test_constant_currents_agree_with_the_closed_form(exported, name):
    _, setup, current = next(case for case in cases(exported) if case[0] == name)
    duration = setup["steps"] * setup["dt_ms"]
    with (exported / name / "rates.csv").open(newline="") as file:
        rates = list(csv.DictReader(file))
    for i, train in enumerate(exact_times(exported / name, setup["neurons"])):
        # A spike within rounding of the end may be on either side of it.
        expected = spike_times(current[0, i], duration + 1e-9)
        np.testing.assert_allclose(train, expected[: len(train)], rtol=0, atol=1e-9)
        assert len(expected) - len(train) <= (abs(expected[-1:] - duration) < 1e-6).sum()
        assert int(rates[i]["exact_spikes"]) == len(train)
        if len(train) > 1:
            rate = firing_rate(current[0, i])
            assert float(rates[i]["exact_rate_hz"]) == pytest.approx(rate, rel=1e-9)
    silent = [len(t) for t in exact_times(exported / name, setup["neurons"])].count(0)
    assert silent == (5 if name == "rheobase" else 0)


def test_grid_spikes_are_those_of_a_clock_driven_neuron(exported):
    for name, setup, current in cases(exported):
        raster, V, _ = neuron(setup, current)
        stored = np.load(exported / name / "grid_spikes.npy")
        nearest = manifest(exported)["cases"][name]["nearest_to_threshold"]
        assert nearest > 1e-9  # no tie that double precision cannot decide
        np.testing.assert_array_equal(stored, raster)
        np.testing.assert_allclose(np.load(exported / name / "grid_membrane.npy"), V, atol=1e-11)
        assert raster.any()
        with (exported / name / "grid_spikes.csv").open(newline="") as file:
            rows = [tuple(map(float, r.values())) for r in csv.DictReader(file)]
        fired = np.argwhere(raster.T)
        np.testing.assert_array_equal(np.array(rows)[:, :2], fired)
        times = (fired[:, 1] + 1) * setup["dt_ms"]
        np.testing.assert_array_equal(np.array(rows)[:, 2], times)


@pytest.mark.parametrize("quantity", ["spike_trains_ms", "membrane"])
def test_nothing_is_written_if_independent_solutions_differ(tmp_path, quantity):
    def engine(*args, **options):
        run = simulate(*args, **options)
        value = getattr(run, quantity)
        if quantity == "membrane":
            return replace(run, membrane=value + 1e-8)
        return replace(run, spike_trains_ms=tuple(train + 1e-8 for train in value))

    with pytest.raises(InputError, match="case constant: independent solutions differ by 1e-08"):
        export_vectors(tmp_path / "v", engine=engine)
    assert not (tmp_path / "v").exists()


@pytest.mark.parametrize("late_ms", [1e-6, -1e-6])
def test_direct_summation_notices_a_spike_that_is_not_a_crossing(late_ms):
    case = next(vector_cases.cases(TABLE_1))
    trace = exact_trace(case.current, case.dt_ms, case.params)
    assert vector_cases.replay_error(case.current, case.dt_ms, case.params, trace) < 1e-12
    trains = list(trace.spike_times_ms)
    trains[3] = trains[3].copy()
    trains[3][5] += late_ms
    wrong = replace(trace, spike_times_ms=tuple(trains))
    error = vector_cases.replay_error(case.current, case.dt_ms, case.params, wrong)
    assert 1e-8 < error < 1e-6
    without = replace(trace, spike_times_ms=tuple(t[:-1] for t in trace.spike_times_ms))
    assert vector_cases.replay_error(case.current, case.dt_ms, case.params, without) > 1e-3


@pytest.mark.nightly
@pytest.mark.slow
def test_other_neurons_can_be_exported(tmp_path):
    params = LIFParameters(V_th=15, V_reset=-5, t_ref_ms=2, tau_ms=20, C_ms=20)
    folder = export_vectors(tmp_path / "v", params=params)
    found = cases(folder)
    assert {s["dt_ms"] for _, s, _ in found} == {0.2, 2.0}
    for name, setup, current in found:
        raster, V, _ = neuron(setup, current)
        answer(folder / name, raster, V)
    assert statuses(check_vectors(folder)) == {"passed"}


def test_readme_and_manifest_speak_of_every_case(exported):
    text = (exported / "README.md").read_text("utf-8")
    table = manifest(exported)
    assert {"brian2", "numpy", "bio_scnn", "python"} <= table["generated_by"].keys()
    for name in table["cases"]:
        assert f"| `{name}` |" in text
    for name in table["tolerances"]:
        assert f"| {name} |" in text
    assert "{" not in text.replace('{"precise"', "")  # every placeholder is filled
