"""Restoration of one colour picture, rectangle by rectangle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.network.architecture import IMAGE_CHANNELS, Architecture, network_input
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.options import SpikingOptions
from bio_scnn.restoration.picture import UnitPicture
from bio_scnn.restoration.result import _SHOWN_MAPS, RateMaps, Restoration, _seen_whole
from bio_scnn.restoration.tiling import Orientation, Rectangle, Tile, tiles
from bio_scnn.runtime.pipeline import pipelined

_TOGETHER = 2**21  # neurons of small rectangles in one simulation, at most


class _Convolved(NamedTuple):
    """Rectangles that are simulated together: their numbers, fills and features."""

    numbers: list[int]
    fills: list[NDArray]
    features: list[NDArray]


def _restore_colour(
    image: UnitPicture,
    network: HybridSCNN,
    options: SpikingOptions,
    turns: list[Orientation],
    seed: np.random.SeedSequence,
    result: Restoration,
    report: Callable[[float], None],
    rates: RateMaps | None,
) -> NDArray[np.float64]:
    """Restore one (H, W, 3) image: its missing pixels (n, 3).

    The fills turn with the picture, so that they are found once; the network's answers to the
    turned fills are averaged, pixel by pixel. Rates are kept of the first orientation.

    What no hole can reach is not computed; see `bio_scnn.restoration.tiling`. Neurons are
    simulated, by one thread, beside the convolutions of the rectangles before and after.
    """
    architecture, mask = network.architecture, image.mask
    with result.timed("fill"):
        guesses = architecture.guess_missing(image, mask)
    total = np.zeros((len(guesses), IMAGE_CHANNELS))
    missing = np.flatnonzero(mask)
    grid = [
        np.broadcast_to(axis, mask.shape) for axis in np.ogrid[: mask.shape[0], : mask.shape[1]]
    ]

    def rows_of(turn: Orientation, rectangle: Rectangle) -> NDArray[np.intp]:
        """Where in these two a rectangle's missing pixels are."""
        here = turn.view(mask)[rectangle]
        row, column = (turn.view(axis)[rectangle][here] for axis in grid)
        return np.searchsorted(missing, row * mask.shape[1] + column)

    shown, done = None, 0
    m = architecture.multiple
    parts = [
        (turn, part) for turn in turns for part in tiles(turn.view(mask), architecture.reach, m)
    ]
    rngs = [np.random.default_rng(child) for child in seed.spawn(len(parts))]
    neurons = [_neurons(part, architecture) for _, part in parts]

    def prepare(together: list[int]) -> _Convolved:
        """Fill some rectangles and convolve them."""
        fills, features = [], []
        for number in together:
            turn, part = parts[number]
            seen, tile_mask = image.turned(turn)[part.margin], turn.view(mask)[part.margin]
            tile_fill = architecture.fill(seen, tile_mask, guesses[rows_of(turn, part.margin)])
            pad = [(0, -side % m) for side in tile_mask.shape]
            fills.append(np.pad(tile_fill, [*pad, (0, 0)], mode="edge"))
            tile_mask = np.pad(tile_mask, pad)
            x = network_input(architecture, fills[-1], tile_mask)
            with result.timed("convolution"):
                features.append(network.features(x, options, rngs[number]))
        return _Convolved(together, fills, features)

    def fire(convolved: _Convolved) -> list[NDArray]:
        """Rates of the neurons of these rectangles, simulated at once."""
        together, _, features = convolved
        with result.timed("neurons"):
            flat = np.concatenate([z.reshape(-1, z.shape[-1]) for z in features])
            fired = network.fire(flat, options, rngs[together[0]], sum(neurons))
        result.neurons += fired.neurons
        result.spikes += fired.spikes
        if fired.engine not in result.engine:  # a few neurons may be run on another target
            result.engine += f" and {fired.engine}" if result.engine else fired.engine
        ends = np.cumsum([z.shape[0] * z.shape[1] for z in features])[:-1]
        split = zip(features, np.split(fired.rates, ends), strict=True)
        return [rates.reshape(z.shape) for z, rates in split]

    def finish(convolved: _Convolved, fired: list[NDArray]) -> None:
        """Put the network's answer into the missing pixels."""
        nonlocal shown, done
        for number, tile_fill, u in zip(convolved.numbers, convolved.fills, fired, strict=True):
            turn, part = parts[number]
            with result.timed("cnn"):
                tile = network.decode(tile_fill, u)
            total[rows_of(turn, part.core)] += tile[part.inner][turn.view(mask)[part.core]]
            if rates is not None and turn == turns[0]:
                if shown is None:
                    shown = np.argsort(-u.std(axis=(0, 1)))[:_SHOWN_MAPS]
                here, there = _seen_whole(part.margin, mask.shape, architecture)
                rates.keep(here, u[there][..., shown])
            done += 1
            report(done / len(parts))

    pipelined(list(_batches(neurons)), prepare, fire, finish)
    return total / len(turns)


def _neurons(part: Tile, architecture: Architecture) -> int:
    """How many a rectangle needs, about."""
    rows, columns = part.margin
    pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
    return pixels // architecture.fold**2 * architecture.channels


def _batches(neurons: list[int]) -> Iterator[list[int]]:
    """Which rectangles, by their numbers, are simulated together: a simulation has its price."""
    batch: list[int] = []
    gathered = 0
    for number, more in enumerate(neurons):
        if batch and gathered + more > _TOGETHER:
            yield batch
            batch, gathered = [], 0
        batch.append(number)
        gathered += more
    if batch:
        yield batch
