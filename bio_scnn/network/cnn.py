"""The non-spiking part of the hybrid: five trainable convolution layers, in NumPy.

A layer is described by a frozen `ConvLayer`; the network is the tuple of them. Parameters live in
a plain dictionary of arrays, ``"conv2.weight"``, ``"conv2.bias"``, and so on, numbered from 2
because convolution 1 is the spiking frontend.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bio_scnn.errors import InputError
from bio_scnn.network.conv2d import Array, conv2d, conv2d_backward, depth_to_space, space_to_depth

Params = dict[str, Array]

_LARGEST = {"channels": 65_536, "kernel": 255, "stride": 64, "dilation": 1024, "upsample": 64}


def check_sizes(where: str, **sizes: int) -> None:
    """Refuse sizes of a layer, by name, that are below 1 or so large that a file is damaged."""
    for name, value in sizes.items():
        if value < 1:
            raise InputError(f"{name} of {where} is {value}; it must be >= 1")
        if value > _LARGEST[name]:
            raise InputError(f"{name} of {where} is {value}; it may be {_LARGEST[name]} at most")


@dataclass(frozen=True)
class ConvLayer:
    """One convolution layer of the CNN.

    Attributes
    ----------
    channels : int
        Output channels of the convolution (before shuffling).
    kernel, stride, dilation : int
        Side of the square kernel, its step, and the spacing of its taps.
    relu : bool
        Rectify the output.
    residual : bool
        Add the layer's input to the convolution's output before rectifying.
    upsample : int
        Unfold channels into ``upsample x upsample`` pixels after rectifying.
    see_rates : bool
        Append the normalised firing rates to the layer's input.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    relu: bool = True
    residual: bool = False
    upsample: int = 1
    see_rates: bool = False

    def __post_init__(self) -> None:
        check_sizes("a layer", **{name: getattr(self, name) for name in _LARGEST})


class LayerTape(NamedTuple):
    """Input and output of one layer, which its backward rule needs."""

    x: Array  # input, rates appended
    y: Array  # output of the rectification, before upsampling


def layer_names(layers: tuple[ConvLayer, ...]) -> list[str]:
    """The parameter prefix of each layer: ``conv2``, ``conv3``, ..."""
    return [f"conv{number}" for number in range(2, len(layers) + 2)]


def param_shapes(layers: tuple[ConvLayer, ...], c_rates: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the layers' kernels and biases by name, behind `c_rates` feature maps."""
    shapes: dict[str, tuple[int, ...]] = {}
    c_in = c_rates
    for name, layer in zip(layer_names(layers), layers, strict=True):
        c_in += c_rates * layer.see_rates
        shapes[f"{name}.weight"] = (layer.kernel, layer.kernel, c_in, layer.channels)
        shapes[f"{name}.bias"] = (layer.channels,)
        c_in = layer.channels // layer.upsample**2
    return shapes


def init_params(
    layers: tuple[ConvLayer, ...], c_rates: int, rng: np.random.Generator, last_gain: float = 1.0
) -> Params:
    """Draw weights as He et al. (2015) did; the last layer's are scaled by `last_gain`."""
    params: Params = {}
    for name, shape in param_shapes(layers, c_rates).items():
        if name.endswith(".weight"):
            params[name] = np.sqrt(2 / np.prod(shape[:3])) * rng.standard_normal(shape)
        else:
            params[name] = np.zeros(shape)
    params[f"{layer_names(layers)[-1]}.weight"] *= last_gain
    return params


def forward(
    layers: tuple[ConvLayer, ...],
    params: Params,
    rates: Array,
    *,
    tapes: list[LayerTape] | None = None,
    pool: Executor | None = None,
) -> Array:
    """Run the CNN on normalised firing rates.

    The layers see the rates less 1/2: a common positive offset of all inputs would dominate the
    first steps of training and silence the rectifiers.

    Parameters
    ----------
    layers : tuple of ConvLayer
    params : dict of arrays
    rates : array, shape (N, H, W, C)
    tapes : list, optional
        Given a tape of each layer, for `backward`.
    pool : concurrent.futures.Executor, optional
        Threads for `bio_scnn.network.conv2d.conv2d`.

    Returns
    -------
    array, shape (N, H', W', C')
    """
    x: Array
    x = rates = rates - rates.dtype.type(0.5)
    for name, layer in zip(layer_names(layers), layers, strict=True):
        if layer.see_rates:
            x = np.concatenate([x, rates], axis=-1)
        y = conv2d(
            x,
            params[f"{name}.weight"],
            params[f"{name}.bias"],
            stride=layer.stride,
            dilation=layer.dilation,
            skip=x if layer.residual else None,
            relu=layer.relu,
            pool=pool,
        )
        if tapes is not None:
            tapes.append(LayerTape(x, y))
        x = depth_to_space(y, layer.upsample) if layer.upsample > 1 else y
    return x


def backward(
    layers: tuple[ConvLayer, ...], params: Params, tapes: list[LayerTape], dy: Array
) -> tuple[Array, Params]:
    """Carry a cotangent of the output back to the rates and the parameters.

    Parameters
    ----------
    layers, params
        What `forward` was given.
    tapes : list of LayerTape
        What it recorded.
    dy : array, shape of the output

    Returns
    -------
    drates : array, shape of the rates
    grads : dict of arrays, keys of params
    """
    grads: Params = {}
    drates: Array | None = None
    rows = list(zip(layer_names(layers), layers, tapes, strict=True))
    for name, layer, (x, y) in reversed(rows):
        if layer.upsample > 1:
            dy = space_to_depth(dy, layer.upsample)
        if layer.relu:
            dy = dy * (y > 0)
        dx, grads[f"{name}.weight"], grads[f"{name}.bias"] = conv2d_backward(
            x, params[f"{name}.weight"], dy, stride=layer.stride, dilation=layer.dilation
        )
        assert dx is not None
        if layer.residual:
            dx += dy
        if layer.see_rates:
            c_own = x.shape[-1] - tapes[0].x.shape[-1]
            drates = dx[..., c_own:] if drates is None else drates + dx[..., c_own:]
            dx = dx[..., :c_own]
        dy = dx
    return (dy if drates is None else dy + drates), grads
