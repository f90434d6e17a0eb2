"""Answers to test vectors are judged as they deserve."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from vector_answers import answer, cases, exact_times, manifest, neuron, statuses

from bio_scnn import TABLE_1
from bio_scnn.crossval.vectors import check_vectors
from bio_scnn.neuron.closed_form import spike_times

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "docs" / "examples" / "lif.c"


@pytest.mark.sweep(2)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_perfect_answers_pass(vectors, dtype):
    for name, setup, current in cases(vectors):
        raster, V, _ = neuron(setup, current, dtype=dtype)
        answer(vectors / name, raster.astype("u1"), V)
    report = check_vectors(vectors)
    assert report.ok
    assert statuses(report) == {"passed"}
    assert [r.check for r in report.results] == list(manifest(vectors)["cases"])
    assert all(r.values["isi_error_steps"] == 0 for r in report.results)
    limit = {"float64": 1e-12, "float32": 2e-5}[dtype]
    assert max(r.values["membrane_error"] for r in report.results) <= limit
    assert report.results[0].observed.startswith("115 spikes: 0 missed, 0 extra")
    for name, _, _ in cases(vectors):
        if name != "ties":  # where rounding decides
            stored = np.load(vectors / name / "grid_spikes.npy")
            np.testing.assert_array_equal(np.load(vectors / name / "answer_spikes.npy"), stored)


@pytest.mark.parametrize("label", ["end", "start"])
def test_spike_times_instead_of_a_raster(vectors, label):
    _, setup, current = cases(vectors)[0]
    raster, _, _ = neuron(setup, current)
    late = int(label == "end")
    times = [(np.flatnonzero(train) + late) * setup["dt_ms"] for train in raster.T]
    answer(vectors / "constant", times=times)
    (vectors / "answer.json").write_text(json.dumps({"spike_label": label}))
    report = check_vectors(vectors)
    assert report.count("passed") == 1
    assert report.count("skipped") == len(report.results) - 1
    assert report.capabilities.spike_label == label


@pytest.mark.parametrize(
    ("more", "word"), [(-1, "(0.9 ms instead of 1 ms)"), (1, "(1.1 ms instead of 1 ms)")]
)
def test_refractory_period_off_by_one_step_fails(vectors, more, word):
    for name, setup, current in cases(vectors):
        raster, V, _ = neuron(setup, current, more=more)
        answer(vectors / name, raster, V)
    report = check_vectors(vectors)
    assert not report.ok
    by_name = {r.check: r for r in report.results}
    result = by_name["constant"]
    assert result.status == "failed"
    assert result.values["isi_error_steps"] == 1
    assert f"{more:+d} step ({more * 0.1:+.1f} ms)" in result.observed
    assert word in result.cause
    assert "a 150 Hz neuron fires at" in result.effect
    # One late step does not make the rest wrong.
    assert (result.values["missed_spikes"], result.values["extra_spikes"]) == (0, 0)
    codes = {r.cause_code for r in report.results if r.status == "failed"}
    assert codes == {f"refractory.one-step-{'short' if more < 0 else 'long'}"}
    if more < 0:
        assert by_name["no_refractory"].status == "passed"


def test_euler_fails_unless_it_is_declared(vectors):
    for name, setup, current in cases(vectors):
        answer(vectors / name, neuron(setup, current, euler=True)[0])
    report = check_vectors(vectors)
    assert not report.ok
    assert next(r for r in report.results if r.status == "failed").cause_code == (
        "update.forward-euler"
    )
    (vectors / "answer.json").write_text('{"integrator": "forward Euler"}')
    report = check_vectors(vectors)
    assert report.ok
    assert report.count("xfail") > 5


def test_shifted_and_missing_spikes(vectors):
    found = cases(vectors)
    for name, setup, current in found:
        raster = neuron(setup, current)[0]
        answer(vectors / name, np.concatenate([raster[1:], raster[:1]]))
    report = check_vectors(vectors)
    assert report.results[0].cause_code == "label.early"
    # Every third spike is dropped: the others are still right.
    for name, setup, current in found:
        raster = neuron(setup, current)[0].T.copy()
        raster[tuple(np.argwhere(raster)[1::3].T)] = False
        answer(vectors / name, raster.T)
    result = next(r for r in check_vectors(vectors).results if r.check == "white_noise_coarse")
    stored = np.load(vectors / "white_noise_coarse" / "grid_spikes.npy").sum()
    assert result.values["missed_spikes"] == len(range(1, stored, 3))
    assert result.values["extra_spikes"] == 0
    for name, _, current in found:
        answer(vectors / name, np.zeros(current.shape))
    report = check_vectors(vectors)
    assert statuses(report) == {"failed"}
    assert report.results[0].cause_code == "output.silent"


def test_extra_spikes(vectors):
    _, setup, current = next(case for case in cases(vectors) if case[0] == "rheobase")
    raster = neuron(setup, current)[0]
    raster[100, 0] = True  # no input at all
    answer(vectors / "rheobase", raster)
    result = next(r for r in check_vectors(vectors).results if r.check == "rheobase")
    assert (result.status, result.values["extra_spikes"]) == ("failed", 1)
    # Two spikes at once, the second while the neuron is refractory.
    _, setup, current = cases(vectors)[0]
    raster = neuron(setup, current)[0]
    raster[np.flatnonzero(raster[:, 0])[0] + 1, 0] = True
    answer(vectors / "constant", raster)
    result = check_vectors(vectors).results[0]
    assert (result.status, result.values["extra_spikes"]) == ("failed", 1)
    assert result.values["missed_spikes"] == 0


def test_membrane_before_the_reset_has_to_be_declared(vectors):
    _, setup, current = cases(vectors)[0]
    raster, after, before = neuron(setup, current)
    answer(vectors / "constant", raster, before)
    result = check_vectors(vectors).results[0]
    assert result.status == "failed"
    assert result.cause_code == "membrane.shown-before-reset"
    assert '"membrane": "before reset"' in result.cause
    (vectors / "constant" / "answer.json").write_text('{"membrane": "before reset"}')
    assert check_vectors(vectors).results[0].status == "passed"
    after[5, 0] = np.nan
    answer(vectors / "constant", raster, after)
    result = check_vectors(vectors).results[0]
    assert result.status == "failed"
    assert result.cause_code == "membrane.not-finite"


def test_precise_answers(vectors):
    (vectors / "answer.json").write_text('{"precise": true, "spike_label": "exact"}')
    for name, setup, _ in cases(vectors):
        times = exact_times(vectors / name, setup["neurons"])
        V = np.load(vectors / name / "exact_membrane.npy")
        answer(vectors / name, V=V, times=times)
    report = check_vectors(vectors)
    assert statuses(report) == {"passed"}
    assert max(r.values["time_error_ms"] for r in report.results) == 0

    # A refractory period of 1.001 ms, and a grid that claims to be precise.
    _, setup, current = cases(vectors)[0]
    slow = replace(TABLE_1, t_ref_ms=1.001)
    answer(vectors / "constant", times=[spike_times(level, 100, slow) for level in current[0]])
    answer(vectors / "steps", times=[np.round(t, 1) for t in exact_times(vectors / "steps", 8)])
    by_name = {r.check: r for r in check_vectors(vectors).results}
    assert by_name["constant"].status == "failed"
    assert "acts as 1.001 ms, not 1 ms" in by_name["constant"].cause
    assert by_name["steps"].status == "failed"
    assert by_name["steps"].cause_code == "clock.on-grid"
    assert by_name["white_noise"].status == "passed"


def test_cases_that_cannot_be_done_are_left_out(vectors):
    (vectors / "answer.json").write_text('{"refractory": "none"}')
    for name, setup, current in cases(vectors):
        if name == "no_refractory_coarse":
            (vectors / name / "cannot.txt").write_text("dt is\n0.1 ms")
        else:
            answer(vectors / name, neuron({**setup, "t_ref_ms": 0.0}, current)[0])
    by_name = {r.check: r for r in check_vectors(vectors).results}
    assert by_name["no_refractory"].status == "passed"
    assert by_name["no_refractory_coarse"].reason == "dt is 0.1 ms"
    assert {r.status for name, r in by_name.items() if name != "no_refractory"} == {"skipped"}
    assert by_name["steps"].reason == "declares no refractory period; this case has 1 ms"


def test_the_c_example_passes(vectors, tmp_path):
    compiler = shutil.which("cc")
    if compiler is None or not EXAMPLE.exists():
        pytest.skip("no C compiler, or no example")
    program = tmp_path / "lif"
    subprocess.run([compiler, "-std=c99", "-o", program, EXAMPLE, "-lm"], check=True)
    for name, _, _ in cases(vectors):
        subprocess.run([program, vectors / name], check=True)
    report = check_vectors(vectors)
    assert statuses(report) == {"passed"}
    assert max(r.values["membrane_error"] for r in report.results) < 1e-12
