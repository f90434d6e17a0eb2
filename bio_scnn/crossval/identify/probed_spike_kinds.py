"""Rarer spikes of a probed layer: a ceiling of V, spikes within steps, and adaptation."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from bio_scnn.crossval.identify.hypotheses import (
    REACH,
    Probed,
    by_error,
    distances,
    refined_spike,
)
from bio_scnn.crossval.identify.probing import Readings, read
from bio_scnn.crossval.identify.stepped import (
    Adaptation,
    AdaptsOn,
    ResetMoment,
    SteppedNeuron,
    Subtracted,
    WhileRefractory,
)

Found = list[tuple[float, SteppedNeuron]]

_MOMENTS: tuple[ResetMoment, ...] = ("same-step", "after-update")
_WAYS: tuple[WhileRefractory, ...] = ("held", "leaks", "integrates")


def with_counts(data: Probed, base: SteppedNeuron) -> SteppedNeuron:
    """A flow that counts its spikes in a step as a layer does."""
    if not data.several:
        return base
    near = abs(data.several - base.threshold) < 1e-6 * abs(base.threshold)
    size = None if near else data.several
    return replace(base, several=True, spike_size=size, most_spikes=data.most_spikes)


def bounded(data: Probed, base: SteppedNeuron) -> Found:
    """Flows with a ceiling above the threshold, which a reset by subtraction shows."""
    theta, found = base.threshold, list[tuple[float, SteppedNeuron]]()
    lone = data.spiking.only(data.spiking.drive == 0)
    for when in _MOMENTS:
        n = replace(base, reset_keep=1.0, reset_to=-theta, refractory=data.blocked)
        n = replace(with_counts(data, n), reset_when=when)
        if np.abs(distances(data.layer, lone, n)).max() > data.limit:
            continue  # not even where V is just above the threshold
        tried = [replace(n, ceiling=c * theta) for c in (1.2, 1.6, 2.5, 3.5, 6.0, 10.0)]
        best = min(((data.error(t), t) for t in tried), key=by_error)[1]
        found.append(refined_spike(data, best, ("ceiling",)))
    # At a ceiling as low as the threshold every critical input would do.
    return [pair for pair in found if pair[1].ceiling > 1.01 * theta]


def _times(most: float) -> list[float]:
    """Refractory periods that may block no more whole steps than so many."""
    return [float(r) for r in np.arange(max(0, most - 2), most + 0.1, 0.125)]


def within_steps(data: Probed, base: SteppedNeuron) -> Found:
    """Flows whose spikes are off the grid, with any time for a refractory period."""
    if base.adaptation is not None or base.leak or base.decay <= 0:
        return []
    n = replace(base, crossing="within-step", reset_keep=0.0)
    most = data.blocked + 1
    tried = [replace(n, refractory=r) for r in _times(most)]
    best = sorted(((_after(data, t), t) for t in tried), key=by_error)[:3]
    more = ("refractory", "reset_to")
    found = [refined_spike(data, t, more) for _, t in best]
    if min(found, key=by_error)[0] < data.limit:
        return found
    lone = _after_one_spike(data, base)
    late = [replace(n, refractory=r) for r in (most - 1.5, most - 1.0, most - 0.5) if r > 0]
    tried = [t for n in late for t in _adaptations(data, n, lone) if _of_current(t)]
    adapts = sorted(((_after(data, t), t) for t in tried), key=by_error)[:3]
    return found + [refined_spike(data, t, more) for _, t in adapts]


def _of_current(neuron: SteppedNeuron) -> bool:
    return neuron.adaptation is not None and neuron.adaptation.on == "current"


def adapting(data: Probed, base: SteppedNeuron) -> Found:
    """Flows with an adaptation, whose decay is what is left when V's own is taken off."""
    found: Found = []
    if base.synapse is not None and base.synapse.second is not None:
        return found
    lone = _after_one_spike(data, base)
    for keep, when in product((0.0, 1.0), _MOMENTS):
        r = data.blocked - (keep == 0 and when == "after-update")
        if r < 0:
            continue
        to = -keep * base.threshold
        n = replace(with_counts(data, base), refractory=r, reset_keep=keep, reset_to=to)
        n = replace(n, reset_when=when)
        variants = [replace(n, while_refractory=way) for way in (_WAYS if r else _WAYS[:1])]
        for variant in variants:
            found += [(data.error(v), v) for v in _adaptations(data, variant, lone)]
    found.sort(key=by_error)
    right = [pair for pair in found if pair[0] < data.limit]
    if data.rounding > 1e-12:
        # Few bits: what one spike shows is too rough to tell the kinds apart before a fit.
        best = {_kind(n): (error, n) for error, n in reversed(found) if error < 0.05}
        return [refined_spike(data, n, ("reset_to",)) for _, n in best.values()] or found[:4]
    return right or [refined_spike(data, n, ("reset_to",)) for _, n in found[:4]]


def _kind(n: SteppedNeuron) -> tuple[object, ...]:
    """Kind of adaptation and reset, without their numbers."""
    w = n.adaptation
    return (w and w.on, w and w.subtracted, n.reset_keep, n.reset_when, n.while_refractory)


def _after(data: Probed, neuron: SteppedNeuron) -> float:
    """Error of a neuron after its spikes alone."""
    return float(np.abs(distances(data.layer, data.spiking, neuron)).max())


def _after_one_spike(data: Probed, base: SteppedNeuron) -> Readings:
    """Critical inputs after a single spike, whose synaptic current is taken back at once."""
    start = int(data.blocked) + 1
    r = data.spiking
    if base.synapse is None:
        return r.only((r.drive == 0) & (r.at < start + 11))
    drive = np.zeros((start + 12 + data.layer.latency, 1))
    drive[0] = 1.05 * data.layer.first
    drive[1] = -base.synapse.decay * drive[0]
    return read(data.layer, drive, [(0, start + k) for k in range(11)], REACH)


def _adaptations(data: Probed, n: SteppedNeuron, lone: Readings) -> list[SteppedNeuron]:
    """A neuron with each kind of adaptation that its readings after one spike allow."""
    some = lone.only(np.isfinite(lone.critical))
    if len(some.at) < 6:
        return []

    def off(neuron: SteppedNeuron) -> np.ndarray:
        return distances(data.layer, some, neuron, raw=True)

    plain = off(n)
    F = data.layer.first
    decays = _second_decay(plain, n.decay)
    kinds: list[tuple[AdaptsOn, Subtracted]] = [("current", "no"), ("threshold", "no")]
    if n.reset_keep == 1:
        kinds += [("threshold", "tested"), ("threshold", "raised")]
    found, small = [], 0.01 * F
    lower = off(replace(n, reset_to=n.reset_to - small)) - plain
    for e, (on, subtracted) in product(decays, kinds):
        w = Adaptation(e, small, on, subtracted)
        raised = off(replace(n, adaptation=w)) - plain
        free = [False, True] if subtracted == "no" else [False]
        for both in free:
            A = np.stack([raised, lower][: 1 + both], 1)
            if not np.isfinite(A).all():
                continue
            x = np.linalg.lstsq(A, -plain, rcond=None)[0]
            fit = replace(w, jump=float(x[0]) * small)
            to = n.reset_to - (float(x[1]) * small if both else 0.0)
            found.append(replace(n, adaptation=fit, reset_to=to))
    return found


def _second_decay(left: np.ndarray, decay: float) -> list[float]:
    """Decays of what is left over besides a part that decays as V does."""
    rest = left[1:] - decay * left[:-1]
    found = []
    for k in (0, 1):
        e = float(rest[k + 1] / rest[k]) if abs(rest[k]) > 1e-12 else 0.0
        if 0 < e < 1.001 and abs(e - decay) > 1e-9:
            found.append(min(e, 1.0))
    return found
