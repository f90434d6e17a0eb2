"""Bit-for-bit comparison of a layer with the machine of its declared Q-format."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.declared_bits import as_whole_layer, drive, in_units, machine, word_costs
from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step
from bio_scnn.crossval.subject import Finding, Skip, Subject
from bio_scnn.errors import InputError

_BIASED = 6.0
"""Standard errors from which on a stochastic rounding is biased."""


def as_declared(subject: Subject) -> Finding:
    """Every spike and every bit of V are those of the declared machine."""
    form = subject.claims.fixed_point
    assert form is not None
    try:
        neuron, layer = in_units(machine(subject)), as_whole_layer(subject)
    except InputError as error:
        raise Skip(str(error)) from None
    x = drive(layer, form.word, 1)
    spikes, V = layer.run(x * layer.unit)
    units = None if V is None else V * 2.0**form.fraction
    if form.rounding == "stochastic":
        return _stochastic(subject, neuron, x, spikes, units)
    ran = step(neuron, x)
    right = ran.V_before if subject.claims.membrane == "before reset" else ran.V
    wrong = int(np.abs(spikes - ran.spikes).sum())
    apart = np.zeros(x.shape, bool) if units is None else units != right
    values = _costs(subject) | {"spikes_wrong": float(wrong), "V_wrong": float(apart.sum())}
    total = int(ran.spikes.sum())
    expected = f"bit for bit the declared machine: {form}"
    if not wrong and not apart.any():
        what = f"all {total:,} spikes" + f" and all {apart.size:,} V" * (units is not None)
        return Finding(True, f"{what}, bit for bit", expected, values=values)
    seen = f"{wrong:,} spikes too many or too few beside {total:,}"
    if units is not None and apart.any():
        at = np.unravel_index(apart.argmax(), apart.shape)
        seen += (
            f", {apart.sum():,} of {apart.size:,} V other: in step {at[0]} V is "
            f"{units[at]:g} units, not {right[at]:g}"
        )
    return Finding(False, seen, expected, values=values)


def _costs(subject: Subject) -> dict[str, float]:
    return {
        f"rate_error_of_the_word_percent_at_{rate:g}_Hz": 100 * error
        for rate, error in subject.once(word_costs).items()
    }


def _stochastic(
    subject: Subject,
    neuron: SteppedNeuron,
    x: NDArray[np.float64],
    spikes: NDArray[np.int64],
    V: NDArray[np.float64] | None,
) -> Finding:
    """Each V is one of the two next to the product, and neither too often."""
    if V is None or subject.claims.membrane != "after reset":
        raise Skip("stochastic rounding has no bits to compare unless V after the reset is shown")
    form = neuron.number_format
    assert isinstance(form, FixedPoint)
    calm = np.ones(x.shape, bool)
    for late in range(int(neuron.refractory) + 1):
        calm[late:] &= spikes[: len(spikes) - late] == 0
    old = np.concatenate([np.full_like(V[:1], neuron.start), V[:-1]])
    product = neuron.decay * old
    if neuron.leak:
        raise Skip("a linear leak has no product to round")
    low = np.floor(product)
    ends = [form.total(low + more + x) for more in (0, 1)]
    # at a bound of the word nothing tells which of the two it was
    free = calm & (ends[0] != ends[1])
    up = V == ends[1]
    stray = calm & ~up & (V != ends[0])
    share = product - low
    off = float((up - share)[free].sum() / max(np.sqrt((share * (1 - share))[free].sum()), 1e-9))
    values = _costs(subject) | {"V_wrong": float(stray.sum()), "standard_errors": off}
    seen = f"{stray.sum():,} of {calm.sum():,} V are neither neighbour; bias {off:+.1f} standard errors"
    ok = not stray.any() and abs(off) < _BIASED
    return Finding(bool(ok), seen, f"the declared machine: {subject.claims.fixed_point}", values=values)
