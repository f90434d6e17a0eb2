"""Whole-number layers: live layers that round their input, refuse fractions, or show a whole V."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.formats import ROUNDINGS
from bio_scnn.crossval.identify.numbers import unit_of

Array = NDArray[np.float64]
Run = Callable[[Array], tuple[NDArray, NDArray | None]]

MOST_LEVELS = 2.0**34
"""Whole multiples of a unit in V, up to which V is taken for quantised."""

_MOST_SCALE = 2**20
"""Least input that fires, in units of the input: more are digits of a floating-point number."""

_STEPS = (64, 600)
_MOST_MOVED = 0.8
_TAKEN = ("nearest-even", "truncate", "floor", "nearest")


@dataclass(frozen=True, eq=False)
class WholeLayer:
    """A live layer and the whole numbers that it takes.

    Attributes
    ----------
    run : callable
        ``run(x) -> (spikes, V or None)`` from the initial state.
    unit : float
        Of the input: it is rounded to whole multiples of this.
    rounding : str
        Key of `ROUNDINGS`, by which it is; empty if the layer refuses fractions.
    scale : int
        Least held input, in units, that makes it fire, turned by `sign`.
    sign : int
        1, or -1 if negative input excites it.
    most : int
        Largest input in units that may be probed.
    least : int
        Smallest one: `most` below 0, or 0 if it refuses negative input.
    V_unit : float or None
        V is a whole multiple of this; None if V is not shown.
    """

    run: Run
    unit: float
    rounding: str
    scale: int
    sign: int
    most: int
    least: int
    V_unit: float | None

    def answer(self, x: Array) -> tuple[NDArray[np.int64], Array | None]:
        """Spikes, and V in whole units if it is shown, under inputs in whole units."""
        with np.errstate(all="ignore"):
            spikes, V = self.run(x * self.unit)
        spikes = np.asarray(spikes).astype(np.int64)
        if self.V_unit is None or V is None:
            return spikes, None
        return spikes, np.rint(np.asarray(V, dtype=np.float64) / self.V_unit)


def whole_layer(run: Run, has_V: bool | None = None) -> WholeLayer | None:
    """Whole numbers that a live layer takes; None if fractions matter to it, or it never fires.

    Parameters
    ----------
    run : callable
        ``run(x) -> (spikes, V or None)`` with arrays ``(steps, neurons)``.
    has_V : bool, optional
        False: V is not looked at.

    Returns
    -------
    WholeLayer or None
    """
    refuses = refuses_fractions(run)
    if refuses and _raises(run, np.ones((4, 3))):
        run = _with_integers(run)
    found = _scale(run, whole=refuses)
    if found is None:
        return None
    level, sign, largest = found
    negative = not _raises(run, np.full((4, 1), -largest))
    rng = np.random.default_rng(7)
    x = np.clip(_mixed(rng, level * sign, largest), None if negative else 0, None)
    if refuses:
        unit, rounding, x = 1.0, "", np.rint(x)
    spikes, V = run(x)
    V = None if has_V is False or V is None else np.asarray(V, dtype=np.float64)
    V_unit = None
    if V is not None:
        if not np.isfinite(V).all():
            return None
        V_unit = unit_of(V, MOST_LEVELS) if np.ptp(V) else None
        if V_unit is None:
            return None
    if not refuses:
        taken = _taken(run, x, np.asarray(spikes), V, level * sign)
        again = np.clip(_mixed(rng, level * sign, largest), None if negative else 0, None)
        if taken is None or not _same_rounded(run, again, *taken):
            return None
        unit, rounding = taken
    scale = max(int(np.ceil(level / unit - 1e-9)), 1)
    if scale > _MOST_SCALE:
        return None
    most = int(min(largest / unit, 4096 * scale, 2.0**31))
    return WholeLayer(run, unit, rounding, scale, sign, most, -most * negative, V_unit)


def refuses_fractions(run: Run) -> bool:
    """True if a layer raises for fractions, but not for whole numbers."""
    if not _raises(run, np.full((4, 3), 0.37)):
        return False
    return not (_raises(run, np.ones((4, 3))) and _raises(_with_integers(run), np.ones((4, 3))))


def fires_either_way(run: Run) -> bool:
    """True if positive and negative input make a layer fire, and none does not."""
    sizes = 4.0 ** np.arange(-2, 10)
    held = np.concatenate([sizes, -sizes, [0.0]])
    try:
        spikes = np.asarray(run(np.broadcast_to(held, (_STEPS[0], len(held))).copy())[0])
    except Exception:  # one that refuses these has been asked with others
        return False
    counts = np.abs(spikes).sum(axis=0)
    up, down = counts[: len(sizes)].sum(), counts[len(sizes) : -1].sum()
    return bool(up and down and not counts[-1])


def not_negative(run: Run) -> Run:
    """A layer that refuses negative input, to be driven with none."""

    def checked(x: Array) -> tuple[NDArray, NDArray | None]:
        if (x < 0).any():
            raise ValueError("negative input")
        return run(x)

    return checked


def _with_integers(run: Run) -> Run:
    """A layer that is handed arrays of integers."""

    def cast(x: Array) -> tuple[NDArray, NDArray | None]:
        return run(np.rint(x).astype(np.int64))

    return cast


def _raises(run: Run, x: Array) -> bool:
    try:
        run(x)
    except Exception:  # whatever a layer raises that wants whole numbers
        return True
    return False


def _scale(run: Run, *, whole: bool) -> tuple[float, int, float] | None:
    """Least held input that makes a layer fire, its sign, and the largest that it takes."""
    powers = np.arange(0 if whole else -20, 25)
    sizes = np.unique(np.concatenate([2.0**powers, 1.5 * 2.0**powers]))
    if whole:
        sizes = sizes[sizes == np.rint(sizes)]
    while len(sizes) and _raises(run, np.full((4, 1), sizes[-1])):
        sizes = sizes[:-1]
    if not len(sizes):
        return None
    below = 0 * sizes if _raises(run, np.full((4, 1), -sizes[-1])) else -sizes
    held = np.concatenate([sizes, below, [0.0]])
    for steps in _STEPS:
        spikes = np.asarray(run(np.broadcast_to(held, (steps, len(held))).copy())[0])
        more = (spikes != spikes[:, -1:]).any(axis=0) & (spikes.sum(axis=0) > spikes[:, -1].sum())
        up, down = more[: len(sizes)], more[len(sizes) : -1]
        if up.any() or down.any():
            sign = 1 if up.sum() >= down.sum() else -1
            return float(sizes[(up if sign > 0 else down).argmax()]), sign, float(sizes[-1])
    return None


def _mixed(rng: np.random.Generator, level: float, largest: float) -> Array:
    """Input ``(steps, 32)`` with fractions: noise, blocks and impulses about a level."""
    steps = 240
    x = rng.normal(0.6, 1.2, (steps, 32)) * np.geomspace(0.5, 12, 32)
    x[:, 8:16] = np.repeat(x[::24, 8:16] * 0.4, 24, axis=0)[:steps]
    x[:, 16:24] *= rng.random((steps, 8)) < 0.2
    return np.clip(x * level, -largest, largest)


def _taken(
    run: Run, x: Array, spikes: NDArray, V: Array | None, level: float
) -> tuple[float, str] | None:
    """Unit and rounding of the input without which nothing would change."""
    most = 2.0**22 if V is not None else 2.0**10
    units = [2.0**-k for k in range(25) if 2.0**-k <= 8 * abs(level) <= 8 * most * 2.0**-k]

    def alike(other: Array) -> bool:
        seen, shown = run(other)
        return np.array_equal(np.asarray(seen), spikes) and (
            V is None or shown is None or np.array_equal(np.asarray(shown), V)
        )

    # A little more in a few places changes V of all these neurons, unless it is rounded off.
    more = x.copy()
    more[::40, ::3] += min(abs(level) * 2.0**-20, 2.0**-10)
    if V is not None and _moved(run(more)[1], V)[::3].mean() > _MOST_MOVED:
        return None
    for unit, rounding in itertools.product(units, _TAKEN):
        if alike(ROUNDINGS[rounding](x / unit) * unit):
            return (unit if V is not None else _finer(run, unit, level), rounding)
    return None


def _moved(shown: NDArray | None, V: Array) -> NDArray[np.bool_]:
    """Neurons whose V is another one."""
    if shown is None:
        return np.zeros(V.shape[1], dtype=bool)
    return np.asarray((np.asarray(shown) != V).any(axis=0))


def _same_rounded(run: Run, x: Array, unit: float, rounding: str) -> bool:
    """True if a layer has the same spikes when its input is rounded before."""
    one, two = run(x)[0], run(ROUNDINGS[rounding](x / unit) * unit)[0]
    return np.array_equal(np.asarray(one), np.asarray(two))


def _finer(run: Run, unit: float, level: float) -> float:
    """Unit of the input by differences of inputs that just make it fire: spikes alone may hide
    that it is finer."""
    x = np.zeros((48, 20))
    if _raises(run, x - abs(level)):
        return unit
    x[0] = -level * np.geomspace(0.3, 9, 20)
    low, high = np.zeros(20), np.full(20, 64 * abs(level))

    def fires(p: Array) -> NDArray[np.bool_]:
        x[1] = np.sign(level) * p
        return np.asarray(np.asarray(run(x)[0]).sum(axis=0) > 0)

    if not fires(high).all():
        return unit
    while (high - low).max() > 2.0**-26:
        middle = (low + high) / 2
        over = fires(middle)
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    apart = np.rint((high - high[0]) * 2.0**24) / 2.0**24
    finer = unit_of(apart, 2.0**40)
    return unit if finer is None else min(finer, unit)
