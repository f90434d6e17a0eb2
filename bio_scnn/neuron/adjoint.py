"""Exact gradients of spike times: the event-driven adjoint of the LIF neuron."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import LIFParameters, check_lif

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SpikeGradients:
    """Gradients of a loss that depends on spike times.

    Attributes
    ----------
    current : (steps, neurons) array
        With respect to the current of each step. With a current ``x @ W``, that of W is
        ``x.T @ current``.
    tau_ms, R, V_th, V_reset, t_ref_ms : (neurons,) arrays
        With respect to each neuron's parameter, the others unchanged.
    """

    current: Array
    tau_ms: Array
    R: Array
    V_th: Array
    V_reset: Array
    t_ref_ms: Array


def spike_gradients(
    params: LIFParameters,
    current: ArrayLike,
    dt_ms: float,
    spike_times_ms: Sequence[ArrayLike],
    loss_slopes: Sequence[ArrayLike],
) -> SpikeGradients:
    """Exact gradients of a loss of spike times, backwards from spike to spike.

    Parameters
    ----------
    params : LIFParameters
    current : (steps, neurons) array
        Held over each step.
    dt_ms : float, ms
    spike_times_ms : sequence of (spikes,) arrays, ms
        Of each neuron, as the exact solution has them, from V_reset at time 0.
    loss_slopes : sequence of (spikes,) arrays, 1/ms
        Derivative of the loss with respect to each spike time.

    Returns
    -------
    SpikeGradients

    Raises
    ------
    InputError
        If the shapes do not fit, or a spike is not in the run.

    Notes
    -----
    A spike is where V crosses V_th, so its time moves by ``-dV/V'``. V at a spike depends on the
    current since the last release from the refractory period, and on the time of that release,
    which is the last spike's. Spikes that appear or vanish have no derivative.

    References
    ----------
    T. C. Wunderlich, C. Pehle, "Event-based backpropagation can compute exact gradients for
    spiking neural networks", Scientific Reports 11, 2021.
    """
    check_lif(params)
    current = np.asarray(current, dtype=np.float64)
    if current.ndim != 2 or not len(spike_times_ms) == len(loss_slopes) == current.shape[1]:
        raise InputError(
            f"current (shape {current.shape}) must be (steps, neurons), with the spike times and "
            "the slopes of each neuron"
        )
    found = SpikeGradients(np.zeros(current.shape), *np.zeros((5, current.shape[1])))
    for j, (times, slopes) in enumerate(zip(spike_times_ms, loss_slopes, strict=True)):
        times, slopes = np.asarray(times, dtype=np.float64), np.asarray(slopes, dtype=np.float64)
        if times.shape != slopes.shape:
            raise InputError(f"neuron {j} has {times.size} spikes and {slopes.size} slopes")
        if times.size and not 0 <= times.min() <= times.max() <= len(current) * dt_ms:
            raise InputError(f"neuron {j} has a spike outside the {len(current) * dt_ms:g} ms")
        _backwards(params, current[:, j], dt_ms, times, slopes, found, j)
    return found


def _backwards(
    params: LIFParameters,
    current: Array,
    dt_ms: float,
    times: Array,
    slopes: Array,
    found: SpikeGradients,
    j: int,
) -> None:
    """Add up the gradients of neuron j, from its last spike to its first."""
    tau, R = params.tau_ms, params.R
    starts = np.concatenate([[0.0], times[:-1] + params.t_ref_ms])[: len(times)]
    steps = np.clip(np.array([starts, times]) / dt_ms, 0, len(current) - 1).astype(int)
    weight = 0.0  # of a spike in the loss, by itself and through the spikes after it
    for k in reversed(range(len(times))):
        first, last = steps[:, k]
        part = current[first : last + 1]
        edges = np.concatenate(
            [starts[[k]], np.arange(first + 1, last + 1) * dt_ms, times[[k]]]
        ).clip(starts[k], times[k])
        decay = np.exp((edges - times[k]) / tau)  # from each edge to the spike
        goal = params.V_rest + R * part
        rises = np.diff(decay)
        # V at the start of each piece of held current.
        V = _values(params.V_reset, goal, np.diff(edges), tau)
        by_tau = float(np.sum((V - goal) * np.diff(edges) * decay[:-1])) / tau**2
        slope = (goal[-1] - params.V_th) / tau
        weight = (weight + slopes[k]) / slope
        found.current[first : last + 1, j] -= weight * R * rises
        found.R[j] -= weight * float(np.sum(part * rises))
        found.tau_ms[j] -= weight * by_tau
        found.V_th[j] += weight
        found.V_reset[j] -= weight * decay[0]
        weight *= decay[0] * (goal[0] - params.V_reset) / tau if k else 0.0
        found.t_ref_ms[j] += weight


def _values(V: float, goal: Array, lengths: Array, tau_ms: float) -> Array:
    """V at the start of each piece of a held current."""
    found = np.empty(len(goal))
    for i, (E, h) in enumerate(zip(goal, lengths, strict=True)):
        found[i] = V
        V = E + (V - E) * np.exp(-h / tau_ms)
    return found
