"""Second variables behind spikes alone: a bias, a synapse or an adaptation, without V.

Given the spikes and the decays, V at threshold 1 is linear in the gain, the bias and the jump of
an adaptation. Each step bounds them from one side. A linear programme finds the numbers with the
widest margin, and the decays are searched for the widest of these.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.currents import decaying, shifted
from bio_scnn.crossval.identify.flow import Recorded
from bio_scnn.crossval.identify.numbers import simplest
from bio_scnn.crossval.identify.stepped import Adaptation, AdaptsOn, SteppedNeuron, Synapse, step

Array = NDArray[np.float64]
Second = Literal["bias", "fresh synapse", "old synapse", "threshold", "current"]

KINDS: tuple[Second, ...] = ("bias", "threshold", "fresh synapse", "old synapse", "current")
_FIRST = 1 - np.array([0.5, 0.25, 0.12, 0.06, 0.02])
_ROUNDS, _HOPEFUL, _FIRST_SPIKES = 7, 2, 80
_ROOM = (0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 1e-4, 0.0)


@dataclass(frozen=True, eq=False)
class _Task:
    """A recording, the kind of the second variable, and the reset."""

    data: Recorded
    kind: Second
    keep: float
    wait: int

    def rows(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Steps with a spike, and those in which one could have been."""
        fired = self.data.fired() > 0
        waits = np.zeros(fired.shape, dtype=bool)
        for k in range(1, self.wait + 1):
            waits[k:] |= fired[:-k]
        return fired, ~fired & ~waits

    def parts(self, first: float, second: float) -> tuple[list[Array], Array]:
        """Part of V that each unknown number makes, and the part that is known."""
        x, fired = self.data.x, self.data.fired() > 0
        drive = x
        if self.kind in ("fresh synapse", "old synapse"):
            drive = decaying(x, second)
            drive = drive if self.kind == "fresh synapse" else shifted(drive, 1)
        pushes = [drive]
        if self.kind == "bias":
            pushes.append(np.ones_like(x))
        w = decaying(shifted(fired.astype(np.float64), 1), second)
        if self.kind == "current":
            pushes.append(-w)
        found = list(self._followed(np.stack(pushes), first, fired))
        if self.kind == "threshold":
            found.append(-w)
        known = np.zeros_like(x)
        if self.keep:
            known = -decaying(shifted(fired.astype(np.float64), 1) * first, first)
        return found, known

    def _followed(self, pushes: Array, first: float, fired: NDArray[np.bool_]) -> Array:
        """V that each push makes, with what a reset leaves of it and waits after spikes."""
        V, all_V = np.zeros_like(pushes[:, 0]), np.empty_like(pushes)
        left = np.zeros(fired.shape[1])
        for n, spikes in enumerate(fired):
            V = np.where(left == 0, first * V + pushes[:, n], V)
            all_V[:, n] = V
            V = V if self.keep else np.where(spikes, 0.0, V)
            left = np.where(spikes, self.wait, np.maximum(left - 1, 0))
        return all_V

    def widest(
        self, first: float, second: float, some: NDArray[np.bool_] | None = None
    ) -> tuple[float, Array]:
        """Widest margin, and the numbers that have it, on all steps or on some."""
        from scipy.optimize import linprog

        parts, known = self.parts(first, second)
        fired, free = self.rows()
        free = free if some is None else free & some
        above = np.stack([part[fired] for part in parts], 1)
        below = np.stack([part[free] for part in parts], 1)
        sizes = np.maximum(np.abs(np.concatenate([above, below])).max(axis=0), 1e-300)
        ones = np.ones((len(above), 1)), np.ones((len(below), 1))
        A = np.block([[-above / sizes, ones[0]], [below / sizes, ones[1]]])
        b = np.r_[known[fired] - 1, 1 - known[free]]
        bounds = [(-1e4, 1e4)] * len(parts) + [(None, 1)]
        found = linprog(np.r_[np.zeros(len(parts)), -1], A_ub=A, b_ub=b, bounds=bounds)
        if not found.success:
            return -np.inf, np.zeros(len(parts))
        return float(found.x[-1]), found.x[:-1] / sizes

    def telling(self) -> NDArray[np.bool_]:
        """Steps right before a spike, and every seventh: they bound the numbers nearly as well."""
        fired, free = self.rows()
        near = np.zeros(fired.shape, dtype=bool)
        near[:-1] = fired[1:]
        near[::7] = True
        return near & free

    def neuron(self, first: float, second: float, numbers: Array) -> SteppedNeuron:
        """Stepped neuron with these decays and numbers, at threshold 1."""
        gain = float(numbers[0])
        other = float(numbers[1]) if len(numbers) > 1 else 0.0
        plain = SteppedNeuron(
            decay=first, gain=gain, reset_keep=self.keep, reset_to=-self.keep, refractory=self.wait
        )
        if self.kind == "bias":
            return replace(plain, bias=other)
        if self.kind in ("threshold", "current"):
            on: AdaptsOn = "threshold" if self.kind == "threshold" else "current"
            return replace(plain, adaptation=Adaptation(second, other, on))
        return replace(plain, synapse=Synapse(second, 1.0, self.kind == "fresh synapse"))


def with_second_variable(data: Recorded, wait: int) -> list[SteppedNeuron]:
    """Neurons with a second variable or a bias that have every spike of a recording.

    Parameters
    ----------
    data : Recorded
        With spikes.
    wait : int, steps
        Longest refractory period: the shortest interval between two spikes, less one.

    Returns
    -------
    list of SteppedNeuron
        At threshold 1; empty if there are none.
    """
    for steps in sorted({0, wait} if 0 < wait <= 20 else {0}):
        tasks = [
            _Task(data, kind, keep, steps) for keep, kind in itertools.product((0.0, 1.0), KINDS)
        ]
        scored = sorted(((_coarse(task), k) for k, task in enumerate(tasks)), reverse=True)
        for (_, first, second), k in scored[:_HOPEFUL]:
            neuron = _refined(tasks[k], first, second)
            if neuron is not None:
                return [neuron]
    return []


def _coarse(task: _Task) -> tuple[float, float, float]:
    """Widest margin on a coarse grid of decays and the first spikes, and where."""
    fired = task.data.fired().any(axis=1)
    end = int(np.searchsorted(np.cumsum(fired), _FIRST_SPIKES)) + 1
    begun = Recorded(task.data.x[:end], None, task.data.fired()[:end])
    task = replace(task, data=begun)
    some = task.telling()
    seconds = [0.0] if task.kind == "bias" else list(_FIRST)
    return max(
        (task.widest(float(a), float(c), some)[0], float(a), float(c))
        for a, c in itertools.product(_FIRST, seconds)
    )


def _refined(task: _Task, first: float, second: float) -> SteppedNeuron | None:
    """Neuron with the decays of the widest margin, and short numbers, if it has every spike."""
    at, width = np.log([1 - first, max(1 - second, 1e-6)]), 0.5
    best = (task.widest(first, second)[0], first, second)
    for _ in range(_ROUNDS):
        moves = (-1, 0, 1)
        grid = itertools.product(moves, [0] if task.kind == "bias" else moves)
        for i, j in grid:
            a, c = 1 - np.exp(at + width * np.array([i, j]))
            if 0 <= a < 1 and 0 <= c < 1:
                best = max(best, (task.widest(float(a), float(c))[0], float(a), float(c)))
        at, width = np.log([1 - best[1], max(1 - best[2], 1e-6)]), width / 2
    for room in _ROOM:
        pair = []
        for decay in best[1:]:
            reach = room * (1 - decay)
            pair.append(simplest(decay - reach, min(decay + reach, 1.0)) if decay else 0.0)
        first, second = pair
        margin, numbers = task.widest(first, second)
        if margin < 0:
            continue
        for close in _ROOM:
            short = np.array([simplest(v - close * abs(v), v + close * abs(v)) for v in numbers])
            neuron = task.neuron(first, second, short)
            if not np.abs(step(neuron, task.data.x).spikes - task.data.fired()).any():
                return neuron
    return None
