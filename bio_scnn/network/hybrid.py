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
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bio_scnn.errors import InputError
from bio_scnn.network import cnn
from bio_scnn.network.architecture import Architecture, init_params, network_input
from bio_scnn.network.cnn import Params
from bio_scnn.network.fft_convolution import feature_maps
from bio_scnn.network.units import encode, normalise, rates_of
from bio_scnn.neuron.closed_form import spike_count
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.simulation import simulate
from bio_scnn.runtime.processes import threads

ENGINES = ("brian2", "closed-form")
READOUTS = ("isi", "count")


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
        and those of `bio_scnn.network.cnn`.
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

Quality = Literal["fast", "default", "best"]

QUALITIES: tuple[Quality, ...] = ("fast", "default", "best")


def spiking_options(
    quality: Quality = "default",
    engine: Literal["brian2", "closed-form"] | None = None,
    **others: Any,
) -> SpikingOptions:
    """How the neurons are run for a quality: simulated, unless it or the engine says otherwise.

    Parameters
    ----------
    quality : {'fast', 'default', 'best'}
    engine : {'brian2', 'closed-form'}, optional
        What was asked for, if anything.
    **others
        Further fields of `SpikingOptions`.

    Raises
    ------
    InputError
        If the quality is unknown, or 'fast' together with what only a simulation can give.
    """
    check_quality(quality, engine)
    if quality == "fast":
        if others.get("current_noise"):
            raise InputError(
                "quality 'fast' simulates nothing, so it knows no current noise; use 'default'"
            )
        engine = "closed-form"
    return SpikingOptions(engine=engine or "brian2", **others)


def check_quality(quality: str, engine: str | None) -> None:
    """Refuse an unknown quality, and one that does not go with the engine asked for."""
    if quality not in QUALITIES:
        raise InputError(f"quality {quality!r} is unknown; choose from {', '.join(QUALITIES)}")
    if quality == "fast" and engine == "brian2":
        raise InputError(
            "quality 'fast' simulates nothing, engine 'brian2' every spike; ask for one of them"
        )
