"""The page on backends: its reference is the equation, differences are counted, crashes a line."""

import sys

import numpy as np
import pytest

from tools.docs import DOCS, backends
from tools.docs._backends_networks import Trace, problem, reference
from tools.docs._backends_page import page


@pytest.fixture(scope="module")
def given():
    return problem(np.random.default_rng(3), sizes=(20, 6, 3), steps=100, batch=2)


def test_the_reference_is_the_equation(given):
    expected = reference(given)
    V, spikes = [[0.0] * 6, [0.0] * 3], 0
    for t, row in enumerate(given.spikes[:, 1]):
        x = list(row)
        for k, weight in enumerate(given.weights):
            fired = []
            for n in range(len(weight)):
                current = sum(weight[n][m] * x[m] for m in range(len(x)))
                V[k][n] += (current - V[k][n]) / 10
                fired.append(float(V[k][n] > 1))
                V[k][n] *= 1 - fired[-1]
            x = fired
            spikes += sum(fired)
            assert expected[k].spikes[t, 1] == pytest.approx(fired)
            assert expected[k].V[t, 1] == pytest.approx(V[k], abs=1e-12)
    assert spikes > 20


def test_differences_are_counted_where_they_are(given):
    expected = reference(given)
    same = backends.measured(expected, expected)
    assert (same["wrong"], same["v"], same["classes"], "step" in same) == (0, 0.0, 0, False)
    spikes, V = expected[1].spikes.copy(), expected[1].V.copy()
    spikes[40, 1, 2] = 1 - spikes[40, 1, 2]
    V[12, 0, 1] += 0.25
    V[50] += 9  # after the departure: not counted
    row = backends.measured([expected[0], Trace(spikes, V)], expected)
    assert (row["wrong"], row["step"], row["layer"]) == (1, 41, 2)
    assert row["v"] == pytest.approx(0.25)
    assert row["margin"] == pytest.approx(abs(expected[1].margin[40, 1, 2]))
    assert f"1 of {int(row['spikes'])}" in page(
        [
            {
                "about": dict.fromkeys(("processor", "date", "torch", "python"), "?"),
                "rows": [
                    {"way": "a", "version": "1", "device": "cpu", "format": "float32"} | row,
                    {"way": "b", "error": "ended with code 3"},
                ],
            }
        ]
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a script of sh stands for Python")
def test_a_crash_is_one_line_after_what_was_measured(tmp_path, monkeypatch):
    script = tmp_path / "python"
    script.write_text('#!/bin/sh\necho \'{"way": "norse", "wrong": 0}\'\necho gone >&2\nexit 3\n')
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    rows = backends.rows_of("norse", "cpu", backends.time.monotonic() + 60)
    assert rows[0]["wrong"] == 0
    assert rows[1:] == [{"way": "norse", "error": "ended with code 3: gone"}]


def test_a_missing_framework_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(backends, "installed_version", lambda name: "")
    backends.child("snntorch", "cpu")
    assert capsys.readouterr().out.count("\n") == 1
    backends.child("norse", "cpu")
    assert "norse is not installed here" in capsys.readouterr().out


def test_the_page_is_that_of_the_kept_rows():
    runs = backends.read()
    assert runs
    assert (DOCS / "backends.md").read_text("utf-8") == page(runs)
