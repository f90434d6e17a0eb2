"""Surrogate gradients of layers beside the exact derivatives of spike times and rates.

::

    layers       a PyTorch layer as a function that keeps its graph, and the neuron it is
    comparing    the same loss through the layer and through the event-driven adjoint
    command      python -m bio_scnn.validate NAME --gradients
"""

from bio_scnn.crossval.gradients.comparing import GradientReport, compare_gradients
from bio_scnn.crossval.gradients.layers import GradientLayer, layer_of

__all__ = ["GradientLayer", "GradientReport", "compare_gradients", "layer_of"]
