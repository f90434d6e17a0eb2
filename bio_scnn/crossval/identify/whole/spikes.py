"""Spikes in whole numbers: threshold, reset and refractory period, proved by stepping."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.display import complexity, digits
from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.identification import VShown
from bio_scnn.crossval.identify.stepped import Stepped, SteppedNeuron, WhileRefractory, step
from bio_scnn.crossval.identify.trial import A_STEP_LATE
from bio_scnn.crossval.identify.whole.drives import Answers

Array = NDArray[np.float64]

_FEW, _ROUNDS = 48, 10
_SECONDS = 5.0
_LONGEST = 400


@dataclass(frozen=True, eq=False)
class Proved:
    """A neuron stepped beside a whole-number layer.

    Attributes
    ----------
    neuron : SteppedNeuron
        V in whole units.
    moment : str
        As `Identification.V_shown`.
    wrong : int
        Spikes lacking or too many.
    V_wrong : float
        Share of V that it has not, bit for bit.
    V_error : float
    """

    neuron: SteppedNeuron
    moment: VShown
    wrong: int
    V_wrong: float
    V_error: float

    @property
    def exact(self) -> bool:
        """True if it has every spike, and every V that is shown."""
        return not self.wrong and not self.V_wrong


def compared(data: Answers, neuron: SteppedNeuron, steps: int | None = None) -> Proved:
    """A neuron stepped under a drive, beside the layer's answer."""
    x, spikes = data.x[:steps], data.spikes[:steps]
    with np.errstate(all="ignore"):
        ran = step(neuron, x)
    wrong = int(np.abs(ran.spikes - spikes).sum())
    if data.V is None:
        return Proved(neuron, "none", wrong, 0.0, 0.0)
    best = Proved(neuron, "after reset", wrong, 1.0, np.inf)
    for moment, shown in _shown(ran, data.late - neuron.input_delay, neuron.start):
        off = np.abs(shown - data.V[:steps])
        now = Proved(neuron, moment, wrong, float((off > 1e-6).mean()), float(off.max()))
        best = min(best, now, key=lambda p: p.V_wrong)
    return best


def _shown(ran: Stepped, late: int, start: float) -> Iterator[tuple[VShown, Array]]:
    """V as it may be shown: after the reset or before it, in its step or one step late."""
    kinds: tuple[tuple[VShown, Array], ...] = (
        ("after reset", ran.V),
        ("before reset", ran.V_before),
    )
    for moment, V in kinds:
        if late == 0:
            yield moment, V
        elif late == 1:
            yield A_STEP_LATE[moment], np.concatenate([np.full_like(V[:1], start), V[:-1]])


def spiking(data: Answers, flow: SteppedNeuron) -> Iterator[SteppedNeuron]:
    """Neurons with a flow, and every threshold, reset and refractory period that V allows.

    Parameters
    ----------
    data : Answers
        With V.
    flow : SteppedNeuron
        V in whole units.
    """
    for i in _input_delays(data):
        delayed = replace(flow, input_delay=i, spike_delay=data.latency - i)
        firm = list(itertools.product(_thresholds(data, flow), resets(data, flow)))
        for threshold, moves in firm:
            keep, place = moves
            # where V > T fires, T is one less than the least V that does
            steps = (-threshold, 1 - threshold)
            for to in steps if keep == 1 and np.isnan(place) else (place,):
                n = replace(delayed, threshold=threshold, reset_keep=keep, reset_to=to)
                yield from waiting(data, n)
        # After a reset V may come where it cannot from rest.
        low, high = bounds_of_threshold(data, flow)
        if not low + 1 < high < np.inf:
            continue
        for keep, to in resets(data, flow):
            if not np.isnan(to):
                n = replace(delayed, threshold=high, reset_keep=keep, reset_to=to)
                yield from (narrowed(data, w, low) for w in waiting(data, n))


def _input_delays(data: Answers) -> list[int]:
    """Delays of the input, the rest being one of V and of the spikes that are shown."""
    most = min(data.late, data.latency)
    return list(dict.fromkeys([most, max(most - 1, 0)]))


def _updated(data: Answers, flow: SteppedNeuron) -> Array:
    """V of the steps up to the first spike's own, before any reset, from the input alone."""
    return step(replace(flow, threshold=np.inf), data.x).V


def bounds_of_threshold(data: Answers, flow: SteppedNeuron) -> tuple[float, float]:
    """Largest V that did not fire, and smallest that did, before the first reset."""
    V = _updated(data, flow)
    columns = np.arange(V.shape[1])
    has = data.first < len(V)
    high = V[data.first[has], columns[has]].min(initial=np.inf)
    return float(V[data.quiet].max()), float(high)


def _thresholds(data: Answers, flow: SteppedNeuron) -> list[float]:
    """Least V that fires, by what V did and did not; several where that leaves a choice."""
    low, high = bounds_of_threshold(data, flow)
    known = [flow.threshold] if np.isfinite(flow.threshold) else []
    if not np.isfinite(high):
        return known
    if low >= high:  # a bound, or another test, hides it
        return known or [high]
    return list(dict.fromkeys([roundest(low, high), high, low + 1, *known]))


def roundest(low: float, high: float) -> float:
    """Least V that fires, if `low` does not and `high` does: one more than a round number, or
    a round number itself."""
    if high - low <= 1:
        return high
    # V > n and V >= n + 1 are the same
    above = np.arange(low, high) if high - low < 5000 else np.array([low, high - 1])
    best = min((length_of(n), 1, n + 1) for n in above)
    at = min((length_of(n), 0, n) for n in above + 1)
    return float(min(best, at)[2])


def narrowed(data: Answers, neuron: SteppedNeuron, low: float) -> SteppedNeuron:
    """A neuron with its threshold moved by the first spikes that it lacks or has too many.

    Parameters
    ----------
    data : Answers
    neuron : SteppedNeuron
        Its threshold is known to fire.
    low : float
        A V that does not.
    """
    high = neuron.threshold
    for _ in range(_ROUNDS):
        neuron = replace(neuron, threshold=roundest(low, high))
        ran = step(neuron, data.x)
        off = ran.spikes != data.spikes
        columns = np.flatnonzero(off.any(axis=0))
        if not len(columns) or high - low <= 1:
            break
        at = off.argmax(axis=0)[columns]
        V = (ran.margin + neuron.threshold)[np.maximum(at - neuron.spike_delay, 0), columns]
        fired = data.spikes[at, columns] > 0
        inside = (V > low) & (V < high)
        if not inside.any():
            break
        high = float(V[fired & inside].min(initial=high))
        low = float(V[~fired & inside].max(initial=low))
        if low >= high:
            break
    return neuron


def length_of(n: float) -> float:
    """Digits of a whole number, decimal or binary: the shorter of both."""
    whole = abs(int(n)) or 1
    binary = (whole // (whole & -whole)).bit_length()
    return min(digits(n), 0.5 + 0.3 * binary)


def resets(data: Answers, flow: SteppedNeuron) -> list[tuple[float, float]]:
    """Resets ``(keep, to)``, the likely ones first; NaN stands for minus the threshold."""
    if data.V is None:
        return [(0.0, 0.0), (1.0, np.nan), *((0.0, to) for to in data.after)]
    found: dict[tuple[float, float], None] = {(0.0, 0.0): None, (1.0, np.nan): None}
    columns = np.flatnonzero(data.first < len(data.x) - data.late - 2)
    at = data.first[columns]
    before = _updated(data, flow)[at, columns]
    for after in (data.state[at, columns], data.state[at + 1, columns]):
        if len(after) and np.ptp(after) == 0:
            found[0.0, float(after[0])] = None
        fall = after - before
        if len(after) > 2 and np.ptp(fall) == 0 and fall[0]:
            found[1.0, float(fall[0])] = None
    if len(before) > 3 and np.ptp(before) > 8:
        for keep in (0.5, 0.25, 0.75, 0.125):
            off = data.state[at, columns] - keep * before
            if np.ptp(off) <= 1:
                found[keep, float(np.round(off.mean()))] = None
    return [*found]


def waiting(data: Answers, neuron: SteppedNeuron) -> Iterator[SteppedNeuron]:
    """A neuron with the moments of the reset and the refractory periods that intervals allow."""
    gaps = [np.diff(np.flatnonzero(c)).min(initial=_LONGEST) for c in data.spikes.T]
    most = int(min(gaps)) - 1
    modes: tuple[WhileRefractory, ...] = ("held", "integrates", "leaks")
    periods = dict.fromkeys(p for p in (0, most, most - 1) if 0 <= p < _LONGEST - 1)
    for period in periods:
        for mode in modes if period else modes[:1]:
            if mode != "leaks" or neuron.reset_keep or neuron.reset_to:  # nothing leaks from 0
                yield replace(neuron, refractory=period, while_refractory=mode)
        yield replace(neuron, refractory=period, reset_when="after-update")
        if not period:
            yield replace(neuron, reset_when="next-step")


def proved(data: Answers, proof: Answers, flows: list[SteppedNeuron]) -> list[Proved]:
    """Neurons that reproduce both drives bit for bit, the simplest first; empty if none does."""
    exact: list[Proved] = []
    until = time.monotonic() + _SECONDS
    for flow, seen in itertools.product(flows, _in_step(data)):
        if exact or time.monotonic() > until:
            break
        for neuron in spiking(seen, flow):
            if all(compared(data, neuron, steps).exact for steps in (_FEW, None)):
                second = compared(proof, neuron)
                exact += [second] if second.exact else []
    return sorted(exact, key=quirks)


def _in_step(data: Answers) -> Iterator[Answers]:
    """Answers with each latency that spikes may have: one input alone may not make it fire."""
    yield data
    for latency in range(data.late, min(data.latency, data.late + 4)):
        yield replace(data, latency=latency)


def quirks(p: Proved) -> float:
    """Quirks of a neuron and of the V that is shown, counted."""
    late = 0.6 * p.moment.startswith("before") + 2.0 * p.moment.endswith("late")
    n, form = p.neuron, p.neuron.number_format
    assert isinstance(form, FixedPoint)
    cut = (n.input_low > -np.inf) + (n.input_high < np.inf) + (n.ceiling < np.inf)
    word = (form.word is not None) + 0.2 * len(form.shifts) + form.joint
    odd = n.reset_keep not in (0.0, 1.0) or n.reset_to != 0
    return complexity(n) + late + 0.3 * (cut + word) + 0.01 * odd
