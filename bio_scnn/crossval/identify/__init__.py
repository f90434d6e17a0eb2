"""Identification of the neuron in a layer or a recording, from its inputs and outputs."""

from bio_scnn.crossval.identify.calls import Call, Convention, Remark, Response, find_call
from bio_scnn.crossval.identify.differences import Difference, differences
from bio_scnn.crossval.identify.formats import FixedPoint, FloatingPoint
from bio_scnn.crossval.identify.identification import Identification
from bio_scnn.crossval.identify.live import identify
from bio_scnn.crossval.identify.readings import as_parameters, code_sentence, physics_sentence
from bio_scnn.crossval.identify.stepped import Adaptation, Stepped, SteppedNeuron, Synapse, step

__all__ = [
    "Adaptation",
    "Call",
    "Convention",
    "Difference",
    "FixedPoint",
    "FloatingPoint",
    "Identification",
    "Remark",
    "Response",
    "Stepped",
    "SteppedNeuron",
    "Synapse",
    "as_parameters",
    "code_sentence",
    "differences",
    "find_call",
    "identify",
    "physics_sentence",
    "step",
]
