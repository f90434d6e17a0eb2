"""Maps of the firing rates that a picture was restored from, kept where neurons were simulated."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bio_scnn.network.architecture import Architecture
from bio_scnn.restoration.tiling import Rectangle

SHOWN_MAPS = 4  # two by two make a picture of the image's shape


@dataclass(frozen=True)
class RateMaps:
    """Firing rates of some feature maps, kept where they were simulated: near holes.

    Attributes
    ----------
    shape : (rows, columns, maps)
        Of all that could be kept.
    every : int
        Of the neurons' rows and columns every second, third, ... is kept, and 1 keeps all.
    parts : list of (rows, columns), array (h, w, maps)
        Rectangles of what is kept; of those that overlap, the last one counts.
    """

    shape: tuple[int, int, int]
    every: int = 1
    parts: list[tuple[Rectangle, NDArray[np.float32]]] = field(default_factory=list)

    def keep(self, where: Rectangle, rates: NDArray[np.float64]) -> None:
        """Keep rates ``(h, w, maps)`` of a rectangle of neurons."""
        starts = [side.start for side in where]
        thinned = rates[tuple(slice(-start % self.every, None, self.every) for start in starts)]
        firsts = [-(-start // self.every) for start in starts]
        kept = zip(firsts, thinned.shape[:2], strict=True)
        rows, columns = (slice(first, first + length) for first, length in kept)
        self.parts.append(((rows, columns), thinned.astype(np.float32)))

    def whole(self) -> NDArray[np.float32]:
        """The maps as one array; NaN where nothing is known."""
        maps = np.full(self.shape, np.nan, np.float32)
        for where, rates in self.parts:
            maps[where] = rates
        return maps


def empty_rate_maps(shape: tuple[int, ...], fold: int, every: int = 1) -> RateMaps:
    """`RateMaps` of a picture (H, W) of which no rate is kept yet."""
    rows, columns = (-(-side // (fold * every)) for side in shape)
    return RateMaps((rows, columns, SHOWN_MAPS), every)


def seen_whole(
    margin: Rectangle, shape: tuple[int, ...], architecture: Architecture
) -> tuple[Rectangle, Rectangle]:
    """Neurons of a rectangle whose kernels lie within it or end with the picture.

    Returns
    -------
    in_picture, in_rectangle : Rectangle
        The same neurons in the picture's feature maps, and in the rectangle's own.
    """
    fold, half = architecture.fold, architecture.kernel // 2
    here, there = [], []
    for pixels, side in zip(margin, shape, strict=True):
        first, last = pixels.start // fold, -(-pixels.stop // fold)
        start = first + half * (pixels.start > 0)
        stop = last - half * (pixels.stop < side)
        here.append(slice(start, stop))
        there.append(slice(start - first, stop - first))
    return (here[0], here[1]), (there[0], there[1])
