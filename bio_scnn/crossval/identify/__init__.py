"""Identification: what neuron a layer or a recording is, measured from the outside."""

from bio_scnn.crossval.identify.calls import Call, Convention, Remark, Response, find_call
from bio_scnn.crossval.identify.formats import FixedPoint, FloatingPoint
from bio_scnn.crossval.identify.stepped import Adaptation, Stepped, SteppedNeuron, Synapse, step

__all__ = [
    "Adaptation",
    "Call",
    "Convention",
    "FixedPoint",
    "FloatingPoint",
    "Remark",
    "Response",
    "Stepped",
    "SteppedNeuron",
    "Synapse",
    "find_call",
    "step",
]
