"""Likeness: the neuron that fires as an implementation does, where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bio_scnn.crossval.checks import others
from bio_scnn.crossval.diagnosis import Explanation, answers, explain
from bio_scnn.crossval.fault_judgement import with_coupling, with_fault
from bio_scnn.crossval.identity import Identity
from bio_scnn.crossval.judgement import explained
from bio_scnn.crossval.oracles.dialects import PERFECT
from bio_scnn.crossval.results import CONDUCT, CheckResult
from bio_scnn.crossval.subject import Subject
from bio_scnn.crossval.whole_judgement import (
    in_whole_numbers,
    rounded_at_random,
    unexplained_grid,
)

_NOT_ITS_INPUT = "its answers depend on more than its own input: no neuron can be claimed of it"


def explanation(subject: Subject) -> Explanation | None:
    """Grid neuron that fires as a clock-driven implementation does; None if there is none."""
    if not (subject.explained and subject.plain) or subject.claims.precise:
        return None
    if subject.claims.fixed_point is not None:  # its own machine explains it, or a fault of that
        return None
    try:
        return explain(subject)
    except (Exception, SystemExit):  # whatever is raised, the checks have reported it
        return None


def behaves_like(subject: Subject) -> str:
    """The simplest neuron on a grid with the same spikes, in words; empty if there is none."""
    if not subject.plain:
        return subject.once(others.follows)
    found = explanation(subject)
    if found is None:
        return ""
    difference = found.neuron.difference_from(PERFECT)
    return difference.text if difference else "the on-grid oracle"


def identity_of(subject: Subject, results: Sequence[CheckResult]) -> Identity | None:
    """Identity of a layer that failed for no reason that the catalogue explains."""
    failed = {r.check for r in results if r.status == "failed"}
    if not (failed and subject.explained) or subject.identity:
        return subject.identity
    if failed & set(CONDUCT):
        if found_random := rounded_at_random(subject):
            return found_random
        coupled = any(r.cause_code.startswith("neurons.") for r in results)
        found = with_coupling(subject) if coupled else None
        return found or Identity(remarks=(_NOT_ITS_INPUT,), unexplained=True)
    silent = any(r.cause_code == "output.silent" for r in results)
    if not silent and (whole := in_whole_numbers(subject)):
        return whole
    if silent or _surely_explained(subject):  # of silence, anything may be the cause
        return None
    found = with_fault(subject, pairs=False)
    if found is not None and found.sure:
        return found
    if grid := unexplained_grid(subject, () if found is None else found.excluded):
        if explanation(subject):
            return None
        # A grid that only the input tells may be that of a layer which reads it now and then.
        two = with_fault(subject) if subject.claims.membrane == "none" else None
        return two if two is not None and two.sure else grid
    if found is None:
        return None if explanation(subject) else explained(subject)
    other = explained(subject)
    if other is not None and other.sure and other.departures:
        return other
    if explanation(subject):
        return None
    found = with_fault(subject)
    if found is None or found.sure:
        return found
    # A neuron that explains no more than most of the spikes is none; the nearest faults are told.
    shown = other or found
    return replace(shown, excluded=tuple(dict.fromkeys((*shown.excluded, *found.excluded))))


def _surely_explained(subject: Subject) -> bool:
    """True if a grid neuron has all spikes of a layer: with V, or with one difference only.

    From spikes alone, two differences may look like a third.
    """
    found = explanation(subject)
    if found is None or found.cause is None:
        return False
    if subject.claims.membrane == "none":
        return "+" not in found.cause.code
    return max(a.membrane_error(found.neuron) for a in answers(subject)) < 1e-3
