"""Whole-number drives of a live layer, and the steps of its answers before the first spike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.stepped import shifted
from bio_scnn.crossval.identify.whole.layer import WholeLayer

Array = NDArray[np.float64]

_FACTORS = np.array([0.15, 0.4, 0.8, 1.3, 2.5, 6.0, 16.0, 40.0])


@dataclass(frozen=True, eq=False)
class Answers:
    """A drive in whole units, and a layer's answer to it.

    Attributes
    ----------
    x : (steps, neurons) array
    spikes : (steps, neurons) int array
    V : (steps, neurons) array or None
        In whole units, as it is shown.
    late : int, steps
        By how much later than the input V moves.
    latency : int, steps
        By how much later than the input it fires.
    limits : (float, float)
        Inputs beyond which nothing changes under this drive; infinite if all matter.
    after : tuple of float
        Where V is not shown: values that a reset may set it to.
    taken : float
        Loss of V at each spike, in its own step: `state` is V before it.
    """

    x: Array
    spikes: NDArray[np.int64]
    V: Array | None
    late: int
    latency: int
    limits: tuple[float, float] = (-np.inf, np.inf)
    after: tuple[float, ...] = ()
    taken: float = 0.0

    @cached_property
    def state(self) -> Array:
        """V in the step of the input that moved it; the last steps are NaN."""
        return self._shown + self.taken * self.spikes

    @property
    def _shown(self) -> Array:
        assert self.V is not None
        ends = np.full((self.late, self.V.shape[1]), np.nan)
        return np.concatenate([self.V[self.late :], ends])

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """Step of the input that made the first spike; the length where there is none."""
        fired = self.spikes > 0
        at = np.where(fired.any(axis=0), fired.argmax(axis=0) - self.latency, len(fired))
        return np.maximum(at, 0)

    @cached_property
    def quiet(self) -> NDArray[np.bool_]:
        """Steps ``(steps, neurons)`` before the first spike."""
        known = np.arange(len(self.x))[:, None] < np.minimum(self.first, len(self.x) - self.late)
        return np.asarray(known)

    @cached_property
    def old(self) -> Array:
        """State of the step before; at the beginning that of a step without input."""
        before = shifted(self._shown, 1)
        before[0] = 0
        return before


def asked(layer: WholeLayer, x: Array, late: int, latency: int) -> Answers:
    """Answer of a layer to a drive."""
    spikes, V = layer.answer(x)
    return Answers(x, spikes, V, late, latency)


def limits(layer: WholeLayer, x: Array) -> tuple[float, float]:
    """Inputs beyond which nothing changes, by bisection; infinite where the largest matter.

    A bound of the input has them, but so may one of V.
    """
    right = layer.answer(x)

    def same(cut: Array) -> bool:
        answer = layer.answer(cut)
        return all(
            a is None or b is None or np.array_equal(a, b)
            for a, b in zip(answer, right, strict=True)
        )

    ends = []
    for side in (-1.0, 1.0):
        no, yes = -1.0, float((side * x).max())
        largest = yes
        while yes - no > 1:
            middle = float(np.floor((no + yes) / 2))
            if same(side * np.minimum(side * x, middle)):
                yes = middle
            else:
                no = middle
        ends.append(side * yes if yes < largest else side * np.inf)
    return ends[0], ends[1]


def lags(layer: WholeLayer) -> tuple[int, int] | None:
    """Steps after an input in which V moves, and in which it fires at the earliest.

    None if it never fires. One that no single input makes fire looks later than it is.
    """
    size = layer.scale * layer.sign
    held = np.unique(np.rint(np.geomspace(1, 64, 24)) * size)
    held = held[np.abs(held) <= layer.most]
    x = np.zeros((40, 2 * len(held) + 1))
    x[4:, : len(held)] = held
    x[4, len(held) : -1] = held
    spikes, V = layer.answer(x)
    apart = np.flatnonzero((spikes != spikes[:, -1:]).any(axis=1))
    if not len(apart):
        return None
    late = 0
    if V is not None:
        moved = np.flatnonzero((V != V[:, -1:]).any(axis=1))
        late = int(moved[0]) - 4 if len(moved) else 0
    return late, int(apart[0]) - 4


def rich(layer: WholeLayer, seed: int, steps: int = 160) -> Array:
    """Drive ``(steps, 64)`` in whole units: noise, blocks and impulses of many sizes and signs."""
    rng = np.random.default_rng(seed)
    x = np.zeros((steps, 64))
    size = layer.scale * layer.sign * _FACTORS
    x[:, :8] = rng.normal(0.4, 1.0, (steps, 8)) * size
    x[:, 8:16] = rng.normal(-0.6, 1.0, (steps, 8)) * size
    x[:, 16:24] = (rng.random((steps, 8)) < 0.2) * rng.normal(0.6, 2.0, (steps, 8)) * size
    blocks = rng.uniform(-1, 2, (steps // 20 + 1, 8)) * size
    x[:, 24:32] = np.repeat(blocks, 20, axis=0)[:steps]
    x[:, 32:40] = np.array([0, 1.0, 1.1, 1.5, 2, 4, 10, 30]) * layer.scale * layer.sign
    # impulses, each followed by silence; small ones too
    sizes = np.unique(np.rint(np.geomspace(1, 64 * layer.scale, 12)))
    sizes = np.resize(sizes, 12) * layer.sign
    x[1, 40:52], x[1, 52:64] = sizes, -sizes
    again = rng.random((steps, 24)) < 1 / 30
    again[:12] = False
    x[:, 40:] += again * rng.normal(0.5, 1.5, (steps, 24)) * layer.scale * layer.sign * 4
    return np.clip(np.rint(x), layer.least, layer.most)
