"""Spike of a probed layer: reset and refractory period, from critical inputs after a spike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bio_scnn.crossval.identify.hypotheses import Probed, by_error, distances, refined
from bio_scnn.crossval.identify.probed_flow import flows
from bio_scnn.crossval.identify.probed_spike_kinds import (
    adapting,
    bounded,
    with_counts,
    within_steps,
)
from bio_scnn.crossval.identify.stepped import SteppedNeuron


def neurons(data: Probed) -> list[tuple[float, SteppedNeuron]]:
    """Neurons with their errors that agree with all readings, the best first."""
    limit = data.limit
    found: list[tuple[float, SteppedNeuron]] = []
    bases = flows(data)
    for base in bases:
        found += [(data.error(n), n) for n in resets(data, base)]
    # What does not fit before any spike is not explained by what follows one.
    fits = data.error(bases[0], spiking=False) < limit if bases else False
    for kind in (bounded, adapting, within_steps) if fits else ():
        if not any(error < limit for error, _ in found):
            for base in _apart(bases):
                found += kind(data, base)
    if not any(error < limit for error, _ in found):
        for _, n in sorted(found, key=by_error)[:6]:
            found.append(refined(data, n, ("reset_to",)))
    found.sort(key=by_error)
    good = [pair for pair in found if pair[0] < limit]
    return good or found[:1]


def _apart(bases: list[SteppedNeuron]) -> list[SteppedNeuron]:
    """Flows that differ in more than where a delay lies, two at most."""
    kinds = {(n.decay, n.synapse and n.synapse.decay): n for n in reversed(bases)}
    return list(kinds.values())[::-1][:2]


def resets(data: Probed, base: SteppedNeuron) -> Iterator[SteppedNeuron]:
    """Flows with every reset and refractory period that the first readings after a spike allow."""
    F, theta = data.layer.first, base.threshold
    tidy = 1e-9 * F if data.rounding < 1e-9 else 20 * data.rounding * F
    for waiting in _waiting(data, with_counts(data, base)):
        for n in _with_reset(data, waiting):
            to, keep = n.reset_to, n.reset_keep
            for value in dict.fromkeys([0.0 if abs(to) < tidy else to, -keep * theta]):
                if keep == 0 and value > theta - 1e-3 * F:
                    continue  # a reset to the threshold fires on, whatever comes in
                yield replace(n, reset_to=value)
                plain = n.refractory == 0 and n.reset_when == "same-step" and not n.several
                if keep == 1 and value and plain:
                    yield replace(n, reset_to=value, tested="reduced")


def _waiting(data: Probed, base: SteppedNeuron) -> Iterator[SteppedNeuron]:
    """A flow with every manner of waiting after a spike, and of clearing a synapse at it."""
    if base.synapse is not None and not base.several and not np.isinf(data.blocked):
        cleared = replace(base, synapse=replace(base.synapse, cleared=True))
        # What comes in at a spike is cleared before it drives V, if V takes the last step's.
        for r in {data.blocked, max(data.blocked - (not base.synapse.fresh), 0)}:
            yield from _waiting_so_long(cleared, r)
    yield from _waiting_so_long(base, data.blocked)


def _waiting_so_long(base: SteppedNeuron, r: float) -> Iterator[SteppedNeuron]:
    yield replace(base, refractory=r)
    if r == np.inf:
        yield replace(base, refractory=r, while_refractory="integrates")
        return
    if r:
        yield replace(base, refractory=r, while_refractory="leaks")
        yield replace(base, refractory=r, while_refractory="integrates")
        yield replace(base, refractory=r, while_refractory="integrates", reset_when="after-update")
        yield replace(base, refractory=r - 1, reset_when="after-update")
    else:
        yield replace(base, reset_when="after-update")


def _with_reset(data: Probed, n: SteppedNeuron) -> Iterator[SteppedNeuron]:
    """A neuron with the resets that agree with the first readings after a single spike.

    V at the first step that is free again is a line in what is kept and in what is added, so
    three neurons tell it.
    """
    if np.isinf(n.refractory):
        for kept, to in ((1.0, 0.0), (0.0, 0.0), (1.0, -n.threshold)):
            yield replace(n, reset_keep=kept, reset_to=to)
        return
    F, r = data.layer.first, data.spiking
    first = (r.drive < 3) & (r.at == data.blocked + 1) & np.isfinite(r.critical)
    some = r.only(first)
    if first.sum() < 2:
        return
    small = 0.05

    def off(keep: float, to: float) -> np.ndarray:
        return distances(data.layer, some, replace(n, reset_keep=keep, reset_to=to), raw=True)

    zero = off(0.0, 0.0)
    with np.errstate(invalid="ignore"):  # infinite ones are left out below
        A = np.stack([off(small, 0.0) - zero, off(0.0, -small * F) - zero], 1) / small
    if not np.isfinite(A).all() or np.abs(A).max() < 1e-9:
        yield replace(n, reset_keep=0.0, reset_to=0.0)
        yield replace(n, reset_keep=1.0, reset_to=-n.threshold)
        return
    keep = float(np.linalg.lstsq(A, -zero, rcond=1e-10)[0][0])
    near = [v for v in (0.0, 1.0) if abs(keep - v) < 1e-3] or [keep] * (0 < keep < 1)
    # A reset after the update meets the same V in all of them; a bound of V may hide it.
    for value in near if near and n.reset_when == "same-step" else [0.0, 1.0]:
        left = -zero - value * A[:, 0]
        to = float(A[:, 1] @ left) / max(float(A[:, 1] @ A[:, 1]), 1e-300)
        yield replace(n, reset_keep=value, reset_to=-to * F)
