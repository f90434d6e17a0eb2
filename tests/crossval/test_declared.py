"""Neurons that are declared on the command line and in pyproject.toml."""

import math

import pytest

from bio_scnn.crossval.declared import declared, from_pyproject, overridden
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.validate import main

LAYER = """
import numpy as np

def layer(x):
    V, spikes, shown = np.full(x.shape[1], -65.0), [], []
    for x_n in x:
        V = 0.9 * V + 0.1 * (-65 + 20 * x_n)
        spikes.append(V > -50)
        V = np.where(spikes[-1], -65, V)
        shown.append(V)
    return np.array(spikes), np.array(shown)
"""
RIGHT = ["--decay", "0.9", "--R", "20", "--threshold", "-50", "--rest", "-65", "--above"]


def exit_code(words):
    with pytest.raises(SystemExit) as end:
        main(words)
    return end.value.code


def test_decay_and_gain():
    params, claims = declared({"decay": 0.9, "gain": 2.0, "reset": "subtract"}, 0.5)
    assert math.exp(-0.5 / params.tau_ms) == pytest.approx(0.9)
    assert params.R * (1 - 0.9) == pytest.approx(2.0)
    assert (params.t_ref_ms, claims.refractory, claims.reset) == (0.0, "none", "subtract")


def test_what_is_not_declared_is_table_1():
    params, claims = declared({"tau": 20.0, "above": True}, 0.1)
    assert (params.V_th, params.R, params.t_ref_ms) == (TABLE_1.V_th, TABLE_1.R, TABLE_1.t_ref_ms)
    assert not claims.fires_at_threshold


def test_a_neuron_rests_where_it_is_reset_unless_that_is_declared_too():
    params, _ = declared({"rest": -65.0, "threshold": -50.0}, 0.1)
    assert (params.V_rest, params.V_reset) == (-65.0, -65.0)
    params, _ = declared({"rest": -65.0, "threshold": -50.0, "reset-to": -60.0}, 0.1)
    assert (params.V_rest, params.V_reset) == (-65.0, -60.0)


def test_the_command_line_overrides_the_file(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        "[tool.bio_scnn.validate]\ndecay = 0.9\nthreshold = 2.0\n"
    )
    table = from_pyproject(tmp_path)
    assert overridden(table, {}) == {"decay": 0.9, "threshold": 2.0}
    assert overridden(table, {"tau": 5.0}) == {"tau": 5.0, "threshold": 2.0}
    assert overridden(table, {"decay": 0.5}) == {"decay": 0.5, "threshold": 2.0}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("decai = 0.9", "has 'decai'; known are tau, decay"),
        ("decay = true", "decay (=True): factor of V in a step"),
        ("above = 1", "above (=1): the layer fires at V > threshold"),
        ("decay = ", "is not valid TOML"),
    ],
)
def test_a_table_that_means_nothing_is_refused(tmp_path, table, says):
    (tmp_path / "pyproject.toml").write_text(f"[tool.bio_scnn.validate]\n{table}\n")
    with pytest.raises(InputError) as error:
        from_pyproject(tmp_path)
    assert says in str(error.value)


@pytest.mark.parametrize(
    "table", [{"tau": 2, "decay": 0.5}, {"R": 2, "gain": 1, "decay": 0.5}, {"gain": 1}]
)
def test_contradictions_are_refused(table):
    with pytest.raises(InputError, match=r"say the same|gain goes with decay"):
        declared(table, 1.0)


@pytest.mark.nightly
def test_a_layer_in_millivolts_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(LAYER)
    words = ["mine.py:layer", "--dt", "1", "--only", "fi_curve", "silence"]
    main([*words, *RIGHT])
    assert "potentials are counted from -65" in capsys.readouterr().out
    wrong = ["-64" if word == "-65" else word for word in RIGHT]
    assert exit_code([*words, *wrong]) == 1
