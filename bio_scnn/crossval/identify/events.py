"""Events of a recording with V: the reset, its moment, refractory steps and the threshold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.adapting import adaptation_of
from bio_scnn.crossval.identify.flow import Recorded
from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.identification import VShown
from bio_scnn.crossval.identify.numbers import simplest
from bio_scnn.crossval.identify.stepped import SteppedNeuron, WhileRefractory, shifted, step
from bio_scnn.crossval.identify.thresholds import Parts, between, moving_threshold

Array = NDArray[np.float64]

DELAYS = (0, 1, 2, 3)
LONGEST_REFRACTORY = 2000
MODES: tuple[WhileRefractory, ...] = ("held", "leaks", "integrates")


@dataclass(frozen=True)
class Shown:
    """Neuron with its events, and where V is shown.

    Attributes
    ----------
    neuron : SteppedNeuron
    where : {"after reset", "before reset"}
    threshold : (float, float)
        Bounds of the threshold: the largest V that did not fire, the smallest that did.
    misfit : float
        Share of the events that it does not explain.
    crossed : float
        Share of it that is due to V on the wrong side of the threshold.
    parts : Parts
        V that is held against the threshold.
    """

    neuron: SteppedNeuron
    where: VShown
    threshold: tuple[float, float]
    misfit: float
    crossed: float
    parts: Parts


def with_events(data: Recorded, neuron: SteppedNeuron, tolerance: float) -> list[Shown]:
    """Neurons with the given flow that explain the spikes and resets, best first.

    Parameters
    ----------
    data : Recorded
        With V and spikes.
    neuron : SteppedNeuron
        Its flow.
    tolerance : float
        Difference of V that is none.

    Returns
    -------
    list of Shown
        Sorted by the share of events that they miss, then by simplicity.
    """
    drive = _drive(neuron, data)
    found: list[Shown] = []
    for delay, style in itertools.product(DELAYS, ("same-step", "before reset", "after-update")):
        moments = data.moments(delay)
        for mode in MODES:
            view = _View(data, neuron, drive, moments, style, mode, tolerance)
            for keep, to, missed in _resets(view):
                found += _refractory(view, delay, keep, to, missed)
    order = sorted(found, key=lambda s: (round(s.misfit, 3), *_quirks(s.neuron)))
    if order and order[0].crossed and tolerance < 1e-4 * data.scale:
        order = _with_moving_thresholds(order) + order
    return list({(s.neuron, s.where): s for s in order}.values())


def _quirks(neuron: SteppedNeuron) -> tuple[float, ...]:
    late = neuron.spike_delay + (neuron.reset_when != "same-step") + neuron.refractory / 1e4
    partial = neuron.reset_keep not in (0.0, 1.0)
    return (late, partial, MODES.index(neuron.while_refractory))


def _with_moving_thresholds(found: list[Shown]) -> list[Shown]:
    """Those of the neurons that lack nothing but a threshold, with one that spikes raise."""
    near = sorted(found, key=lambda s: (round(s.misfit - s.crossed, 2), *_quirks(s.neuron)))
    again = []
    for s in near[:3]:
        if s.misfit - s.crossed < 0.05 and s.parts.fired.sum() >= 8:
            neuron = moving_threshold(s.neuron, s.parts)
            if neuron is not None:
                again.append(replace(s, neuron=neuron, misfit=s.misfit - s.crossed))
    return again


def _drive(neuron: SteppedNeuron, data: Recorded) -> Array:
    """Drive of V in each step."""
    silent = replace(neuron, threshold=np.inf, adaptation=None)
    drive = step(silent, data.x).drive
    if neuron.adaptation is not None and neuron.adaptation.on == "current":
        drive = drive - adaptation_of(neuron, data.fired())
    return drive


@dataclass(frozen=True)
class _View:
    """One way to see the events: which step a spike is in, where V shows the reset."""

    data: Recorded
    neuron: SteppedNeuron
    drive: Array
    moments: NDArray[np.int64]
    style: str
    mode: WhileRefractory
    tolerance: float

    @property
    def last(self) -> Array:
        """V at the beginning of each step, as it is shown."""
        assert self.data.V is not None
        V = shifted(self.data.V, 1)
        V[0] = self.neuron.start
        return V

    def update(self, last: Array, free: bool = True) -> Array:
        """V after the update of each step, from V at its beginning."""
        n = self.neuron
        form = n.number_format
        V = form.decayed(n.decay, last)
        if n.leak:
            V = np.sign(V) * np.maximum(np.abs(V) - n.leak, 0)
        if free:
            V = form.total(V + self.drive)
            return np.clip(V, n.floor, n.ceiling)
        return V

    def undo(self, V: Array) -> Array:
        """V at the beginning of each step, from V at its end, in this view's refractory mode."""
        if self.mode == "held":
            return V
        drive = 0.0 if self.mode == "leaks" else self.drive
        last = (V - drive) / self.neuron.decay
        form = self.neuron.number_format
        return np.rint(last / form.unit) * form.unit if isinstance(form, FixedPoint) else last


def _resets(view: _View) -> Iterator[tuple[float, float, float]]:
    """Resets ``(keep, to)`` that explain V at the events, and the share of events they miss."""
    V = view.data.V
    assert V is not None
    fired = view.moments > 0
    updated = view.update(view.last)
    slack = view.tolerance
    if view.style == "same-step":
        old, new, many = updated[fired], V[fired], view.moments[fired]
    else:
        fired[-1] = False
        then = shifted(fired, 1)
        many = view.moments[fired]
        if view.style == "after-update":
            old, new = updated[then], V[then]
        else:
            if view.neuron.decay < 1e-6:
                return
            old, new = V[fired], view.undo(V)[then]
            slack = slack / min(view.neuron.decay, 1.0) if view.mode != "held" else slack
            if isinstance(view.neuron.number_format, FixedPoint) and view.mode != "held":
                slack += view.neuron.number_format.unit / view.neuron.decay
    if not len(old):
        return
    yield from _jumps(old, new, many, slack)


def _jumps(
    old: Array, new: Array, many: NDArray, slack: float
) -> Iterator[tuple[float, float, float]]:
    """Value, subtraction or partial reset from V before and after."""
    trials = [(0.0, float(np.median(new))), (1.0, float(np.median((new - old) / many)))]
    if len(old) >= 3 and np.ptp(old) > 20 * slack:
        rng, tried = np.random.default_rng(0), set()
        for _ in range(12):
            i, j = rng.choice(len(old), 2, replace=False)
            if abs(old[i] - old[j]) > 10 * slack:
                keep = float((new[i] - new[j]) / (old[i] - old[j]))
                close = np.abs(new - keep * old - (new[i] - keep * old[i])) <= 10 * slack
                if close.sum() >= 3 and (which := close.tobytes()) not in tried:
                    tried.add(which)
                    A = np.stack([old[close], np.ones(close.sum())], 1)
                    keep, to = map(float, np.linalg.lstsq(A, new[close], rcond=None)[0])
                    keep = simplest(keep - 1e-4, keep + 1e-4)
                    trials.append((keep, float(np.median(new - keep * old))))
    seen = set()
    for keep, to in trials:
        off = np.abs(new - keep * old - (to * many if keep == 1 else to)) > 4 * slack
        nothing = keep == 1 and abs(to) <= 20 * slack and np.ptp(new) > 20 * slack
        if off.mean() <= 0.25 and not nothing and (keep, round(to / slack)) not in seen:
            seen.add((keep, round(to / slack)))
            to = simplest(to - slack / 4, to + slack / 4)
            yield keep, to, float(off.mean())


def _refractory(view: _View, delay: int, keep: float, to: float, missed: float) -> Iterator[Shown]:
    """Refractory steps and thresholds that agree with V after each event."""
    V, fired = view.data.V, view.moments > 0
    assert V is not None
    last = view.last
    then = shifted(fired, 1)
    if view.style == "before reset":
        many = np.where(keep == 1, shifted(view.moments, 1), 1)
        last = np.where(then, keep * last + to * many, last)
    updated = view.update(last)
    if view.mode == "held":
        while_mode = last
    else:
        while_mode = view.update(last, free=False) if view.mode == "leaks" else updated
    jump = fired if view.style == "same-step" else then & (view.style == "after-update")
    slack = 4 * view.tolerance
    counted = ~jump
    counted[0] = False
    off_free = (np.abs(V - updated) > slack) & counted
    off_mode = (np.abs(V - while_mode) > slack) & counted
    since = _since(fired)
    seen = V if view.style != "same-step" else updated
    shortest = _shortest(fired)
    events = max(int(fired.sum()), 1)
    for steps in _lengths(view, since, off_free, off_mode, shortest):
        waiting = (since <= steps) & (since > 0)
        wrong = (off_mode & waiting).sum() + (off_free & ~waiting).sum()
        free = ~waiting & ~fired
        free[0] = False
        low = float(seen[free].max()) if free.any() else -np.inf
        high = float(seen[fired].min())
        threshold, equal, crossed = between(seen, fired, free, -to if keep == 1 else None)
        neuron = replace(
            view.neuron,
            threshold=threshold,
            fires_at_threshold=equal,
            reset_keep=keep,
            reset_to=to,
            reset_when="after-update" if view.style == "after-update" else "same-step",
            refractory=steps,
            while_refractory=view.mode if steps else "held",
            spike_delay=delay,
            several=bool((view.moments > 1).any()),
        )
        where: VShown = "before reset" if view.style == "before reset" else "after reset"
        flawed = missed + min(float(wrong), events) / events
        crossings = min(crossed, events) / events
        parts = Parts(seen, free | fired, view.moments, view.data.scale)
        yield Shown(neuron, where, (low, high), flawed + crossings, crossings, parts)


def _lengths(
    view: _View, since: NDArray, off_free: NDArray, off_mode: NDArray, shortest: int
) -> list[int]:
    """Numbers of refractory steps with the fewest steps of V that are not explained."""
    top = min(shortest - 1, LONGEST_REFRACTORY)
    if top < 0:
        return []
    if view.mode == "integrates":
        over = np.zeros(0)
        assert view.data.V is not None
        waiting = np.arange(0, top + 1)
        # the longest wait in which V is above the smallest V that fired
        seen = view.data.V if view.style != "same-step" else view.update(view.last)
        least = seen[view.moments > 0].min()
        over = since[(seen > least) & (view.moments == 0) & (since > 0) & (since <= top)]
        return sorted({int(over.max()) if len(over) else 0, int(waiting[-1])})[:1]
    bins = np.arange(1, top + 2)
    free_by = np.array([np.count_nonzero(off_free & (since == k)) for k in bins[:-1]])
    mode_by = np.array([np.count_nonzero(off_mode & (since == k)) for k in bins[:-1]])
    cost = np.r_[0, np.cumsum(mode_by)] + free_by.sum() - np.r_[0, np.cumsum(free_by)]
    best = int(np.argmin(cost))
    return [best] if view.mode == "held" or best else []


def _since(fired: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Steps since the last event before this step; 0 where there was none."""
    rows = np.arange(len(fired))[:, None]
    last = shifted(np.maximum.accumulate(np.where(fired, rows + 1, 0), axis=0), 1)
    since = np.where(last > 0, rows + 1 - last, 0)
    return since


def _shortest(fired: NDArray[np.bool_]) -> int:
    """Shortest interval between two events of a neuron, in steps; the length if there is none."""
    gaps = [np.diff(np.flatnonzero(column)).min(initial=len(fired)) for column in fired.T]
    return int(min(gaps))
