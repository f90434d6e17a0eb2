"""Rectangles around the holes of a picture, which are all that is computed of it.

The network's answer at a pixel depends on what lies within its reach, and only missing pixels
need an answer. So work follows the holes, and a rectangle with a margin of that reach gives what
the whole picture would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Rectangle = tuple[slice, slice]


@dataclass(frozen=True)
class Tiling:
    """Limits for dividing a picture into rectangles; without noise they change only the last bits.

    Attributes
    ----------
    largest : int
        Longest side of a rectangle in pixels, which bounds what its convolutions and neurons
        need in memory.
    overhead : int
        Cost of a rectangle beyond that of its pixels, in pixels.
    together : int
        Most neurons of small rectangles in one simulation: several share its fixed cost.
    """

    largest: int = 512
    overhead: int = 64**2
    together: int = 2**21


DEFAULT_TILING = Tiling()


class Tile(NamedTuple):
    """A rectangle of the picture, and the larger one that has to be computed for it."""

    core: Rectangle
    margin: Rectangle

    @property
    def inner(self) -> Rectangle:
        """The core's place within the margin."""
        rows, columns = (
            slice(core.start - margin.start, core.stop - margin.start)
            for core, margin in zip(self.core, self.margin, strict=True)
        )
        return rows, columns

    @property
    def pixels(self) -> int:
        """Pixels that are computed, those of the margin included."""
        rows, columns = self.margin
        return (rows.stop - rows.start) * (columns.stop - columns.start)


def tiles(
    mask: NDArray[np.bool_], reach: int, multiple: int, tiling: Tiling = DEFAULT_TILING
) -> list[Tile]:
    """Rectangles that hold all holes and do not overlap, each with its margin.

    A rectangle is the smallest around the holes in it. It is halved as long as it is too large,
    and where its halves, shrunk around their own holes, cost less together, margins included.

    Parameters
    ----------
    mask : bool array, shape (H, W)
        True where a pixel is missing.
    reach : int
        Width of the margins in pixels, a multiple of `multiple`; they end with the picture.
    multiple : int
        Rectangles start at multiples of this many pixels, and end there or with the picture.
    tiling : Tiling

    Returns
    -------
    list of Tile
        In the order of their halving; the same for the same mask.
    """
    whole = slice(0, mask.shape[0]), slice(0, mask.shape[1])
    return _Division(mask, reach, multiple, tiling).of(whole)


@dataclass(frozen=True)
class _Division:
    """Arguments of `tiles`, and its steps."""

    mask: NDArray[np.bool_]
    reach: int
    multiple: int
    tiling: Tiling

    def of(self, rectangle: Rectangle) -> list[Tile]:
        """Tiles of one rectangle."""
        core = self.shrunk(rectangle)
        if core is None:
            return []
        whole = [self.with_margin(core)]
        largest = max(self.tiling.largest // self.multiple * self.multiple, self.multiple)
        sides = [s.stop - s.start for s in core]
        # Below half the reach margins are most of a rectangle: its halves need more than it does.
        if max(sides) <= max(min(self.reach // 2, largest), self.multiple):
            return whole
        axis = int(np.argmax(sides))
        half = max(sides[axis] // 2 // self.multiple, 1) * self.multiple
        middle = core[axis].start + half
        halves = []
        for part in (slice(core[axis].start, middle), slice(middle, core[axis].stop)):
            halves += self.of((part, core[1]) if axis == 0 else (core[0], part))
        if max(sides) > largest or self.cost(halves) < self.cost(whole):
            return halves
        return whole

    def shrunk(self, rectangle: Rectangle) -> Rectangle | None:
        """The smallest rectangle around the holes in one; None if there are none."""
        inside = self.mask[rectangle]
        ends = []
        for axis, side in enumerate(self.mask.shape):
            found = np.flatnonzero(inside.any(axis=1 - axis)) + rectangle[axis].start
            if not found.size:
                return None
            first, last = found[0] // self.multiple, found[-1] // self.multiple + 1
            ends.append(slice(int(first) * self.multiple, min(int(last) * self.multiple, side)))
        return ends[0], ends[1]

    def with_margin(self, core: Rectangle) -> Tile:
        """The tile of a core; its margin ends with the picture."""
        rows, columns = (
            slice(max(s.start - self.reach, 0), min(s.stop + self.reach, side))
            for s, side in zip(core, self.mask.shape, strict=True)
        )
        return Tile(core, (rows, columns))

    def cost(self, found: list[Tile]) -> int:
        """Cost of tiles in pixels."""
        return sum(tile.pixels + self.tiling.overhead for tile in found)


def runs_of(sizes: Sequence[int], most: int) -> Iterator[slice]:
    """Runs of neighbours whose sizes add up to no more than `most`, or of a single one."""
    start = gathered = 0
    for number, size in enumerate(sizes):
        if number > start and gathered + size > most:
            yield slice(start, number)
            start, gathered = number, 0
        gathered += size
    if sizes:
        yield slice(start, len(sizes))
