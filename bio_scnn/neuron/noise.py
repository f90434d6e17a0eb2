"""Ornstein-Uhlenbeck noise of unit variance, sampled exactly on a time grid."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def ou_factors(dt_ms: float, tau_ms: float) -> tuple[float, float]:
    r"""Exact update of an Ornstein-Uhlenbeck process over a step.

    Parameters
    ----------
    dt_ms : float, ms
    tau_ms : float, ms
        Correlation time.

    Returns
    -------
    keep, renew : float
        ``x <- keep x + renew z`` with z standard normal keeps x at unit variance.

    Notes
    -----
    .. math:: x_{n+1} = e^{-dt/\tau} x_n + \sqrt{1 - e^{-2 dt/\tau}} \, z_n
    """
    return math.exp(-dt_ms / tau_ms), math.sqrt(-math.expm1(-2 * dt_ms / tau_ms))


def ornstein_uhlenbeck(
    steps: int, neurons: int, dt_ms: float, tau_ms: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Stationary Ornstein-Uhlenbeck noise of unit variance, independent for each neuron.

    Parameters
    ----------
    steps, neurons : int
    dt_ms, tau_ms : float, ms
        Time step and correlation time.
    rng : numpy.random.Generator

    Returns
    -------
    (steps, neurons) float64 array, dimensionless
    """
    keep, renew = ou_factors(dt_ms, tau_ms)
    x = rng.standard_normal((steps, neurons))
    x[1:] *= renew
    for n in range(1, steps):
        x[n] += keep * x[n - 1]
    return x
