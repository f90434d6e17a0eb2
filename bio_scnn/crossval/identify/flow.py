"""The flow of V: its update over steps that follow no spike, by regression on a recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.numbers import unit_of
from bio_scnn.crossval.identify.regression import trimmed
from bio_scnn.crossval.identify.stepped import InputShape, SteppedNeuron, shaped, shifted

Array = NDArray[np.float64]

GUARDS = (24, 8, 3, 1, 0)
"""Steps after a spike that are left out, for a reset or a refractory period may fill them."""

LAGS = (0, 1, 2, 3)


@dataclass(frozen=True)
class Recorded:
    """Recording as arrays ``(steps, neurons)``: input, V and spikes, of which one may lack."""

    x: Array
    V: Array | None
    spikes: NDArray[np.int64] | None

    @property
    def scale(self) -> float:
        """Largest size of V; 1 if there is none."""
        return 1.0 if self.V is None else float(np.abs(self.V).max()) or 1.0

    @cached_property
    def rounding(self) -> float:
        """Rounding of V as it is written down: half of its last decimal, or of its unit.

        0 if there are many decimals, and no unit, or too few values of V to tell.
        """
        if self.V is None or len(np.unique(self.V)) <= 30:
            return 0.0
        for places in range(7):
            if np.array_equal(np.round(self.V, places), self.V):
                return 0.5 * 10.0**-places * (1 + 1e-6)
        return 0.5 * (unit_of(self.V) or 0.0) * (1 + 1e-6)

    def moments(self, delay: int) -> NDArray[np.int64]:
        """Spikes in the steps that made them, if they are reported so many steps late."""
        return shifted(self.fired()[::-1], delay)[::-1]

    def fired(self) -> NDArray[np.int64]:
        """Spikes ``(steps, neurons)``; none if they were not recorded."""
        return np.zeros(self.x.shape, np.int64) if self.spikes is None else self.spikes


@dataclass(frozen=True)
class Flow:
    """Update of V without spikes, as a neuron whose threshold and reset are not known yet.

    Attributes
    ----------
    neuron : SteppedNeuron
    residual : float
        What it leaves of V in a step: seven quiet steps of ten are off by at most this.
    terms : int
        What it takes: parameters and quirks.
    deviation : float
        Standard deviation of the decay.
    tail : float
        As `residual`, for 99 quiet steps of a hundred.
    """

    neuron: SteppedNeuron
    residual: float
    terms: int
    deviation: float
    tail: float


def quiet_steps(data: Recorded, guard: int) -> NDArray[np.bool_]:
    """Steps ``(steps, neurons)`` without a spike in `guard` steps before, nor right after."""
    near = data.fired() > 0
    around = near.copy()
    for k in range(1, guard + 1):
        around[k:] |= near[:-k]
    if guard:
        around[:-1] |= near[1:]
    around[0] = True
    return ~around


def flows(data: Recorded) -> list[Flow]:
    """Flows that fit a recording with V, the best first.

    Parameters
    ----------
    data : Recorded
        With V.

    Returns
    -------
    list of Flow
        Sorted by residual, then by simplicity; empty if there are too few quiet steps.
    """
    assert data.V is not None
    found: list[Flow] = []
    for rows in sets_of_rows(data):
        leaky = fitted(
            data, rows & (np.abs(data.V) > 1e-9 * data.scale), SteppedNeuron(leak=1.0), bias=False
        )
        if leaky is not None and leaky.neuron.leak > max(4 * leaky.residual, 1e-7 * data.scale):
            found.append(leaky)
        for neuron in _shapes(data):
            fits = [fitted(data, rows, neuron, bias=b) for b in (False, True)]
            found += [fit for fit in fits if fit is not None]
            if any(fit.tail < 1e-8 * data.scale and fit.neuron.gain for fit in found):
                return best_first(data, found)
    return best_first(data, found)


def best_first(data: Recorded, found: list[Flow]) -> list[Flow]:
    """The same flows, those first that leave the least of V, then the simple ones."""

    def size(x: float) -> int:
        return round(2 * np.log10(x + 1e-9 * data.scale))

    def idle(neuron: SteppedNeuron) -> bool:
        """True if the input does nothing, as in steps in which the neuron waits."""
        return abs(neuron.gain) * float(np.abs(data.x).max()) < 1e-9 * data.scale

    return sorted(
        found,
        key=lambda f: (idle(f.neuron), size(f.residual), size(f.tail), f.terms, f.residual),
    )


def sets_of_rows(data: Recorded) -> Iterator[NDArray[np.bool_]]:
    """Quiet steps that tell something, with the widest guard that leaves enough of them."""
    informative = _informative(data)
    driven = data.x != 0
    wanted = min(3, int((driven & quiet_steps(data, 0)).sum()))
    enough, given = 40, 0
    for guard in GUARDS:
        rows = quiet_steps(data, guard) & informative
        if guard and (rows & driven).sum() < wanted:
            continue
        if rows.sum() >= enough or (guard == 0 and not given and rows.sum() >= 6):
            given += 1
            yield rows
            enough = int(1.5 * rows.sum())
    first = np.cumsum(data.fired() > 0, axis=0) == 0
    rows = first & informative
    rows[0] = False
    if rows.sum() >= 12 and data.fired().any():
        yield rows


def _informative(data: Recorded) -> NDArray[np.bool_]:
    """Steps unlike every one before: V, the last V and the inputs are not all the same.

    A largest or smallest V that comes often is a bound, and tells nothing of the update.
    """
    assert data.V is not None
    table = np.stack([data.V, shifted(data.V, 1), *(shifted(data.x, lag) for lag in LAGS)], -1)
    flat = table.reshape(-1, table.shape[-1])
    unlike = np.zeros(len(flat), dtype=bool)
    unlike[np.unique(flat, axis=0, return_index=True)[1]] = True
    unlike &= np.abs(flat).any(axis=1)
    for bound in (data.V.min(), data.V.max()):
        at = (flat[:, 0] == bound) & (flat[:, 1] != bound)
        if (bound and at.sum() > 3) or (at.sum() > 3 and data.x.min() < 0):
            unlike &= flat[:, 0] != bound
    return unlike.reshape(data.V.shape)


def _shapes(data: Recorded) -> Iterator[SteppedNeuron]:
    shapes: list[InputShape] = ["as-given", "averaged"]
    if data.x.min() < 0:
        shapes += ["rectified", "clipped"]
    elif data.x.max() > 1:
        shapes.append("clipped")
    for shape in shapes:
        for lag in LAGS:
            yield SteppedNeuron(input_delay=lag, input_shape=shape)


def current(neuron: SteppedNeuron, x: Array) -> Array:
    """Input as it reaches the neuron's synapse: shaped and delayed."""
    return shifted(shaped(x, neuron.input_shape), neuron.input_delay)


def fitted(
    data: Recorded, rows: NDArray[np.bool_], neuron: SteppedNeuron, *, bias: bool
) -> Flow | None:
    """Flow of a kind of neuron by regression over some steps; None if they do not tell it."""
    assert data.V is not None
    before = shifted(data.V, 1)[rows]
    drive = current(neuron, data.x)[rows]
    columns = [before] if before.any() else []
    if drive.any():
        columns.append(drive)
    if neuron.leak:
        columns.append(np.sign(before) * (np.abs(before) > 1e-9 * data.scale))
    elif bias:
        columns.append(np.ones_like(before))
    if int((drive != 0).sum()) < min(3, int((data.x != 0).sum())):
        return None  # such steps tell nothing of the gain
    if not before.any() or len(before) < len(columns) + 2:
        return None
    A, y = np.stack(columns, 1), data.V[rows]
    # Input and V are in any units: volts and amperes leave columns that differ by a billion.
    sizes = np.abs(A).max(axis=0)
    A = A / sizes
    if np.linalg.matrix_rank(A, tol=1e-9 * np.linalg.norm(A)) < A.shape[1]:
        return None
    coefficients, residual, deviation, tail = trimmed(A, y, _groups(data, rows))
    values = [float(c) for c in coefficients / sizes]
    deviation /= float(sizes[0])
    decay, gain = values[0] * (abs(values[0]) > 1e-9), values[1] if drive.any() else 0.0
    last = values[-1] if bias or neuron.leak else 0.0
    terms = len(columns) + (neuron.input_delay > 0) + 2 * (neuron.input_shape != "as-given")
    span = abs(gain) * np.ptp(data.x)
    if not bias and abs(decay - 1) < 1e-9 and span < 1e-9 * data.scale and not neuron.leak:
        return None  # V that is held, as in refractory steps
    found = replace(neuron, decay=decay, gain=gain, bias=0.0 if neuron.leak else last)
    if neuron.leak:
        found = replace(found, leak=-last)
    return Flow(found, residual, terms, deviation, tail)


def _groups(data: Recorded, rows: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Quiet steps with an input in this step, in the last one, ...; and those without any."""
    active = [shifted(data.x, lag)[rows] != 0 for lag in LAGS]
    groups = [*active, ~np.any(active, axis=0)]
    distinct = {group.tobytes(): group for group in groups if group.sum() >= 3}
    return list(distinct.values()) or [np.ones(int(rows.sum()), dtype=bool)]
