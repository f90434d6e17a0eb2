"""Bit-for-bit comparison of a layer with the machine of its declared Q-format."""

from __future__ import annotations

import numpy as np

from bio_scnn.crossval.declared_bits import as_whole_layer, drive, in_units, machine, word_costs
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step
from bio_scnn.crossval.identify.whole.drives import Answers
from bio_scnn.crossval.identify.whole.stochastic import at_random
from bio_scnn.crossval.subject import Finding, Skip, Subject
from bio_scnn.errors import InputError


def as_declared(subject: Subject) -> Finding:
    """Every spike and every bit of V are those of the declared machine."""
    form = subject.claims.fixed_point
    assert form is not None
    try:
        layer = as_whole_layer(subject)
        neuron = in_units(machine(subject), layer)
    except InputError as error:
        raise Skip(str(error)) from None
    x = drive(layer, neuron, form.word, 1)
    spikes, V = layer.run(x * layer.unit)
    units = None if V is None else V * 2.0**form.fraction
    if form.rounding == "stochastic":
        return _stochastic(subject, neuron, Answers(x, spikes, units, 0, 0))
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


def _stochastic(subject: Subject, neuron: SteppedNeuron, data: Answers) -> Finding:
    """Each V is one of the two next to the product, and neither too often."""
    found = at_random(neuron, data) if subject.claims.membrane == "after reset" else None
    if found is None:
        raise Skip("stochastic rounding has no bits to compare unless V after the reset is shown")
    values = {"V_wrong": float(found.stray), "bias_in_standard_errors": found.bias}
    seen = (
        f"{found.stray:,} of {found.steps:,} V are neither neighbour of the product; the upper "
        f"one is taken too often by {found.bias:+.1f} standard errors"
    )
    expected = f"the declared machine: {subject.claims.fixed_point}"
    return Finding(found.right, seen, expected, values=_costs(subject) | values)
