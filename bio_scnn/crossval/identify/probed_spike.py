"""Spike of a probed layer: reset, refractory period and adaptation, from critical inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bio_scnn.crossval.identify.hypotheses import Probed, by_error, refined
from bio_scnn.crossval.identify.probed_flow import flows
from bio_scnn.crossval.identify.stepped import Adaptation, SteppedNeuron


def neurons(data: Probed) -> list[tuple[float, SteppedNeuron]]:
    """Neurons with their errors that agree with all readings, the best first."""
    limit = data.limit
    found: list[tuple[float, SteppedNeuron]] = []
    bases = flows(data)
    for base in bases:
        found += [(data.error(n), n) for n in _spiking(data, base)]
    if not any(error < limit for error, _ in found):
        for _, n in sorted(found, key=by_error)[:6]:
            found.append(refined(data, n, ("reset_to",)))
    if not any(error < limit for error, _ in found):
        for base in bases[:2]:
            found += _adapting(data, base, limit)
    found.sort(key=by_error)
    good = [pair for pair in found if pair[0] < limit]
    return good or found[:1]


def _spiking(data: Probed, base: SteppedNeuron) -> Iterator[SteppedNeuron]:
    """Flows with every reset and refractory period that the first readings after a spike allow."""
    F, k = data.layer.first, data.blocked + 1
    low, high = (data.spiking.of(d)[k] for d in (0, 1))
    theta = base.threshold
    for n in _waiting(data, base):
        coefficient, offset = _reset_line(n, k)
        slope = (low - high) / (0.25 * F)
        keep = slope / coefficient if coefficient else 0.0
        keep = next((v for v in (0.0, 1.0) if abs(keep - v) < 1e-3), keep)
        if not 0 <= keep <= 1:
            continue
        V = keep * (1.05 * F + n.bias)
        if n.reset_when == "after-update":
            to = theta - low - n.bias - keep * (1.05 * F + n.bias) * n.decay
            to += (1 - keep) * n.bias if keep != 1 else 0.0
        else:
            to = (theta - low - offset) / coefficient - V if coefficient else 0.0
        tidy = 1e-9 * F if data.rounding < 1e-9 else 20 * data.rounding * F
        for value in dict.fromkeys([0.0 if abs(to) < tidy else to, -keep * theta]):
            yield replace(n, reset_keep=keep, reset_to=value)
            if keep == 1 and n.refractory == 0:
                yield replace(n, reset_keep=keep, reset_to=value, several=True)
    if base.synapse is not None or base.input_shape == "averaged":
        for n in _waiting(data, base):
            yield replace(n, reset_keep=0.0, reset_to=0.0)
            yield replace(n, reset_keep=1.0, reset_to=-theta)


def _waiting(data: Probed, base: SteppedNeuron) -> Iterator[SteppedNeuron]:
    r = data.blocked
    yield replace(base, refractory=r)
    if r:
        yield replace(base, refractory=r, while_refractory="leaks")
        yield replace(base, refractory=r, while_refractory="integrates")
        yield replace(base, refractory=r - 1, reset_when="after-update")
    else:
        yield replace(base, reset_when="after-update")


def _reset_line(n: SteppedNeuron, k: int) -> tuple[float, float]:
    """V at the first step that is free again, as a line in V after the reset."""
    d, r = n.decay, n.refractory
    if n.reset_when == "after-update":
        return d, n.bias
    if n.while_refractory == "held":
        return d, n.bias
    if n.while_refractory == "leaks":
        return d ** (r + 1), n.bias
    return d ** (r + 1), n.bias * sum(d**i for i in range(round(r) + 1))


def _adapting(
    data: Probed, base: SteppedNeuron, limit: float
) -> list[tuple[float, SteppedNeuron]]:
    """Flows with an adaptation, whose decay is what is left when V's own is taken off."""
    d, start = base.decay, data.blocked + 1
    found: list[tuple[float, SteppedNeuron]] = []
    rest, after = data.quiet.of(0), data.spiking.of(0)
    R = np.array([rest[k] - after[start + k] for k in range(9)])
    if base.synapse is not None or not np.isfinite(R).all():
        return found
    left = R[1:] - d * R[:-1]
    if not left[0]:
        return found
    e = float(np.clip(left[1] / left[0], 0, 1))
    for keep in (0.0, 1.0):
        for on in ("threshold", "current"):
            if not 0 < e or e == d:
                continue
            jump = -left[0] / (e - d if on == "threshold" else e) / e**data.blocked
            w = Adaptation(e, jump, on)  # type: ignore[arg-type]
            to = -keep * base.threshold
            n = replace(base, refractory=data.blocked, reset_keep=keep, reset_to=to, adaptation=w)
            found.append(refined(data, n, ("reset_to",)))
    return found
