"""Spikes off the grid in a recording with V: threshold and reset from where V is after a spike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bio_scnn.crossval.identify.flow import Flow, Recorded
from bio_scnn.crossval.identify.numbers import simplest
from bio_scnn.crossval.identify.stepped import SteppedNeuron, shifted, step
from bio_scnn.crossval.identify.within_step import crossing

_MOST_IN_A_STEP = 50
"""Spikes in a step that a neuron may have; a reset just below the threshold gives any number."""


def off_grid(data: Recorded, tried: list[Flow]) -> list[SteppedNeuron]:
    """Neurons that cross their threshold within a step and explain V at the end of it.

    Parameters
    ----------
    data : Recorded
        With V and spikes.
    tried : list of Flow

    Returns
    -------
    list of SteppedNeuron
        With threshold, reset and refractory time; a start at the reset is tried first.
    """
    found: list[SteppedNeuron] = []
    for flow in [f for f in tried if f.residual < 1e-5 * data.scale][:6]:
        neuron = flow.neuron
        if neuron.synapse is not None or not 0 < neuron.decay <= 1 + 1e-9:
            continue
        drive = step(replace(neuron, threshold=np.inf), data.x).drive
        for reset in dict.fromkeys((neuron.start, _lowest(data))):
            found += _with_reset(data, neuron, drive, reset)
    return found[:6]


def _lowest(data: Recorded) -> float:
    """V at the end of the steps of spikes, where it is lowest: the reset, if V waits there."""
    assert data.V is not None
    at = data.V[data.fired() > 0]
    return float(at.min()) if len(at) else 0.0


def _with_reset(
    data: Recorded, neuron: SteppedNeuron, drive: np.ndarray, reset: float
) -> list[SteppedNeuron]:
    assert data.V is not None
    fired = data.fired() > 0
    fired[0] = False
    old, new, held = shifted(data.V, 1)[fired], data.V[fired], drive[fired]
    if not len(old):
        return []
    base = replace(neuron, crossing="within-step", reset_to=reset, reset_keep=0.0)
    moving = np.abs(new - reset) > 1e-9 * data.scale
    found = []
    if moving.any() and neuron.decay < 1:
        end = held / (1 - neuron.decay)
        # (V - end) (end - threshold) = (reset - end) decay (end - V before), which has no time
        level = end - (reset - end) * neuron.decay * (end - old) / (new - end)
        found.append((float(np.median(level[moving])), 0.0))
    elif moving.any():
        found.append((float(np.median((old + held + reset - new)[moving])), 0.0))
    high = float((neuron.decay * old + held).min())
    low = float(data.V.max())
    if high > low:
        level = simplest(low, high)
        found.append((level, _refractory(data, base, drive, level)))
    return [
        replace(base, threshold=simplest(th - 1e-7 * abs(th), th + 1e-7 * abs(th)), refractory=r)
        for th, r in found
        if drive.max() < _MOST_IN_A_STEP * (th - reset)
    ]


def _refractory(
    data: Recorded, neuron: SteppedNeuron, drive: np.ndarray, threshold: float
) -> float:
    """Time in steps for which V is held after a crossing, from where it goes on."""
    assert data.V is not None
    times = []
    for n, k in np.argwhere(data.fired() > 0):
        if n == 0:
            continue
        share = crossing(data.V[n - 1, k], drive[n, k], neuron.decay, threshold)
        for m in range(n, len(data.V)):
            if abs(data.V[m, k] - neuron.reset_to) > 1e-9 * data.scale:
                reset, end = np.array(neuron.reset_to), float(data.V[m, k])
                back = crossing(reset, drive[m, k], neuron.decay, end)
                times.append(float(m + 1 - back - (n + share)))
                break
    times = [t for t in times if 0 <= t < 1e6]
    if not times:
        return 0.0
    middle = float(np.median(times))
    return simplest(middle - 1e-6, middle + 1e-6)
