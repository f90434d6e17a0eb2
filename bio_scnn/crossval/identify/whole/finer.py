"""V in finer units than the input: decays and gains that agree with the least inputs that fire."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.formats import ROUNDINGS, FixedPoint
from bio_scnn.crossval.identify.stepped import SteppedNeuron, Synapse, shifted
from bio_scnn.crossval.identify.whole.rules import ROUNDED

Array = NDArray[np.float64]

_BITS = 12
_GAINS = tuple(2**k for k in range(0, 9))
_MOST, _NEAR, _MOST_BIASES = 400, 0.005, 24


@dataclass(frozen=True, eq=False)
class Read:
    """Least inputs that make a layer fire, after drives that do not.

    Attributes
    ----------
    x : (steps, drives) array
        In whole units.
    least : (steps, drives) array
        Input of a step that is just enough to fire in it; NaN where none was found.
    """

    x: Array
    least: Array

    @property
    def at_rest(self) -> float:
        """Least input that fires a neuron at rest."""
        return float(self.least[0, 0])


def finer(x: Array, seen: Read) -> Iterator[SteppedNeuron]:
    """Updates without a synapse, with the largest threshold that the least inputs leave.

    Parameters
    ----------
    x : (steps, drives) array
        In whole units, positive ones excite.
    seen : Read
    """
    for gain in _GAINS[1:]:
        low, high = _slopes(x, seen, gain)
        for bits in range(1, _BITS + 1):
            ks = np.arange(np.ceil(low * 2**bits), np.floor(high * 2**bits) + 1)
            ks = ks[ks % 2 == 1][:_MOST]
            for rounding in ROUNDED if len(ks) else ():
                decays = ks / 2.0**bits
                least, most = _bounds(seen, gain, _left(gain * x, decays, rounding))
                for n in np.flatnonzero(least <= most):
                    form = FixedPoint(rounding=rounding)
                    yield SteppedNeuron(
                        float(decays[n]), float(gain), threshold=float(most[n]), number_format=form
                    )


def finer_synapses(x: Array, seen: Read) -> Iterator[SteppedNeuron]:
    """The same behind a synapse, both products rounded in one way."""
    two = roots(x, seen)
    grid = np.arange(1, 2**_BITS) / 2.0**_BITS
    orders = list(itertools.permutations(two, 2))
    for gain, rounding, fresh in itertools.product(_GAINS, ROUNDED[:4], (True, False)):
        for one, two in orders:
            mine, its = (grid[np.abs(grid - r) < _NEAR] for r in (one, two))
            decays, synaptic = (a.ravel() for a in np.meshgrid(mine, its, indexing="ij"))
            for bias in _biases(seen, gain, one) if len(decays) else ():
                pair = (synaptic, fresh, bias)
                least, most = _bounds(seen, gain, _left(gain * x, decays, rounding, pair))
                good = np.flatnonzero(least <= most)
                for n in sorted(good, key=lambda n: _length(decays[n]) + _length(synaptic[n]))[:4]:
                    form = FixedPoint(rounding=rounding, synapse_rounding=rounding)
                    yield SteppedNeuron(
                        float(decays[n]),
                        bias=bias,
                        threshold=float(most[n]),
                        synapse=Synapse(float(synaptic[n]), float(gain), fresh),
                        number_format=form,
                    )


def _biases(seen: Read, gain: int, decay: float) -> list[float]:
    """Biases that a neuron without input may have, by how much V rises until the last step."""
    rest = seen.least[:, 0]
    rise = rest[0] - rest[-1]
    if not rise or not np.isfinite(rise):
        return [0.0]
    steps = len(rest) - 1
    whole = decay * (1 - decay**steps) / (1 - decay)
    ends = np.sort([gain * (rise - 1) / whole, gain * (rise + 1) / whole])
    return [float(b) for b in np.arange(np.ceil(ends[0]), ends[1] + 1)[:_MOST_BIASES]]


def _length(decay: float) -> int:
    """Bits that a decay needs."""
    k = int(decay * 2**_BITS)
    return _BITS - ((k & -k).bit_length() - 1)


def _slopes(x: Array, seen: Read, gain: int) -> tuple[float, float]:
    """Bounds of the decay from V one step after an impulse."""
    V = gain * x[0]
    alone = (x[1:] == 0).all(axis=0) & (V != 0) & np.isfinite(seen.least[1])
    left = gain * (seen.at_rest - seen.least[1])
    ends = np.stack([(left[alone] - gain - 1) / V[alone], (left[alone] + gain + 1) / V[alone]])
    if not ends.size:
        return 1.0, 0.0
    return max(float(ends.min(axis=0).max()), 0.0), min(float(ends.max(axis=0).min()), 1.0)


def roots(x: Array, seen: Read) -> list[float]:
    """Two decays by regression of V as the least inputs tell it; empty if they are not two."""
    V = seen.at_rest - seen.least + x
    columns = [shifted(V, 1), shifted(V, 2), x, shifted(x, 1), np.ones_like(x)]
    A, y = np.stack([c[2:].ravel() for c in columns], 1), V[2:].ravel()
    ok = np.isfinite(A).all(axis=1) & np.isfinite(y)
    if ok.sum() < 20:
        return []
    once, twice, *_ = np.linalg.lstsq(A[ok], y[ok], rcond=None)[0]
    both = np.roots([1, -once, -twice])
    return [float(r) for r in both.real if 0 < r < 1] if np.isreal(both).all() else []


def _left(
    x: Array, decays: Array, rounding: str, behind: tuple[Array, bool, float] | None = None
) -> Iterator[Array]:
    """V before the input of each step ``(decays, drives)``, one step after the other.

    `behind` is a synapse's decays, whether it is fresh, and the bias of V. Behind one that is not
    fresh an input acts on V one step later: what is yielded is V before that.
    """
    rounded = ROUNDINGS[rounding]
    V = np.zeros((len(decays), x.shape[1]))
    S = np.zeros_like(V)
    d = decays[:, None]
    synaptic, fresh, bias = behind if behind is not None else (0 * decays, True, 0.0)
    for now in x:
        left = rounded(d * V) + bias
        kept = rounded(synaptic[:, None] * S)
        drive = kept if fresh else S
        yield left + drive
        V, S = left + drive + now * fresh, kept + now


def _bounds(seen: Read, gain: int, left: Iterator[Array]) -> tuple[Array, Array]:
    """Bounds of the least V that fires, for each decay, both included."""
    least, most = np.asarray(-np.inf), np.asarray(np.inf)
    for before, enough in zip(left, gain * seen.least, strict=True):
        high = before + enough
        most = np.minimum(most, np.where(np.isnan(high), np.inf, high).min(axis=1))
        least = np.maximum(least, np.where(np.isnan(high), -np.inf, high - gain + 1).max(axis=1))
    return least, most
