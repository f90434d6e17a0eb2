"""Restore the missing pixels of an image with a trained network, its neurons simulated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.checkpoint import load_model
from bio_scnn.errors import InputError
from bio_scnn.model import IMAGE_CHANNELS, Architecture, HybridSCNN, SpikingOptions, network_input
from bio_scnn.model_files import model_path
from bio_scnn.pipeline import pipelined
from bio_scnn.quality import Orientation, Quality, check_quality, orientations, spiking_options
from bio_scnn.tiling import Rectangle, Tile, tiles

_TOGETHER = 2**21  # neurons of small rectangles in one simulation, at most
_SHOWN_MAPS = 4  # two by two make a picture of the image's shape


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


@dataclass(frozen=True)
class UnitPicture:
    """Channels of a picture in [0, 1], zero where missing, scaled where they are looked at.

    So a large picture needs no second copy, of eight times the size.

    Attributes
    ----------
    channels : array, shape (H, W, C)
    mask : bool array, shape (H, W)
    low, span : float
        Of `unit_range`.
    """

    channels: NDArray
    mask: NDArray[np.bool_]
    low: float
    span: float

    @property
    def shape(self) -> tuple[int, ...]:
        return self.channels.shape

    def __getitem__(self, where: Any, /) -> NDArray[np.float64]:
        """The values of some pixels, chosen by rows or by rows and columns."""
        scaled = self.channels[where].astype(np.float64)
        scaled[self.mask[where]] = self.low  # may hold anything, which might overflow
        scaled -= self.low
        scaled /= self.span
        return scaled

    def turned(self, turn: Orientation) -> UnitPicture:
        """A view of the picture in another orientation."""
        return replace(self, channels=turn.view(self.channels), mask=turn.view(self.mask))


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

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time spent in the block to a stage."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


class _Convolved(NamedTuple):
    """Rectangles that are simulated together: their numbers, fills and features."""

    numbers: list[int]
    fills: list[NDArray]
    features: list[NDArray]


def inpaint(
    image: NDArray,
    mask: NDArray,
    *,
    channel_axis: int | None = None,
    model: str | Path | HybridSCNN = "inpaint",
    engine: Literal["brian2", "closed-form"] | None = None,
    readout: Literal["isi", "count"] = "isi",
    quality: Quality = "default",
    seed: int | None = None,
) -> NDArray:
    """Restore missing pixels; in its arguments like scikit-image's `inpaint_biharmonic`.

    Parameters
    ----------
    image : array, shape (H, W), or with one more axis for channels
        Unsigned integers of up to 32 bits, or floats. Values at missing pixels are not looked at.
    mask : bool array, shape (H, W)
        True (non-zero) where a pixel is missing.
    channel_axis : int, optional
        Which axis of the image holds the channels; None for a grey image.
    model : str, path or HybridSCNN
        A shipped model's name, a file, or a network already loaded.
    engine : {'brian2', 'closed-form'}, optional
        Simulate every spike, or use the closed form of the firing rate. By default every spike
        is simulated, unless the quality is 'fast'.
    readout : {'isi', 'count'}
        How rates are read from spikes.
    quality : {'fast', 'default', 'best'}
        'fast' simulates nothing: rates are those of the closed form, to which the simulation
        agrees to rounding. 'best' restores the eight reflections and rotations of the picture,
        each with neurons of its own, and returns their mean.
    seed : int, optional
        Only the noise that a model or option asks for depends on it.

    Returns
    -------
    array
        Shape and type of the image. Known pixels are the same, bit for bit.

    Raises
    ------
    InputError
        If image, mask or model cannot be used, or the quality does not go with the engine.

    See Also
    --------
    restore : the same, and what was simulated.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage.data import astronaut
    >>> from bio_scnn import inpaint
    >>> image = astronaut()[:64, 160:224]
    >>> mask = np.zeros(image.shape[:2], bool)
    >>> mask[20:28, 20:40] = True
    >>> restored = inpaint(image, mask, channel_axis=-1)
    >>> bool((restored[~mask] == image[~mask]).all())
    True
    """
    image = np.asarray(image)
    if channel_axis is None and image.ndim != 2:
        raise InputError(
            f"the image has shape {image.shape}; for one with channels say which axis they are "
            "(channel_axis=-1 for the last)"
        )
    if channel_axis is not None:
        if not -image.ndim <= channel_axis < image.ndim:
            raise InputError(f"channel_axis {channel_axis} is not an axis of shape {image.shape}")
        image = np.moveaxis(image, channel_axis, -1)
    options = spiking_options(quality, engine, readout=readout)
    result = restore(image, mask, model=model, options=options, quality=quality, seed=seed).image
    return result if channel_axis is None else np.moveaxis(result, -1, channel_axis)


def restore(
    image: NDArray,
    mask: NDArray,
    *,
    model: str | Path | HybridSCNN = "inpaint",
    options: SpikingOptions | None = None,
    quality: Quality = "default",
    seed: int | None = None,
    progress: Callable[[float], None] | None = None,
    rates_every: int = 1,
    overwrite: bool = False,
) -> Restoration:
    """Restore missing pixels, and report what was simulated.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C)
    mask, model, quality, seed
        As for `inpaint`.
    options : SpikingOptions, optional
        How the neurons are run; by default those of `spiking_options` for the quality.
    progress : callable, optional
        Told the fraction done, of all orientations and channels; by another thread than the
        caller's if there are many, but only one.
    rates_every : int
        Keep every second, third, ... row and column of the rate maps: what a drawing needs of a
        large picture.
    overwrite : bool
        Put the result into the image's own memory, if that can be written to.

    Returns
    -------
    Restoration
    """
    image, mask = np.asarray(image), np.asarray(mask).astype(bool, copy=False)
    _check(image, mask)
    options = spiking_options(quality) if options is None else options
    check_quality(quality, options.engine)
    network = model if isinstance(model, HybridSCNN) else load_model(model_path(str(model)))[0]
    channels = image[..., np.newaxis] if image.ndim == 2 else image
    low, span = unit_range(channels, mask)
    rows, columns = (-(-side // (network.architecture.fold * rates_every)) for side in mask.shape)
    shown = RateMaps((rows, columns, _SHOWN_MAPS), rates_every)
    own = overwrite and image.flags.writeable
    result = Restoration(image if own else image.copy(), rates=shown)
    restored = np.empty((np.count_nonzero(mask), channels.shape[-1]))
    groups = _colour_groups(channels.shape[-1])
    seeds = np.random.SeedSequence(seed).spawn(len(groups))
    for number, (group, group_seed) in enumerate(zip(groups, seeds, strict=True)):

        def report(fraction: float, number: int = number) -> None:
            if progress is not None:
                progress((number + fraction) / len(groups))

        colour = channels[..., group[0] : group[-1] + 1]
        colour = np.broadcast_to(colour, (*mask.shape, IMAGE_CHANNELS))
        picture = UnitPicture(colour, mask, low, span)
        kept = shown if number == 0 else None
        output = _restore_colour(
            picture, network, options, orientations(quality), group_seed, result, report, kept
        )
        if len(group) == 1:  # a single channel was shown three times
            output = output.mean(axis=-1, keepdims=True)
        restored[:, group] = np.clip(output, 0, 1)
    values = low + span * restored
    if image.dtype.kind in "ub":
        values = np.rint(values)
    view = result.image[..., np.newaxis] if image.ndim == 2 else result.image
    view[mask] = values.astype(image.dtype)
    return result


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

    What no hole can reach is not computed; see `bio_scnn.tiling`. Neurons are simulated, by one
    thread, beside the convolutions of the rectangles before and after.
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
            x = network_input(architecture, fills[-1][np.newaxis], tile_mask[np.newaxis])[0]
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
                tile = network.restore(tile_fill, u)
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


def _seen_whole(
    margin: Rectangle, shape: tuple[int, ...], architecture: Architecture
) -> tuple[Rectangle, Rectangle]:
    """Neurons of a rectangle whose kernels lie within it or end with the picture.

    In the picture's feature maps, and in the rectangle's own.
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


def _check(image: NDArray, mask: NDArray[np.bool_]) -> None:
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise InputError(f"the image has shape {image.shape}; it must be (H, W) or (H, W, C)")
    if image.dtype.kind not in "ubf" or image.dtype == np.uint64:
        raise InputError(
            f"the image holds {image.dtype}; it must hold unsigned integers of up to 32 bits or "
            "floats"
        )
    if mask.shape != image.shape[:2]:
        raise InputError(
            f"the mask has shape {mask.shape}, the image {image.shape[:2]}; they must be equal"
        )
    if not mask.any():
        raise InputError("the mask is empty: no pixel is missing, there is nothing to restore")
    if mask.all():
        raise InputError("the mask is full: every pixel is missing, there is nothing to go by")
    if image.dtype.kind == "f":
        unusable = ~np.isfinite(image)
        unusable[mask] = False
        if unusable.any():
            raise InputError(
                f"{np.count_nonzero(unusable)} known values of the image are NaN or infinite; "
                "mark those pixels as missing in the mask"
            )


def unit_range(image: NDArray, mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Offset and span of the values that are mapped to [0, 1].

    Integers use the range of their type. So do floats, [0, 1], unless known values leave it:
    then their own range is used.
    """
    if image.dtype.kind == "u":
        return 0.0, float(np.iinfo(image.dtype).max)
    if image.dtype.kind == "f":
        known = ~mask.reshape(*mask.shape, *[1] * (image.ndim - mask.ndim))
        low = float(np.min(image, where=known, initial=np.inf))
        high = float(np.max(image, where=known, initial=-np.inf))
        if low < 0 or high > 1:
            return low, high - low or 1.0
    return 0.0, 1.0


def _colour_groups(channels: int) -> list[list[int]]:
    """Which channels are restored together: colours as one, alpha and others on their own."""
    if channels in (IMAGE_CHANNELS, IMAGE_CHANNELS + 1):
        rest = range(IMAGE_CHANNELS, channels)
        return [list(range(IMAGE_CHANNELS)), *([c] for c in rest)]
    return [[c] for c in range(channels)]
