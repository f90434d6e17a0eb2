"""The modules behind `bio_scnn.network.torch_model.to_torch`. Importing this one needs PyTorch.

Batches are ``(N, C, H, W)``, as everywhere in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bio_scnn.errors import InputError
from bio_scnn.network.architecture import IMAGE_CHANNELS, RESIDUAL_UNIT
from bio_scnn.network.cnn import ConvLayer, layer_names
from bio_scnn.network.conv2d import same_padding
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.units import LIFUnit
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters


class ClosedFormRates(nn.Module):
    """Currents to firing rates by the closed form of eq. 1; as differentiable as it is."""

    def __init__(self, params: LIFParameters = TABLE_1):
        super().__init__()
        self.params = params

    def forward(self, current: Tensor) -> Tensor:
        """Rates in Hz; 0 at and below rheobase."""
        p = self.params
        gap = p.R * current - (p.V_th - p.V_rest)
        fires = gap > 0
        # A safe denominator where nothing fires: the gradient of `where` would be NaN otherwise.
        latency = p.tau_ms * torch.log1p((p.V_th - p.V_reset) / torch.where(fires, gap, 1.0))
        return torch.where(fires, 1e3 / (latency + p.t_ref_ms), 0.0)


class SpikeRates(nn.Module):
    """Currents to firing rates, read from the spikes of a layer.

    Parameters
    ----------
    layer : callable
        Maps currents ``(steps, ...)``, held over each step, to spikes of the same shape: 1 where
        a neuron fired in a step, 0 elsewhere. It has to start anew at every call.
    dt_ms, duration_ms : float, ms
    readout : {'count', 'isi'}
        Spikes per duration, in levels of 1/duration, through which the layer's surrogate
        gradients pass; or the inverse of the mean inter-spike interval, which has no gradient.
    """

    def __init__(
        self,
        layer: Callable[[Tensor], Tensor],
        *,
        dt_ms: float,
        duration_ms: float = 100.0,
        readout: Literal["count", "isi"] = "count",
    ):
        super().__init__()
        self.steps = round(duration_ms / dt_ms)
        if self.steps < 1 or not np.isclose(self.steps * dt_ms, duration_ms, rtol=1e-9):
            raise InputError(
                f"duration_ms (={duration_ms:g} ms) must be a whole number of steps of dt_ms "
                f"(={dt_ms:g} ms)"
            )
        if readout not in ("count", "isi"):
            raise InputError(f"readout {readout!r} is unknown; choose from count, isi")
        self.layer, self.dt_ms, self.readout = layer, dt_ms, readout

    def forward(self, current: Tensor) -> Tensor:
        """Rates in Hz; with ``isi``, 0 for neurons that fired fewer than two spikes."""
        spikes = self.layer(current.expand(self.steps, *current.shape))
        if spikes.shape != (self.steps, *current.shape):
            raise InputError(
                f"the spiking layer returned shape {tuple(spikes.shape)}; it was given "
                f"{(self.steps, *current.shape)}"
            )
        count = spikes.sum(0)  # over the duration: what frameworks do, biased low
        if self.readout == "count":
            return count * (1e3 / (self.steps * self.dt_ms))
        fired = (spikes.detach() != 0).to(torch.uint8)
        first = fired.argmax(0)
        last = self.steps - 1 - fired.flip(0).argmax(0)
        elapsed = (last - first).to(current.dtype) * self.dt_ms
        rate = 1e3 * (count.detach() - 1) / elapsed.clamp_min(self.dt_ms)
        return torch.where(count.detach() > 1, rate, 0.0)


class NumpyRates(nn.Module):
    """A function of NumPy arrays ``(neurons,)``, currents to rates in Hz; without a gradient."""

    def __init__(self, rates_of: Callable[[np.ndarray], np.ndarray]):
        super().__init__()
        self.rates_of = rates_of

    def forward(self, current: Tensor) -> Tensor:
        """Rates in Hz."""
        values = current.detach().cpu().double().numpy()
        rates = np.asarray(self.rates_of(values.ravel()), dtype=np.float64)
        return torch.from_numpy(rates.reshape(values.shape)).to(current)


class TorchHybrid(nn.Module):
    """The network; see `bio_scnn.network.torch_model.to_torch`.

    Attributes
    ----------
    snn : Conv2d
        Convolution in front of the neurons.
    spiking : callable
        Currents to rates; `to_torch` says more.
    conv2, conv3, ... : Conv2d
    """

    def __init__(
        self,
        model: HybridSCNN,
        spiking: Callable[[Tensor], Tensor] | None = None,
        clip_slope: float = 0.0,
    ):
        super().__init__()
        if spiking is not None:
            model.unit.require_lif("a spiking layer")
        self.architecture, self.lif, self.clip_slope = model.architecture, model.lif, clip_slope
        self.spiking = ClosedFormRates(model.lif) if spiking is None else spiking
        a = model.architecture
        layers = (ConvLayer(a.channels, kernel=a.kernel), *a.layers)
        for name, layer in zip(("snn", *layer_names(a.layers)), layers, strict=True):
            self.add_module(
                name, _conv(layer, model.params[f"{name}.weight"], model.params[f"{name}.bias"])
            )

    def features(self, x: Tensor) -> Tensor:
        """Features, ``(N, C, h, w)``: the convolution in front of the neurons."""
        return _same(cast(nn.Conv2d, self.snn), x)

    def currents(self, z: Tensor) -> Tensor:
        """Input currents of LIF neurons, dimensionless, from their features."""
        low, high = LIFUnit(self.lif).band
        return low + (high - low) * self._band(z)

    def rates(self, z: Tensor) -> Tensor:
        """Normalised rates of the architecture's units, from their features."""
        kind = self.architecture.neurons
        if kind == "relu":
            return torch.relu(z)
        if kind == "one-step":  # the value of a binary spike, the derivative of the band
            band = self._band(z)
            return band + ((z >= 0.5).to(z.dtype) - band).detach()
        span = self.lif.rate_max_hz - self.lif.rate_min_hz
        return (self.spiking(self.currents(z)) - self.lif.rate_min_hz) / span

    def _band(self, z: Tensor) -> Tensor:
        """Features clipped to [0, 1], with a slope left outside."""
        band = z.clamp(0, 1)
        if self.clip_slope:
            outside = z - band
            band = band + self.clip_slope * (outside - outside.detach())
        return band

    def cnn(self, rates: Tensor, outputs: dict[str, Tensor] | None = None) -> Tensor:
        """Output of the layers behind the neurons, from their normalised rates.

        `outputs` is given that of each layer, before it is unfolded into pixels.
        """
        x = rates = rates - 0.5
        for name, layer in zip(
            layer_names(self.architecture.layers), self.architecture.layers, strict=True
        ):
            y = _apply(layer, cast(nn.Conv2d, self.get_submodule(name)), x, rates)
            if outputs is not None:
                outputs[name] = y
            x = unfold(y, layer.upsample) if layer.upsample > 1 else y
        return x

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """The restored image ``(N, 3, H, W)`` from the folded fill and mask.

        `noise` is added to the features, as in training.
        """
        z = self.features(x)
        return self.compose(x, self.cnn(self.rates(z if noise is None else z + noise)))

    def compose(self, x: Tensor, output: Tensor) -> Tensor:
        """The restored image, from the network's input and its last layer's output."""
        if not self.architecture.residual:
            return output
        planes = unfold(x, self.architecture.fold)
        fill, others = planes[:, :IMAGE_CHANNELS] + 0.5, planes[:, IMAGE_CHANNELS + 1 :]
        restored = fill + RESIDUAL_UNIT * output[:, :IMAGE_CHANNELS]
        equal = 1 / len(self.architecture.fills)
        for number in range(len(self.architecture.fills) - 1):
            differs = others[:, IMAGE_CHANNELS * number :][:, :IMAGE_CHANNELS] * RESIDUAL_UNIT
            weight = equal + output[:, IMAGE_CHANNELS + number, None]
            restored = restored + weight * differs
        return restored


def unfold(x: Tensor, factor: int) -> Tensor:
    """Channels to ``factor x factor`` pixels, as `bio_scnn.network.conv2d.depth_to_space`.

    `torch.nn.functional.pixel_shuffle` has the channels of a pixel outermost; here they are
    innermost.
    """
    n, channels, h, w = x.shape
    folded = x.reshape(n, factor, factor, channels // factor**2, h, w)
    return folded.permute(0, 3, 4, 1, 5, 2).reshape(n, -1, h * factor, w * factor)


def _apply(layer: ConvLayer, conv: nn.Conv2d, x: Tensor, rates: Tensor) -> Tensor:
    if layer.see_rates:
        x = torch.cat([x, rates], dim=1)
    y = _same(conv, x)
    if layer.residual:
        y = y + x
    return torch.relu(y) if layer.relu else y


def _conv(layer: ConvLayer, weight: np.ndarray, bias: np.ndarray) -> nn.Conv2d:
    """A layer's convolution, with a copy of weights whose kernels are ``(k, k, C_in, C_out)``."""
    _, k, c_in, c_out = weight.shape
    conv = nn.Conv2d(c_in, c_out, k, layer.stride, dilation=layer.dilation, device="meta")
    conv.weight = nn.Parameter(torch.tensor(np.ascontiguousarray(weight.transpose(3, 2, 0, 1))))
    conv.bias = nn.Parameter(torch.tensor(bias))
    return conv


def _same(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolve with zeros around, as even as they can be; `Conv2d` knows only even ones."""
    padding: list[int] = []
    for axis in (1, 0):  # `pad` counts from the last axis
        k, stride, dilation = conv.kernel_size[axis], conv.stride[axis], conv.dilation[axis]
        padding += same_padding(x.shape[2 + axis], k, stride, dilation)[1:]
    return cast(Tensor, conv(functional.pad(x, padding)))
