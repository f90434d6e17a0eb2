"""Likeness: the neuron that fires as an implementation does, where there is one."""

from __future__ import annotations

from bio_scnn.crossval.checks import others
from bio_scnn.crossval.diagnosis import Explanation, explain
from bio_scnn.crossval.oracles.dialects import PERFECT
from bio_scnn.crossval.oracles.right import reading
from bio_scnn.crossval.subject import Subject


def explanation(subject: Subject) -> Explanation | None:
    """Grid neuron that fires as a clock-driven implementation does; None if there is none."""
    if subject.claims.precise or not subject.plain:
        return None
    try:
        return explain(subject)
    except (Exception, SystemExit):  # whatever is raised, the checks have reported it
        return None


def behaves_like(subject: Subject) -> str:
    """The simplest neuron on a grid with the same spikes, in words; empty if there is none."""
    if not subject.plain:
        return subject.once(_follows)
    found = explanation(subject)
    if found is None:
        return ""
    difference = found.neuron.difference_from(PERFECT)
    return difference.text if difference else "the on-grid oracle"


def _follows(subject: Subject) -> str:
    """Name of the family's reading that a layer follows; empty if it does not."""
    if subject.claims.precise:
        return ""
    try:
        return reading(subject).name if others.as_declared(subject).ok else ""
    except (Exception, SystemExit):
        return ""
