"""V in finer units than the input: decays and gains that agree with the least inputs that fire."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

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

    def some(self, columns: NDArray[np.int64]) -> Read:
        """The beginning of some drives alone."""
        return Read(self.x[:4, columns], self.least[:4, columns])

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
                tried = _Trials(decays, rounding, 0 * decays)
                for n, most in zip(*_agreeing(x, seen, gain, tried), strict=True):
                    form = FixedPoint(rounding=rounding)
                    yield SteppedNeuron(
                        float(decays[n]), float(gain), threshold=float(most), number_format=form
                    )


def finer_synapses(x: Array, seen: Read) -> Iterator[SteppedNeuron]:
    """The same behind a synapse, both products rounded in one way."""
    pair = roots(x, seen)
    grid = np.arange(1, 2**_BITS) / 2.0**_BITS
    few = np.argsort(-np.abs(x[0]), kind="stable")[:6]
    orders = list(itertools.permutations(pair, 2))
    for gain, rounding, fresh in itertools.product(_GAINS, ROUNDED[:4], (True, False)):
        for one, two in orders:
            mine, its = (grid[np.abs(grid - r) < _NEAR] for r in (one, two))
            decays, synaptic = (a.ravel() for a in np.meshgrid(mine, its, indexing="ij"))
            for bias in _biases(seen, gain, one) if len(decays) else ():
                tried = _Trials(decays, rounding, synaptic, fresh, bias)
                likely, _ = _agreeing(x[:4, few], seen.some(few), gain, tried)
                tried = replace(tried, decays=decays[likely], synaptic=synaptic[likely])
                kept, tops = _agreeing(x, seen, gain, tried)
                good = list(zip(likely[kept], tops, strict=True))
                good.sort(key=lambda g: _length(decays[g[0]]) + _length(synaptic[g[0]]))
                for n, most in good[:4]:
                    form = FixedPoint(rounding=rounding, synapse_rounding=rounding)
                    yield SteppedNeuron(
                        float(decays[n]),
                        bias=bias,
                        threshold=float(most),
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


@dataclass(frozen=True)
class _Trials:
    """Neurons that are tried together: decays, those of the synapse, if it is fresh, the bias."""

    decays: Array
    rounding: str
    synaptic: Array
    fresh: bool = True
    bias: float = 0.0


def _agreeing(x: Array, seen: Read, gain: int, tried: _Trials) -> tuple[NDArray[np.int64], Array]:
    """Trials that leave a threshold, and the largest that each leaves: the least V that fires.

    Behind a synapse that is not fresh an input acts on V one step later: it is V before that which
    the least inputs tell.
    """
    rounded = ROUNDINGS[tried.rounding]
    kept = np.arange(len(tried.decays))
    d, s = tried.decays[:, None], tried.synaptic[:, None]
    V, S = (np.zeros((len(kept), x.shape[1])) for _ in range(2))
    least, most = np.full(len(kept), -np.inf), np.full(len(kept), np.inf)
    for now, enough in zip(gain * x, gain * seen.least, strict=True):
        current = rounded(s * S)
        before = rounded(d * V) + tried.bias + (current if tried.fresh else S)
        high = before + enough
        most = np.minimum(most, np.where(np.isnan(high), np.inf, high).min(axis=1))
        least = np.maximum(least, np.where(np.isnan(high), -np.inf, high - gain + 1).max(axis=1))
        V, S = before + now * tried.fresh, current + now
        good = least <= most
        kept, d, s, V, S, least, most = (a[good] for a in (kept, d, s, V, S, least, most))
        if not len(kept):
            break
    return kept, most
