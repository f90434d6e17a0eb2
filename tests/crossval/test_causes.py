"""The catalogue of causes: every code has its text, and every text that is asked for is there."""

import ast
import re
from pathlib import Path

import bio_scnn.crossval
from bio_scnn.crossval.causes import CODES, TEXTS, Cause, both, cause, either, single_codes
from bio_scnn.crossval.oracles.dialects import PERFECT, REFRACTORY, UPDATES, GridNeuron

PACKAGE = Path(bio_scnn.crossval.__file__).parent


def test_a_code_says_what_is_concerned_and_what_is_wrong_with_it():
    assert len(CODES) > 80
    for code in CODES:
        assert re.fullmatch(r"[a-z]+\.[A-Za-z0-9_.-]+", code), code


def test_every_cause_that_a_check_names_is_in_the_catalogue():
    calls = [
        node
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    named = {
        key.value
        for call in calls
        if call.func.id == "cause" and isinstance(key := call.args[0], ast.Constant)
    }
    assert len(named) > 30
    assert named <= set(TEXTS)


def test_every_dialect_has_a_text():
    for name in UPDATES:
        assert f"update.{name}" in TEXTS
    for name in REFRACTORY:
        assert f"refractory.{name}" in TEXTS
    strange = GridNeuron("forward-euler", False, "zero", "none", False, "test", "first")
    assert single_codes(strange.difference_from(PERFECT).code) == {
        *("update.forward-euler", "threshold.exceeded", "reset.zero", "refractory.none"),
        *("clamp.none", "late.test", "input.first"),
    }
    assert single_codes(PERFECT.difference_from(strange).code) == {
        *("update.exact", "threshold.reached", "reset.value", "refractory.as-set"),
        *("clamp.held", "late.none", "input.held"),
    }


def test_causes_are_joined_in_code_and_text():
    one, two = cause("label.late", steps=2), cause("input.delayed/first-spike")
    assert one == Cause("label.late", "spikes are labelled 2 step(s) late")
    assert two.code == "input.delayed"
    assert both([one, two]).code == "label.late+input.delayed"
    assert both([one, two]).text.endswith("late; the input acts one step late")
    assert either([one, two]).code == "label.late|input.delayed"
    assert either([one, two]).text.endswith("late, or the input acts one step late")
    assert single_codes(either([both([one, two]), one]).code) == {"label.late", "input.delayed"}
