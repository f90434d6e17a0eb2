"""Presynaptic spike trains, as increments of the synaptic current that `simulate` takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.units import one_of, strip_unit, to_number


def presynaptic_events(
    rate_hz: ArrayLike,
    n_steps: int,
    n: int,
    *,
    dt_ms: float = 1.0,
    weight: float = 1.0,
    kind: str = "regular",
    rng: np.random.Generator,
    params: LIFParameters = TABLE_1,
) -> NDArray[np.float64]:
    """Increments of the synaptic current from one presynaptic neuron per neuron.

    Parameters
    ----------
    rate_hz : float or (n,) array_like or Quantity, Hz
        Presynaptic rates, in the band [rate_min, rate_max] of Table 1.
    n_steps, n : int
        Numbers of steps and of neurons.
    dt_ms : float or Quantity, ms
    weight : float, dimensionless
        Current that one presynaptic spike adds.
    kind : {"regular", "poisson"}
        Evenly spaced spikes with a random phase, or independent ones.
    rng : numpy.random.Generator
        Draws the phases or the spikes.
    params : LIFParameters

    Returns
    -------
    (n_steps, n) array, dimensionless
        For ``synaptic_events`` of `simulate`. A spike arrives at the start of the step that
        follows it, at most dt late.

    Raises
    ------
    InputError
        If a rate lies outside the band, or another argument cannot be used.
    """
    one_of("kind", kind, ("regular", "poisson"))
    dt = to_number(dt_ms, "dt_ms", "ms")
    weight = to_number(weight, "weight", "dimensionless")
    if dt <= 0 or n_steps < 1 or n < 1:
        raise InputError(
            f"dt_ms (={dt:g} ms), n_steps (={n_steps}) and n (={n}) must be greater than 0"
        )
    rate = np.asarray(strip_unit(rate_hz, "rate_hz", "Hz"), dtype=float)
    if rate.shape not in ((), (n,)):
        raise InputError(f"rate_hz (shape {rate.shape}) must be one rate or have shape {(n,)}")
    inside = (rate >= params.rate_min_hz) & (rate <= params.rate_max_hz)
    if not inside.all():
        raise InputError(
            f"rate_hz (={rate[~inside].flat[0]:g} Hz) must lie between rate_min_hz "
            f"(={params.rate_min_hz:g} Hz) and rate_max_hz (={params.rate_max_hz:g} Hz)"
        )
    per_step = rate * (dt * 1e-3)
    if kind == "poisson":
        return weight * rng.poisson(per_step, (n_steps, n)).astype(np.float64)
    spikes_before = np.arange(n_steps + 1)[:, np.newaxis] * per_step + rng.random(n)
    spikes: NDArray[np.float64] = np.diff(np.floor(spikes_before), axis=0)
    return weight * spikes
