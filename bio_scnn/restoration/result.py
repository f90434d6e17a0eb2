"""Result of a restoration: the picture, what was simulated, and maps of the firing rates."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bio_scnn.network.architecture import Architecture
from bio_scnn.network.units import SpikingResult
from bio_scnn.restoration.tiling import Rectangle

SHOWN_MAPS = 4  # two by two make a picture of the image's shape


@dataclass(frozen=True)
class RateMaps:
    """Firing rates of some feature maps, kept where they were simulated: near holes.

    Attributes
    ----------
    shape : (rows, columns, maps)
        Shape of the complete maps.
    every : int
        Every `every`-th row and column of the neurons is kept; 1 keeps all.
    parts : list of (rows, columns), array (h, w, maps)
        Rectangles that were kept; where they overlap, the last one counts.
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


@dataclass
class Restoration:
    """Result of `restore`: the image, numbers of neurons and spikes, times, and rate maps.

    Attributes
    ----------
    image : array
        Shape and type of the input.
    neurons, spikes : int
        Numbers of simulated neurons and spikes, in all orientations; zero with the closed form.
    engine : str
        Source of the firing rates: the closed form, or Brian2 with its target.
    seconds : dict
        Wall time of the stages: fill, convolution, neurons, cnn. Of a large picture they overlap.
    rates : RateMaps
        Normalised firing rates of the four feature maps that vary most, for the image's first
        channels.
    """

    image: NDArray
    neurons: int = 0
    spikes: int = 0
    engine: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    rates: RateMaps = field(default_factory=lambda: RateMaps((0, 0, 0)))

    @property
    def rate_maps(self) -> NDArray[np.float32]:
        """`rates` as one array; ``(H / fold, W / fold, 4)`` if all are kept."""
        return self.rates.whole()

    def add(self, fired: SpikingResult) -> None:
        """Add the numbers of one simulation."""
        self.neurons += fired.neurons
        self.spikes += fired.spikes
        if fired.engine not in self.engine:  # a few neurons may be run on another target
            self.engine += f" and {fired.engine}" if self.engine else fired.engine

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time spent in the block to a stage."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


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
