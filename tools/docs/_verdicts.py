"""Rules by which measured numbers decide the paper's claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided"
NOTICEABLE_DB = 0.1
SPARSE = 0.5  # fraction of silent neurons
RULES = f"""\
- A *gain* holds if its interval lies above zero. It does not hold if the interval lies below zero.
- An *effect* holds if it is at least {NOTICEABLE_DB:g} dB and its interval excludes zero. It does
  not hold if the whole interval lies within {NOTICEABLE_DB:g} dB of zero.
- A *published number* holds if it is reached. If it is not reached, nothing follows: the rebuilt
  network may differ from the paper's in details that the paper does not print.
- If a claim has another rule, its text states it. If neither verdict follows, the claim is
  *undecided*."""
Numbers = dict[str, Any]  # the JSON of every script, by its name
Interval = Sequence[float]  # mean, and the ends of its 95 % interval


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, what was measured of it, and the verdict."""

    title: str
    says: str
    measured: str
    verdict: str
    module: str  # which measures it


def gain(found: Interval) -> str:
    """The verdict on a gain."""
    _, low, high = found
    return HOLDS if low > 0 else FAILS if high < 0 else OPEN


def effect(found: Interval) -> str:
    """The verdict on an effect of either sign."""
    mean, low, high = found
    if abs(mean) >= NOTICEABLE_DB and (low > 0 or high < 0):
        return HOLDS
    return FAILS if max(abs(low), abs(high)) < NOTICEABLE_DB else OPEN


def all_of(verdicts: Sequence[str]) -> str:
    """A verdict that several agree on."""
    return verdicts[0] if len(set(verdicts)) == 1 else OPEN


def any_of(verdicts: Sequence[str]) -> str:
    """The verdict on whether at least one effect is there."""
    return HOLDS if HOLDS in verdicts else all_of(verdicts)


def db(found: Interval) -> str:
    """A difference with its interval; never -0.00."""
    return "{:+.2f} dB ({:+.2f} to {:+.2f})".format(*(round(value, 2) + 0.0 for value in found))


def beside(found: Interval, other: str) -> str:
    """A difference with its interval, as so much above or below another."""
    mean, low, high = (round(value, 2) + 0.0 for value in found)
    side = "above"
    if mean < 0:
        mean, low, high, side = -mean, -high + 0.0, -low + 0.0, "below"
    return f"{mean:.2f} dB ({low:.2f} to {high:.2f}) {side} {other}"


def at(rows: Sequence[Numbers], ms: float) -> Numbers:
    """The row of a duration or time constant."""
    (row,) = (row for row in rows if row["ms"] == ms)
    return row
