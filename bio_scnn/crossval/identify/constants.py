"""Constants of a stepped neuron as its number format has them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bio_scnn.crossval.identify.formats import FixedPoint, FloatingPoint

if TYPE_CHECKING:
    from bio_scnn.crossval.identify.stepped import SteppedNeuron


def with_clear_ties(neuron: SteppedNeuron, form: FixedPoint) -> SteppedNeuron:
    """The same neuron, whose V in units of 0.001, say, meets its threshold as in whole numbers."""
    if np.frexp(form.unit)[0] == 0.5 or not np.isfinite(neuron.threshold):
        return neuron
    least = 1e-6 * form.unit * (-1 if neuron.fires_at_threshold else 1)
    return replace(neuron, threshold=neuron.threshold + least)


def with_constants_rounded(neuron: SteppedNeuron, form: FloatingPoint) -> SteppedNeuron:
    """A neuron whose constants are numbers of a floating-point format, as in code that has it."""
    names = ("decay", "gain", "bias", "leak", "threshold", "reset_keep", "reset_to", "start")
    rounded: dict[str, Any] = {
        name: float(form.product(np.array(getattr(neuron, name)))) for name in names
    }
    return replace(neuron, **rounded)
