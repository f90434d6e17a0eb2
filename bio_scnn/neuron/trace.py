"""Trace of a layer of neurons: spike times, and V where it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.errors import InputError

SpikeLabel = Literal["start", "end", "exact"]


@dataclass(frozen=True, eq=False)
class Trace:
    """What a run gave.

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
            others = raster[(raster < 0) | (raster != np.rint(raster))]
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


def mean_rate_hz(trace: Trace) -> NDArray[np.float64]:
    """Rate from the mean inter-spike interval of each neuron; 0 with fewer than two spikes."""
    return np.array(
        [
            1e3 * (len(t) - 1) / (t[-1] - t[0]) if len(t) > 1 and t[-1] > t[0] else 0.0
            for t in trace.spike_times_ms
        ]
    )
