"""Adaptation of the drive in a recording with V: what earlier spikes take off it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.currents import decaying
from bio_scnn.crossval.identify.flow import Flow, Recorded, current, quiet_steps
from bio_scnn.crossval.identify.numbers import simplest
from bio_scnn.crossval.identify.stepped import Adaptation, SteppedNeuron, shifted

Array = NDArray[np.float64]

GUARDS = (0, 1, 3, 8)
LEFT = 1e-6
"""Largest part of V in a step that an adaptation may leave unexplained, of the largest V."""


def adapting(data: Recorded, tried: list[Flow]) -> list[SteppedNeuron]:
    """Neurons with an adaptation of the drive that explains V between spikes.

    Parameters
    ----------
    data : Recorded
        With V and spikes.
    tried : list of Flow
        Flows without it, whose delay and shape of the input are taken.

    Returns
    -------
    list of SteppedNeuron
        Flows only: threshold and reset are not known yet. The one that leaves the least first.
    """
    assert data.V is not None
    if data.fired().sum() < 8:  # an adaptation fits the few events of fewer
        return []
    kinds = dict.fromkeys((f.neuron.input_delay, f.neuron.input_shape) for f in tried)
    found: list[tuple[float, SteppedNeuron]] = []
    for guard in GUARDS:
        rows = quiet_steps(data, guard)
        if rows.sum() < 20:
            break
        for delay, shape in list(kinds)[:4]:
            base = SteppedNeuron(input_delay=delay, input_shape=shape)
            for bias in (False, True):
                left, neuron = _closest(data, rows, base, bias)
                jump = neuron.adaptation.jump if neuron.adaptation else 0.0
                if left < LEFT * data.scale and abs(jump) > 100 * LEFT * data.scale:
                    found.append((left, neuron))
                    break
        if found:
            break
    return [neuron for _, neuron in sorted(found, key=lambda pair: pair[0])][:3]


def _closest(
    data: Recorded, rows: NDArray[np.bool_], base: SteppedNeuron, bias: bool
) -> tuple[float, SteppedNeuron]:
    """Decay of the adaptation that leaves the least of V, on a grid that closes in."""
    trials = 1 - np.logspace(-3.5, -0.01, 24)
    best: tuple[float, float] = (np.inf, 0.5)
    for closer in range(12):
        if closer > 3 and best[0] > 300 * LEFT * data.scale:
            break  # it will not do
        for a in trials:
            best = min(best, (_fit(data, rows, base, bias, float(a))[0], float(a)))
        where = int(np.argmin(np.abs(np.sort(trials) - best[1])))
        ends = np.sort(trials)[[max(where - 1, 0), min(where + 1, len(trials) - 1)]]
        trials = np.linspace(ends[0], ends[1], 7)
        if ends[1] - ends[0] < 1e-11:
            break
    a = simplest(best[1] - 1e-6, best[1] + 1e-6)
    left, values = _fit(data, rows, base, bias, a)
    if left > max(2 * best[0], 1e-10 * data.scale):
        a = best[1]
        left, values = _fit(data, rows, base, bias, a)
    decay, gain, jump = (simplest(v - 1e-8 * abs(v), v + 1e-8 * abs(v)) for v in values[:3])
    added = float(values[3]) if bias else 0.0
    return left, replace(base, decay=decay, gain=gain, bias=added, adaptation=Adaptation(a, -jump))


def _fit(
    data: Recorded, rows: NDArray[np.bool_], base: SteppedNeuron, bias: bool, a: float
) -> tuple[float, Array]:
    """Root mean square of the rest of V; and decay, gain, minus the jump, bias."""
    assert data.V is not None
    columns = [shifted(data.V, 1), current(base, data.x), since_spikes(data.fired(), a)]
    columns += [np.ones_like(data.V)] if bias else []
    A, y = np.stack([c[rows] for c in columns], 1), data.V[rows]
    sizes = np.maximum(np.abs(A).max(axis=0), 1e-300)
    values = np.linalg.lstsq(A / sizes, y, rcond=None)[0] / sizes
    return float(np.sqrt(np.mean((y - A @ values) ** 2))), values


def since_spikes(fired: NDArray[np.int64], decay: float) -> Array:
    """Rest of jumps of 1, one at each spike, at the beginning of each step."""
    return decaying(shifted(fired, 1).astype(np.float64), decay)


def adaptation_of(neuron: SteppedNeuron, fired: NDArray[np.int64]) -> Array:
    """Adaptation w ``(steps, neurons)`` at the beginning of each step, given earlier spikes."""
    assert neuron.adaptation is not None
    return neuron.adaptation.jump * since_spikes(fired, neuron.adaptation.decay)
