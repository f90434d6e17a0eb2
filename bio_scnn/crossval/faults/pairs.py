"""Two faults at once: a coarse look at every pair, and the numbers from which its fit begins."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bio_scnn.crossval.faults.fitting import Data, Fit, losses, trials
from bio_scnn.crossval.faults.hypothesis import Hypothesis, Range, together
from bio_scnn.crossval.faults.machine import Machine

_STEPS, _NEURONS, _TRIALS = 100, 6, 7
_SAME = 1e-9
_PLAIN = 24  # faults without a number that are tried with others
_FITTED = 16  # pairs that are worth a fit
_COMMON = (
    *("constant.", "adaptation.strength", "adaptation.saturates", "bias.", "leak.", "reset."),
    *("bounds.floor", "bounds.ceiling", "bounds.both", "input.clipped", "input.saturates"),
    *("input.pool", "threshold.drift", "synapse.", "spikes.", "start."),
)
_APART = ("format.", "refractory.rounded", "output.", "state.", "input.restarts", "input.rounded")


def looks(data: Data, base: Machine, options: list[Hypothesis], firsts: list[Fit]) -> list[Fit]:
    """Pairs of faults with numbers that are coarse, those that come nearest first.

    Parameters
    ----------
    data : Data
    base : Machine
    options : list of Hypothesis
        Single faults.
    firsts : list of Fit
        Single faults, fitted, on which every fault without a number is tried.
    """
    few = replace(data.first(_STEPS), smooth=True)
    few = few.of(np.arange(0, few.x.shape[1], max(few.x.shape[1] // _NEURONS, 1)))
    ranged = [h for h in options if len(h.ranges) == 1 and h.key.startswith(_COMMON)]
    plain = [h for h in options if not h.ranges and not h.rounds]
    plain = _likeliest(few, base, [h for h in plain if not h.key.startswith(_APART)])
    found = [Fit(together(f.hypothesis, h), f.values, h.make(f.machine), 0.0)
             for f in firsts for h in plain if h.respect != f.hypothesis.respect]  # fmt: skip
    with_number = [f for h in ranged for f in _with_numbers(h, base)]
    for one, other in itertools.combinations(ranged, 2):
        if one.respect != other.respect:
            both = [f for f in with_number if f.hypothesis is one]
            found += [_and(f, other, v) for f in both for v in _numbers(other)]
    for h in plain:
        machine = h.make(base)
        if machine != base:
            first = Fit(h, (), machine, 0.0)
            for other in ranged:
                if other.respect != h.respect:
                    found += [_and(first, other, v) for v in _numbers(other)]
    return _best(few, found)


def _likeliest(data: Data, base: Machine, plain: list[Hypothesis]) -> list[Hypothesis]:
    """Faults without a number that change something, those that come nearest by themselves."""
    own = losses(data, [base, *(h.make(base) for h in plain)])
    ordered = sorted(zip(own[1:], range(len(plain)), strict=True))
    return [plain[k] for loss, k in ordered if abs(loss - own[0]) > _SAME][:_PLAIN]


def _with_numbers(h: Hypothesis, base: Machine) -> list[Fit]:
    return [Fit(h, (v,), h.make(base, v), 0.0) for v in _numbers(h)]


def _numbers(h: Hypothesis) -> list[float]:
    return [float(v) for v in trials(_narrow(h.ranges[0]), _TRIALS)]


def _narrow(r: Range) -> Range:
    """The part of the range of a factor that lies within ten times of 1."""
    if r.scale != "log" or not r.low < 0.1 < 10 < r.high:
        return r
    return replace(r, low=0.1, high=10.0)


def _and(first: Fit, other: Hypothesis, value: float) -> Fit:
    """A fault with a second one; who it is made of stands in the hypothesis later."""
    h = replace(first.hypothesis, parts=(first.hypothesis, other))
    return Fit(h, (*first.values, value), other.make(first.machine, value), 0.0)


def _best(data: Data, found: Sequence[Fit]) -> list[Fit]:
    """The likeliest numbers of each pair, the likeliest pairs first."""
    measured = losses(data, [f.machine for f in found])
    kept: dict[frozenset[int], Fit] = {}
    for k in np.argsort(np.nan_to_num(measured, nan=np.inf)):
        pair = found[k].hypothesis.parts
        if frozenset(map(id, pair)) not in kept:
            kept[frozenset(map(id, pair))] = replace(
                found[k], hypothesis=together(*pair), loss=measured[k]
            )
        if len(kept) == _FITTED:
            break
    return list(kept.values())


def near(look: Fit) -> tuple[Range, ...]:
    """Ranges about the numbers of a coarse look, in which the fit begins."""
    found = []
    for r, v in zip(look.hypothesis.ranges, look.values, strict=True):
        values = trials(_narrow(r), _TRIALS)
        k = int(np.abs(values - v).argmin())
        low, high = values[max(k - 1, 0)], values[min(k + 1, len(values) - 1)]
        scale = "log" if low > 0 and r.scale != "linear" else "linear"
        found.append(Range(float(low), float(high), scale))
    return tuple(found)
