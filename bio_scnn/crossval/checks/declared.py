"""Comparison of an implementation with the neuron that it declares."""

from __future__ import annotations

from bio_scnn.crossval.checks import bits, others
from bio_scnn.crossval.diagnosis import answers, explain
from bio_scnn.crossval.oracles.dialects import PERFECT
from bio_scnn.crossval.subject import Finding, Skip, Subject


def as_declared(subject: Subject) -> Finding:
    """The spikes are those of the declared integrator, reset, threshold and refractory period.

    An implementation may declare that it uses forward Euler, or subtracts instead of resetting;
    other checks then fail as expected. This one compares it with just that neuron on the grid,
    spike for spike, so that a declared difference cannot hide another one. A layer that declares
    a Q-format is compared with that machine, bit for bit.
    """
    if subject.claims.fixed_point is not None:
        return bits.as_declared(subject)
    if subject.claims.precise or subject.claims.integrator == "adaptive":
        raise Skip("it is held to the exact neuron instead")
    if not subject.plain:
        return others.as_declared(subject)
    found = explain(subject)
    if found is None:
        if not answers(subject):
            raise Skip("it cannot be built for the probes, or rounding decides when it fires")
        return Finding(False, "no tested variant reproduces these spikes", "as declared")
    if found.cause:
        return Finding(False, found.cause.text, "as declared", found.cause)
    as_claimed = "on-grid oracle" if found.neuron == PERFECT else "neuron that it declares"
    return Finding(True, f"fires as the {as_claimed}", "as declared")
