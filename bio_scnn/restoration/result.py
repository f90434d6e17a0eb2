"""Result of a restoration: the picture, what was simulated, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bio_scnn.network.hybrid import SpikingResult
from bio_scnn.restoration.rate_maps import RateMaps


@dataclass
class Restoration:
    """A restored image, and what it took.

    Attributes
    ----------
    image : array
        Shape and type of the input.
    neurons, spikes : int
        Simulated, in all orientations; zero with the closed-form engine.
    engine : str
        What gave the firing rates, with Brian2's code generation target.
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
        """Count what was simulated at once."""
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
