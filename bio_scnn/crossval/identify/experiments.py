"""Experiments that tell how a layer wants to be called: what fires it, what depends on what."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.copies import Original
from bio_scnn.crossval.identify.driving import KEPT, Manner, Rows, Session
from bio_scnn.crossval.identify.outputs import kind_of, share_fired

STEPS, NEURONS = 23, 17  # primes, so that no width of a layer is met by chance
_FACTOR = 4.0
_LARGEST, _SMALLEST = 4.0**12, 2.0**-40
_FEW, _MANY = 0.03, 0.7  # shares of the steps with a spike that tell something

Axis = Literal["time", "neurons"]


class TooSlow(Exception):
    """Raised when the experiments have used up their time."""


@dataclass(frozen=True)
class Deadline:
    """Time by which the experiments must end.

    Attributes
    ----------
    at : float, s
        On the clock of `time.monotonic`.
    """

    at: float

    def check(self) -> None:
        """Raise if it is past."""
        if time.monotonic() > self.at:
            raise TooSlow


@dataclass(frozen=True, eq=False)
class Drive:
    """Input at which a layer fires in some steps, and what comes out.

    Attributes
    ----------
    x : (steps, neurons) array
    rows : dict of str to (steps, neurons) arrays
    amplitude : float
        Power of two, of either sign.
    fired : bool
    """

    x: NDArray[np.float64]
    rows: Rows
    amplitude: float
    fired: bool


@dataclass(frozen=True)
class Influence:
    """Outputs that change when inputs change.

    Attributes
    ----------
    later, earlier : frozenset of {"time", "neurons"}
        Axes, as they are taken so far, along which outputs in front or behind change, if a whole
        line across changes.
    coupled : bool
        One input alone changes outputs in more than one line.
    """

    later: frozenset[Axis] = frozenset()
    earlier: frozenset[Axis] = frozenset()
    coupled: bool = False

    @property
    def causal(self) -> frozenset[Axis]:
        """Axes along which what comes later changes, and nothing that comes earlier."""
        return self.later - self.earlier

    @property
    def axis_of_time(self) -> Axis | None:
        """The only axis that is causal; None if there is no such one."""
        return next(iter(self.causal)) if len(self.causal) == 1 else None

    @property
    def local(self) -> bool:
        """True if nothing but the same place changes."""
        return not (self.later or self.earlier)


NOTHING = Influence()


def drive(
    original: Original, manner: Manner, steps: int, neurons: int, deadline: Deadline
) -> Drive:
    """Input that makes a layer fire in some steps: powers of two of both signs are tried."""
    base = np.random.default_rng(20).uniform(0.2, 1.8, (steps, neurons))
    base = base if manner.layout.together else base[:, :1]
    # V in whole numbers is 0 and 1 as well, but not under large inputs.
    large = [_binary(_answered(original, manner, size * base)) for size in (64.0, 4096.0)]
    always = set.intersection(*map(set, large))

    def binary_share(rows: Rows) -> float:
        """Share of the steps with a spike, of what is 0 and 1 so far; of all if nothing is."""
        binary = _binary(rows)
        kept = {path: y for path, y in binary.items() if path in always}
        return _share(kept or binary or _own(rows))

    found = _scan(original, manner, base, binary_share, deadline)
    # Where nothing is 0 and 1 at every amplitude, other numbers may be spikes.
    return found if found.fired or always else _scan(original, manner, base, _share, deadline)


def _scan(
    original: Original,
    manner: Manner,
    base: NDArray[np.float64],
    share_of: Callable[[Rows], float],
    deadline: Deadline,
) -> Drive:
    """Input at the amplitude at which a share of the steps has a spike."""
    first = None
    for sign in (1.0, -1.0):
        amplitude, last = sign, None
        while _SMALLEST <= abs(amplitude) <= _LARGEST:
            deadline.check()
            try:
                rows = Session(original, manner).run(base * amplitude)
            except Exception:
                if first is None:  # it can't be called so at all
                    raise
                break
            if all(path.startswith(KEPT) for path in rows):  # its answer has another shape
                return Drive(base, {}, 1.0, False)
            share = share_of(rows)
            found = Drive(base * amplitude, rows, amplitude, share > 0)
            if first is None or (found.fired and not first.fired):
                first = found
            if _FEW <= share <= _MANY:
                return found
            if share > _MANY:
                last = found
                amplitude /= 2
            elif last is not None or np.isnan(share):
                break
            else:
                amplitude *= _FACTOR
        if last is not None:
            return last
    assert first is not None
    return first


def _answered(original: Original, manner: Manner, x: NDArray[np.float64]) -> Rows:
    """Answer to an input; none if the layer raises."""
    try:
        return Session(original, manner).run(x)
    except Exception:  # an input that is too large
        return {}


def _own(rows: Rows) -> Rows:
    """Arrays that were handed out, not those found inside."""
    return {path: y for path, y in rows.items() if not path.startswith(KEPT)}


def _binary(rows: Rows) -> Rows:
    """Arrays that were handed out and are 0 and 1."""
    return {p: y for p, y in _own(rows).items() if kind_of(y)[0] in ("plain", "boolean")}


def _share(rows: Rows) -> float:
    shares = [share_fired(y) for path, y in rows.items() if not path.startswith(KEPT)]
    return max(shares, default=0.0)


def influence(original: Original, manner: Manner, base: Drive) -> Influence:
    """Outputs that change with lines of the input, and with single ones."""

    def changed(where: tuple[Any, ...], change: int) -> NDArray[np.bool_]:
        x = base.x.copy()
        # More, nothing, or another draw: whatever makes a spike come or go.
        more, other = base.x[where] + 4 * base.amplitude, base.x[::-1, ::-1][where]
        x[where] = (more, 0 * more, other)[change]
        return differing(base.rows, Session(original, manner).run(x))

    later: set[Axis] = set()
    earlier: set[Axis] = set()
    axes: tuple[Axis, ...] = ("time", "neurons")
    for axis, name in enumerate(axes[: 2 if base.x.shape[1] > 1 else 1]):
        for at in (3, 8, 12):
            where = (at, slice(None)) if axis == 0 else (slice(None), at)
            for change in range(3):
                lines = np.any(changed(where, change), axis=1 - axis, keepdims=True).ravel()
                later |= {name} if lines[at + 1 :].any() else set()
                earlier |= {name} if lines[:at].any() else set()
    coupled = False
    for i, j in ((7, 5), (11, 9)):
        for change in range(2):
            places = np.argwhere(changed((i, min(j, base.x.shape[1] - 1)), change))
            if len(places):
                coupled = coupled or bool((np.ptp(places, axis=0) > 0).all())
    return Influence(frozenset(later), frozenset(earlier), coupled or len(later | earlier) > 1)


def differing(one: Rows, other: Rows) -> NDArray[np.bool_]:
    """Places ``(steps, neurons)`` where any array of two answers differs."""
    masks = [
        ~((one[path] == other[path]) | ((one[path] != one[path]) & (other[path] != other[path])))
        for path in one
        if path in other
    ]
    return np.any(masks, axis=0) if masks else np.zeros((1, 1), dtype=bool)


def remembers(original: Original, manner: Manner, base: Drive) -> bool:
    """True if an answer depends on the inputs of earlier calls.

    A spike makes a neuron forget, so several spans are tried.
    """
    for cut in (7, 11, 16, 20):
        for change in (0.0, 0.5):
            x = base.x.copy()
            x[cut - 7 : cut] *= change
            if differing(base.rows, Session(original, manner).run(x))[cut:].any():
                return True
    return False


def repeats(original: Original, manner: Manner, base: Drive) -> bool:
    """True if a new copy gives the same answer again."""
    return not differing(base.rows, Session(original, manner).run(base.x)).any()


def goes_on(original: Original, manner: Manner, base: Drive) -> tuple[bool, bool | None]:
    """State that is left over: whether a second run differs, and whether a reset undoes it.

    The second is None if the layer has no reset.
    """
    session = Session(original, manner)
    session.run(base.x)
    left = bool(differing(base.rows, session.run(base.x)).any())
    if not left and not manner.stepwise:
        return False, None
    if not session.reset():
        return left, None
    return left, not differing(base.rows, session.run(base.x)).any()


def is_spiking(values: NDArray) -> bool:
    """True if an array looks like spikes, and there are some."""
    kind, _ = kind_of(values)
    return kind not in ("graded", "membrane", "not finite") and bool((values != 0).any())
