"""Adaptation in a recording with V: what earlier spikes take off the drive."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.flow import Flow, Recorded, quiet_steps
from bio_scnn.crossval.identify.numbers import simplest
from bio_scnn.crossval.identify.stepped import Adaptation, SteppedNeuron, shifted, step


def adapting(data: Recorded, tried: list[Flow]) -> list[SteppedNeuron]:
    """Neurons with an adaptation of the drive that explains V after spikes.

    Parameters
    ----------
    data : Recorded
        With V and spikes.
    tried : list of Flow
        Flows without it; those that hold before the first spike are taken.

    Returns
    -------
    list of SteppedNeuron
        Flows only: threshold and reset are not known yet.
    """
    assert data.V is not None
    fired = data.fired() > 0
    early = np.cumsum(fired, axis=0) == 0
    early[0] = False
    if not fired.any() or early.sum() < 8:
        return []
    found = []
    for flow in tried[:12]:
        drive = step(replace(flow.neuron, threshold=np.inf), data.x).drive
        left = flow.neuron.decay * shifted(data.V, 1) + drive - data.V
        if np.quantile(np.abs(left[early]), 0.9) > max(3 * flow.residual, 1e-6 * data.scale):
            continue
        adaptation = _fitted(data, left)
        if adaptation is not None:
            found.append(replace(flow.neuron, adaptation=adaptation))
    return found[:3]


def _fitted(data: Recorded, left: np.ndarray) -> Adaptation | None:
    """Adaptation that decays and jumps as what is left of V does."""
    fired = data.fired()
    later = (np.cumsum(fired, axis=0) > 0) & (fired == 0)
    rows = later & shifted(later, 1) & quiet_steps(data, 1)
    if rows.sum() < 8 or not left[rows].any():
        return None
    old, new = shifted(left, 1)[rows], left[rows]
    ratio = np.median(new[old != 0] / old[old != 0]) if (old != 0).any() else np.nan
    if not 0 < ratio < 1:
        return None
    decay = simplest(ratio - 1e-6, ratio + 1e-6)
    unit = np.zeros_like(left)
    for n in range(1, len(left)):
        unit[n] = decay * unit[n - 1] + fired[n - 1]
    jump = float(unit[rows] @ left[rows] / (unit[rows] @ unit[rows]))
    off = np.quantile(np.abs(left - jump * unit)[rows], 0.9)
    if off > 1e-4 * abs(jump):
        return None
    return Adaptation(decay, simplest(jump - 1e-6 * abs(jump), jump + 1e-6 * abs(jump)))


def adaptation_of(neuron: SteppedNeuron, fired: NDArray[np.int64]) -> NDArray[np.float64]:
    """Adaptation w ``(steps, neurons)`` at the beginning of each step, given earlier spikes."""
    assert neuron.adaptation is not None
    w, all_w = np.zeros(fired.shape[1]), np.empty(fired.shape)
    for n, spikes in enumerate(fired):
        w = neuron.adaptation.decay * w + neuron.adaptation.jump * spikes
        all_w[n] = w
    return all_w
