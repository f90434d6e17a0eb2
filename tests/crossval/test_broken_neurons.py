"""The broken neurons are broken in the way they say, and the good ones are not."""

from __future__ import annotations

import numpy as np
import probes_of_equations  # noqa: F401 - registers its probes
import probes_of_outputs  # noqa: F401 - registers its probes
import pytest
from broken_neurons import BROKEN, GOOD, GridNeuron
from neuron_probes import FIRING, PROBES

from bio_scnn.crossval.causes import CODES
from bio_scnn.crossval.protocol import Adapter
from bio_scnn.crossval.subject import Subject

SAME_CAUSE = [
    # Classes whose errors are the same one, or cannot be told apart from outside.
    {"ForwardEuler", "SpikesOnlyEuler"},
    {"ResetDoesNothing", "ResetKeepsCountdown"},
    {"SharedCountdown", "NeighbourReset", "LateralInhibition", "VectorBody", "LostSpikes"},
    {"LabelsEnd", "InputDelayed"},
]


@pytest.mark.parametrize("cls", BROKEN)
def test_truth_is_a_cause_of_the_catalogue_and_that_of_no_other_error(cls: type[Adapter]) -> None:
    assert cls.truth
    assert set(cls.truth) <= CODES
    kin = set().union({cls.__name__}, *(k for k in SAME_CAUSE if cls.__name__ in k))
    others = {other.__name__ for other in BROKEN if set(cls.truth) & set(other.truth)}
    assert others == kin


def test_every_broken_neuron_has_a_name_and_a_probe() -> None:
    assert len(BROKEN) >= 30
    assert set(PROBES) == set(BROKEN)
    assert len({cls.name for cls in (*BROKEN, *GOOD)}) == len(BROKEN) + len(GOOD)


@pytest.mark.parametrize("cls", BROKEN)
def test_broken_neuron_is_broken_as_it_says(cls: type[Adapter]) -> None:
    PROBES[cls](cls)


@pytest.mark.parametrize("cls", BROKEN)
def test_good_neuron_does_not_pass_for_broken(cls: type[Adapter]) -> None:
    with pytest.raises(AssertionError):
        PROBES[cls](GridNeuron)


@pytest.mark.parametrize("cls", BROKEN)
def test_broken_neuron_gives_traces_of_the_right_form(cls: type[Adapter]) -> None:
    trace = Subject(cls()).run(np.full((100, 3), FIRING))
    assert (trace.membrane is None) == (cls.capabilities.membrane == "none")
