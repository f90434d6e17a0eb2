"""Flows behind two synaptic currents: an alpha synapse, or two side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.currents import Second, Synapse
from bio_scnn.crossval.identify.stepped import SteppedNeuron

_EQUAL = 3e-3  # decays this near are one: rounding parts the two of an alpha function,
_TURNED = 0.15  # or makes them complex


def behind_two_currents(
    plain: SteppedNeuron, h: NDArray[np.float64], limit: float
) -> Iterator[SteppedNeuron]:
    """Neurons whose answer to an impulse is a sum of three decays, and not of two.

    Parameters
    ----------
    plain : SteppedNeuron
        What they share.
    h : (n,) array
        V in the steps after an impulse, 1 in the first.
    limit : float
        Error up to which two decays explain it.
    """
    n = 11
    if len(h) < n or not np.isfinite(h[:n]).all() or _left(h[:n], 2) < limit:
        return
    poles = _decays(h[:n])
    if poles is None:
        return
    seen = set()
    for d, s, a in permutations(poles):
        # What is not one filter behind the other has a zero.
        zero = sum(poles) - float(h[1])
        if s >= a and (d, s, a, True) not in seen and abs(zero) < 0.05:
            seen.add((d, s, a, True))
            yield replace(plain, decay=d, synapse=Synapse(s, second=Second(a)))
        if s < a and abs(zero) > 1e-7 and abs(zero - s) > 1e-9:
            weight = (a - zero) / (zero - s)
            if abs(1 + weight) > 1e-6:
                beside = Second(a, weight / (1 + weight), behind=False)
                yield replace(plain, decay=d, synapse=Synapse(s, 1 / (1 + weight), second=beside))


def _decays(h: NDArray[np.float64]) -> list[float] | None:
    """Three decays of an answer to an impulse; None if it oscillates or grows."""
    roots = np.roots([1, *-_recurrence(h, 3)[0]])
    if np.abs(roots.imag).max() > _TURNED:
        return None
    real = np.sort(np.clip(roots.real, 0, 1))
    if real[0] == 0:
        return None  # what keeps nothing is no current
    near = np.diff(real) < _EQUAL
    if near.all():
        real[:] = real.mean()
    elif near.any():
        k = int(near.argmax())
        real[k : k + 2] = real[k : k + 2].mean()
    return [float(r) for r in real]


def _recurrence(h: NDArray[np.float64], order: int) -> tuple[NDArray[np.float64], float]:
    """Factors of an answer's last values that give the next, and the largest error."""
    A: NDArray[np.float64] = np.stack([h[order - 1 - k : len(h) - 1 - k] for k in range(order)], 1)
    c = np.asarray(np.linalg.lstsq(A, h[order:], rcond=None)[0], dtype=np.float64)
    return c, float(np.abs(A @ c - h[order:]).max())


def _left(h: NDArray[np.float64], order: int) -> float:
    """Error of an answer to an impulse with so many decays."""
    return _recurrence(h, order)[1]


def of_unit_synapse(neuron: SteppedNeuron) -> SteppedNeuron:
    """A neuron whose first of two currents side by side has the gain 1."""
    synapse = neuron.synapse
    if synapse is None or synapse.second is None or synapse.second.behind:
        return neuron
    unit = synapse.gain
    second = replace(synapse.second, gain=synapse.second.gain / unit)
    synapse = replace(synapse, gain=1.0, second=second)
    return replace(neuron, gain=neuron.gain * unit, synapse=synapse)
