"""Judgement of a layer that is the neuron which it declares, but for a fault or two."""

from __future__ import annotations

from bio_scnn.crossval.faults.coupling import coupled
from bio_scnn.crossval.faults.probes import fault
from bio_scnn.crossval.faults.search import Fault
from bio_scnn.crossval.identity import Departure, Identity
from bio_scnn.crossval.remedies import remedy
from bio_scnn.crossval.report import portrait
from bio_scnn.crossval.subject import Subject


def with_coupling(subject: Subject) -> Identity | None:
    """Identity of a layer that is the neuron it declares, but for neurons that are coupled.

    None if no coupling that is known reproduces its answers.
    """
    try:
        found = None if subject.claims.precise else coupled(subject)
    except (Exception, SystemExit):  # the checks have reported it
        return None
    return None if found is None else _but(subject, found)


def with_fault(subject: Subject, *, pairs: bool = True) -> Identity | None:
    """Identity of a layer that is the neuron it declares but for one fault, or two.

    Parameters
    ----------
    subject : Subject
    pairs : bool
        Try two faults at once where one does not do, which takes long.

    Returns
    -------
    Identity or None
        None if no such fault reproduces its answers, or it has precise times, or it raises. One
        without a code, but with the nearest faults and their shares, if there are none.
    """
    if subject.claims.precise:
        return None
    try:
        found = fault(subject, pairs=pairs)
    except (Exception, SystemExit):  # the checks have reported it
        return None
    if found is None:
        return None
    if found.cause is None:
        near = tuple(
            f"{text}: {100 * part:.3g} % of the spikes" for text, part in found.candidates
        )
        return Identity(spikes=found.spikes, excluded=near)
    return _but(subject, found)


def _but(subject: Subject, found: Fault) -> Identity:
    """Identity of a layer that is the declared neuron but for a fault."""
    assert found.cause is not None
    why = Departure(
        found.cause.text, found.cause.code, portrait.effect(subject), remedy(found.cause.code)
    )
    return Identity(
        code=f"the declared neuron, but {found.cause.text}",
        spikes=found.spikes,
        spikes_explained=found.share,
        V_explained=None if subject.claims.membrane == "none" else 1.0,
        compared_with="the declaration",
        departures=(why,),
    )
