"""Restoration of one colour picture, rectangle by rectangle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.network.architecture import IMAGE_CHANNELS, network_input
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.options import SpikingOptions
from bio_scnn.restoration.orientation import Orientation
from bio_scnn.restoration.picture import UnitPicture
from bio_scnn.restoration.result import SHOWN_MAPS, Restoration, seen_whole
from bio_scnn.restoration.tiling import Rectangle, Tile, Tiling, runs_of, tiles
from bio_scnn.runtime.pipeline import pipelined


class Part(NamedTuple):
    """A rectangle of the picture in one of its orientations.

    Attributes
    ----------
    turn : Orientation
    tile : Tile
        In the turned picture.
    neurons : int
        How many it needs, about.
    rng : numpy.random.Generator
        Source of its noise.
    """

    turn: Orientation
    tile: Tile
    neurons: int
    rng: np.random.Generator


class Convolved(NamedTuple):
    """Parts that are simulated together, with their fills and features."""

    parts: Sequence[Part]
    fills: list[NDArray]
    features: list[NDArray]


@dataclass
class ColourRestoration:
    """Restoration of one (H, W, 3) picture: its parts, and the answers so far.

    The fills turn with the picture, so that they are found once; the network's answers to the
    turned fills are averaged, pixel by pixel. What no hole can reach is not computed; see
    `bio_scnn.restoration.tiling`. Neurons are simulated, by one thread, beside the convolutions of
    the rectangles before and after.

    Attributes
    ----------
    image : UnitPicture
    network : HybridSCNN
    options : SpikingOptions
    turns : list of Orientation
        Those to average over.
    seed : numpy.random.SeedSequence
        Of the noise.
    result : Restoration
        Is told what was simulated, and how long it took.
    keep_rates : bool
        Whether the result keeps the rates, those of the first orientation.
    tiling : Tiling
    parts : list of Part
        In the order in which they are worked on.
    guesses : array, shape (missing pixels, C)
        First guesses for the missing pixels, from the fills.
    answers : array, shape (missing pixels, 3)
        Sum of the network's answers over the orientations.
    missing : int array, shape (missing pixels,)
        Their places in the flattened mask.
    shown : int array, optional
        Numbers of the feature maps whose rates are kept; chosen with the first of them.
    finished : int
        Parts whose answers are there.
    """

    image: UnitPicture
    network: HybridSCNN
    options: SpikingOptions
    turns: list[Orientation]
    seed: np.random.SeedSequence
    result: Restoration
    keep_rates: bool
    tiling: Tiling
    parts: list[Part] = field(init=False)
    guesses: NDArray[np.float64] = field(init=False)
    answers: NDArray[np.float64] = field(init=False)
    missing: NDArray[np.intp] = field(init=False)
    shown: NDArray[np.intp] | None = field(init=False, default=None)
    finished: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        architecture, mask = self.network.architecture, self.image.mask
        with self.result.timed("fill"):
            self.guesses = architecture.guess_missing(self.image, mask)
        self.answers = np.zeros((len(self.guesses), IMAGE_CHANNELS))
        self.missing = np.flatnonzero(mask)
        found = []
        for turn in self.turns:
            multiple, reach = architecture.multiple, architecture.reach
            for tile in tiles(turn.view(mask), reach, multiple, self.tiling):
                found.append((turn, tile, tile.pixels // architecture.fold**2))
        self.parts = [
            Part(turn, tile, pixels * architecture.channels, np.random.default_rng(child))
            for (turn, tile, pixels), child in zip(found, self.seed.spawn(len(found)), strict=True)
        ]

    def run(self, progress: Callable[[float], None]) -> NDArray[np.float64]:
        """Values of the missing pixels, (n, 3); `progress` is told the fraction done."""

        def finish(convolved: Convolved, fired: list[NDArray]) -> None:
            for part, fill, rates in zip(convolved.parts, convolved.fills, fired, strict=True):
                self.finish(part, fill, rates)
                progress(self.finished / len(self.parts))

        runs = runs_of([part.neurons for part in self.parts], self.tiling.together)
        pipelined([self.parts[run] for run in runs], self.prepare, self.fire, finish)
        return self.answers / len(self.turns)

    def prepare(self, parts: Sequence[Part]) -> Convolved:
        """Fills and features of parts."""
        architecture = self.network.architecture
        fills, features = [], []
        for turn, tile, _, rng in parts:
            mask = turn.view(self.image.mask)[tile.margin]
            guesses = self.guesses[self.numbers(turn, tile.margin)]
            fill = architecture.fill(self.image.turned(turn)[tile.margin], mask, guesses)
            pad = [(0, -side % architecture.multiple) for side in mask.shape]
            fills.append(np.pad(fill, [*pad, (0, 0)], mode="edge"))
            mask = np.pad(mask, pad)
            x = network_input(architecture, fills[-1], mask)
            with self.result.timed("convolution"):
                features.append(self.network.features(x, self.options, rng))
        return Convolved(parts, fills, features)

    def fire(self, convolved: Convolved) -> list[NDArray]:
        """Rates of the neurons of convolved parts, simulated at once."""
        features = convolved.features
        layer_size = sum(part.neurons for part in self.parts)
        with self.result.timed("neurons"):
            flat = np.concatenate([z.reshape(-1, z.shape[-1]) for z in features])
            fired = self.network.fire(flat, self.options, convolved.parts[0].rng, layer_size)
        self.result.add(fired)
        ends = np.cumsum([z.shape[0] * z.shape[1] for z in features])[:-1]
        split = zip(features, np.split(fired.rates, ends), strict=True)
        return [rates.reshape(z.shape) for z, rates in split]

    def finish(self, part: Part, fill: NDArray, rates: NDArray) -> None:
        """Add the network's answer at the missing pixels of a part."""
        self.finished += 1
        turn, tile = part.turn, part.tile
        with self.result.timed("cnn"):
            answer = self.network.decode(fill, rates)
        here = turn.view(self.image.mask)[tile.core]
        self.answers[self.numbers(turn, tile.core)] += answer[tile.inner][here]
        if self.keep_rates and turn == self.turns[0]:
            if self.shown is None:
                self.shown = np.argsort(-rates.std(axis=(0, 1)))[:SHOWN_MAPS]
            in_picture, in_tile = seen_whole(
                tile.margin, self.image.mask.shape, self.network.architecture
            )
            self.result.rates.keep(in_picture, rates[in_tile][..., self.shown])

    def numbers(self, turn: Orientation, rectangle: Rectangle) -> NDArray[np.intp]:
        """Numbers of a rectangle's missing pixels among those of the picture."""
        shape = self.image.mask.shape
        here = turn.view(self.image.mask)[rectangle]
        row, column = (
            turn.view(np.broadcast_to(axis, shape))[rectangle][here]
            for axis in np.ogrid[: shape[0], : shape[1]]
        )
        return np.searchsorted(self.missing, row * shape[1] + column)
