"""Search for the fault, or the two, with which a declared neuron gives a layer's answers."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from bio_scnn.crossval.causes import Cause, either
from bio_scnn.crossval.faults.catalogue import hypotheses
from bio_scnn.crossval.faults.fitting import Data, Fit, fit, joined, losses, matching
from bio_scnn.crossval.faults.hypothesis import Hypothesis
from bio_scnn.crossval.faults.machine import Machine
from bio_scnn.crossval.faults.pairs import looks, near
from bio_scnn.crossval.faults.running import run

_SHORT = 100  # steps after which most are out
_COMBINED = 6  # faults on which a second one is tried
_AS_NEAR = 3  # pairs that are fitted although one was found
_SECONDS = 8.0


@dataclass(frozen=True)
class Fault:
    """Fault that reproduces a layer's answers, or the nearest there is.

    Attributes
    ----------
    cause : Cause or None
        None if none reproduces them.
    machine : Machine
        Declared neuron with the fault, or the nearest one.
    share : float
        Share of the spikes that it has in the same steps.
    spikes : int
        Spikes that it was compared with.
    candidates : tuple of (str, float)
        Where there is no cause: the nearest faults in words, with their shares.
    nearest : tuple of Fit
        The same as they were fitted, one of each respect.
    """

    cause: Cause | None
    machine: Machine
    share: float
    spikes: int
    candidates: tuple[tuple[str, float], ...] = ()
    nearest: tuple[Fit, ...] = ()


@dataclass
class _Search:
    fits: list[Fit]
    data: Data
    few: Data
    both: Data
    proof: Data
    until: float

    @property
    def late(self) -> bool:
        return time.process_time() > self.until

    def tried(self, base: Machine, options: Iterable[Hypothesis], worst: float) -> list[Fit]:
        """Fits of hypotheses that reproduce all answers; the others are kept."""
        options = list(options)
        plain = [h for h in options if not h.ranges]
        short = self.data.first(_SHORT)
        made = [(h, h.make(base)) for h in plain]
        made = [(h, m) for h, m in made if m != base]
        near = [
            Fit(h, (), m, loss)
            for (h, m), loss in zip(made, losses(short, [m for _, m in made]), strict=True)
        ]
        # A buffer shows only in runs that are longer than it.
        near = [
            replace(f, loss=losses(self.data, [f.machine])[0]) if _in_long_runs(f.machine) else f
            for f in near
        ]
        far = self.few.loss(run([base], self.few.x))
        # A coarse look at each; the likeliest are fitted first.
        coarse = [fit(self.few, base, h, zooms=1) for h in options if h.ranges and not self.late]
        for look in sorted((c for c in coarse if c is not None), key=lambda c: c.loss):
            if self.late:
                break
            if (one := fit(self.few, base, look.hypothesis, worst=float(far[0]))) is not None:
                near.append(one)
        self.fits += near
        found = []
        for one in near:
            likely = one.hypothesis.ranges or one.loss <= max(0.3 * worst, 1e-3)
            if likely and (proved := self.proved(base, one)) is not None:
                found.append(proved)
        return found

    def proved(self, base: Machine, one: Fit) -> Fit | None:
        """The fit, its numbers refined on more data, if it reproduces all answers."""
        h = one.hypothesis
        if not h.ranges:
            return one if matching([self.both, self.proof], one, lattice=h.rounds) else None
        if one.loss > 0.2:
            return None
        drives = [self.both, self.proof]
        if self.data.V is not None and matching(drives, one, lattice=h.rounds):
            return one
        one = self.refined(base, one)
        tries = [one, *_rounded_off(base, one)]
        return next((t for t in tries if matching(drives, t, lattice=h.rounds)), None)

    def refined(self, base: Machine, one: Fit) -> Fit:
        """A fit whose numbers are narrowed down by the answers to both drives."""
        h = one.hypothesis
        off = 0.06 if h.parts else 0.02
        near = tuple(
            replace(r, low=v - off * abs(v) - 1e-9, high=v + off * abs(v) + 1e-9, scale="linear")
            for r, v in zip(h.ranges, one.values, strict=True)
        )
        found = fit(self.both, base, replace(h, ranges=near), zooms=6)
        return one if found is None else replace(found, hypothesis=h)


def _in_long_runs(m: Machine) -> bool:
    """True for machines whose fault does not show in short runs."""
    return bool(m.buffer or m.forgets or m.x_restart)


def _rounded_off(base: Machine, one: Fit) -> list[Fit]:
    """A fit with its numbers as somebody may have written them down, the shortest first.

    A fit comes as near to a number as its effect is smooth: that of a bound or a dead zone is not.
    """
    found = []
    for digits in (1, 2, 3):
        for unit in dict.fromkeys((1.0, base.threshold, base.threshold / base.R)):
            values = tuple(float(f"{v * unit:.{digits}g}") / unit for v in one.values)
            found.append(replace(one, values=values, machine=one.hypothesis.make(base, *values)))
    return found


def search(base: Machine, drives: tuple[Data, Data, Data]) -> Fault | None:
    """Fault of a declared neuron, by a layer's answers to three drives.

    Parameters
    ----------
    base : Machine
        The neuron declared.
    drives : three Data
        To fit numbers with; to refine them; to prove them.

    Returns
    -------
    Fault or None
        None if the declared neuron has the same answers.
    """
    s, (data, _, proof) = _begun(base, drives), drives
    plain = run([base], s.both.x)
    if s.both.matches(plain)[0] and proof.matches(run([base], proof.x))[0]:
        return None
    worst = float(data.loss(run([base], data.x))[0])
    options = hypotheses(base)
    for numbers in (0, 1, 2):
        if numbers == 1:  # the time is for numbers that are fitted
            s.until = time.process_time() + _SECONDS
        found = s.tried(base, [h for h in options if len(h.ranges) == numbers], worst)
        if found:
            return _fault(found, s, _told(found))
    return _nothing(s, base, _nearest(s.fits))


def _begun(base: Machine, drives: tuple[Data, Data, Data]) -> _Search:
    data, more, proof = drives
    few = data.telling(run([base], data.x), 9 if data.V is not None else 15)
    return _Search([], data, few, joined(data, more), proof, time.process_time() + _SECONDS)


def search_pair(base: Machine, drives: tuple[Data, Data, Data], single: Fault) -> Fault:
    """Two faults at once that give a layer's answers, their numbers fitted together.

    Parameters
    ----------
    base, drives
        As `search` has them.
    single : Fault
        What it found: no cause.

    Returns
    -------
    Fault
        `single` if no pair does.
    """
    s = _begun(base, drives)
    likely = looks(s.few, base, hypotheses(base), list(single.nearest))
    begun, found = replace(s.few, smooth=True), list[Fit]()
    s.until = time.process_time() + _SECONDS
    for k, look in enumerate(likely):
        if s.late or (found and k > _AS_NEAR):
            break
        one: Fit | None = look
        if look.values:
            h = replace(look.hypothesis, ranges=near(look))
            worst = 1.1 * losses(begun, [look.machine])[0]
            one = fit(begun, base, h, worst=worst)
        if one is not None and (proved := s.proved(base, one)) is not None:
            found.append(proved)
    return _fault(found, s, _told(found)) if found else single


def _nearest(fits: list[Fit]) -> list[Fit]:
    """The best fit of each respect, best first."""
    kept: dict[str, Fit] = {}
    for one in sorted(fits, key=lambda f: f.loss):
        kept.setdefault(one.hypothesis.respect, one)
    return list(kept.values())[:_COMBINED]


def _told(found: list[Fit]) -> Cause:
    """Cause of one of several that reproduce the answers alike."""
    alike: dict[tuple[str, ...], Cause] = {}
    for one in found:
        why = one.hypothesis.cause(one.values)
        alike.setdefault(tuple(sorted(why.code.split("+"))), why)
    return either(list(alike.values())[:3])


def _share(s: _Search, machine: Machine) -> tuple[float, int]:
    """Share of the spikes that a machine has in the same steps, where rounding does not decide."""
    ran = run([machine], s.both.x)
    clear = s.both.clear(ran, fitted=True)[0]
    kept = clear if clear.any() else np.ones_like(clear)
    off = np.abs(ran.spikes[:, 0] - s.both.spikes)[:, kept].sum()
    total = int(s.both.spikes[:, kept].sum())
    return max(0.0, 1 - float(off) / max(total, 1)), total


def _fault(found: list[Fit], s: _Search, why: Cause) -> Fault:
    share, total = _share(s, found[0].machine)
    return Fault(why, found[0].machine, share, total)


def _nothing(s: _Search, base: Machine, best: list[Fit]) -> Fault:
    shares = [(f.hypothesis.cause(f.values).text, *_share(s, f.machine)) for f in best[:3]]
    shares.sort(key=lambda one: -one[1])
    share, total = _share(s, base)
    texts = tuple((text, part) for text, part, _ in shares)
    return Fault(None, base, share, total, texts, tuple(best))
