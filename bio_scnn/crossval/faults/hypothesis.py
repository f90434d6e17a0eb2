"""Hypothesis about a fault: a change of a machine, with numbers that are fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from bio_scnn.crossval.causes import Cause, cause
from bio_scnn.crossval.faults.machine import Machine


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
    """

    key: str
    make: Make
    ranges: tuple[Range, ...] = ()
    numbers: Callable[..., dict[str, Any]] = field(default=lambda *values: {})
    respect: str = ""
    rounds: bool = False

    def cause(self, values: tuple[float, ...]) -> Cause:
        """Cause with the numbers that were fitted."""
        return cause(self.key, **self.numbers(*values))


def change(**fields: Any) -> Make:
    """Maker of a machine that differs in fields of fixed values."""
    return lambda m: replace(m, **fields)
