"""Presynaptic spike trains, as increments of the synaptic current that `simulate` takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron.units import one_of, to_array, to_count, to_number


def presynaptic_events(
    rate_hz: ArrayLike,
    n_steps: int,
    n: int,
    *,
    dt_ms: float = 1.0,
    weight: float = 1.0,
    kind: str = "regular",
    n_presynaptic: int = 1,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Presynaptic spike trains, regular or Poisson, as increments of the synaptic current.

    Parameters
    ----------
    rate_hz : float or (n,) array_like or Quantity, Hz
        Rate of each presynaptic neuron, at least 0; several spikes may fall into a step.
    n_steps, n : int
        Numbers of steps and of neurons.
    dt_ms : float or Quantity, ms
    weight : float, dimensionless
        Current that one presynaptic spike adds.
    kind : {"regular", "poisson"}
        Evenly spaced spikes with a random phase, or independent ones.
    n_presynaptic : int
        Presynaptic neurons of each neuron, independent and of the same rate.
    rng : numpy.random.Generator
        Draws the phases or the spikes.

    Returns
    -------
    (n_steps, n) array, dimensionless
        For ``synaptic_events`` of `simulate`. A spike arrives at the start of the step that
        follows it, at most dt late.

    Raises
    ------
    InputError
        If a rate is negative or not finite, or another argument cannot be used.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> presynaptic_events([40.0, 3000.0], 50, 2, rng=rng).sum(axis=0)
    array([  2., 150.])
    """
    one_of("kind", kind, ("regular", "poisson"))
    dt = to_number(dt_ms, "dt_ms", "ms")
    if dt <= 0:
        raise InputError(f"dt_ms (={dt:g} ms) must be greater than 0 ms")
    weight = to_number(weight, "weight", "dimensionless")
    shape = to_count(n_steps, "n_steps"), to_count(n, "n")
    n_presynaptic = to_count(n_presynaptic, "n_presynaptic")
    if not isinstance(rng, np.random.Generator):
        raise InputError(
            f"rng (a {type(rng).__name__}) must be a generator: numpy.random.default_rng(seed)"
        )
    rate = to_array(rate_hz, "rate_hz", "Hz", finite=True).astype(np.float64)
    if rate.shape not in ((), shape[1:]):
        raise InputError(f"rate_hz (shape {rate.shape}) must be one rate or have shape {(n,)}")
    if np.any(rate < 0):
        raise InputError(f"rate_hz (={rate.min():g} Hz) must be at least 0 Hz")
    per_step = rate * (dt * 1e-3)
    if np.max(per_step) * shape[0] * n_presynaptic >= 2.0**53:
        raise InputError(f"rate_hz (={rate.max():g} Hz) makes more spikes than a float counts")
    if kind == "poisson":
        spikes: NDArray[Any] = rng.poisson(n_presynaptic * per_step, shape).astype(np.float64)
    else:
        step = np.arange(shape[0] + 1)[:, np.newaxis]
        spikes = np.zeros(shape)
        for _ in range(n_presynaptic):
            spikes += np.diff(np.floor(step * per_step + rng.random(n)), axis=0)
    return weight * spikes
