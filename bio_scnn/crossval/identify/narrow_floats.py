"""Narrow floats in a recording: the numbers of a bfloat16 or float16 neuron."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.flow import Flow, Recorded, current, quiet_steps
from bio_scnn.crossval.identify.formats import FloatingPoint, FloatName
from bio_scnn.crossval.identify.stepped import SteppedNeuron, shifted

Array = NDArray[np.float64]

SIGNIFICANT: dict[FloatName, int] = {"bfloat16": 8, "float16": 11}
"""Bits of the significand."""

MOST = 160
"""Numbers that are tried for the decay, and for the gain."""


def narrow_format(V: Array) -> FloatingPoint | None:
    """Format that holds every V and fewer bits than float32; None if there is none."""
    if len(np.unique(V)) < 30 or np.array_equal(V, np.rint(V)):
        return None
    for name in SIGNIFICANT:
        form = FloatingPoint(name)
        if np.array_equal(form.product(V), V):
            return form
    return None


def in_narrow_floats(data: Recorded, flow: Flow, form: FloatingPoint) -> list[SteppedNeuron]:
    """Neurons with numbers of a format, near a flow, that have V in most quiet steps.

    Parameters
    ----------
    data : Recorded
        With V, all of it numbers of the format.
    flow : Flow
    form : FloatingPoint

    Returns
    -------
    list of SteppedNeuron
        At most three, those first that have most of V.
    """
    assert data.V is not None
    n = flow.neuron
    if n.leak or n.synapse is not None or not n.gain:
        return []
    rows = quiet_steps(data, 1)
    old, new = shifted(data.V, 1)[rows], data.V[rows]
    x = current(n, form.product(data.x))[rows]
    ulp = 2.0 ** (1 - SIGNIFICANT[form.name])
    decays = _numbers(n.decay, max(8 * flow.deviation, 2 * ulp * abs(n.decay)), form, ulp)
    gains = _numbers(n.gain, 4 * ulp * abs(n.gain), form, ulp)
    bias = float(form.product(np.array(n.bias)))
    drives = form.product(gains[:, None] * x)
    drives = form.product(drives + bias) if bias else drives
    scored = []
    for decay in decays:
        right = (form.product(form.product(decay * old) + drives) == new).mean(axis=1)
        k = int(np.argmax(right))
        scored.append((float(right[k]), -abs(decay - n.decay), float(decay), float(gains[k])))
    scored.sort(reverse=True)
    return [
        replace(n, decay=decay, gain=gain, bias=bias, number_format=form)
        for share, _, decay, gain in scored[:3]
        if share > 0.7
    ]


def _numbers(centre: float, width: float, form: FloatingPoint, ulp: float) -> Array:
    """Numbers of a format about a centre."""
    width = min(width, MOST / 8 * ulp * abs(centre))
    steps = np.arange(centre - width, centre + width, ulp * abs(centre) / 4)
    return np.unique(form.product(np.asarray(steps, dtype=np.float64)))
