"""Spike times that somebody else computed, paired with the exact ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bio_scnn.neuron.trace import Trace


@dataclass(frozen=True)
class Matched:
    """Spike times against the exact ones.

    Attributes
    ----------
    missed, extra : int
    error_ms : float, ms
        Largest difference of those that belong together.
    longer_ms : float or None, ms
        By how much every interval is too long, if it is the same for all and for no other reason.
    """

    missed: int
    extra: int
    error_ms: float
    longer_ms: float | None


def match(found: Trace, exact: Trace, dt_ms: float) -> Matched:
    """Pair spike times with exact ones less than half a step, or half an interval, away."""
    missed = extra = 0
    errors = [0.0]
    longer: list[float] = []
    for one, two in zip(found.spike_times_ms, exact.spike_times_ms, strict=True):
        window = 0.5 * min(dt_ms, float(np.diff(two).min(initial=np.inf)))
        i = j = 0
        while i < len(one) and j < len(two):
            if abs(one[i] - two[j]) <= window:
                errors.append(abs(float(one[i] - two[j])))
                i, j = i + 1, j + 1
            elif one[i] < two[j]:
                extra, i = extra + 1, i + 1
            else:
                missed, j = missed + 1, j + 1
        extra, missed = extra + len(one) - i, missed + len(two) - j
        both = min(len(one), len(two))
        if both > 1 and abs(one[0] - two[0]) < 1e-6:
            longer.extend(np.diff(one[:both] - two[:both]).tolist())
    same = bool(longer) and np.ptp(longer) < 1e-6 < abs(longer[0])
    return Matched(missed, extra, max(errors), float(np.mean(longer)) if same else None)
