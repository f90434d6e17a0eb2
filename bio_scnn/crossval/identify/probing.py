"""Probes of a live layer: the input that just makes it fire reads V off, shown or not.

If one more input p at step k is just enough for a spike, V would have been ``threshold - gain p``.
Found by bisection, in many columns at once, such critical inputs tell V to the last bit, at any
step and after any drive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError

Run = Callable[[NDArray[np.float64]], tuple[NDArray, NDArray | None]]
"""A layer: input ``(steps, neurons)`` to spikes and V (or None) of the same shape."""

_POWERS = np.arange(-160, 161) / 4
_BISECTIONS = 62


@dataclass(frozen=True)
class Layer:
    """A live layer, with its input turned and shifted so that positive input excites it.

    Attributes
    ----------
    run : callable
        ``run(x) -> (spikes, V or None)``, each call from the initial state.
    sign, shift : float
        The layer gets ``sign x + shift``.
    latency : int, steps
        Least delay between an input and the spike it makes.
    first : float
        Least input of the first step that makes it fire after `latency`.
    ever : float
        Least input of the first step that makes it fire at all.
    """

    run: Run
    sign: float = 1.0
    shift: float = 0.0
    latency: int = 0
    first: float = np.nan
    ever: float = np.nan

    def fire(self, x: NDArray[np.float64]) -> NDArray[np.int64]:
        """Spikes under an input ``(steps, neurons)``."""
        return self.both(x)[0]

    def both(self, x: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray | None]:
        """Spikes, and V if it is shown."""
        with np.errstate(all="ignore"):
            spikes, V = self.run(self.sign * x + self.shift)
        spikes = np.asarray(spikes)
        if spikes.shape != x.shape:
            raise InputError(f"the layer gave spikes of shape {spikes.shape} for {x.shape} inputs")
        return spikes.astype(np.int64), None if V is None else np.asarray(V, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Readings:
    """Critical inputs of a layer at chosen steps of chosen drives.

    Attributes
    ----------
    drives : (steps, drives) array
        What goes in beside the probe.
    spikes : (steps, drives) int array
        Answer to the drives alone.
    drive, at : (probes,) int arrays
        Which drive a probe comes on top of, and in which step.
    critical : (probes,) array
        Least probe that makes the layer fire after its latency; infinite where none does, minus
        infinity where it fires anyhow.
    """

    drives: NDArray[np.float64]
    spikes: NDArray[np.int64]
    drive: NDArray[np.int64]
    at: NDArray[np.int64]
    critical: NDArray[np.float64]

    def of(self, drive: int) -> dict[int, float]:
        """Critical inputs of one drive by step."""
        kept = self.only(self.drive == drive)
        return dict(zip(kept.at.tolist(), kept.critical.tolist(), strict=True))

    def only(self, kept: NDArray[np.bool_]) -> Readings:
        """Some of the probes: those of a mask."""
        return replace(
            self, drive=self.drive[kept], at=self.at[kept], critical=self.critical[kept]
        )


def prepared(run: Run, steps: int = 48) -> Layer | None:
    """Layer with the sign, shift, latency and threshold of its input; None if it never fires.

    Parameters
    ----------
    run : callable
    steps : int
        Length of the first probes: more than the latency.
    """
    layer = _excited(Layer(run), steps)
    if layer is None:
        return None
    sizes = 2.0**_POWERS
    x = np.zeros((steps, len(sizes)))
    x[0] = sizes
    raster = layer.fire(x) > 0
    fires = raster.any(axis=0)
    if not fires.any():
        return layer  # only a held input makes it fire
    latency = int(raster.argmax(axis=0)[fires].min())
    soon = raster[: latency + 1].any(axis=0)
    first = least_impulse(layer, sizes[soon.argmax()], latency + 1)
    ever = least_impulse(layer, sizes[fires.argmax()], steps)
    return replace(layer, latency=latency, first=first, ever=ever)


def _excited(layer: Layer, steps: int) -> Layer | None:
    """Layer with sign and shift such that it is silent at 0 and fires at positive input."""
    sizes = 2.0**_POWERS
    held = np.concatenate([-sizes[::-1], [0.0], sizes])
    counts = (layer.fire(np.broadcast_to(held, (steps, len(held))).copy()) > 0).sum(axis=0)
    middle = len(sizes)
    if not counts.any():
        # A slow layer of small gain, or one that a held input drives into saturation.
        counts = (layer.fire(np.broadcast_to(held, (2000, len(held))).copy()) > 0).sum(axis=0)
        if not counts.any():
            return None
    below, above = counts[:middle].sum(), counts[middle + 1 :].sum()
    sign = -1.0 if below > above else 1.0
    if not counts[middle]:
        return replace(layer, sign=sign)
    quiet = counts == 0
    if not quiet.any():
        return layer  # it fires whatever comes in
    # The least input in size that silences it.
    shift = held[quiet][np.abs(held[quiet]).argmin()]
    return replace(layer, sign=-np.sign(shift), shift=shift)


def least_impulse(layer: Layer, enough: float, steps: int, spikes: int = 1) -> float:
    """Least input of the first step that makes so many spikes in a step within so many steps."""
    low, high = enough / 2, enough
    share = np.arange(1, 17) / 17
    while True:
        tries = np.unique(low + (high - low) * share)
        tries = tries[(tries > low) & (tries < high)]
        if not len(tries):
            return high
        x = np.zeros((steps, len(tries)))
        x[0] = tries
        fires = (layer.fire(x) >= spikes).any(axis=0)
        n = int(fires.argmax()) if fires.any() else len(tries)
        low, high = (tries[n - 1] if n else low), (tries[n] if n < len(tries) else high)


def read(
    layer: Layer, drives: NDArray[np.float64], probes: list[tuple[int, int]], reach: float = 16.0
) -> Readings:
    """Critical inputs at chosen steps of chosen drives.

    Parameters
    ----------
    layer : Layer
    drives : (steps, drives) array
    probes : list of (drive, step)
    reach : float
        Largest probe, either way, in units of `Layer.first`.
    """
    which, k = np.array(probes).T
    critical = _critical(layer, drives[:, which], k, reach * layer.first)
    return Readings(drives, layer.fire(drives), which, k, critical)


def _critical(
    layer: Layer, x: NDArray[np.float64], k: NDArray[np.int64], reach: float
) -> NDArray[np.float64]:
    columns = np.arange(x.shape[1])
    # An input cannot act earlier than after the latency: what is before is the drive's.
    x = x[: k.max() + layer.latency + 1]

    def fires(p: NDArray[np.float64]) -> NDArray[np.bool_]:
        probed = x.copy()
        probed[k, columns] += p
        return layer.fire(probed)[k + layer.latency, columns] > 0

    high = np.full(x.shape[1], reach)
    low = -high
    never, always = ~fires(high), fires(low)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if np.all((middle == low) | (middle == high) | never | always):
            break
        over = fires(middle)
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return np.where(never, np.inf, np.where(always, -np.inf, high))
