"""LIF neurons with one deliberate error each, to measure what a conformance suite finds.

Every class of `BROKEN` declares what an author who does not know of the error would declare. The
first sentence of its docstring is the error; `truth` are the codes of causes that state it
correctly. `GOOD` are correct neurons of different style.

Numbers such as "snnTorch #416" are issues and pull requests of the project in question, where the
error, or one very much like it, was reported.
"""

from __future__ import annotations

import broken_inputs
import broken_integrators
import broken_parameters
import broken_refractory
import broken_reports
import broken_resets
import broken_states
from correct_neurons import Float32Neuron, GridNeuron, NoRefractoryNeuron

from bio_scnn.crossval.protocol import Adapter

FAMILIES = (
    broken_integrators,
    broken_parameters,
    broken_refractory,
    broken_resets,
    broken_inputs,
    broken_states,
    broken_reports,
)


def _broken() -> tuple[type[GridNeuron], ...]:
    found = {}
    for family in FAMILIES:
        for thing in vars(family).values():
            if isinstance(thing, type) and issubclass(thing, GridNeuron) and thing.truth:
                found[thing] = None
    return tuple(found)


GOOD: tuple[type[Adapter], ...] = (GridNeuron, Float32Neuron, NoRefractoryNeuron)
BROKEN: tuple[type[GridNeuron], ...] = _broken()
