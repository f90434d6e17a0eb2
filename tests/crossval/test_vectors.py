"""Test vectors: what is exported is exact, and answers are judged as they deserve."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bio_scnn import TABLE_1, LIFParameters, firing_rate, simulate
from bio_scnn.crossval.vectors import cases as vector_cases
from bio_scnn.crossval.vectors import check_vectors, export_vectors
from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import spike_times
from bio_scnn.neuron.events import exact_trace

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "docs" / "examples" / "lif.c"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Vectors for Table 1, never written to."""
    return export_vectors(tmp_path_factory.mktemp("vectors") / "table 1")


@pytest.fixture
def vectors(exported, tmp_path):
    """A copy of them to be answered."""
    return Path(shutil.copytree(exported, tmp_path / "vectors"))


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text("utf-8"))


def cases(folder: Path) -> list[tuple[str, dict, np.ndarray]]:
    """Name, setup and current of every case."""
    return [
        (
            name,
            json.loads((folder / name / "setup.json").read_text("utf-8")),
            np.load(folder / name / "current.npy"),
        )
        for name in manifest(folder)["cases"]
    ]


def neuron(setup: dict, current: np.ndarray, *, more: int = 0, euler=False, dtype="float64"):
    """A clock-driven layer, written down once more: raster, and V after and before the reset."""
    keep = 1 - setup["dt_ms"] / setup["tau_ms"] if euler else None
    keep = math.exp(-setup["dt_ms"] / setup["tau_ms"]) if keep is None else keep
    keep, R, V_th, V_reset = np.array([keep, *(setup[k] for k in ("R", "V_th", "V_reset"))], dtype)
    V = np.full(current.shape[1], V_reset)
    free_at = np.zeros(V.shape, int)
    hold = max(round(setup["t_ref_ms"] / setup["dt_ms"]) + more, 0)
    raster, after, before = [], [], []
    for n, row in enumerate(current.astype(dtype)):
        V = np.where(n >= free_at, keep * V + (1 - keep) * (R * row), V)
        fired = V >= V_th
        before.append(V)
        V = np.where(fired, V_reset, V)
        free_at[fired] = n + 1 + hold
        raster.append(fired)
        after.append(V)
    assert V.dtype == dtype
    return np.array(raster), np.array(after), np.array(before)


def answer(folder: Path, raster=None, V=None, times=None) -> None:
    """Write an answer beside a case."""
    if raster is not None:
        np.save(folder / "answer_spikes.npy", raster)
    if V is not None:
        np.save(folder / "answer_membrane.npy", V)
    if times is not None:
        lines = [f"{i},{t!r}" for i, train in enumerate(times) for t in map(float, train)]
        (folder / "answer_spikes.csv").write_text("\n".join(["neuron,time_ms", *lines]))


def exact_times(folder: Path, neurons: int) -> list[np.ndarray]:
    with (folder / "exact_spikes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        np.array([float(r["time_ms"]) for r in rows if int(r["neuron"]) == i])
        for i in range(neurons)
    ]


def statuses(report) -> set[str]:
    return {result.status for result in report.results}


# --- what is exported ------------------------------------------------------------------------


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


# --- answers -----------------------------------------------------------------------------------


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


# --- what can go wrong -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["steps/current.npy", "constant/exact_spikes.csv", "README.md"])
def test_changed_vectors_are_refused(vectors, name):
    answer(vectors / "constant", np.load(vectors / "constant" / "grid_spikes.npy"))
    assert check_vectors(vectors).ok
    data = bytearray((vectors / name).read_bytes())
    data[-2] ^= 1
    (vectors / name).write_bytes(data)
    with pytest.raises(InputError, match=f"{name} has changed since it was exported"):
        check_vectors(vectors)
    (vectors / name).unlink()
    with pytest.raises(InputError, match=f"{name}: cannot be read"):
        check_vectors(vectors)


def test_unusable_folders(vectors, tmp_path):
    with pytest.raises(InputError, match="no case has an answer; write answer_spikes"):
        check_vectors(vectors)
    with pytest.raises(InputError, match=r"holds no manifest\.json"):
        check_vectors(tmp_path)
    (vectors / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="expected 'bio_scnn test vectors' version 1, got None"):
        check_vectors(vectors)
    (vectors / "manifest.json").write_text('{"format": "bio_scnn test vectors", "version": 1}')
    with pytest.raises(InputError, match="is damaged: it lacks 'generated_by'"):
        check_vectors(vectors)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="is not empty and holds no test vectors"):
        export_vectors(tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("raster", "message"),
    [
        (np.zeros((8, 1000)), r"answer_spikes\.npy has shape \(8, 1000\)"),
        (np.full((1000, 8), np.nan), "contains NaN"),
        (np.full((1000, 8), "x"), "must be numbers"),
    ],
)
def test_malformed_rasters_are_errors_of_their_case(vectors, raster, message):
    answer(vectors / "constant", raster)
    answer(vectors / "steps", np.load(vectors / "steps" / "grid_spikes.npy"))
    report = check_vectors(vectors)
    assert not report.ok
    by_name = {r.check: r for r in report.results}
    assert by_name["constant"].status == "error"
    assert re.search(message, by_name["constant"].reason)
    assert by_name["steps"].status == "passed"


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([[0.13]], "not on the grid of 0.1 ms"),
        ([[0.0]], 'a spike in step -1; steps go from 0 to 999. Is "spike_label"'),
        ([[5.0, 5.0]], "two spikes in one step"),
        ([[100.3]], "the run has 100 ms"),
    ],
)
def test_impossible_times_are_errors_of_their_case(vectors, times, message):
    answer(vectors / "constant", times=times)
    result = check_vectors(vectors).results[0]
    assert result.status == "error"
    assert message in result.reason


def test_truncated_membrane_is_an_error(vectors):
    _, setup, current = cases(vectors)[0]
    raster, V, _ = neuron(setup, current)
    answer(vectors / "constant", raster, V)
    path = vectors / "constant" / "answer_membrane.npy"
    path.write_bytes(path.read_bytes()[:-8])
    result = check_vectors(vectors).results[0]
    assert result.status == "error"
    assert "answer_membrane.npy is no array of numbers" in result.reason
    answer(vectors / "constant", times=[[]])
    result = check_vectors(vectors).results[0]
    assert "both answer_spikes.npy and answer_spikes.csv" in result.reason
