"""Threshold in a recording with V: its bounds, or one that each spike raises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.adapting import since_spikes
from bio_scnn.crossval.identify.numbers import simplest
from bio_scnn.crossval.identify.stepped import Adaptation, SteppedNeuron

Array = NDArray[np.float64]

HOPELESS = -0.03
"""Margin, of the largest V, below which no decay of the threshold is looked for any closer."""


def between(
    seen: Array, fired: NDArray[np.bool_], free: NDArray[np.bool_], wanted: float | None
) -> tuple[float, bool, int]:
    """Threshold, true for ``>=``, and how many steps lie on its wrong side."""
    above, below = np.sort(seen[fired]), np.sort(seen[free])
    low, high = (below[-1] if len(below) else above[0] - 1.0), above[0]
    if low >= high:
        # the fewest steps on the wrong side
        trials = np.unique(np.concatenate([above, [high]]))
        wrong = np.searchsorted(above, trials) + len(below) - np.searchsorted(below, trials)
        best = int(np.argmin(wrong))
        return float(trials[best]), True, int(wrong[best])
    value = simplest(float(low), float(high))
    if wanted is not None and low <= wanted <= high + 1e-12 * abs(high):
        value = min(wanted, float(high))
    return float(value), bool(value != low), 0


class Parts:
    """V at the spikes and in steps without one, and how far a threshold lies between them.

    Parameters
    ----------
    tested : (steps, neurons) array
        V that is held against the threshold.
    may_fire : (steps, neurons) bool array
        Steps that are not refractory.
    fired : (steps, neurons) int array
        Spikes, in the steps in which V crossed.
    scale : float
        Largest V.
    """

    def __init__(
        self, tested: Array, may_fire: NDArray[np.bool_], fired: NDArray[np.int64], scale: float
    ) -> None:
        self.tested, self.fired, self.scale = tested, fired, scale
        self.at = fired > 0
        self.free = may_fire & ~self.at
        self.free[0] = False

    def widest(self, decay: float) -> tuple[float, float, float]:
        """Margin, threshold at rest and jump with the widest margin, for one decay."""
        from scipy.optimize import linprog

        u = since_spikes(self.fired, decay)
        above, below = self.tested[self.at] / self.scale, self.tested[self.free] / self.scale
        # threshold + jump u + margin <= V at spikes; the other way round without
        A = np.concatenate(
            [
                np.stack([np.ones_like(above), u[self.at], np.ones_like(above)], 1),
                np.stack([-np.ones_like(below), -u[self.free], np.ones_like(below)], 1),
            ]
        )
        bounds = [(-10, 10), (-10, 10), (None, 1)]
        found = linprog([0, 0, -1], A_ub=A, b_ub=np.r_[above, -below], bounds=bounds)
        if not found.success:
            return -np.inf, 0.0, 0.0
        threshold, jump, margin = found.x
        return float(margin), float(threshold * self.scale), float(jump * self.scale)

    def bounds(self, decay: float, jump: float) -> tuple[float, float]:
        """Bounds of the threshold at rest: largest V that did not fire, smallest that did."""
        V = self.tested - jump * since_spikes(self.fired, decay)
        return float(V[self.free].max()), float(V[self.at].min())


def moving_threshold(neuron: SteppedNeuron, parts: Parts) -> SteppedNeuron | None:
    """The same neuron with a threshold that each spike raises, if one parts V at the spikes.

    Parameters
    ----------
    neuron : SteppedNeuron
        With its flow and reset.
    parts : Parts

    Returns
    -------
    SteppedNeuron or None
    """
    trials = 1 - np.logspace(-3, -0.05, 14)
    best = (-np.inf, 0.5)
    feasible: list[float] = []
    for _ in range(5):
        margins = [(parts.widest(float(a))[0], float(a)) for a in trials]
        feasible += [a for margin, a in margins if margin > 0]
        best = max(best, *margins)
        if best[0] < HOPELESS:
            return None
        ordered = np.sort(trials)
        where = int(np.argmin(np.abs(ordered - best[1])))
        ends = ordered[[max(where - 1, 0), min(where + 1, len(ordered) - 1)]]
        trials = np.linspace(ends[0], ends[1], 8)
    if best[0] < 0:
        return None
    reach = max((abs(a - best[1]) for a in feasible), default=0.0) / 2
    for decay in (simplest(best[1] - reach, best[1] + reach), best[1]):
        margin, _, jump = parts.widest(decay)
        if margin < 0:
            continue
        for room in (0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-6, 0.0):
            j = simplest(jump - room * abs(jump), jump + room * abs(jump))
            low, high = parts.bounds(decay, j)
            if j and low <= high:
                wanted = -neuron.reset_to if neuron.subtracts else np.nan
                level = wanted if low <= wanted <= high else simplest(low, high)
                adaptation = Adaptation(decay, j, "threshold")
                return replace(
                    neuron,
                    threshold=level,
                    fires_at_threshold=bool(level > low),
                    adaptation=adaptation,
                )
    return None
