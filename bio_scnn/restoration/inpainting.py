"""Inpainting: missing pixels of an image from a trained network, its neurons simulated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.nodata import no_data
from bio_scnn.errors import InputError
from bio_scnn.network.architecture import IMAGE_CHANNELS
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.options import Quality, SpikingOptions, check_quality, spiking_options
from bio_scnn.neuron.units import seed_sequence, to_count
from bio_scnn.restoration.colour import ColourRestoration
from bio_scnn.restoration.orientation import orientations
from bio_scnn.restoration.picture import UnitPicture, check_picture, colour_groups, plain_array
from bio_scnn.restoration.result import SHOWN_MAPS, RateMaps, Restoration
from bio_scnn.restoration.scale import constant_channels, scale_of, unit_limits
from bio_scnn.restoration.tiling import DEFAULT_TILING, Tiling
from bio_scnn.restoration.transparency import seen_channels
from bio_scnn.runtime.config import shown


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
    nodata: float | None = None,
) -> NDArray:  # of nine arguments, as all that is often chosen is chosen here
    """Restore missing pixels; the arguments are those of scikit-image's `inpaint_biharmonic`.

    Parameters
    ----------
    image : array, shape (H, W), or with one more axis for channels
        Unsigned integers of up to 32 bits, or floats of any range. Values at missing pixels are
        not used.
    mask : bool array, shape (H, W)
        True (non-zero) where a pixel is missing.
    channel_axis : int, optional
        Which axis of the image holds the channels; None for a grey image. With two or four
        channels, the last one is alpha: colours where it is zero are not used.
    model : str, path or HybridSCNN
        A shipped model's name, a file, or a network already loaded.
    engine : {'brian2', 'closed-form'}, optional
        Simulate every spike, or use the closed form of the firing rate. By default every spike
        is simulated, unless the quality is 'fast'.
    readout : {'isi', 'count'}
        How rates are read from spikes.
    quality : {'fast', 'default', 'best'}
        'fast' simulates nothing: rates come from the closed form, which the simulation matches
        to rounding error. 'best' restores the eight reflections and rotations of the picture,
        each with neurons of its own, and returns their mean.
    seed : int, optional
        Seed of the noise, if the model or an option adds any.
    nodata : float, optional
        Value of pixels that hold no data. These keep their value and are not used to restore
        others. The same holds for NaN, infinities, and the codes of
        `bio_scnn.data.nodata.CODES` if they are far from all other values.

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
    image = plain_array(image, "image")
    if channel_axis is None and image.ndim != 2:
        raise InputError(
            f"the image has shape {image.shape}; for one with channels say which axis they are "
            "(channel_axis=-1 for the last)"
        )
    if channel_axis is not None:
        if not isinstance(channel_axis, int | np.integer):
            raise InputError(f"channel_axis ({shown(channel_axis)}) must be a whole number")
        if not -image.ndim <= channel_axis < image.ndim:
            raise InputError(f"channel_axis {channel_axis} is not an axis of shape {image.shape}")
        image = np.moveaxis(image, channel_axis, -1)
    options = spiking_options(quality, engine, readout=readout)
    result = restore(
        image, mask, model=model, options=options, quality=quality, seed=seed, nodata=nodata
    ).image
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
    nodata: float | None = None,
    tiling: Tiling = DEFAULT_TILING,
    alpha: bool = True,
) -> Restoration:  # of eleven arguments, as all that can be chosen is chosen here
    """Restore missing pixels; return also the simulated neurons and spikes, times and rates.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C)
    mask, model, quality, seed, nodata
        As for `inpaint`.
    options : SpikingOptions, optional
        How the neurons are run; by default those of `spiking_options` for the quality.
    progress : callable, optional
        Called with the fraction done, of all orientations and channels. The calls may come from
        another thread than the caller's, but never from two threads at a time.
    rates_every : int
        Keep only every second, third, ... row and column of the rate maps, as for a drawing of a
        large picture.
    overwrite : bool
        Write the result into the array `image`, if it is writable.
    tiling : Tiling
        How a large picture is divided.
    alpha : bool
        Whether the last of two or four channels is alpha. Colours where it is zero cannot be seen,
        and what is restored does not depend on them.

    Returns
    -------
    Restoration

    Raises
    ------
    InputError
        As for `inpaint`.
    """
    image, mask = plain_array(image, "image"), plain_array(mask, "mask")
    if mask.dtype.kind not in "buif":
        raise InputError(f"the mask holds {mask.dtype}; it must be true where a pixel is missing")
    mask = mask.astype(bool, copy=False)
    check_picture(image, mask)
    options = spiking_options(quality) if options is None else options
    check_quality(quality, options.engine)
    if not isinstance(model, str | Path | HybridSCNN):
        raise InputError(f"model ({shown(model)}) must be a name, a file, or a network")
    network = model if isinstance(model, HybridSCNN) else load_model(model_path(str(model)))[0]
    rates_every = to_count(rates_every, "rates_every")
    channels = image[..., np.newaxis] if image.ndim == 2 else image
    if nodata is not None and not isinstance(nodata, int | float | np.number):
        raise InputError(f"nodata ({shown(nodata)}) must be a number")
    unknown = _unknown(image, mask, nodata)
    if alpha and channels.shape[-1] in (2, IMAGE_CHANNELS + 1):
        channels = seen_channels(channels, unknown)
    scale = scale_of(channels, unknown)
    limits = unit_limits(channels, unknown, scale)
    own = overwrite and image.flags.writeable
    rows, columns = (-(-side // (network.architecture.fold * rates_every)) for side in mask.shape)
    rates = RateMaps((rows, columns, SHOWN_MAPS), rates_every)
    result = Restoration(image if own else image.copy(), rates=rates)
    restored = np.empty((np.count_nonzero(unknown), channels.shape[-1]))
    groups = colour_groups(channels.shape[-1])
    seeds = seed_sequence(seed).spawn(len(groups))
    for number, (group, group_seed) in enumerate(zip(groups, seeds, strict=True)):

        def report(fraction: float, number: int = number) -> None:
            if progress is not None:
                progress((number + fraction) / len(groups))

        colour = channels[..., group[0] : group[-1] + 1]
        picture = UnitPicture(
            np.broadcast_to(colour, (*mask.shape, IMAGE_CHANNELS)), unknown, scale
        )
        turns = orientations(quality)
        output = ColourRestoration(
            picture, network, options, turns, group_seed, result, number == 0, tiling
        ).run(report)
        if not np.isfinite(output).all():
            raise InputError(
                "the network's output is not finite: its weights are too large to compute with"
            )
        if len(group) == 1:  # a single channel was shown three times
            output = output.mean(axis=-1, keepdims=True)
        restored[:, group] = np.clip(output, *limits)
    view = result.image[..., np.newaxis] if image.ndim == 2 else result.image
    wanted = restored if unknown is mask else restored[mask[unknown]]
    view[mask] = scale.from_unit(wanted, image.dtype)
    for number, value in constant_channels(channels, unknown).items():
        view[..., number][mask] = value
    return result


def _unknown(image: NDArray, mask: NDArray[np.bool_], nodata: float | None) -> NDArray[np.bool_]:
    """Pixels that nothing can be restored from: missing ones, and those that hold no data."""
    empty = no_data(image, nodata, mask)
    if empty is None:
        return mask
    if (mask | empty).all():
        n = np.count_nonzero(empty)
        raise InputError(
            f"all {n} known values of the image are NaN, infinite or no data; at least one must "
            "be a finite number"
        )
    return mask | empty
