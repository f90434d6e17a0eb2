"""Steps of a neuron whose spikes clear its synaptic currents as they reset V."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.currents import Currents, advanced, driving
from bio_scnn.crossval.identify.plain_steps import reset_those, update_of, while_blocked

if TYPE_CHECKING:
    from bio_scnn.crossval.identify.stepped import SteppedNeuron

Values = NDArray[np.float64]
Runs = tuple[NDArray[np.int64], Values, Values, Values, Values]


def cleared_steps(
    neuron: SteppedNeuron, x: Values, rng: np.random.Generator | None = None
) -> Runs:
    """Spikes, V after and before the reset, drive and margin of such a neuron.

    Parameters
    ----------
    neuron : SteppedNeuron
        Without an adaptation, one spike a step at most, tested on the new V.
    x : (steps, neurons) array
        Input as it reaches the synapse.
    rng : numpy Generator, optional
        For stochastic rounding.

    Returns
    -------
    (spikes, after, before, drive, margin) : (steps, neurons) arrays
    """
    synapse, form = neuron.synapse, neuron.number_format
    assert synapse is not None
    updated = update_of(neuron, rng)
    over = np.greater_equal if neuron.fires_at_threshold else np.greater
    before, after, drive, margin = (np.empty(x.shape) for _ in range(4))
    spikes = np.zeros(x.shape, dtype=np.int64)
    V, left = np.full(x.shape[1], float(neuron.start)), np.zeros(x.shape[1])
    state: Currents = (np.zeros(x.shape[1]), np.zeros(x.shape[1]))
    pending = np.zeros(x.shape[1], dtype=bool)

    def reset(V: Values, state: Currents, fires: NDArray[np.bool_]) -> tuple[Values, Currents]:
        if not fires.any():
            return V, state
        cleared = (np.where(fires, 0.0, state[0]), np.where(fires, 0.0, state[1]))
        return reset_those(neuron, V, fires), cleared

    for n, value in enumerate(x):
        if neuron.reset_when == "next-step":
            V, state = reset(V, state, pending)
        old, state = state, advanced(synapse, state, value)
        drive[n] = form.drive(neuron.gain * driving(synapse, state if synapse.fresh else old))
        drive[n] = form.total(drive[n] + neuron.bias)
        blocked = left != 0
        V = while_blocked(neuron, blocked, V, updated(V, drive[n]))
        if neuron.reset_when == "after-update":
            V, state = reset(V, state, pending)
        before[n] = V
        pending = over(V, neuron.threshold) & ~blocked
        margin[n] = np.where(blocked, -np.inf, V - neuron.threshold)
        if neuron.reset_when == "same-step":
            V, state = reset(V, state, pending)
        left = np.where(pending, neuron.refractory, np.maximum(left - 1, 0))
        spikes[n], after[n] = pending, V
    return spikes, after, before, drive, margin
