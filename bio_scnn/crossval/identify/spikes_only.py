"""Recordings without V: neurons whose spikes agree with an input, by bounds from each step."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.flow import Recorded
from bio_scnn.crossval.identify.identification import Identification
from bio_scnn.crossval.identify.numbers import simplest
from bio_scnn.crossval.identify.second_from_spikes import with_second_variable
from bio_scnn.crossval.identify.stepped import SteppedNeuron, shifted, step
from bio_scnn.crossval.identify.whole.unseen import whole_from_spikes

Array = NDArray[np.float64]

_NO_UNIT = "without V its unit is not known: the threshold is taken for 1"
_FEWEST = 20
"""Spikes that tell of a second variable; fewer are explained by too many neurons."""

ROUNDS = 6
MOST_ALTERNATIVES = 4
HOPELESS = -0.7
"""Logarithm of the gap between the bounds of the gain below which a kind is given up at once."""


@dataclass(frozen=True)
class _Fit:
    """Bounds of the gain of a kind of neuron at threshold 1, for one decay."""

    neuron: SteppedNeuron
    margin: float
    decays: tuple[float, float]


def from_spikes(part: Recorded, data: Recorded, dt_ms: float | None) -> Identification:
    """Neuron that explains spikes without V; the threshold is 1, for V has no unit.

    Parameters
    ----------
    part : Recorded
        Where to search.
    data : Recorded
        With spikes; what the neuron is checked on.
    dt_ms : float or None, ms

    Returns
    -------
    Identification
    """
    fits = [_fitted(part, kind) for kind in _kinds(part)]
    scored = sorted(
        ((_wrong(part, fit.neuron), k, fit) for k, fit in enumerate(fits) if fit is not None),
        key=lambda one: one[:2],
    )
    spikes = int(data.fired().sum())
    wrong, _, best = scored[0]
    if part is not data:
        wrong = _wrong(data, best.neuron)
    if wrong and (whole := _in_whole_numbers(part, data, [fit for _, _, fit in scored])):
        remark = "V is taken for a whole multiple of the input's unit"
        return _explained(
            data, whole, dt_ms, "neurons of real numbers: none has all spikes", remark
        )
    if wrong and (second := _with_second_variable(part, data)):
        plainer = "neurons without a bias, a synapse or an adaptation: none has all spikes"
        return _explained(data, second, dt_ms, plainer, _NO_UNIT)
    equal = [fit.neuron for w, _, fit in scored[1:] if w == wrong == 0]
    remarks = [_NO_UNIT]
    low, high = best.decays
    if wrong == 0 and high > low:
        remarks.append(f"any decay from {low:.6g} to {high:.6g} gives the same spikes")
    remarks += ambiguities(data)
    excluded = () if equal or wrong else ("the other resets, delays and refractory periods tried",)
    if wrong:
        excluded = (
            "hard and soft reset, input up to 1 step late, and refractory periods up to the "
            "shortest interval: none has all spikes",
        )
    return Identification(
        neuron=best.neuron,
        dt_ms=dt_ms,
        spikes_explained=max(0.0, 1 - wrong / max(spikes, 1)),
        V_explained=None,
        V_error=None,
        spikes=spikes,
        spikes_wrong=wrong,
        alternatives=tuple(equal[:MOST_ALTERNATIVES]),
        excluded=excluded,
        remarks=tuple(remarks),
    )


def _explained(
    data: Recorded,
    neurons: list[SteppedNeuron],
    dt_ms: float | None,
    excluded: str,
    remark: str,
) -> Identification:
    """Identification by neurons that have every spike."""
    return Identification(
        neuron=neurons[0],
        dt_ms=dt_ms,
        spikes_explained=1.0,
        V_explained=None,
        V_error=None,
        spikes=int(data.fired().sum()),
        spikes_wrong=0,
        alternatives=tuple(neurons[1 : 1 + MOST_ALTERNATIVES]),
        excluded=(excluded,),
        remarks=(remark, *ambiguities(data)),
    )


def _with_second_variable(part: Recorded, data: Recorded) -> list[SteppedNeuron]:
    """Neurons with a second variable or a bias that have every spike."""
    if part.fired().sum() < _FEWEST:
        return []
    found = with_second_variable(part, _longest_wait(part))
    return [n for n in found if part is data or not _wrong(data, n)]


def _in_whole_numbers(part: Recorded, data: Recorded, fits: list[_Fit]) -> list[SteppedNeuron]:
    """Neurons in whole numbers that have every spike, of the kinds that come nearest."""
    for fit in fits[:3]:
        found = whole_from_spikes(part, fit.neuron)
        found = [n for n in found if part is data or not _wrong(data, n)]
        if found:
            return found
    return []


def ambiguities(data: Recorded) -> list[str]:
    """Remarks on what such an input and so few spikes cannot tell."""
    remarks = []
    spikes = int(data.fired().sum())
    if np.ptp(data.x) == 0:
        remarks.append(
            "the input is constant: gain and bias, and delays of the input, cannot be told apart"
        )
    if data.spikes is not None and spikes < 5:
        remarks.append(f"only {spikes} spikes: threshold, reset and refractory period are loose")
    return remarks


def _wrong(data: Recorded, neuron: SteppedNeuron) -> int:
    return int(np.abs(step(neuron, data.x).spikes - data.fired()).sum())


def _longest_wait(data: Recorded) -> int:
    """Longest refractory period that the spikes allow, in steps; 999 at most."""
    gaps = [np.diff(np.flatnonzero(column)).min(initial=1000) for column in data.fired().T]
    return int(min(gaps)) - 1


def _kinds(data: Recorded) -> list[SteppedNeuron]:
    """Neurons to try, the simplest first; refractory periods up to the shortest interval."""
    longest = _longest_wait(data)
    waits = sorted({w for w in (*range(0, 6), longest) if 0 <= w <= longest})
    kinds = []
    for wait, lag, keep in itertools.product(waits, (0, 1), (0.0, 1.0)):
        kinds.append(
            SteppedNeuron(reset_keep=keep, reset_to=-keep, refractory=wait, input_delay=lag)
        )
    return sorted(kinds, key=lambda n: (n.refractory > 0) + n.input_delay + n.reset_keep)


def _fitted(data: Recorded, kind: SteppedNeuron) -> _Fit | None:
    """Decay and gain at the widest margin, on a grid that closes in."""
    decays = 1 - np.logspace(-4, 0, 49)
    seen_decays, margins, bounds = np.zeros(0), np.zeros(0), np.zeros((0, 2))
    for _ in range(ROUNDS):
        low, high = _gain_bounds(data, kind, decays)
        with np.errstate(invalid="ignore", divide="ignore"):
            margin = np.where(low > 0, np.log(high / low), -np.inf)
        seen_decays = np.r_[seen_decays, decays]
        margins = np.r_[margins, margin]
        bounds = np.r_[bounds, np.stack([low, high], 1)]
        order = np.argsort(seen_decays)
        seen_decays, margins, bounds = seen_decays[order], margins[order], bounds[order]
        if not np.isfinite(margins).any():
            return None
        best = int(np.nanargmax(np.where(np.isfinite(margins), margins, -1e9)))
        if margins[best] < HOPELESS and kind.refractory:
            return None
        ends = seen_decays[[max(best - 1, 0), min(best + 1, len(seen_decays) - 1)]]
        decays = np.linspace(ends[0], ends[1], 13)
    decay, limits = float(seen_decays[best]), bounds[best]
    within = (float(decay), float(decay))
    if margins[best] > 0:
        good = seen_decays[margins > 0]
        within = (float(good.min()), float(good.max()))
        rounder = simplest(*within)
        lower, upper = _gain_bounds(data, kind, np.array([rounder]))
        if 0 < lower[0] < upper[0]:
            decay, limits = rounder, np.array([lower[0], upper[0]])
    low, high = limits
    gain = simplest(low, high) if low < high < np.inf else float(low)
    gain = float(low) if gain >= high > low else gain
    return _Fit(replace(kind, decay=decay, gain=gain), float(margins[best]), within)


def _gain_bounds(data: Recorded, kind: SteppedNeuron, decays: Array) -> tuple[Array, Array]:
    """Largest gain that a spike asks for, smallest that a step without one forbids."""
    x, fired = shifted(data.x, kind.input_delay), data.fired() > 0
    U, W = np.zeros((len(decays), x.shape[1])), np.zeros((len(decays), x.shape[1]))
    low, high = np.zeros(len(decays)), np.full(len(decays), np.inf)
    left = np.zeros(x.shape[1])
    keep = decays[:, None]
    for now, spikes in zip(x, fired, strict=True):
        free = left == 0
        U = np.where(free, keep * U + now, U)
        W = np.where(free, keep * W, W)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            needed = np.where(U > 0, (1 + W) / U, np.inf)
        if spikes.any():
            low = np.maximum(low, needed[:, spikes].max(axis=1))
        quiet = free & ~spikes
        if quiet.any():
            high = np.minimum(high, needed[:, quiet].min(axis=1))
        if kind.subtracts:
            W = W + spikes
        else:
            U = np.where(spikes, 0.0, U)
        left = np.where(spikes, kind.refractory, np.maximum(left - 1, 0))
    return low, high
