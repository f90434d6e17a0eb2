"""Restore the missing pixels of an image with a trained network, its neurons simulated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.checkpoint import load_model
from bio_scnn.errors import InputError
from bio_scnn.model import IMAGE_CHANNELS, Architecture, HybridSCNN, SpikingOptions, network_input
from bio_scnn.model_files import model_path
from bio_scnn.quality import Orientation, Quality, check_quality, orientations, spiking_options
from bio_scnn.tiling import Rectangle, tiles

_SHOWN_MAPS = 4  # two by two make a picture of the image's shape


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
        Wall time of the stages: fill, convolution, neurons, cnn.
    rate_maps : array, shape (H / fold, W / fold, 4)
        Normalised firing rates of the feature maps that vary most, for the image's first
        channels; NaN where no hole is near and nothing was simulated.
    """

    image: NDArray
    neurons: int = 0
    spikes: int = 0
    engine: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    rate_maps: NDArray = field(default_factory=lambda: np.empty((0, 0, 0)))

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time spent in the block to a stage."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


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
        Told the fraction done, of all orientations and channels.

    Returns
    -------
    Restoration
    """
    image, mask = np.asarray(image), np.asarray(mask).astype(bool)
    _check(image, mask)
    options = spiking_options(quality) if options is None else options
    check_quality(quality, options.engine)
    network = model if isinstance(model, HybridSCNN) else load_model(model_path(str(model)))[0]
    channels = image[..., np.newaxis] if image.ndim == 2 else image
    scaled, low, span = to_unit(channels, mask)
    result = Restoration(image.copy())
    restored = np.empty((np.count_nonzero(mask), channels.shape[-1]))
    groups = _colour_groups(channels.shape[-1])
    seeds = np.random.SeedSequence(seed).spawn(len(groups))
    for number, (group, group_seed) in enumerate(zip(groups, seeds, strict=True)):

        def report(fraction: float, number: int = number) -> None:
            if progress is not None:
                progress((number + fraction) / len(groups))

        colour = scaled[..., group[0] : group[-1] + 1]
        colour = np.broadcast_to(colour, (*mask.shape, IMAGE_CHANNELS))
        output, maps = _restore_colour(
            colour, mask, network, options, orientations(quality), group_seed, result, report
        )
        if number == 0:
            result.rate_maps = maps
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
    image: NDArray,
    mask: NDArray[np.bool_],
    network: HybridSCNN,
    options: SpikingOptions,
    turns: list[Orientation],
    seed: np.random.SeedSequence,
    result: Restoration,
    report: Callable[[float], None],
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Restore one (H, W, 3) image in [0, 1]; return its missing pixels (n, 3), and rate maps.

    The fills turn with the picture, so that they are found once; the network's answers to the
    turned fills are averaged, pixel by pixel. Rate maps are those of the first orientation.

    What no hole can reach is not computed; see `bio_scnn.tiling`.
    """
    architecture = network.architecture
    fold = architecture.fold
    with result.timed("fill"):
        guesses = architecture.guess_missing(image, mask)
    total = np.zeros((len(guesses), IMAGE_CHANNELS))
    row_of = np.zeros(mask.shape, np.int32)  # of each missing pixel, in these two
    row_of[mask] = np.arange(len(guesses))
    maps = np.full((*(-(-side // fold) for side in mask.shape), _SHOWN_MAPS), np.nan, np.float32)
    shown = None
    m = architecture.multiple
    parts = [
        (turn, part) for turn in turns for part in tiles(turn.view(mask), architecture.reach, m)
    ]
    rngs = [np.random.default_rng(child) for child in seed.spawn(len(parts))]
    for number, ((turn, part), rng) in enumerate(zip(parts, rngs, strict=True)):
        seen, tile_mask, rows = (turn.view(of)[part.margin] for of in (image, mask, row_of))
        tile_fill = architecture.fill(seen, tile_mask, guesses[rows[tile_mask]])
        pad = [(0, -side % m) for side in tile_mask.shape]
        tile_fill = np.pad(tile_fill, [*pad, (0, 0)], mode="edge")
        tile_mask = np.pad(tile_mask, pad)
        x = network_input(architecture, tile_fill[np.newaxis], tile_mask[np.newaxis])[0]
        with result.timed("convolution"):
            z = network.features(x, options, rng)
        with result.timed("neurons"):
            fired = network.fire(z, options, rng)
        with result.timed("cnn"):
            tile = network.restore(tile_fill, fired.rates)
        result.neurons += fired.neurons
        result.spikes += fired.spikes
        if fired.engine not in result.engine:  # a small tile may be run on another target
            result.engine += f" and {fired.engine}" if result.engine else fired.engine
        holes = tile_mask[part.inner]
        total[rows[part.inner][holes]] += tile[part.inner][holes]
        if turn == turns[0]:
            if shown is None:
                shown = np.argsort(-fired.rates.std(axis=(0, 1)))[:_SHOWN_MAPS]
            here, there = _seen_whole(part.margin, mask.shape, architecture)
            maps[here] = fired.rates[there][..., shown]
        report((number + 1) / len(parts))
    return total / len(turns), maps


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
    known = image[~mask]
    if image.dtype.kind == "f" and not np.isfinite(known).all():
        raise InputError(
            f"{np.count_nonzero(~np.isfinite(known))} known values of the image are NaN or "
            "infinite; mark those pixels as missing in the mask"
        )


def to_unit(
    channels: NDArray, mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float, float]:
    """Channels ``(H, W, C)`` in [0, 1], zero where missing; offset and span of `unit_range`."""
    low, span = unit_range(channels, mask)
    scaled = channels.astype(np.float64)  # one copy, changed in place: pictures may be large
    scaled[mask] = low
    scaled -= low
    scaled /= span
    return scaled, low, span


def unit_range(image: NDArray, mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Offset and span of the values that are mapped to [0, 1].

    Integers use the range of their type. So do floats, [0, 1], unless known values leave it:
    then their own range is used.
    """
    if image.dtype.kind == "u":
        return 0.0, float(np.iinfo(image.dtype).max)
    if image.dtype.kind == "f":
        known = image[~mask]
        low, high = float(known.min()), float(known.max())
        if low < 0 or high > 1:
            return low, high - low or 1.0
    return 0.0, 1.0


def _colour_groups(channels: int) -> list[list[int]]:
    """Which channels are restored together: colours as one, alpha and others on their own."""
    if channels in (IMAGE_CHANNELS, IMAGE_CHANNELS + 1):
        rest = range(IMAGE_CHANNELS, channels)
        return [list(range(IMAGE_CHANNELS)), *([c] for c in rest)]
    return [[c] for c in range(channels)]
