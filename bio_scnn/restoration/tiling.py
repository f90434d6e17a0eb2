"""Which parts of a picture are computed: rectangles around its holes, and margins around those.

The network's answer at a pixel depends on what lies within its reach, and only missing pixels
need an answer. So work follows the holes, and a rectangle with a margin of that reach gives what
the whole picture would.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.network.options import Quality

LARGEST = 512  # pixels; bounds what a rectangle's convolutions and neurons need in memory
# What a rectangle costs apart from its pixels, in pixels.
OVERHEAD = 64**2

Rectangle = tuple[slice, slice]


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


def tiles(mask: NDArray[np.bool_], reach: int, multiple: int) -> list[Tile]:
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

    Returns
    -------
    list of Tile
        In the order of their halving; the same for the same mask.
    """
    largest = max(LARGEST // multiple * multiple, multiple)

    def shrunk(rectangle: Rectangle) -> Rectangle | None:
        inside = mask[rectangle]
        ends = []
        for axis, side in enumerate(mask.shape):
            found = np.flatnonzero(inside.any(axis=1 - axis)) + rectangle[axis].start
            if not found.size:
                return None
            first, last = found[0] // multiple, found[-1] // multiple + 1
            ends.append(slice(int(first) * multiple, min(int(last) * multiple, side)))
        return ends[0], ends[1]

    def with_margin(core: Rectangle) -> Tile:
        rows, columns = (
            slice(max(s.start - reach, 0), min(s.stop + reach, side))
            for s, side in zip(core, mask.shape, strict=True)
        )
        return Tile(core, (rows, columns))

    def cost(found: list[Tile]) -> int:
        return sum(
            (rows.stop - rows.start) * (columns.stop - columns.start) + OVERHEAD
            for _, (rows, columns) in found
        )

    def divide(rectangle: Rectangle) -> list[Tile]:
        core = shrunk(rectangle)
        if core is None:
            return []
        whole = [with_margin(core)]
        sides = [s.stop - s.start for s in core]
        # Below half the reach margins are most of a rectangle: its halves need more than it does.
        if max(sides) <= max(min(reach // 2, largest), multiple):
            return whole
        axis = int(np.argmax(sides))
        middle = core[axis].start + max(sides[axis] // 2 // multiple, 1) * multiple
        halves = []
        for half in (slice(core[axis].start, middle), slice(middle, core[axis].stop)):
            halves += divide((half, core[1]) if axis == 0 else (core[0], half))
        if max(sides) > largest or cost(halves) < cost(whole):
            return halves
        return whole

    return divide((slice(0, mask.shape[0]), slice(0, mask.shape[1])))


class Orientation(NamedTuple):
    """A symmetry of the grid of pixels: quarter turns, and whether a reflection follows."""

    quarter_turns: int = 0
    mirrored: bool = False

    def view(self, image: NDArray) -> NDArray:
        """Turn an image ``(H, W, ...)``. Being a view, what is written to it is turned back."""
        rotated = np.rot90(image, self.quarter_turns)
        return rotated[:, ::-1] if self.mirrored else rotated


def orientations(quality: Quality) -> list[Orientation]:
    """The orientations that are restored and averaged, the picture's own first."""
    if quality != "best":
        return [Orientation()]
    return [Orientation(turns, mirrored) for mirrored in (False, True) for turns in range(4)]
