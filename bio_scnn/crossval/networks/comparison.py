"""A trained network with other neurons beside the same with exact ones, layer by layer.

What an error of a neuron does to a network is measured where it shows: in the features, in the
rate maps, behind every layer, and in the pixels that are restored.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.networks.readout import RatesOf
from bio_scnn.data.images import to_float
from bio_scnn.errors import InputError
from bio_scnn.network.architecture import network_input
from bio_scnn.network.cnn import LayerTape, layer_names
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.options import SpikingOptions
from bio_scnn.network.units import LIFUnit
from bio_scnn.restoration.metrics import hole_psnr


@dataclass(frozen=True)
class NetworkComparison:
    """Differences between a network with other neurons and the one with exact neurons.

    Attributes
    ----------
    name : str
    neurons : int
    silent : int
        Neurons of which no rate could be read: fewer than two spikes, or none.
    features_rms : float
        RMS difference of the features, relative to their RMS; 0 if they are shared.
    rate_max_hz, rate_rms_hz, rate_mean_hz : float, Hz
        Of the differences to the exact rates, over all neurons.
    channel_max_hz, channel_rms_hz : tuple of float, Hz
        The same for every feature map.
    layers : dict of str to float
        RMS difference of each layer's output, relative to the output's RMS.
    hole_psnr, exact_hole_psnr : float, dB
        Of the restored pixels against the truth, with these neurons and with exact ones.
    psnr_to_exact : float, dB
        Of the restored pixels against those of the exact network; infinite if they are equal.
    seconds : float
        Time that the neurons took.
    rate_hz, exact_rate_hz : (H / fold, W / fold, channels) arrays, Hz
        The rate maps; not part of `to_json`.
    """

    name: str
    neurons: int
    silent: int
    features_rms: float
    rate_max_hz: float
    rate_rms_hz: float
    rate_mean_hz: float
    channel_max_hz: tuple[float, ...]
    channel_rms_hz: tuple[float, ...]
    layers: dict[str, float]
    hole_psnr: float
    exact_hole_psnr: float
    psnr_to_exact: float
    seconds: float
    rate_hz: NDArray[np.float64] = field(repr=False, compare=False)
    exact_rate_hz: NDArray[np.float64] = field(repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Plain table that `json` can write, without the maps; infinity becomes None."""
        table: dict[str, Any] = {
            entry.name: getattr(self, entry.name)
            for entry in dataclasses.fields(self)
            if entry.compare
        }
        return {
            key: None if isinstance(value, float) and not np.isfinite(value) else value
            for key, value in table.items()
        }


class ExactRun(NamedTuple):
    """Everything that the network with exact neurons computes on a picture.

    Attributes
    ----------
    model : HybridSCNN
    truth : array, shape (H, W, 3), in [0, 1]
    mask : bool array, shape (H, W)
        True where a pixel was taken away.
    fill : array, shape (H, W, 3 fills)
    x : array, shape (H / fold, W / fold, C_in)
        The folded input.
    z, rate_hz : arrays, shape (H / fold, W / fold, channels)
        Features, and firing rates in Hz.
    layers : dict of str to array
        Outputs of the layers behind the neurons.
    restored : array, shape (H, W, 3), in [0, 1]
    """

    model: HybridSCNN
    truth: NDArray[np.float64]
    mask: NDArray[np.bool_]
    fill: NDArray[np.float64]
    x: NDArray[np.float64]
    z: NDArray[np.float64]
    rate_hz: NDArray[np.float64]
    layers: dict[str, NDArray]
    restored: NDArray


def exact_run(image: NDArray, mask: NDArray[np.bool_], model: HybridSCNN) -> ExactRun:
    """Run a network with every spike simulated in Brian2.

    Parameters
    ----------
    image : array, shape (H, W, 3)
        The truth, uint8 or in [0, 1]; sides are multiples of ``model.architecture.multiple``.
    mask : bool array, shape (H, W)
        True where a pixel is taken away.
    model : HybridSCNN

    Returns
    -------
    ExactRun

    Raises
    ------
    InputError
        If picture and mask do not suit the network, or its neurons are others than LIF.
    """
    truth, a = to_float(np.asarray(image)), model.architecture
    model.unit.require_lif("the comparison")
    mask = np.asarray(mask, dtype=bool)
    if truth.ndim != 3 or truth.shape[2] != 3 or mask.shape != truth.shape[:2]:
        raise InputError(
            f"the image (shape {truth.shape}) must be (H, W, 3) and the mask (shape "
            f"{mask.shape}) (H, W)"
        )
    if any(side % a.multiple for side in mask.shape):
        raise InputError(
            f"the image has {mask.shape[0]} x {mask.shape[1]} pixels; both must be multiples of "
            f"{a.multiple}"
        )
    if not mask.any() or mask.all():
        raise InputError("the mask must have missing pixels (True), and others")
    fill = a.guess(np.where(mask[..., None], 0.0, truth), mask)
    x = network_input(a, fill, mask)
    z = model.features(x)
    rates = model.fire(z, SpikingOptions(engine="brian2"), np.random.default_rng(0)).rates
    layers, restored = _behind(model, fill, rates)
    rate_hz = LIFUnit(model.lif).rate_hz(rates)
    return ExactRun(model, truth, mask, fill, x, z, rate_hz, layers, restored)


def compare_network(
    rates_of: RatesOf,
    exact: ExactRun,
    *,
    name: str = "",
    features_of: Callable[[NDArray], NDArray] | None = None,
) -> NetworkComparison:
    """Run a network with other neurons, and compare it layer by layer.

    Parameters
    ----------
    rates_of : callable
        The neurons: input currents, dimensionless, ``(neurons,)``, to firing rates in Hz. The
        neuron index is in C order over ``(H / fold, W / fold, channels)``. `adapter_rates`
        makes one of an adapter.
    exact : ExactRun
        The same network with exact neurons on a picture, as `exact_run` gives it.
    name : str
    features_of : callable, optional
        Another convolution: input ``(H / fold, W / fold, C_in)`` to features of the same height
        and width. By default the features are shared.

    Returns
    -------
    NetworkComparison

    Raises
    ------
    InputError
        If rates or features have another shape, or rates are NaN or infinite.
    """
    model = exact.model
    z, neuron = exact.z, LIFUnit(exact.model.lif)
    if features_of is not None:
        z = np.asarray(features_of(exact.x), dtype=np.float64)
        if z.shape != exact.z.shape:
            raise InputError(f"the features have shape {z.shape}; it must be {exact.z.shape}")
    started = time.perf_counter()
    rate_hz = np.asarray(rates_of(neuron.currents(z).ravel()), dtype=np.float64)
    seconds = time.perf_counter() - started
    if rate_hz.shape != (z.size,):
        raise InputError(f"the rates have shape {rate_hz.shape}; it must be {(z.size,)}")
    if bad := np.count_nonzero(~np.isfinite(rate_hz)):
        raise InputError(f"{bad} of {z.size} rates are NaN or infinite; a silent neuron's is 0")
    rate_hz = rate_hz.reshape(z.shape)
    layers, restored = _behind(model, exact.fill, neuron.normalise(rate_hz))
    return measure(exact, Run(z, rate_hz, layers, restored, seconds), name)


class Run(NamedTuple):
    """Result of another network on the picture of an `ExactRun`."""

    z: NDArray
    rate_hz: NDArray
    layers: dict[str, NDArray]
    restored: NDArray
    seconds: float


def measure(exact: ExactRun, run: Run, name: str) -> NetworkComparison:
    """Differences of a network's run to the exact one."""
    off = run.rate_hz - exact.rate_hz
    return NetworkComparison(
        name=name,
        neurons=run.z.size,
        silent=int(np.count_nonzero(run.rate_hz == 0)),
        features_rms=_relative_rms(run.z, exact.z),
        rate_max_hz=float(np.abs(off).max()),
        rate_rms_hz=float(np.sqrt(np.mean(off**2))),
        rate_mean_hz=float(off.mean()),
        channel_max_hz=tuple(np.abs(off).max(axis=(0, 1)).tolist()),
        channel_rms_hz=tuple(np.sqrt(np.mean(off**2, axis=(0, 1))).tolist()),
        layers={key: _relative_rms(run.layers[key], exact.layers[key]) for key in run.layers},
        hole_psnr=hole_psnr(run.restored, exact.truth, exact.mask),
        exact_hole_psnr=hole_psnr(exact.restored, exact.truth, exact.mask),
        psnr_to_exact=hole_psnr(run.restored, exact.restored, exact.mask),
        seconds=run.seconds,
        rate_hz=run.rate_hz,
        exact_rate_hz=exact.rate_hz,
    )


def _behind(
    model: HybridSCNN, fill: NDArray, rates: NDArray
) -> tuple[dict[str, NDArray], NDArray]:
    """Outputs of the layers behind the neurons, by name, and the restored image in [0, 1]."""
    tapes: list[LayerTape] = []
    restored = model.decode(fill, rates, tapes)
    names = layer_names(model.architecture.layers)
    layers = {name: tape.y for name, tape in zip(names, tapes, strict=True)}
    return layers, np.clip(np.asarray(restored, dtype=np.float64), 0, 1)


def _relative_rms(found: NDArray, expected: NDArray) -> float:
    scale = np.sqrt(np.mean(np.square(expected, dtype=np.float64)))
    off = np.sqrt(np.mean(np.square(np.subtract(found, expected, dtype=np.float64))))
    return float(off / scale) if scale else float(off > 0)
