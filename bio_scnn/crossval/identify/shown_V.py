"""V that a live layer shows: its unit, the moment it is of, and what it tells of the neuron."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.display import affine
from bio_scnn.crossval.identify.hypotheses import Probed
from bio_scnn.crossval.identify.identification import VShown
from bio_scnn.crossval.identify.stepped import Stepped, SteppedNeuron, step

_MOMENTS: tuple[VShown, ...] = (
    "after reset",
    "before reset",
    "after reset, a step late",
    "before reset, a step late",
)


@dataclass(frozen=True, eq=False)
class Shown:
    """A neuron in the unit of the V that is shown.

    Attributes
    ----------
    neuron : SteppedNeuron
    moment : {"after reset", "before reset"}
        With ", a step late" behind it if V is that of the step before.
    error : float
        Largest error of V.
    """

    neuron: SteppedNeuron
    moment: VShown
    error: float


def at_moment(mine: Stepped, neuron: SteppedNeuron, moment: VShown) -> NDArray[np.float64]:
    """V of a stepped neuron as it is shown."""
    V = mine.V_before if moment.startswith("before") else mine.V
    if moment.endswith("late"):
        V = np.concatenate([np.full_like(V[:1], neuron.start), V[:-1]])
    return V


def in_shown_unit(
    neuron: SteppedNeuron, x: NDArray[np.float64], spikes: NDArray, V: NDArray[np.float64]
) -> Shown | None:
    """A neuron scaled and shifted to the V that a layer shows, and what V is off by."""
    mine = step(neuron, x)
    # After a spike too many or too few, V says nothing of the unit.
    alike = np.cumsum(mine.spikes != spikes, axis=0) == 0
    if alike.mean() < 0.5:
        alike[:] = True
    quiet = (spikes == 0) & alike
    found = []
    for moment in _MOMENTS:
        ours = at_moment(mine, neuron, moment)
        ok = quiet & np.isfinite(V) & np.isfinite(ours)
        if ok.sum() < 3:
            return None
        A = np.stack([ours[ok], np.ones(ok.sum())], 1)
        lines = [(float(ours[ok] @ V[ok] / max(ours[ok] @ ours[ok], 1e-300)), 0.0)]
        lines.append(tuple(np.linalg.lstsq(A, V[ok], rcond=None)[0]))
        with np.errstate(all="ignore"):
            off = [_largest((a * ours + b - V)[alike]) for a, b in lines]
        # Rounding alone is no reason to shift V.
        n = int(off[1] < 0.1 * off[0] and off[0] > 1e-5 * float(np.abs(V[ok]).max()))
        if lines[n][0] > 0:
            found.append(Shown(affine(neuron, *lines[n]), moment, off[n]))
    size = 1e-6 * float(np.nanmax(np.abs(V)))
    # Late only if that is far better.
    return (
        min(found, key=lambda s: s.error * (1 + 9 * s.moment.endswith("late")) + size)
        if found
        else None
    )


def _largest(off: NDArray[np.float64]) -> float:
    """Largest size of an error; infinite if one is not a number."""
    return float(np.abs(off).max()) if np.isfinite(off).all() else math.inf


def refitted(
    neuron: SteppedNeuron,
    x: NDArray[np.float64],
    spikes: NDArray,
    V: NDArray[np.float64],
    moment: VShown,
) -> SteppedNeuron:
    """A neuron with decay, gain, bias and reset as V from one step to the next has them.

    Where a layer rounds to few bits, V tells them better than critical inputs do.
    """
    if neuron.adaptation or neuron.leak or neuron.crossing != "grid" or moment.endswith("late"):
        return neuron
    mine = step(neuron, x)
    rows = (spikes[1:] == 0) & np.isfinite(mine.margin[1:]) & np.isfinite(V[1:] + V[:-1])
    rows &= (V[1:] > neuron.floor) & (V[1:] < neuron.ceiling)
    if moment.startswith("before") or neuron.reset_when != "same-step":
        rows &= spikes[:-1] == 0
    if rows.sum() < 100 or neuron.spike_delay:
        return neuron
    given = (mine.drive[1:][rows] - neuron.bias) / neuron.gain
    old, new = V[:-1][rows], V[1:][rows]
    columns = [old, given, np.ones(len(old))][: 3 if neuron.bias else 2]
    weight = 1 / (np.abs(old) + np.abs(neuron.gain * given) + abs(neuron.threshold))
    found = np.linalg.lstsq(np.stack(columns, 1) * weight[:, None], new * weight, rcond=None)[0]
    decay, gain, bias = [*map(float, found), 0.0][:3]
    fired = spikes > 0
    if moment.startswith("after") and neuron.reset_keep == 0 and neuron.reset_when == "same-step":
        neuron = replace(neuron, reset_to=float(np.median(V[fired])))
    # The threshold is where the least impulse takes V from its start.
    first = (neuron.threshold - neuron.decay * neuron.start - neuron.bias) / neuron.gain
    threshold = decay * neuron.start + bias + gain * first
    return replace(neuron, decay=decay, gain=gain, bias=bias, threshold=threshold)


def equality_in_V(data: Probed, neuron: SteppedNeuron) -> bool | None:
    """True for ``>=``, False for ``>``, as V says that is shown where a layer just does not fire.

    It is at the threshold itself in some of these places, or in none of very many. None if it is
    not to be seen.
    """
    layer, nearest = data.layer, []
    if neuron.tested != "new" or neuron.adaptation or neuron.crossing != "grid":
        return None
    for r in (data.quiet, data.spiking):
        kept = np.isfinite(r.critical)
        which, k = r.drive[kept], r.at[kept]
        columns = np.arange(len(k))
        x = r.drives[:, which].copy()
        x[k, columns] += np.nextafter(r.critical[kept], -np.inf)
        spikes, V = layer.both(x)
        row = k + layer.latency
        if V is None:
            return None
        silent = spikes[row, columns] == 0
        nearest.append(V[row - neuron.spike_delay, columns][silent])
    V_near = np.concatenate(nearest)
    V_near = V_near[np.isfinite(V_near)]
    if not len(V_near):
        return None
    below = neuron.threshold - V_near
    ulp = float(np.spacing(abs(neuron.threshold)))
    if (below < 0).any() or (below > 256 * ulp).mean() > 0.2:
        return None
    if (below == 0).sum() > 2:
        return False
    # V goes by steps of rounding; with ``>`` some of so many would be at the threshold itself.
    least = float(below.min())
    on_grid = least > 0 and (neuron.threshold / least).is_integer()
    return True if on_grid and len(below) > 40 and (below == least).sum() > 10 else None
