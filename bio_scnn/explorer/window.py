"""A window of the feature maps whose neurons are simulated with their traces kept.

::

    image + mask -> corner    where the window lies: across a hole, where there is detail
                 -> features  of the window, the same as in the restoration of the whole picture
                 -> simulate  every neuron of a few maps, V, I and spike trains recorded
                 -> deviation from the closed form, before anything is rounded for a page
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.explorer.deviation import membrane_deviation, spike_deviation_ms
from bio_scnn.network.architecture import IMAGE_CHANNELS, network_input
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.options import SpikingOptions
from bio_scnn.network.units import LIFUnit
from bio_scnn.neuron.simulation import Recording, simulate
from bio_scnn.restoration.picture import UnitPicture
from bio_scnn.restoration.scale import scale_of
from bio_scnn.restoration.transparency import seen_channels


@dataclass(frozen=True)
class View:
    """Choice of the neurons to look at.

    Attributes
    ----------
    size : int
        Rows and columns of the window in feature-map pixels; fewer if the picture has fewer.
    maps : int
        How many feature maps: those whose rates vary most within the window.
    centre : (row, column), optional
        Pixel of the picture in the middle of the window; by default `choose_corner` chooses.
    """

    size: int = 32
    maps: int = 8
    centre: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Window:
    """Neurons of a rectangle of feature maps, and what their simulation left behind.

    Attributes
    ----------
    top, left : int
        Feature-map pixel of the window's first row and column.
    fold : int
        Pixels of the picture along a feature-map pixel.
    maps : (maps,) int array
        Numbers of the feature maps in the network, those that vary most first.
    z : (rows, columns, maps) array
        Features, before they are clipped to [0, 1].
    current : (rows, columns, maps) array, dimensionless
        Input current I, without noise.
    missing : (rows, columns) int array
        Missing ones among the ``fold * fold`` pixels of the picture under a feature-map pixel.
    recording : Recording
        Recording of all these neurons, in the order of ``current.ravel()``.
    deviation_V : (neurons,) array, dimensionless
        Largest distance of a neuron's simulated V from the closed form's graph; see
        `membrane_deviation`. NaN with noise, which the closed form does not know.
    deviation_ms : (neurons,) array, ms
        The same of its spike times.
    noise_std : float, dimensionless
    """

    top: int
    left: int
    fold: int
    maps: NDArray[np.intp]
    z: NDArray[np.float64]
    current: NDArray[np.float64]
    missing: NDArray[np.intp]
    recording: Recording
    deviation_V: NDArray[np.float64]
    deviation_ms: NDArray[np.float64]
    noise_std: float

    def crop(self, picture: NDArray) -> NDArray:
        """The window's pixels of a picture (H, W, ...); its edge goes on where it ends."""
        rows, columns = (self.fold * n for n in self.missing.shape)
        top, left = self.fold * self.top, self.fold * self.left
        piece = picture[top : top + rows, left : left + columns]
        pad = [(0, rows - piece.shape[0]), (0, columns - piece.shape[1])]
        return np.pad(piece, pad + [(0, 0)] * (picture.ndim - 2), mode="edge")


def record_window(
    image: NDArray,
    mask: NDArray[np.bool_],
    network: HybridSCNN,
    options: SpikingOptions,
    view: View,
    *,
    seed: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Window:
    """Simulate the neurons of a window, and compare them with the closed form.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C)
        As for `bio_scnn.restore`, which refuses what cannot be used. The neurons are those of
        its first three channels, or of the first where there are fewer.
    mask : bool array, shape (H, W)
        True where a pixel is missing.
    network : HybridSCNN
        With LIF neurons.
    options : SpikingOptions
        Only the duration, the time step and the current noise are used.
    view : View
    seed : int, optional
        Seed of the noise.
    progress : callable, optional
        Called with the fraction of the simulation done.

    Raises
    ------
    InputError
        If the network has no LIF neurons, or the centre lies outside of the picture.
    """
    architecture = network.architecture
    network.unit.require_lif("a window of neurons")
    fold = architecture.fold
    colour = _unit_colour(image, mask)
    fill = architecture.guess(colour, mask)
    if view.centre is None:
        brightness = fill[..., :IMAGE_CHANNELS].mean(axis=-1)
        top, left = choose_corner(mask, brightness, fold, view.size)
    else:
        top, left = _around(view.centre, mask.shape, fold, view.size)
    rows, columns = (
        min(view.size, -(-n // fold) - start)
        for n, start in zip(mask.shape, (top, left), strict=True)
    )
    inside, z = _features(network, fill, mask, (top, left), (rows, columns))
    variation = network.fire(z).rates.std(axis=(0, 1))
    chosen = np.argsort(-variation, kind="stable")[: view.maps]
    z = np.ascontiguousarray(z[..., chosen])
    current = LIFUnit(network.lif).currents(z)
    recording = simulate(
        current.ravel(),
        network.lif,
        duration_ms=options.simulated_ms,
        dt_ms=options.step_ms(network.lif),
        noise_std=options.current_noise,
        seed=seed,
        record=range(current.size),
        progress=progress,
    )
    if options.current_noise:
        deviation_V = deviation_ms = np.full(current.size, np.nan)
    else:
        deviation_V = membrane_deviation(recording, current.ravel(), network.lif)
        deviation_ms = spike_deviation_ms(recording, current.ravel(), network.lif)
    return Window(
        top,
        left,
        fold,
        chosen,
        z,
        current,
        inside.reshape(rows, fold, columns, fold).sum(axis=(1, 3)),
        recording,
        deviation_V,
        deviation_ms,
        options.current_noise,
    )


def choose_corner(
    mask: NDArray[np.bool_], brightness: NDArray[np.float64], fold: int, size: int
) -> tuple[int, int]:
    """First row and column, in feature-map pixels, of the window that has most to show.

    That is some of a hole and some of what surrounds it, ``c (1 - c)`` for a missing fraction c,
    times the mean slope of the brightness (H, W).
    """
    pad = [(0, -n % fold) for n in mask.shape]
    height, width = (n + after for n, (_, after) in zip(mask.shape, pad, strict=True))

    def means(values: NDArray) -> NDArray[np.float64]:
        """Mean of values (H, W) over every window that lies inside."""
        blocks = np.pad(values.astype(float), pad, mode="edge")
        blocks = blocks.reshape(height // fold, fold, width // fold, fold).mean(axis=(1, 3))
        for axis, length in enumerate(blocks.shape):
            side = min(size, length)
            sums = np.insert(np.cumsum(blocks, axis=axis), 0, 0.0, axis=axis)
            ends = np.arange(side, length + 1)
            blocks = np.take(sums, ends, axis=axis) - np.take(sums, ends - side, axis=axis)
            blocks /= side
        return blocks

    slope = np.abs(np.diff(brightness, axis=0, prepend=brightness[:1]))
    slope += np.abs(np.diff(brightness, axis=1, prepend=brightness[:, :1]))
    covered = means(mask)
    score = covered * (1 - covered) * (means(slope) + 1e-6)  # where all is flat, holes decide
    top, left = np.unravel_index(np.argmax(score), score.shape)
    return int(top), int(left)


def _unit_colour(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The colour (H, W, 3) in [0, 1] that the network restores first, dark where missing."""
    channels = image[..., np.newaxis] if image.ndim == 2 else image
    if channels.shape[-1] in (2, IMAGE_CHANNELS + 1):
        channels = seen_channels(channels, mask)
    first = channels[..., : IMAGE_CHANNELS if channels.shape[-1] >= IMAGE_CHANNELS else 1]
    scaled = UnitPicture(first, mask, scale_of(channels, mask))[:]
    return np.broadcast_to(scaled, (*mask.shape, IMAGE_CHANNELS))


def _around(
    centre: tuple[int, int], shape: tuple[int, ...], fold: int, size: int
) -> tuple[int, int]:
    row, column = centre
    if not (0 <= row < shape[0] and 0 <= column < shape[1]):
        raise InputError(
            f"row {row}, column {column} lies outside of the picture of {shape[0]} x {shape[1]}"
        )
    first = [
        min(max(at // fold - size // 2, 0), max(-(-n // fold) - size, 0))
        for at, n in zip(centre, shape, strict=True)
    ]
    return first[0], first[1]


def _features(
    network: HybridSCNN,
    fill: NDArray[np.float64],
    mask: NDArray[np.bool_],
    start: tuple[int, int],
    shape: tuple[int, int],
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """The window's mask, in pixels, and its features (rows, columns, channels)."""
    architecture = network.architecture
    fold, margin = architecture.fold, architecture.kernel // 2
    # The picture is made larger as in its restoration, where the convolution sees zeros beyond.
    pad = [(0, -n % architecture.multiple) for n in mask.shape]
    fill, mask = np.pad(fill, [*pad, (0, 0)], mode="edge"), np.pad(mask, pad)
    outer, inner = [], []
    for first, length, side in zip(start, shape, mask.shape, strict=True):
        begin = max(first - margin, 0)
        outer.append(slice(fold * begin, fold * min(first + length + margin, side // fold)))
        inner.append(slice(first - begin, first - begin + length))
    around = tuple(outer)
    z = network.features(network_input(architecture, fill[around], mask[around]))[tuple(inner)]
    pixels = tuple(slice(fold * s.start, fold * s.stop) for s in inner)
    return mask[around][pixels], z
