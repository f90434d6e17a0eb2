"""The diagnosis: the simplest neuron on a grid with the same spikes, and it as a cause."""

import numpy as np
import pytest
from grid_layer import Grid

from bio_scnn.crossval.causes import CODES, single_codes
from bio_scnn.crossval.diagnosis import (
    Answer,
    Explanation,
    explain,
    fits_all,
    search,
    single_differences,
)
from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.counters import COUNTERS
from bio_scnn.crossval.oracles.dialects import PERFECT, GridNeuron
from bio_scnn.crossval.oracles.grid import grid_trace
from bio_scnn.crossval.subject import Subject
from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.neuron.trace import Trace


class Blind(Grid):
    """Shows no V."""

    def run(self, current):
        return Trace(super().run(current).spike_times_ms)


# What no spikes on these probes can tell from the oracle: another check looks at ties.
UNSEEN = (GridNeuron(fires_at_threshold=False), GridNeuron(update="rk4"))
# What never fires on them: nothing can be told from silence.
SILENT = GridNeuron(input="clipped")


@pytest.mark.sweep(8)
@pytest.mark.parametrize(
    "neuron",
    [n for n in single_differences(PERFECT) if n.refractory not in COUNTERS],  # test_counters.py
    ids=lambda n: n.difference_from(PERFECT).code,
)
def test_every_single_difference_is_recognised(neuron):
    found = explain(Subject(Grid(neuron)))
    if neuron == SILENT:
        assert found is None
        return
    if neuron in UNSEEN:
        assert found == Explanation(PERFECT, None)
        return
    assert found == Explanation(neuron, neuron.difference_from(PERFECT))
    assert found.cause.code in CODES


@pytest.mark.parametrize(
    "neuron",
    [
        GridNeuron(update="forward-euler", refractory="none"),
        GridNeuron(reset="subtract", input="delayed"),
        GridNeuron(update="no-leak", late="test"),
    ],
)
def test_two_differences_are_recognised_from_spikes_alone(neuron):
    found = explain(Subject(Blind(neuron)))
    assert found.neuron == neuron
    assert single_codes(found.cause.code) >= single_codes(neuron.difference_from(PERFECT).code)


def test_what_is_declared_is_not_a_difference():
    neuron = GridNeuron(update="forward-euler")
    euler = Grid(neuron, integrator="forward Euler")
    assert explain(Subject(euler)) == Explanation(neuron, None)


def recorded(neuron, steps=600):
    """An answer as a file would hold it."""
    current = drives.stepping(TABLE_1, 0.25, steps, 8)
    raster = grid_trace(current, 0.25, TABLE_1, neuron).raster
    assert raster.sum() > 20
    return Answer(current, 0.25, TABLE_1, raster, near=lambda found: np.array(1e-9))


@pytest.mark.parametrize("pairs", [False, True])
def test_a_recorded_answer_is_searched_as_a_live_layer_is(pairs):
    euler = GridNeuron(update="forward-euler", refractory="one-step-short")
    found = search([recorded(euler)], PERFECT, pairs=pairs)
    assert (found is not None) == pairs
    if found:
        assert found.neuron == euler
        assert found.cause.code == "update.forward-euler+refractory.one-step-short"
    found = search([recorded(euler)], GridNeuron(update="forward-euler"), pairs=False)
    assert found.cause.code == "refractory.one-step-short"


def test_spikes_that_come_a_step_late_are_a_shift():
    answer = recorded(PERFECT)
    late = Answer(
        answer.current, 0.25, TABLE_1, np.roll(answer.raster, 1, axis=0), near=answer.near
    )
    assert fits_all([answer], PERFECT)
    assert not fits_all([late], PERFECT)
    assert fits_all([late], PERFECT, shift=1)
    assert not fits_all([late], PERFECT, shift=-1)


def test_what_v_alone_tells_apart_is_told_as_alternatives_without_it():
    late = GridNeuron(late="reset")
    seen, unseen = explain(Subject(Grid(late))), explain(Subject(Blind(late)))
    assert seen.cause.code == "late.reset"
    assert unseen.cause.code == "refractory.at-least-one-step|late.reset"
    assert unseen.cause.text == (
        "refractory period of at least one step: 0 acts as dt, or reset one step late"
    )
