"""Bounds of V in a recording: a word that saturates or wraps round, a floor or a ceiling."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from bio_scnn.crossval.identify.flow import Recorded, quiet_steps
from bio_scnn.crossval.identify.formats import OVERFLOWS, FixedPoint
from bio_scnn.crossval.identify.stepped import SteppedNeuron, shifted, step


def with_words(data: Recorded, neuron: SteppedNeuron) -> list[SteppedNeuron]:
    """The same neuron with each word that holds V and that its update would leave.

    Parameters
    ----------
    data : Recorded
        With V.
    neuron : SteppedNeuron
        In fixed point.

    Returns
    -------
    list of SteppedNeuron
        Empty if the update never leaves the range of V by a bit.
    """
    form = neuron.number_format
    if not isinstance(form, FixedPoint):
        return []
    assert data.V is not None
    V, updated = data.V / form.unit, _updated(data, neuron) / form.unit
    low, high = float(V.min()), float(V.max())
    bits = max(math.ceil(math.log2(max(high + 1, -low, 1))) + 1, 2)
    reached = max(float(updated.max()) + 1, -float(updated.min()))
    found = []
    while 2.0 ** (bits - 1) < reached and bits < 40:
        for overflow in OVERFLOWS:
            word = replace(form, word=bits, overflow=overflow)
            found.append(replace(neuron, number_format=word))
        bits += 1
    return found[:8]


def with_bounds(data: Recorded, neuron: SteppedNeuron) -> SteppedNeuron:
    """The same neuron with a floor or a ceiling where V stops short of its update."""
    assert data.V is not None
    off = _updated(data, neuron) - data.V
    rows = quiet_steps(data, 1)
    low, high = float(data.V.min()), float(data.V.max())
    slack = 1e-6 * data.scale
    if (rows & (data.V == low) & (off < -slack)).sum() > 3:
        neuron = replace(neuron, floor=low)
    if (rows & (data.V == high) & (off > slack)).sum() > 3:
        neuron = replace(neuron, ceiling=high)
    return neuron


def _updated(data: Recorded, neuron: SteppedNeuron) -> np.ndarray:
    """V after the update of each step, without bounds, from V as it is shown before."""
    assert data.V is not None
    drive = step(replace(neuron, threshold=np.inf, adaptation=None), data.x).drive
    decayed = neuron.number_format.decayed(neuron.decay, shifted(data.V, 1))
    if neuron.leak:
        decayed = np.sign(decayed) * np.maximum(np.abs(decayed) - neuron.leak, 0)
    return decayed + drive
