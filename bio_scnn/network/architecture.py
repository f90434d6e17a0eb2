"""Architecture of the hybrid network: its layers, its input, its output, its first weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.network import cnn
from bio_scnn.network.cnn import ConvLayer, Params, check_sizes
from bio_scnn.network.conv2d import space_to_depth
from bio_scnn.network.fills import FILLS, Holes, Pixels
from bio_scnn.network.units import UNITS, Neurons

IMAGE_CHANNELS = 3

# Half resolution for the neurons, a quarter for the layers that look far.
DEFAULT_LAYERS = (
    ConvLayer(96, kernel=4, stride=2),
    ConvLayer(96, dilation=2, residual=True),
    ConvLayer(96, dilation=4, residual=True),
    ConvLayer(192, upsample=2),
    ConvLayer(16, upsample=2, relu=False, see_rates=True),
)

RESIDUAL_UNIT = 0.1

_LARGEST_FOLD = 64
_LARGEST_REACH = 2048  # pixels; a picture is divided into tiles with margins of this
_MOST_LAYERS = 256


@dataclass(frozen=True)
class Architecture:
    """Layers, fills and units of a network.

    Attributes
    ----------
    fills : tuple of str
        First guesses for the missing pixels, keys of `bio_scnn.network.fills.FILLS`.
    residual : bool
        See `compose`; otherwise the network's output is the restored image itself.
    fold : int
        ``fold x fold`` pixels become channels before the first convolution.
    channels, kernel : int
        Feature maps of the spiking layer, and the side of its kernels.
    neurons : {'lif', 'relu', 'one-step'}
        What turns a feature into a rate, a key of `bio_scnn.network.units.UNITS`.
    layers : tuple of ConvLayer
        The five layers behind it; the last must end at `output_channels` and full resolution.
    """

    fills: tuple[str, ...] = ("harmonic", "biharmonic")
    residual: bool = True
    fold: int = 2
    channels: int = 48
    kernel: int = 3
    neurons: Neurons = "lif"
    layers: tuple[ConvLayer, ...] = DEFAULT_LAYERS

    def __post_init__(self) -> None:
        if not self.fills or not set(self.fills) <= set(FILLS):
            raise InputError(f"fills is {self.fills!r}; choose some of {', '.join(FILLS)}")
        if self.neurons not in UNITS:
            raise InputError(f"neurons is {self.neurons!r}; choose from {', '.join(UNITS)}")
        if self.fold < 1 or self.channels < 1 or self.kernel < 1 or self.kernel % 2 == 0:
            raise InputError(
                f"fold (={self.fold}) and channels (={self.channels}) must be at least 1, kernel "
                f"(={self.kernel}) must be odd"
            )
        check_sizes("the spiking layer", channels=self.channels, kernel=self.kernel)
        if self.fold > _LARGEST_FOLD:
            raise InputError(f"fold is {self.fold}; it may be {_LARGEST_FOLD} at most")
        if not self.layers:
            raise InputError("layers is empty; at least one must follow the spiking layer")
        if len(self.layers) > _MOST_LAYERS:
            raise InputError(f"layers has {len(self.layers)}; it may have {_MOST_LAYERS} at most")
        scale: float = self.fold  # pixels of the image per pixel of the current map
        channels = self.channels
        for layer in self.layers:
            if layer.residual and (layer.channels != channels or layer.stride != 1):
                raise InputError(f"a residual layer must keep its {channels} channels: {layer}")
            if layer.see_rates and scale != self.fold:
                raise InputError(f"rates are at 1/{self.fold}, this layer at 1/{scale}: {layer}")
            if layer.channels % layer.upsample**2:
                raise InputError(f"channels must divide by upsample squared: {layer}")
            scale = scale * layer.stride / layer.upsample
            channels = layer.channels // layer.upsample**2
        if (scale, channels) != (1, self.output_channels):
            raise InputError(
                f"the layers end at 1/{scale:g} resolution with {channels} channels; "
                f"they must end at full resolution with {self.output_channels}"
            )
        if self.reach > _LARGEST_REACH:
            raise InputError(
                f"a pixel depends on others {self.reach} pixels away; kernels, strides and "
                f"dilations may make that {_LARGEST_REACH} at most"
            )

    @property
    def input_channels(self) -> int:
        """Channels of the first convolution's input: the folded fills and mask."""
        return (IMAGE_CHANNELS * len(self.fills) + 1) * self.fold**2

    @property
    def output_channels(self) -> int:
        """Channels of the CNN's output: a colour, and a weight for each fill but the first."""
        return IMAGE_CHANNELS + (len(self.fills) - 1 if self.residual else 0)

    def guess_missing(self, image: Pixels, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """First guesses for the holes of an image ``(H, W, 3)``: ``(n, 3 len(fills))``.

        One row for each missing pixel, in C order.
        """
        holes = Holes(image, mask)
        return np.concatenate([FILLS[name](holes) for name in self.fills], axis=-1)

    def fill(
        self, image: NDArray, mask: NDArray[np.bool_], guesses: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Put first guesses into the holes: one copy of the image for each of the fills."""
        filled = np.tile(np.asarray(image, np.float64), len(self.fills))
        filled[mask] = guesses
        return filled

    def guess(self, image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Fill the holes of an image ``(H, W, 3)`` in every way: ``(H, W, 3 len(fills))``."""
        return self.fill(image, mask, self.guess_missing(image, mask))

    def compose(self, fill: NDArray, output: NDArray) -> NDArray:
        """The restored image, from the first guesses and the network's output.

        With a residual, the network gives weights of the fills at every pixel; their sum is one.
        The restored image is the weighted mean of the fills, plus a tenth of the network's first
        three channels. An untrained network, whose output is zero, gives the mean of the fills.
        The factor of a tenth is there because Adam's steps have the same size for all weights:
        with it, a step changes the image less.

        Parameters
        ----------
        fill : array, shape (..., 3 * len(fills))
        output : array, shape (..., output_channels)

        Returns
        -------
        array, shape (..., 3)
        """
        if not self.residual:
            return output
        first, *others = _split(fill)
        restored = first + RESIDUAL_UNIT * output[..., :IMAGE_CHANNELS]
        for number, other in enumerate(others, start=IMAGE_CHANNELS):
            restored += (1 / len(self.fills) + output[..., number, np.newaxis]) * (other - first)
        return restored

    def untrained(self, fill: NDArray) -> NDArray:
        """Output of an untrained network: the mean of the fills, or zero without residual."""
        if not self.residual:
            return 0 * fill[..., :IMAGE_CHANNELS]
        first, *others = _split(fill)
        return sum(others, start=first) / len(self.fills)

    def compose_backward(self, fill: NDArray, drestored: NDArray) -> NDArray:
        """Carry a cotangent of the restored image back to the network's output."""
        if not self.residual:
            return drestored
        first, *others = _split(fill)
        weights = [((other - first) * drestored).sum(axis=-1, keepdims=True) for other in others]
        return np.concatenate([RESIDUAL_UNIT * drestored, *weights], axis=-1)

    def feature_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """Shape of the features of an image of this size."""
        return height // self.fold, width // self.fold, self.channels

    @property
    def multiple(self) -> int:
        """Image sides must be multiples of this many pixels."""
        return self.fold * math.prod(layer.stride for layer in self.layers)

    @property
    def reach(self) -> int:
        """Pixels farther than this from an output pixel, along an axis, cannot change it."""
        scale = float(self.fold)
        reach = scale * self.kernel
        for layer in self.layers:
            reach += scale * layer.dilation * layer.kernel
            scale *= layer.stride / layer.upsample
        # Counting whole kernels instead of halves covers the alignment of the grids as well.
        return self.multiple * -(-math.ceil(reach / 2 + self.multiple) // self.multiple)


def _split(fill: NDArray) -> list[NDArray]:
    """One array ``(..., 3)`` for each of the fills ``(..., 3 n)``."""
    ends = range(IMAGE_CHANNELS, fill.shape[-1] + 1, IMAGE_CHANNELS)
    return [fill[..., end - IMAGE_CHANNELS : end] for end in ends]


def network_input(architecture: Architecture, fill: NDArray, mask: NDArray) -> NDArray:
    """Stack fill and mask and fold pixels into channels.

    Parameters
    ----------
    fill : array, shape (N, H, W, 3 * len(fills)), or without N for one picture
        First guesses, in [0, 1]. The network gets the first one, and the differences of the others
        from it, in units of the residual.
    mask : bool array, shape (N, H, W), or without N

    Returns
    -------
    array, shape (N, H / fold, W / fold, input_channels), or without N, of the fill's precision
    """
    first, *others = _split(fill)
    planes = [first - 0.5, mask[..., np.newaxis]]
    planes += [(other - first) * (1 / RESIDUAL_UNIT) for other in others]
    stacked = np.concatenate(planes, axis=-1, dtype=fill.dtype)
    return space_to_depth(stacked, architecture.fold)


def param_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Shapes of a network's weights by name; nothing is allocated."""
    a = architecture
    first = {
        "snn.weight": (a.kernel, a.kernel, a.input_channels, a.channels),
        "snn.bias": (a.channels,),
    }
    return first | cnn.param_shapes(a.layers, a.channels)


def init_params(architecture: Architecture, rng: np.random.Generator) -> Params:
    """Random weights of a new network, float64; training rescales the first layer."""
    a = architecture
    shape = param_shapes(a)["snn.weight"]
    params: Params = {
        "snn.weight": rng.standard_normal(shape) / np.sqrt(np.prod(shape[:3])),
        "snn.bias": np.zeros(a.channels),
    }
    # A residual starts at zero: the untrained network returns the mean of its fills.
    gain = 0.0 if a.residual else 1.0
    return params | cnn.init_params(a.layers, a.channels, rng, last_gain=gain)
