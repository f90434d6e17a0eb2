"""Spikes off the grid: the threshold is crossed within a step, and V goes on from there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def part_of_step(V: Array, drive: Array, decay: float, share: Array) -> Array:
    """V after a part of a step, exact for a drive that is held over it.

    Parameters
    ----------
    V, drive, share : arrays of one shape
        V at the beginning; what a whole step adds; the part of the step, 0 to 1.
    decay : float
        What is left of V after a whole step; 1 for no leak.

    Returns
    -------
    array
    """
    if decay == 1.0:
        return V + drive * share
    end = drive / (1 - decay)
    return end + (V - end) * decay**share


def crossing(V: Array, drive: Array, decay: float, threshold: float) -> Array:
    """Part of a step after which V reaches the threshold; infinite if it does not.

    Parameters
    ----------
    V, drive, decay
        As in `part_of_step`.
    threshold : float

    Returns
    -------
    array
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if decay == 1.0:
            share = (threshold - V) / drive
        else:
            end = drive / (1 - decay)
            share = np.log((end - threshold) / (end - V)) / np.log(decay)
    share = np.where(V >= threshold, 0.0, share)
    return np.where(np.isfinite(share) & (share >= 0), share, np.inf)


def run_within_steps(
    drive: Array,
    decay: float,
    threshold: float,
    reset: float,
    refractory: float,
    start: float,
    floor: float = -np.inf,
    adaptation: tuple[float, float] = (0.0, 0.0),
) -> tuple[NDArray[np.int64], Array, Array]:
    """Spikes counted in each step, and V at its end, of a neuron whose spikes are off the grid.

    Parameters
    ----------
    drive : (steps, neurons) array
        What a whole step adds to V.
    decay, threshold, reset, start : float
    refractory : float, steps
        Time after a spike in which V stays at the reset; it need not be whole.
    floor : float
        Least V at the end of a step.
    adaptation : (float, float)
        Decay of w, which is taken off the drive, and what a spike adds to it.

    Returns
    -------
    spikes, V : (steps, neurons) arrays
    unreset : (steps, neurons) array
        V at the end of the step had it not crossed the threshold in it; minus infinity where a
        neuron is refractory for the whole step.
    """
    spikes, after = np.zeros(drive.shape, np.int64), np.empty(drive.shape)
    unreset = np.empty(drive.shape)
    V = np.full(drive.shape[1], float(start))
    # A reset to the threshold would fire without end.
    most = 1000 if reset < threshold and refractory >= 0 else 1
    held, w = np.zeros_like(V), np.zeros_like(V)
    for n, given in enumerate(drive):
        d = given - w
        left = np.clip(1 - held, 0, 1)
        held = np.maximum(held - 1, 0)
        unreset[n] = np.where(left > 0, part_of_step(V, d, decay, left), -np.inf)
        for _ in range(most):
            share = crossing(V, d, decay, threshold)
            now = (share <= left) & (left > 0)
            V = np.where(now, reset, part_of_step(V, d, decay, left))
            spikes[n] += now
            if not now.any():
                break
            rest = np.where(now, left - share, 0.0)
            held = np.where(now, np.maximum(refractory - rest, 0), held)
            left = np.where(now, np.maximum(rest - refractory, 0), 0.0)
        V = np.maximum(V, floor)
        w = adaptation[0] * w + adaptation[1] * spikes[n]
        after[n] = V
    return spikes, after, unreset
