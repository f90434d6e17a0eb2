"""Refractory periods that start anew, or hang on the sign of V: named, and nothing else is."""

import math

import numpy as np
import pytest

from bio_scnn import LIFParameters
from bio_scnn.crossval import Capabilities, as_adapter
from bio_scnn.crossval.checks.drive import step_currents
from bio_scnn.crossval.faults.probes import fault
from bio_scnn.crossval.suite import prepared

PARAMS = LIFParameters(tau_ms=14.0, R=1.2, V_th=1.0, V_reset=0.0, t_ref_ms=3.0)
DECAY = math.exp(-0.5 / 14)
HELD = 6  # steps


def layer(fault_of):
    """Layer ``(steps, neurons)`` with the correct neuron but for what `fault_of` does."""

    def run(x):
        V, left = np.zeros(x.shape[1]), np.zeros(x.shape[1], int)
        spikes, shown = [], []
        for x_n in x:
            new = DECAY * V + (1 - DECAY) * 1.2 * x_n
            V, left, fires = fault_of(V, new, left, x_n)
            spikes.append(fires)
            shown.append(V)
        return np.array(spikes), np.array(shown)

    return run


def correct(V, new, left, x):
    V = np.where(left > 0, V, new)
    fires = (left == 0) & (V >= 1)
    return np.where(fires, 0, V), np.where(fires, HELD, np.maximum(left - 1, 0)), fires


def again_by_input(V, new, left, x):
    was = left > 0
    V, left, fires = correct(V, new, left, x)
    return V, np.where(was & (1.2 * x > 2), HELD, left), fires


def again_by_V(V, new, left, x):
    over = new >= 1
    fires = over & (left == 0)
    return np.where(over, 0, new), np.where(over, HELD, np.maximum(left - 1, 0)), fires


def blocks_where_negative(V, new, left, x):
    now = np.where(left > 0, V, new)
    fires = (left == 0) & (V >= 0) & (now >= 1)
    return np.where(fires, 0, now), np.where(fires, HELD, np.maximum(left - 1, 0)), fires


def climbs_where_negative(V, new, left, x):
    now = np.where(V < 0, np.minimum(V + 0.05, 0), new)
    now = np.where(left > 0, V, now)
    fires = (left == 0) & (V >= 0) & (now >= 1)
    return np.where(fires, 0, now), np.where(fires, HELD, np.maximum(left - 1, 0)), fires


def subject(fault_of):
    claims = Capabilities(membrane="after reset")
    run = layer(fault_of)
    adapter = as_adapter(
        lambda current: run(current), dt_ms=0.5, params=PARAMS, capabilities=claims
    )
    return prepared(adapter, 0.5)


@pytest.mark.sweep(4)
@pytest.mark.parametrize(
    ("fault_of", "code", "words"),
    [
        (again_by_input, "refractory.started-again", "an input with R I above 2"),
        (again_by_V, "refractory.started-again", "V at the threshold"),
        (blocks_where_negative, "refractory.blocked-by-negative", "cannot fire in the step after"),
        (climbs_where_negative, "refractory.blocked-by-negative", "climbs by 0.05 a step"),
    ],
)
def test_the_fault_is_named(fault_of, code, words):
    tested = subject(fault_of)
    found = fault(tested, pairs=False)
    assert found.cause.code == code
    assert words in found.cause.text
    assert not step_currents(tested).ok


def test_the_correct_neuron_has_none():
    tested = subject(correct)
    assert fault(tested, pairs=False) is None
    assert step_currents(tested).ok
