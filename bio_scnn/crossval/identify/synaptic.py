"""Flows behind a synapse: two decays of V, told from three of its steps in a row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.currents import decaying
from bio_scnn.crossval.identify.flow import (
    Flow,
    Recorded,
    best_first,
    fitted,
    quiet_steps,
    sets_of_rows,
)
from bio_scnn.crossval.identify.numbers import simplest
from bio_scnn.crossval.identify.regression import trimmed
from bio_scnn.crossval.identify.stepped import SteppedNeuron, Synapse, shifted

Array = NDArray[np.float64]


def synaptic_flows(data: Recorded) -> list[Flow]:
    """Flows behind a synapse that fit a recording with V, the best first."""
    found: list[Flow] = []
    centres: list[float | None] = [*_two_decays(data)]
    for rows in list(sets_of_rows(data))[:3]:
        for fresh in (True, False):
            for centre in centres or [None]:
                flow = _closest(data, rows, centre, fresh)
                found += [flow] if flow is not None else []
        if found and min(f.tail for f in found) < 1e-6 * data.scale:
            break
    return best_first(data, found)


def _two_decays(data: Recorded) -> list[float]:
    """Decays of synapse and membrane, in either order: roots of an update of second order.

    Where it fires too often for quiet steps, what a spike subtracts is one of the unknowns.
    """
    assert data.V is not None
    names = [*(shifted(data.V, k) for k in (1, 2)), *(shifted(data.x, k) for k in (0, 1, 2))]
    spikes = [shifted(data.fired().astype(np.float64), k) for k in (0, 1)]
    for guard in (24, 8, 3, 2, 1, None):
        rows = np.ones(data.V.shape, dtype=bool) if guard is None else quiet_steps(data, guard)
        rows[:3] = False
        if rows.sum() < 40:
            continue
        columns = names + spikes * (guard is None)
        A = np.stack([column[rows] for column in columns], 1)
        A, y = A[:, A.any(axis=0)], data.V[rows]
        A = A / (sizes := np.abs(A).max(axis=0))
        if np.linalg.matrix_rank(A) < A.shape[1]:
            continue
        values, residual, _, _ = trimmed(A, y, [np.ones(len(y), dtype=bool)])
        once, twice, *_ = values / sizes
        roots = np.roots([1, -once, -twice])
        if residual < 0.05 * float(np.abs(y).max()) and np.isreal(roots).all():
            error = 1e-9 if residual < 1e-12 * data.scale else 1e-12
            return [simplest(r - error, r + error) for r in roots.real if 1e-4 < r < 0.99999]
    return []


def _closest(
    data: Recorded, rows: NDArray[np.bool_], centre: float | None, fresh: bool
) -> Flow | None:
    """Flow with the synaptic decay, near a centre if there is one, that leaves the least of V."""
    best = None if centre is None else _behind(data, rows, Synapse(centre, 1.0, fresh))
    if best is not None and best.residual < 1e-9 * data.scale:
        return best
    middle, width = (0.5, 0.5) if centre is None else (centre, 0.03)
    for _ in range(8):
        for decay in np.clip(middle + width * np.linspace(-1, 1, 7), 0, 0.99999):
            flow = _behind(data, rows, Synapse(float(decay), 1.0, fresh))
            if flow is not None and (best is None or flow.residual < best.residual):
                best, middle = flow, float(decay)
        width /= 3
    if best is None or best.neuron.synapse is None or best.neuron.synapse.decay < 1e-6:
        return None
    return best


def _behind(data: Recorded, rows: NDArray[np.bool_], synapse: Synapse) -> Flow | None:
    S = decaying(synapse.gain * data.x, synapse.decay)
    S = S if synapse.fresh else shifted(S, 1)
    flow = fitted(Recorded(S, data.V, data.spikes), rows, SteppedNeuron(), bias=False)
    if flow is None:
        return None
    return replace(flow, neuron=replace(flow.neuron, synapse=synapse), terms=flow.terms + 2)
