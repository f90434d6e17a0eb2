"""Unusual answers of a probed layer: small inputs or changes that are ignored, a far ceiling.

The probes look at inputs of the size that makes a layer fire. Where the neuron that they tell
fails in a longer run, smaller and larger ones are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.hypotheses import REACH, Probed, distances
from bio_scnn.crossval.identify.numbers import simplest
from bio_scnn.crossval.identify.probed_flow import flows
from bio_scnn.crossval.identify.probed_spike import resets
from bio_scnn.crossval.identify.probing import Layer, Readings, read
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step


@dataclass(frozen=True, eq=False)
class Answers:
    """Remainders of impulses of many sizes one step later, in shares of their size.

    Attributes
    ----------
    sizes : (n,) array
        Rising, above 0.
    share : (n,) array
        Of a linear neuron all are equal.
    """

    sizes: NDArray[np.float64]
    share: NDArray[np.float64]

    @property
    def usual(self) -> float:
        """Share of the largest."""
        return float(np.median(self.share[-5:]))

    @property
    def ignored(self) -> tuple[float, float] | None:
        """Sizes, the last that is ignored and the first that is not; None if none is ignored."""
        gone = np.abs(self.share) < 1e-3 * abs(self.usual)
        count = int(gone.argmin())
        if not count or gone.all() or gone[count:].any():
            return None
        return float(self.sizes[count - 1]), float(self.sizes[count])


def answers(layer: Layer, sizes: NDArray[np.float64]) -> Answers:
    """Answers of a layer to impulses of some sizes, below the one that makes it fire."""
    drives = np.zeros((2 + layer.latency, len(sizes) + 1))
    drives[0, 1:] = sizes
    critical = read(layer, drives, [(d, 1) for d in range(len(sizes) + 1)], REACH).critical
    with np.errstate(all="ignore"):
        share = (critical[0] - critical[1:]) / sizes
    return Answers(sizes, np.nan_to_num(share, nan=0.0, posinf=0.0, neginf=0.0))


def unusual(data: Probed) -> list[SteppedNeuron]:
    """Neurons with what the first probes do not show."""
    layer = data.layer
    sizes = layer.ever * np.geomspace(1e-3, 0.9, 40)
    found = answers(layer, sizes)
    if (between := found.ignored) is None:
        return list(_with_ceiling(data))
    low, high = between
    for _ in range(5):
        finer = answers(layer, np.linspace(low, high, 40))
        if finer.ignored is None:
            break
        low, high = finer.ignored
    dead = simplest(low, high)
    plain = [n for base in flows(data, fit=False) for n in resets(data, base)]
    ignoring = [replace(n, dead_input=dead) for n in plain]
    return ignoring + [replace(n, dead_change=dead) for n in plain]


def not_in_proportion(layer: Layer) -> str | None:
    """Words on answers that are not in proportion to the input; None if they are."""
    found = answers(layer, layer.ever * np.geomspace(1e-2, 0.9, 20))
    share = found.share / (found.usual or 1.0)
    worst = int(np.abs(share - 1).argmax())
    if abs(share[worst] - 1) < 1e-2:
        return None
    size = found.sizes[worst]
    return (
        f"answers are not in proportion to the input: one of {size:.3g} counts "
        f"{max(share[worst], 0):.3g} of what it would beside one of {found.sizes[-1]:.3g}"
    )


def _with_ceiling(data: Probed) -> Iterator[SteppedNeuron]:
    """Neurons that subtract, with a ceiling out of reach of the first probes.

    V is at the ceiling after an impulse of any size above it, and as many spikes follow.
    """
    layer = data.layer
    x = np.zeros((200, 2))
    x[0] = layer.first * np.array([1e3, 1e4])
    raster = layer.fire(x)
    if not np.array_equal(raster[:, 0], raster[:, 1]) or raster[-1].any():
        return
    last = int(np.flatnonzero(raster[:, 0]).max(initial=0))
    probes = [(0, k) for k in range(last + 1, last + 7)]
    after = read(layer, x[: last + 8 + layer.latency, :1], probes, REACH)
    after = after.only(np.isfinite(after.critical))
    for base in flows(data) if len(after.at) else ():
        for n in resets(data, base):
            if n.reset_keep == 1 and n.reset_to:
                trial = _ceiling(layer, after, n, int(raster[:, 0].sum()))
                if np.array_equal(step(trial, x).spikes, raster):
                    yield trial


def _ceiling(layer: Layer, after: Readings, n: SteppedNeuron, spikes: int) -> SteppedNeuron:
    """A neuron with the ceiling from which so many spikes follow, as V after them tells it."""

    def made(ceiling: float) -> int:
        return int(step(replace(n, ceiling=ceiling), after.drives).spikes.sum())

    low, high = n.threshold, 1e3 * layer.first
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if made(middle) < spikes else (low, middle)
    near = high * np.array([1 + 1e-6, 1 + 2e-6])
    off = [distances(layer, after, replace(n, ceiling=c), raw=True) for c in near]
    slope = (off[1] - off[0]) / (near[1] - near[0])
    with np.errstate(all="ignore"):
        found = float(np.median(near[0] - off[0] / slope))
    if not np.isfinite(found):
        return n
    error = 1e-7 * abs(found)
    return replace(n, ceiling=simplest(found - error, found + error))
