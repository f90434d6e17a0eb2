"""Identification: what neuron a layer or a recording is, measured from the outside."""

from bio_scnn.crossval.identify.formats import FixedPoint, FloatingPoint
from bio_scnn.crossval.identify.stepped import Adaptation, Stepped, SteppedNeuron, Synapse, step

__all__ = [
    "Adaptation",
    "FixedPoint",
    "FloatingPoint",
    "Stepped",
    "SteppedNeuron",
    "Synapse",
    "step",
]
