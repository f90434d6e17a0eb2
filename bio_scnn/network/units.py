"""Units of the spiking layer: features to normalised rates, and gradients back.

`LIFUnit` is the network's own. Two others stand in its place for comparison: `Rectifier`, and
`OneStepUnit`, the layer of the paper's forward method.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.network.options import SpikingOptions
from bio_scnn.neuron.closed_form import current_for_rate, firing_rate, rate_derivative, spike_count
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.simulation import simulate

Neurons = Literal["lif", "relu", "one-step"]


class SpikingResult(NamedTuple):
    """Normalised rates in the shape of the features, and the numbers of neurons and spikes."""

    rates: NDArray[np.float64]
    neurons: int
    spikes: int
    engine: str  # with Brian2's code generation target, such as "brian2 (numpy)"


@dataclass(frozen=True)
class Unit(ABC):
    """One kind of unit: its rates, and the backward rule beside them.

    Attributes
    ----------
    lif : LIFParameters
        Parameters of the neuron; units that are not neurons do not use them.
    name : str
        Name in configurations and model files.
    simulated : bool
        Whether the unit is a neuron, whose spikes can be simulated.
    own_noise : float
        Standard deviation of the unit's own noise on the features, which no option switches off.
    """

    lif: LIFParameters = TABLE_1
    name: ClassVar[Neurons]
    simulated: ClassVar[bool] = False
    own_noise: ClassVar[float] = 0.0

    @abstractmethod
    def rates(self, z: NDArray) -> NDArray:
        """Normalised rates of features, of any shape, with their noise added."""

    @abstractmethod
    def backward(self, z: NDArray, du: NDArray, *, clip_slope: float = 0.0) -> NDArray:
        """Carry a cotangent of the normalised rates back to the features.

        Parameters
        ----------
        z, du : array
            Features, and the cotangent of the normalised rates, of one shape.
        clip_slope : float
            Beyond the band [0, 1] features are clipped: the true derivative is zero, and a
            feature that has left the band could never come back. Training uses this fraction of
            the slope at the edge instead; 0 gives the exact derivative. A rectifier, which does
            not clip, does not use it.

        Returns
        -------
        dz : array
        """

    def fire(
        self,
        z: NDArray,
        options: SpikingOptions,
        rng: np.random.Generator | None = None,
        layer_size: int = 0,
    ) -> SpikingResult:
        """Normalised rates of features, found in the way that is asked for.

        Parameters
        ----------
        z : array
            Features, of any shape.
        options : SpikingOptions
        rng : Generator, optional
            Draws the current noise.
        layer_size : int
            Neurons of the whole layer, if these features are a part of it.

        Raises
        ------
        InputError
            If an option is not for this unit, or a neuron fires too seldom to be read.
        """
        for name in ("current_noise", "duration_ms"):
            if getattr(options, name):
                self.require_lif(name)
        if options.readout != "isi":
            self.require_lif(f"readout {options.readout!r}")
        return SpikingResult(self.rates(z), 0, 0, f"{self.name} in place of neurons")

    def noise_std(self, asked: float) -> float:
        """Standard deviation of the features' noise: what is asked for, and the unit's own."""
        return float(np.hypot(asked, self.own_noise))

    def require_lif(self, what: str) -> None:
        """Refuse units that are no LIF neurons, where there would be nothing to simulate.

        Raises
        ------
        InputError
            With `what` as its subject.
        """
        if not self.simulated:
            raise InputError(
                f"{what} needs a network of LIF neurons; this one has neurons = {self.name!r}"
            )


@dataclass(frozen=True)
class LIFUnit(Unit):
    """A LIF neuron: its current rises with the feature, across the band of its firing rates.

    The rates are those of the closed form, and so is the derivative, ``d rate / d I``.
    """

    name = "lif"
    simulated = True

    @property
    def band(self) -> tuple[float, float]:
        """The currents ``(I_min, I_max)`` of the lowest and the highest firing rate."""
        ends = np.array([self.lif.rate_min_hz, self.lif.rate_max_hz])
        low, high = current_for_rate(ends, self.lif)
        return float(low), float(high)

    def currents(self, z: NDArray) -> NDArray:
        """Input current of each neuron from its feature, any shape; clipped to the band."""
        low, high = self.band
        return low + (high - low) * np.clip(z, 0, 1)

    def normalise(self, rate_hz: NDArray) -> NDArray:
        """Map firing rates from their band to [0, 1]."""
        return (rate_hz - self.lif.rate_min_hz) * (1 / self._span_hz)

    def rate_hz(self, rates: NDArray) -> NDArray:
        """Firing rates of normalised ones: the inverse of `normalise`."""
        return self.lif.rate_min_hz + self._span_hz * rates

    @property
    def _span_hz(self) -> float:
        return self.lif.rate_max_hz - self.lif.rate_min_hz

    def rate_of_count(self, count: NDArray[np.int64], duration_ms: float) -> NDArray:
        """Firing rate from a spike count, Hz: the middle of the rates that give it.

        ``(count + 1/2) / (duration + t_ref)``: a neuron starts outside its refractory period.
        """
        return (count + 0.5) * (1000 / (duration_ms + self.lif.t_ref_ms))

    def rates(self, z: NDArray) -> NDArray:
        return self.normalise(firing_rate(self.currents(z), self.lif))

    def backward(self, z: NDArray, du: NDArray, *, clip_slope: float = 0.0) -> NDArray:
        low, high = self.band
        slope = rate_derivative(self.currents(z), self.lif)
        slope *= (high - low) / self._span_hz
        return du * np.where(_outside(z), clip_slope * slope, slope)

    def fire(
        self,
        z: NDArray,
        options: SpikingOptions,
        rng: np.random.Generator | None = None,
        layer_size: int = 0,
    ) -> SpikingResult:
        duration_ms = options.simulated_ms
        if options.engine == "closed-form":
            if options.readout == "isi":
                rates = self.rates(z)
            else:
                count = spike_count(self.currents(z), duration_ms, self.lif)
                rates = self.normalise(self.rate_of_count(count, duration_ms))
            return SpikingResult(rates, 0, 0, "closed form")
        recording = simulate(
            self.currents(z).ravel(),
            self.lif,
            duration_ms=duration_ms,
            dt_ms=options.step_ms(self.lif),
            noise_std=options.current_noise,
            seed=None if rng is None else int(rng.integers(2**63)),
            layer_size=layer_size,
        )
        if options.readout == "isi":
            rate_hz = recording.rate_hz("isi")
        else:
            rate_hz = self.rate_of_count(recording.count, duration_ms)
        if unread := np.count_nonzero(~np.isfinite(rate_hz)):
            raise InputError(
                f"{unread} of {z.size} neurons fired only once in {duration_ms:g} ms, which shows "
                "no interval; simulate longer, or use the count readout"
            )
        rates = self.normalise(rate_hz).reshape(z.shape)
        return SpikingResult(rates, z.size, recording.total_spikes, f"brian2 ({recording.target})")


@dataclass(frozen=True)
class Rectifier(Unit):
    """A rectifier, ``max(0, z)``."""

    name = "relu"

    def rates(self, z: NDArray) -> NDArray:
        return np.maximum(z, 0)

    def backward(self, z: NDArray, du: NDArray, *, clip_slope: float = 0.0) -> NDArray:
        return du * (z > 0)


@dataclass(frozen=True)
class OneStepUnit(Unit):
    """One binary spike: the layer of the paper's forward method (Sanaullah et al., 2.2.1).

    It adds noise and compares once with a threshold, the middle of the features' band. A binary
    spike has no derivative: that of the identity is used in its place inside the band (the
    straight-through estimator of Bengio et al., 2013), and `clip_slope` outside.
    """

    name = "one-step"
    own_noise = 0.1

    def rates(self, z: NDArray) -> NDArray:
        return (z >= 0.5).astype(z.dtype)

    def backward(self, z: NDArray, du: NDArray, *, clip_slope: float = 0.0) -> NDArray:
        return du * np.where(_outside(z), clip_slope, 1.0).astype(z.dtype)


def _outside(z: NDArray) -> NDArray[np.bool_]:
    """True where a feature lies outside its band."""
    return (z < 0) | (z > 1)


UNITS: dict[Neurons, type[Unit]] = {unit.name: unit for unit in (LIFUnit, Rectifier, OneStepUnit)}
