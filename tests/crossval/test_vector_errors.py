"""Test vectors and answers that cannot be used are refused, or errors of their case."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from peak_memory import peak_bytes
from vector_answers import answer, cases, neuron

from bio_scnn.crossval import exchange
from bio_scnn.crossval.vectors import check_vectors, export_vectors
from bio_scnn.errors import InputError


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


@pytest.mark.parametrize("kind", ["sha256", "cases"])
@pytest.mark.parametrize("name", ["../secret.npy", "/etc/passwd", "link/passwd", "a\0b"])
def test_names_outside_the_folder_are_refused(vectors, kind, name):
    (vectors / "link").symlink_to("/etc")
    table = json.loads((vectors / "manifest.json").read_text())
    table[kind] = {name: next(iter(table[kind].values()))} | table[kind]
    (vectors / "manifest.json").write_text(json.dumps(table))
    with pytest.raises(InputError, match="which lies outside its folder"):
        check_vectors(vectors)


@pytest.mark.parametrize(
    "header",
    [
        {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**9)},
        {"descr": "<f8", "fortran_order": False, "shape": (3 * 10**8,)},
        {"descr": "<f8", "fortran_order": False, "shape": (1,)},
        {"descr": "|O", "fortran_order": False, "shape": (2,)},
    ],
)
def test_numpy_files_are_as_long_as_they_say(tmp_path, header):
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(b"\0" * 16)

    def refused():
        with pytest.raises(InputError, match=r"a\.npy is no array of numbers"):
            exchange.read_matrix(path, (2, 1), "V")

    assert peak_bytes(refused) < 1e6
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header | {"descr": "<f8", "shape": (2, 1)})
        file.write(b"\0" * 16)
    assert exchange.read_matrix(path, (2, 1), "V").shape == (2, 1)
