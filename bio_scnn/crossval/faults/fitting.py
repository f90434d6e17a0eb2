"""Comparison of machines with a layer's answers, and the fit of their numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.faults.hypothesis import Hypothesis, Range
from bio_scnn.crossval.faults.machine import Machine
from bio_scnn.crossval.faults.running import Ran, run, structure

_TRIALS = {1: 25, 2: 13, 3: 7}  # per number
_V_ERROR = {"float64": 1e-6, "float32": 1e-4, "float16": 1e-1, "bfloat16": 1e-1}
_TIE = {"float64": 1e-9, "float32": 1e-5, "float16": 1e-2, "bfloat16": 1e-2}
_FITTED_TIE = 3e-4  # spikes alone tell a number to this


@dataclass(frozen=True, eq=False)
class Data:
    """A drive, and what a layer made of it.

    Attributes
    ----------
    x : (steps, neurons) array
    spikes : (steps, neurons) array
    V : (steps, neurons) array or None
    size : float
        Size of V: that of the threshold above the reset.
    dtype : str
        Declared floating-point type.
    """

    x: NDArray[np.float64]
    spikes: NDArray[np.int64]
    V: NDArray[np.float64] | None
    size: float
    dtype: str = "float64"
    smooth: bool = False

    def first(self, steps: int) -> Data:
        """The first steps alone."""
        V = None if self.V is None else self.V[:steps]
        return replace(self, x=self.x[:steps], spikes=self.spikes[:steps], V=V)

    def of(self, columns: NDArray[np.int64]) -> Data:
        """Some neurons alone."""
        V = None if self.V is None else self.V[:, columns]
        return replace(self, x=self.x[:, columns], spikes=self.spikes[:, columns], V=V)

    def telling(self, ran: Ran, count: int) -> Data:
        """Neurons that differ most from a machine's, and a few of the others."""
        off = np.abs(ran.spikes[:, 0] - self.spikes).sum(axis=0).astype(float)
        if self.V is not None:
            far = np.nan_to_num(np.abs(ran.V[:, 0] - self.V) / self.size, nan=1.0)
            off += np.minimum(far, 1).mean(axis=0)
        ordered = np.argsort(-off, kind="stable")
        most = 2 * count // 3
        rest = ordered[most:]
        others = rest[:: max(len(rest) // (count - most), 1)][: count - most]
        return self.of(np.sort(np.concatenate([ordered[:most], others])))

    def loss(self, ran: Ran) -> NDArray[np.float64]:
        """Distance of each machine from the layer: spikes, their numbers so far, and V."""
        off = ran.spikes - self.spikes[:, None]
        total = max(int(self.spikes.sum()), 1)
        behind = np.abs(np.cumsum(off, axis=0))
        if self.smooth:
            so_far = 1 + np.cumsum(self.spikes, axis=0)
            loss = (behind / so_far[:, None]).mean(axis=(0, 2))
        else:
            wrong = np.abs(off).sum(axis=(0, 2)) / total
            loss = wrong + behind.mean(axis=(0, 2))
        if self.V is not None:
            far = np.abs(ran.V - self.V[:, None]) / self.size
            far = np.nan_to_num(far, nan=1.0, posinf=1.0)
            loss = (
                loss
                + np.minimum(far, 1).mean(axis=(0, 2))
                + np.sqrt(np.minimum(far, 1e-2)).mean(axis=(0, 2))
            )
        return np.asarray(loss, dtype=np.float64)

    def clear(self, ran: Ran, *, fitted: bool = False) -> NDArray[np.bool_]:
        """Neurons ``(machines, neurons)`` for which rounding decides nothing."""
        near = _TIE[self.dtype]
        if fitted:
            near = max(near, _FITTED_TIE)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.all(np.abs(ran.margin) > near * self.size, axis=0))

    def matches(self, ran: Ran, *, fitted: bool = False, ties: bool = False) -> NDArray[np.bool_]:
        """True for the machines that give the same spikes, and the same V if it is shown.

        Parameters
        ----------
        ran : Ran
        fitted : bool
            A number was fitted: it is known to some digits only.
        ties : bool
            V lies on a lattice: ties count.
        """
        clear = self.clear(ran, fitted=fitted)
        if ties:
            clear = np.ones_like(clear)
        same = np.all(ran.spikes == self.spikes[:, None], axis=0)
        if self.V is not None:
            largest = np.maximum(np.abs(self.V).max(axis=0), self.size)
            error = np.abs(ran.V - self.V[:, None]).max(axis=0) / largest
            same &= ~(error > _V_ERROR[self.dtype])
        enough = clear.sum(axis=1) >= 0.4 * clear.shape[1]
        allowed = 0.05 * clear.shape[1] if ties else 0
        return np.asarray(enough & ((~same & clear).sum(axis=1) <= allowed))


def joined(one: Data, two: Data) -> Data:
    """Both, side by side; they must be of one length."""
    V = None if one.V is None or two.V is None else np.concatenate([one.V, two.V], axis=1)
    return Data(
        np.concatenate([one.x, two.x], axis=1),
        np.concatenate([one.spikes, two.spikes], axis=1),
        V,
        one.size,
        one.dtype,
    )


def trials(r: Range, count: int) -> NDArray[np.float64]:
    """Numbers of a range to begin with."""
    if r.scale == "log":
        return np.geomspace(r.low, r.high, count)
    if r.scale == "both":
        half = np.geomspace(r.low, r.high, count // 2)
        return np.concatenate([-half[::-1], half])
    return np.linspace(r.low, r.high, count)


def _around(values: NDArray, k: int, whole: Range, wide: int) -> Range:
    """Range about the best trial, so many steps to each side."""
    low, high = values[max(k - wide, 0)], values[min(k + wide, len(values) - 1)]
    if whole.scale == "log" and low > 0:
        return Range(low, high, "log")
    return Range(low, high, "linear")


@dataclass(frozen=True)
class Fit:
    """A hypothesis with the numbers that fit best.

    Attributes
    ----------
    hypothesis : Hypothesis
    values : tuple of float
    machine : Machine
    loss : float
    """

    hypothesis: Hypothesis
    values: tuple[float, ...]
    machine: Machine
    loss: float


def fit(
    data: Data, base: Machine, h: Hypothesis, *, worst: float = np.inf, zooms: int = 12
) -> Fit | None:
    """Numbers of a hypothesis that fit a layer's answers best.

    Parameters
    ----------
    data : Data
    base : Machine
        On which the fault acts.
    h : Hypothesis
    worst : float
        Loss above which there is no use in going on.
    zooms : int
        Most narrowings of the range.

    Returns
    -------
    Fit or None
        None if it is no better than `worst`.
    """
    if not h.ranges:
        machine = h.make(base)
        if machine == base:
            return None
        return Fit(h, (), machine, float(data.loss(run([machine], data.x))[0]))
    ranges, best = list(h.ranges), None
    for zoom in range(zooms):
        axes = [trials(r, _TRIALS[len(ranges)]) for r in ranges]
        grid = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)
        machines = [h.make(base, *map(float, row)) for row in grid]
        loss = data.loss(run(machines, data.x))
        least = loss.min()
        # Spikes alone leave a whole interval of numbers that fit: its middle is taken.
        fitting = np.flatnonzero(loss <= least + 1e-8)
        k = int(fitting[len(fitting) // 2])
        found = Fit(h, tuple(map(float, grid[k])), machines[k], float(least))
        better = best is None or found.loss <= best.loss
        best = found if better or best is None else best
        if best.loss > worst * (1.01, 0.9, 0.6)[min(zoom, 2)]:
            return None
        if least < (1e-9 if data.V is None else 3e-7):
            break
        index = np.unravel_index(k, [len(a) for a in axes])
        # Two numbers may make up for each other: a valley, along which the best one moves.
        wide = min(len(ranges), 2)
        ranges = [_around(a, int(i), r, wide) for a, i, r in zip(axes, index, ranges, strict=True)]
    return best


def losses(data: Data, machines: Sequence[Machine]) -> list[float]:
    """Loss of each of many machines, those that can be run together at once."""
    found = [math.inf] * len(machines)
    groups: dict[tuple, list[int]] = {}
    for k, m in enumerate(machines):
        groups.setdefault(structure(m), []).append(k)
    for members in groups.values():
        together = data.loss(run([machines[k] for k in members], data.x))
        for k, loss in zip(members, together, strict=True):
            found[k] = float(loss)
    return found


def matching(data: Sequence[Data], found: Fit, *, lattice: bool = False) -> bool:
    """True if a fit gives the layer's answers to all drives."""
    fitted = bool(found.hypothesis.ranges)
    return all(
        bool(d.matches(run([found.machine], d.x), fitted=fitted, ties=lattice)[0]) for d in data
    )
