"""Fast steps of plain neurons, against the general loop and against one that is written out."""

from dataclasses import replace

import numpy as np
import pytest

from bio_scnn.crossval.identify import stepped
from bio_scnn.crossval.identify.formats import FixedPoint, FloatingPoint
from bio_scnn.crossval.identify.plain_steps import is_plain
from bio_scnn.crossval.identify.stepped import Adaptation, SteppedNeuron, Synapse, step

HALF = {"unit": 0.5, "word": 5}
FORMATS = [
    FloatingPoint(),
    FloatingPoint("bfloat16"),
    FixedPoint(),
    FixedPoint(unit=2.0**-6, rounding="floor", word=9),
    FixedPoint(**HALF, overflow="wrap", shifts=((1, 0), (-1, 3))),
    FixedPoint(unit=2.0**-6, rounding="stochastic", word=9),
    FixedPoint(**HALF, joint=True, rounding="nearest", signed=False, dead_zone=False),
]
KINDS = [
    {},
    {"refractory": 3, "while_refractory": "leaks", "bias": 0.5, "fires_at_threshold": False},
    {"refractory": 2, "while_refractory": "held", "reset_keep": 1.0, "reset_to": -1.0},
    {"refractory": 2, "while_refractory": "integrates", "reset_keep": 0.25, "reset_to": 0.5},
    {"leak": 0.25, "decay": 1.0, "floor": -1.0, "ceiling": 2.5, "spike_delay": 2},
    {"dead_change": 0.3, "input_low": -1.0, "synapse": Synapse(0.5), "refractory": np.inf},
]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_fast_steps_are_those_of_the_general_loop(monkeypatch, form, kind):
    neuron = replace(SteppedNeuron(number_format=form), **kind)
    x = np.random.default_rng(0).normal(0.4, 1.5, (120, 30))
    fast = step(neuron, x, np.random.default_rng(2))
    monkeypatch.setattr(stepped, "is_plain", lambda neuron: False)
    slow = step(neuron, x, np.random.default_rng(2))
    for name in ("spikes", "V", "V_before", "drive", "margin"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name))
    assert is_plain(neuron) or (form.rounding, kind["bias"]) == ("stochastic", 0.5)
    assert fast.spikes.any()


def test_fast_steps_are_those_of_a_loop_by_hand():
    neuron = SteppedNeuron(0.875, 2.0, reset_to=-0.5, refractory=2)
    x = np.random.default_rng(1).normal(0.2, 0.4, (200, 1))
    V, left, Vs, spikes = 0.0, 0, [], []
    for (value,) in x:
        spike = False
        if left:
            left -= 1
        else:
            V = 0.875 * V + 2 * value
            if spike := V >= 1:
                V, left = -0.5, 2
        Vs.append(V)
        spikes.append(spike)
    ran = step(neuron, x)
    assert ran.V[:, 0].tolist() == Vs
    assert ran.spikes[:, 0].tolist() == spikes
    assert sum(spikes) > 10


@pytest.mark.parametrize(
    "kind",
    [
        {"adaptation": Adaptation(0.9, 0.1)},
        {"reset_when": "next-step"},
        {"tested": "old"},
        {"several": True},
        {"number_format": FixedPoint(rounding="stochastic"), "while_refractory": "leaks"},
    ],
)
def test_others_are_left_to_the_general_loop(kind):
    assert not is_plain(SteppedNeuron(**kind))
