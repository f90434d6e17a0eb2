"""Spike times of a layer of neurons, V where it is shown, and the rates that they tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.errors import InputError

_MOST_SPIKES = np.float64(10**6)  # of a neuron in one step

SpikeLabel = Literal["start", "end", "exact"]


@dataclass(frozen=True, eq=False)
class Trace:
    """Spike times and membrane potentials of a run.

    Attributes
    ----------
    spike_times_ms : tuple of (spikes,) float64 arrays, ms
        One per neuron, ascending, from the start of the run, as the implementation labels them.
    membrane : (steps, neurons) array or None, dimensionless
        V at the ends of the steps.
    variables : mapping of str to (steps, neurons) arrays
        The neuron's other variables by name, at the ends of the steps.
    """

    spike_times_ms: tuple[NDArray[np.float64], ...]
    membrane: NDArray | None = None
    variables: Mapping[str, NDArray] = field(default_factory=dict)

    @classmethod
    def from_raster(
        cls,
        spikes: ArrayLike | Sequence[ArrayLike],
        dt_ms: float,
        membrane: ArrayLike | None = None,
        label: SpikeLabel = "end",
    ) -> Trace:
        """From a spike raster ``(steps, neurons)``: how often a neuron fired in a step, 0 or 1.

        Layers that subtract may fire several times in a step; each is a spike of its own here.

        Raises
        ------
        InputError
            If the raster is no such array, or holds anything else.
        """
        raster = np.asarray(spikes)
        if raster.ndim != 2:
            raise InputError(
                f"the spike raster (shape {raster.shape}) must have shape (steps, neurons)"
            )
        if raster.dtype.kind not in "biuf":
            raise InputError(f"the spike raster holds {raster.dtype}: it must be 0 or 1")
        if raster.dtype.kind == "f" and np.isnan(raster).any():
            raise InputError("the spike raster contains NaN: it must be 0 or 1")
        if raster.dtype.kind != "b":
            whole = (raster >= 0) & (raster == np.rint(raster)) & (raster <= _MOST_SPIKES)
            others = raster[~whole]
            if others.size:
                between = others[others != np.rint(others)]
                hint = f"{between[0]:g}): is it V?" if between.size else f"{others[0]:g})"
                raise InputError(f"spikes must be 0 or 1 (found {hint}")
        neuron, step = np.nonzero(raster.T)
        often = raster.T[neuron, step].astype(int)
        times = np.repeat((step + (label == "end")) * dt_ms, often)
        splits = np.cumsum(raster.sum(axis=0).astype(int))[:-1]
        return cls(
            tuple(np.split(times.astype(np.float64), splits)),
            None if membrane is None else np.asarray(membrane),
        )


def isi_rate_hz(
    count: ArrayLike, first_ms: ArrayLike, last_ms: ArrayLike, *, single: float
) -> NDArray[np.float64]:
    """Firing rate of each neuron: the inverse of its mean inter-spike interval.

    Parameters
    ----------
    count : (neurons,) array_like of int
        Spikes of each neuron.
    first_ms, last_ms : (neurons,) array_like, ms
        Times of its first and its last spike; anything where there is none.
    single : float, Hz
        Rate of a neuron whose spikes show no interval: a single one, or all at one time.

    Returns
    -------
    (neurons,) array, Hz
        0 for no spike.

    Examples
    --------
    >>> isi_rate_hz([0, 1, 3], [0, 9, 9], [0, 9, 29], single=float("nan"))
    array([  0.,  nan, 100.])
    """
    count = np.asarray(count)
    elapsed = np.subtract(last_ms, first_ms, dtype=np.float64)
    rate = np.where(count == 0, 0.0, single)
    return np.divide(1e3 * (count - 1), elapsed, out=rate, where=(count > 1) & (elapsed > 0))


def mean_rate_hz(trace: Trace) -> NDArray[np.float64]:
    """Firing rate of each neuron of a trace by `isi_rate_hz`; 0 for a single spike."""
    trains = trace.spike_times_ms
    first, last = ([t[end] if len(t) else 0.0 for t in trains] for end in (0, -1))
    return isi_rate_hz([len(t) for t in trains], first, last, single=0.0)
