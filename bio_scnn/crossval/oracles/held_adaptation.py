"""Adaptive LIF with precise spike times and an adaptation held over each step, as in Nengo."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.within_step import crossing, part_of_step
from bio_scnn.neuron.models import AdaptiveLIFParameters
from bio_scnn.neuron.trace import Trace

Array = NDArray[np.float64]

_MOST = 1000  # spikes of a neuron in a step


def held_adaptation_trace(current: Array, dt_ms: float, params: AdaptiveLIFParameters) -> Trace:
    """Spike times and V of a neuron that takes the adaptation of the step before, held.

    Within a step V relaxes towards ``R (I - w)`` and crosses the threshold at its own time, from
    where it goes on; at the end of the step w decays, and takes b for each spike of the step.

    Parameters
    ----------
    current : (steps, neurons) array
    dt_ms : float, ms
    params : AdaptiveLIFParameters
        Reset to a value.

    Returns
    -------
    Trace
    """
    p = params
    decay, left_of_w = math.exp(-dt_ms / p.tau_ms), math.exp(-dt_ms / p.tau_w_ms)
    period, neurons = p.t_ref_ms / dt_ms, current.shape[1]
    V, w, held = np.full(neurons, p.V_reset), np.zeros(neurons), np.zeros(neurons)
    membrane = np.empty(current.shape)
    trains: list[list[float]] = [[] for _ in range(neurons)]
    for n, given in enumerate(current):
        drive = (1 - decay) * (p.V_rest + p.R * (given - w))
        left, held = np.clip(1 - held, 0, 1), np.maximum(held - 1, 0)
        fired = np.zeros(neurons)
        for _ in range(_MOST):
            share = crossing(V, drive, decay, p.V_th)
            now = (share <= left) & (left > 0)
            V = np.where(now, p.V_reset, part_of_step(V, drive, decay, left))
            for k in np.flatnonzero(now):
                trains[k].append((n + 1 - left[k] + share[k]) * dt_ms)
            fired += now
            if not now.any():
                break
            rest = np.where(now, left - share, 0.0)
            held = np.where(now, np.maximum(period - rest, 0), held)
            left = np.where(now, np.maximum(rest - period, 0), 0.0)
        w = left_of_w * w + p.b * fired
        membrane[n] = V
    return Trace(tuple(np.array(train) for train in trains), membrane)
