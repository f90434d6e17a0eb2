"""Hypothesis about a fault: a change of a machine, with numbers that are fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bio_scnn.crossval.causes import Cause, both, cause
from bio_scnn.crossval.faults.machine import Machine, changed


@dataclass(frozen=True)
class Range:
    """Range of a number that is fitted.

    Attributes
    ----------
    low, high : float
    scale : {"log", "linear", "both"}
        Where trials lie; "both" is log on both sides of 0, from low to high in size.
    """

    low: float
    high: float
    scale: str = "linear"


Make = Callable[..., Machine]


@dataclass(frozen=True)
class Hypothesis:
    """Fault that a machine may have.

    Attributes
    ----------
    key : str
        Of `causes.TEXTS`.
    make : callable
        From a machine and the numbers to the machine with the fault.
    ranges : tuple of Range
        Of the numbers; empty if there are none.
    numbers : callable
        From the numbers to those of the text.
    respect : str
        Two faults act together only if they differ in this.
    rounds : bool
        V lies on a lattice, so that ties are real ones.
    parts : tuple of Hypothesis
        Faults that it is made of, if several act together.
    """

    key: str
    make: Make
    ranges: tuple[Range, ...] = ()
    numbers: Callable[..., dict[str, Any]] = field(default=lambda *values: {})
    respect: str = ""
    rounds: bool = False
    parts: tuple[Hypothesis, ...] = ()

    def cause(self, values: tuple[float, ...]) -> Cause:
        """Cause with the numbers that were fitted."""
        if not self.parts:
            return cause(self.key, **self.numbers(*values))
        told = []
        for part in self.parts:
            own, values = values[: len(part.ranges)], values[len(part.ranges) :]
            if part.respect != "order":  # of V and S, which is a choice and no fault
                told.append(part.cause(own))
        return both(told)


def together(one: Hypothesis, other: Hypothesis) -> Hypothesis:
    """Two faults that act at once, the numbers of both to be fitted."""
    count = len(one.ranges)
    return Hypothesis(
        one.key,
        lambda m, *v: other.make(one.make(m, *v[:count]), *v[count:]),
        (*one.ranges, *other.ranges),
        rounds=one.rounds or other.rounds,
        parts=(one, other),
    )


def change(**fields: Any) -> Make:
    """Maker of a machine that differs in fields of fixed values."""
    return lambda m: changed(m, **fields)
