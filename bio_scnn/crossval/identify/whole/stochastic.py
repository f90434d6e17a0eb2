"""Stochastic rounding in a layer that shows V: each V is one of two, as often as it should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.stepped import SteppedNeuron
from bio_scnn.crossval.identify.whole.drives import Answers

_BIASED = 6.0
_ENOUGH = 200


@dataclass(frozen=True)
class AtRandom:
    """Comparison of each V with the two whole numbers next to the product of decay and old V.

    Attributes
    ----------
    steps : int
        Steps that were compared: neither of a spike nor refractory.
    stray : int
        Those in which V is neither of the two.
    bias : float
        By how many standard errors the upper one is taken too often, the fraction being the
        probability of it.
    mixed : bool
        Products of about the same fraction go either way.
    """

    steps: int
    stray: int
    bias: float
    mixed: bool

    @property
    def right(self) -> bool:
        """True if V is rounded at random without a bias."""
        return self.steps >= _ENOUGH and not self.stray and abs(self.bias) < _BIASED and self.mixed


def at_random(neuron: SteppedNeuron, data: Answers) -> AtRandom | None:
    """Comparison of V, step by step, with a neuron in whole units; None if V is not shown.

    Parameters
    ----------
    neuron : SteppedNeuron
        V in whole units; it has a product to round, and reports spikes in their step.
    data : Answers
        With V after the reset.
    """
    form = neuron.number_format
    assert isinstance(form, FixedPoint)
    if data.V is None or neuron.leak or data.late or neuron.spike_delay:
        return None
    calm = np.ones(data.x.shape, bool)
    for late in range(int(min(neuron.refractory, len(calm) - 1)) + 1):
        calm[late:] &= data.spikes[: len(calm) - late] == 0
    old = np.concatenate([np.full_like(data.V[:1], neuron.start), data.V[:-1]])
    product, added = neuron.decay * old, form.drive(neuron.gain * data.x) + neuron.bias
    low = np.floor(product)
    ends = [form.total(low + more + added) for more in (0, 1)]
    free = calm & (ends[0] != ends[1])  # at a bound of the word nothing tells which it was
    up, share = data.V == ends[1], product - low
    stray = int((calm & ~up & (data.V != ends[0])).sum())
    spread = float(np.sqrt((share * (1 - share))[free].sum()))
    bias = float((up - share)[free].sum()) / max(spread, 1e-9)
    lower, upper = (free & (share > 0.05) & (share < 0.45) & (up == u) for u in (False, True))
    above, below = (free & (share > 0.55) & (share < 0.95) & (up == u) for u in (False, True))
    mixed = all(one.any() for one in (lower, upper, above, below))
    return AtRandom(int(calm.sum()), stray, bias, mixed)
