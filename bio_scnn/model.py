"""The hybrid network: the stages put together, and nothing else.

::

    fills + mask -> convolution -> features -> currents -> LIF -> normalised rates -> CNN -> image

`Architecture` says what is built, `SpikingOptions` how the neurons are run, and `HybridSCNN`
holds the weights and composes the stages.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bio_scnn import cnn
from bio_scnn.cnn import ConvLayer, Params
from bio_scnn.convolution import feature_maps
from bio_scnn.encoding import encode, normalise
from bio_scnn.errors import InputError
from bio_scnn.fi_curve import spike_count
from bio_scnn.fills import FILLS, Holes, Pixels
from bio_scnn.layers import space_to_depth
from bio_scnn.lif import simulate
from bio_scnn.neurons import NEURONS, ONE_STEP_NOISE, rates_of
from bio_scnn.processes import threads
from bio_scnn.table1 import TABLE_1, LIFParameters

IMAGE_CHANNELS = 3
ENGINES = ("brian2", "closed-form")
READOUTS = ("isi", "count")

# Half resolution for the neurons, a quarter for the layers that look far.
DEFAULT_LAYERS = (
    ConvLayer(96, kernel=4, stride=2),
    ConvLayer(96, dilation=2, residual=True),
    ConvLayer(96, dilation=4, residual=True),
    ConvLayer(192, upsample=2),
    ConvLayer(16, upsample=2, relu=False, see_rates=True),
)


RESIDUAL_UNIT = 0.1


@dataclass(frozen=True)
class Architecture:
    """What the network is made of.

    Attributes
    ----------
    fills : tuple of str
        First guesses for the missing pixels, keys of `bio_scnn.fills.FILLS`.
    residual : bool
        See `compose`; otherwise the network's output is the restored image itself.
    fold : int
        ``fold x fold`` pixels become channels before the first convolution.
    channels, kernel : int
        Feature maps of the spiking layer, and the side of its kernels.
    neurons : {'lif', 'relu', 'one-step'}
        What turns a feature into a rate: the LIF neuron, or, to compare with it, a rectifier, or
        the layer of the paper's forward method (noise, then one binary spike).
    layers : tuple of ConvLayer
        The five layers behind it; the last must end at `output_channels` and full resolution.
    """

    fills: tuple[str, ...] = ("harmonic", "biharmonic")
    residual: bool = True
    fold: int = 2
    channels: int = 48
    kernel: int = 3
    neurons: Literal["lif", "relu", "one-step"] = "lif"
    layers: tuple[ConvLayer, ...] = DEFAULT_LAYERS

    def __post_init__(self) -> None:
        if not self.fills or not set(self.fills) <= set(FILLS):
            raise InputError(f"fills is {self.fills!r}; choose some of {', '.join(FILLS)}")
        if self.neurons not in NEURONS:
            raise InputError(f"neurons is {self.neurons!r}; choose from {', '.join(NEURONS)}")
        if self.fold < 1 or self.channels < 1 or self.kernel < 1 or self.kernel % 2 == 0:
            raise InputError(
                f"fold (={self.fold}) and channels (={self.channels}) must be at least 1, kernel "
                f"(={self.kernel}) must be odd"
            )
        if not self.layers:
            raise InputError("layers is empty; at least one must follow the spiking layer")
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

    def require_lif(self, what: str) -> None:
        """Refuse networks without LIF neurons where there would be nothing to simulate.

        Raises
        ------
        InputError
            With `what` as its subject.
        """
        if self.neurons != "lif":
            raise InputError(
                f"{what} needs a network of LIF neurons; this one has neurons = {self.neurons!r}"
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

    def feature_noise(self, std: float) -> float:
        """Standard deviation of the features' noise: what is asked for, and the neurons' own."""
        return float(np.hypot(std, ONE_STEP_NOISE)) if self.neurons == "one-step" else std

    def compose(self, fill: NDArray, output: NDArray) -> NDArray:
        """The restored image, from the first guesses and the network's output.

        A network that learns a residual chooses, at every pixel, the weights of the fills, whose
        sum is one, and adds a tenth of its first three channels. It starts, at zero, from the
        mean of the fills. Residuals are a tenth of the range of intensities: a network that works
        in units of that size lets Adam's steps, which are of one size for all weights, disturb
        the image less.

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

    def compose_backward(self, fill: NDArray, drestored: NDArray) -> NDArray:
        """Carry a cotangent of the restored image back to the network's output."""
        if not self.residual:
            return drestored
        first, *others = _split(fill)
        weights = [((other - first) * drestored).sum(axis=-1, keepdims=True) for other in others]
        return np.concatenate([RESIDUAL_UNIT * drestored, *weights], axis=-1)

    @property
    def multiple(self) -> int:
        """Image sides must be multiples of this many pixels."""
        return self.fold * int(np.prod([layer.stride for layer in self.layers]))

    @property
    def reach(self) -> int:
        """Pixels farther than this from an output pixel, along an axis, cannot change it."""
        scale = float(self.fold)
        reach = scale * self.kernel
        for layer in self.layers:
            reach += scale * layer.dilation * layer.kernel
            scale *= layer.stride / layer.upsample
        # Counting whole kernels instead of halves covers the alignment of the grids as well.
        return self.multiple * -(-int(np.ceil(reach / 2 + self.multiple)) // self.multiple)


def _split(fill: NDArray) -> list[NDArray]:
    """One array ``(..., 3)`` for each of the fills ``(..., 3 n)``."""
    return np.split(fill, fill.shape[-1] // IMAGE_CHANNELS, axis=-1)


@dataclass(frozen=True)
class SpikingOptions:
    """How the spiking layer is run.

    Attributes
    ----------
    engine : {'brian2', 'closed-form'}
        Simulate every spike, or evaluate the closed form of a noiseless neuron.
    readout : {'isi', 'count'}
        Rate from the mean interval between spikes, or from their number.
    duration_ms : float, optional
        Biological time; by default 100 ms for `count`, and 20 ms for `isi`, as the second spike
        comes at 19 ms at 100 Hz, or 25 ms with current noise, which may delay it.
    dt_ms : float, optional
        Simulation step; by default that of `step_ms`. Spike times are exact at any step; noise is
        held for one.
    current_noise : float
        Standard deviation of the coloured current noise.
    feature_noise : float
        Standard deviation of the static noise on the features; the paper trains with 0.1.
    """

    engine: Literal["brian2", "closed-form"] = "brian2"
    readout: Literal["isi", "count"] = "isi"
    duration_ms: float | None = None
    dt_ms: float | None = None
    current_noise: float = 0.0
    feature_noise: float = 0.0

    def __post_init__(self) -> None:
        for name, value, known in (
            ("engine", self.engine, ENGINES),
            ("readout", self.readout, READOUTS),
        ):
            if value not in known:
                raise InputError(f"{name} {value!r} is unknown; choose from {', '.join(known)}")
        for name in ("current_noise", "feature_noise"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; it must be a number of at least 0")
        times = {"duration": self.simulated_ms, "dt_ms": self.dt_ms}
        for what, time in times.items():
            if time is not None and not (np.isfinite(time) and time > 0):
                raise InputError(f"{what} is {time:g} ms; it must be greater than 0")
        if self.engine == "closed-form" and self.current_noise:
            raise InputError(
                "the closed-form engine knows no current noise; use the engine 'brian2'"
            )

    @property
    def simulated_ms(self) -> float:
        """The duration asked for, or the readout's default."""
        if self.duration_ms is not None:
            return self.duration_ms
        if self.readout == "count":
            return 100.0
        return 25.0 if self.current_noise else 20.0

    def step_ms(self, lif: LIFParameters) -> float:
        """The step asked for; otherwise 1 ms with noise, and the longest exact step without.

        That is no longer than the shortest interval between spikes, and the duration is a whole
        number of it.
        """
        if self.dt_ms is not None:
            return self.dt_ms
        longest = 1000 / lif.rate_max_hz
        if self.current_noise or longest <= lif.t_ref_ms:
            return 1.0
        return self.simulated_ms / math.ceil(self.simulated_ms / longest - 1e-9)


class SpikingResult(NamedTuple):
    """Normalised rates of the features' shape, and what was simulated to get them."""

    rates: NDArray[np.float64]
    neurons: int
    spikes: int
    engine: str  # with Brian2's code generation target, such as "brian2 (numpy)"


@dataclass(frozen=True)
class HybridSCNN:
    """The network: an architecture, its weights, and its neurons' parameters.

    Attributes
    ----------
    params : dict of arrays
        ``snn.weight (k, k, C_in, C_out)`` and ``snn.bias`` of the spiking layer's convolution,
        and those of `bio_scnn.cnn`.
    """

    architecture: Architecture
    params: Params
    lif: LIFParameters = field(default=TABLE_1)

    def features(
        self, x: NDArray, options: SpikingOptions, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Convolve the folded input ``(H, W, C_in)``, and add static noise if asked for."""
        z = feature_maps(x, self.params["snn.weight"], self.params["snn.bias"])
        if std := self.architecture.feature_noise(options.feature_noise):
            z += std * rng.standard_normal(z.shape)
        return z

    def fire(
        self,
        z: NDArray,
        options: SpikingOptions,
        rng: np.random.Generator,
        layer_size: int = 0,
    ) -> SpikingResult:
        """Encode features ``(..., C)`` as currents, run one neuron for each, read the rates.

        They may be a part of a layer of so many neurons.

        A count is read as the middle of the rates that give it,
        ``(count + 1/2) / (duration + t_ref)``: a neuron starts outside its refractory period.
        """
        kind = self.architecture.neurons
        if kind != "lif":
            for name in ("current_noise", "duration_ms"):
                if getattr(options, name):
                    self.architecture.require_lif(name)
            if options.readout != "isi":
                self.architecture.require_lif(f"readout {options.readout!r}")
            return SpikingResult(rates_of(kind, z, self.lif), 0, 0, f"{kind} in place of neurons")
        if options.engine == "closed-form" and options.readout == "isi":
            return SpikingResult(rates_of(kind, z, self.lif), 0, 0, "closed form")
        current = encode(z, self.lif).ravel()
        neurons, spikes, engine = 0, 0, "closed form"
        if options.engine == "closed-form":
            count = spike_count(current, options.simulated_ms, self.lif)
        else:
            recording = simulate(
                current,
                self.lif,
                duration_ms=options.simulated_ms,
                dt_ms=options.step_ms(self.lif),
                noise_std=options.current_noise,
                seed=int(rng.integers(2**63)),
                layer_size=layer_size,
            )
            count = recording.count
            neurons, spikes = len(current), int(count.sum())
            engine = f"brian2 ({recording.target})"
        if options.readout == "isi":
            rate_hz = recording.rate_hz("isi")
        else:
            rate_hz = (count + 0.5) * (1000 / (options.simulated_ms + self.lif.t_ref_ms))
        if unread := np.count_nonzero(~np.isfinite(rate_hz)):
            raise InputError(
                f"{unread} of {len(current)} neurons fired only once in {options.simulated_ms:g} "
                "ms, which shows no interval; simulate longer, or use the count readout"
            )
        rates = normalise(rate_hz, self.lif).reshape(z.shape)
        return SpikingResult(rates, neurons, spikes, engine)

    def restore(self, fill: NDArray, rates: NDArray) -> NDArray:
        """Run the CNN, in its weights' precision, on rates ``(H, W, C)``: the restored image."""
        dtype = self.params["snn.weight"].dtype
        # Threads that each multiply a block beat a BLAS whose threads share every small product.
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads()) as pool:
            output, _ = cnn.forward(
                self.architecture.layers, self.params, rates[np.newaxis].astype(dtype), pool=pool
            )
        return self.architecture.compose(fill, output[0])

    def astype(self, dtype: np.typing.DTypeLike) -> HybridSCNN:
        """The same network with weights of another precision."""
        params = {name: value.astype(dtype) for name, value in self.params.items()}
        return HybridSCNN(self.architecture, params, self.lif)


def network_input(architecture: Architecture, fill: NDArray, mask: NDArray) -> NDArray:
    """Stack fill and mask and fold pixels into channels.

    Parameters
    ----------
    fill : array, shape (N, H, W, 3 * len(fills))
        First guesses, in [0, 1]. Of those after the first, the network sees how they differ from
        it, in the unit of residuals: they are alike, and their difference is what tells.
    mask : bool array, shape (N, H, W)

    Returns
    -------
    array, shape (N, H / fold, W / fold, input_channels), of the fill's precision
    """
    first, *others = _split(fill)
    planes = [first - 0.5, mask[..., np.newaxis]]
    planes += [(other - first) * (1 / RESIDUAL_UNIT) for other in others]
    stacked = np.concatenate(planes, axis=-1, dtype=fill.dtype)
    return space_to_depth(stacked, architecture.fold)


def init_params(architecture: Architecture, rng: np.random.Generator) -> Params:
    """Random weights for a new network, float64; `bio_scnn.training` rescales the first layer."""
    a = architecture
    shape = (a.kernel, a.kernel, a.input_channels, a.channels)
    params: Params = {
        "snn.weight": rng.standard_normal(shape) / np.sqrt(np.prod(shape[:3])),
        "snn.bias": np.zeros(a.channels),
    }
    # A residual starts at zero: the untrained network returns the mean of its fills.
    gain = 0.0 if a.residual else 1.0
    return params | cnn.init_params(a.layers, a.channels, rng, last_gain=gain)


__all__ = [
    "ENGINES",
    "READOUTS",
    "Architecture",
    "HybridSCNN",
    "SpikingOptions",
    "SpikingResult",
    "init_params",
    "network_input",
]
