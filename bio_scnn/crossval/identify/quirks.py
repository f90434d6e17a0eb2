"""Neurons without their quirks: what eq. 1 makes of the constants that were found."""

from __future__ import annotations

from bio_scnn.crossval.identify.readings import resting
from bio_scnn.crossval.identify.second_differences import steady_gain
from bio_scnn.crossval.identify.stepped import SteppedNeuron


def without_quirks(neuron: SteppedNeuron) -> SteppedNeuron:
    """Neuron of eq. 1 with the same constants, in float64, without what else a neuron does.

    It has the decay, the gain that the input has in the end, the rest, the threshold, the reset
    and the refractory steps, and starts at the rest or the reset.
    """
    rest = resting(neuron)
    keep = 1.0 if neuron.subtracts else 0.0
    reset = neuron.reset_to if neuron.reset_keep in (0.0, 1.0) else 0.0
    V_reset = reset + (neuron.threshold if neuron.subtracts else 0.0)
    near = 1e-9 * max(abs(neuron.start), abs(rest))
    return SteppedNeuron(
        decay=neuron.decay,
        gain=neuron.gain * steady_gain(neuron),
        bias=neuron.bias if rest else 0.0,
        threshold=neuron.threshold,
        fires_at_threshold=neuron.fires_at_threshold,
        reset_keep=keep,
        reset_to=reset,
        refractory=neuron.refractory,
        crossing=neuron.crossing,
        start=rest if abs(neuron.start - rest) <= near else (V_reset if keep == 0 else rest),
    )
