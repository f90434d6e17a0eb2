"""The currents that implementations are driven with."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bio_scnn.neuron.closed_form import current_for_latency, current_for_rate, first_spike_ms
from bio_scnn.neuron.parameters import LIFParameters

GOLDEN = (math.sqrt(5) - 1) / 2
"""Fraction of a step at which crossings are put: its multiples stay away from whole numbers."""


def held(values: NDArray, steps: int) -> NDArray[np.float64]:
    """Constant currents ``(neurons,)`` as ``(steps, neurons)``."""
    return np.tile(np.asarray(values, dtype=np.float64), (steps, 1))


def off_tie(current: NDArray, dt_ms: float, params: LIFParameters) -> NDArray[np.float64]:
    """Currents near those given whose first crossing falls well inside a step.

    There, neither single precision nor the order of two operations decides in which step an
    implementation fires. The crossing is at the golden section of the step, so that of many spikes
    of a precise neuron, each that fraction of a step later on the grid, none meets a grid point.
    """
    latency = first_spike_ms(np.asarray(current, dtype=np.float64), params)
    return current_for_latency((np.ceil(latency / dt_ms) - 1 + GOLDEN) * dt_ms, params)


def rates(params: LIFParameters, dt_ms: float, number: int = 12) -> NDArray[np.float64]:
    """Constant currents that span 40 to 220 Hz, or what the refractory period leaves of it."""
    return off_tie(current_for_rate(rates_hz(params, 40.0, number), params), dt_ms, params)


def rates_hz(params: LIFParameters, lowest: float, number: int) -> NDArray[np.float64]:
    """Rates up to 220 Hz, or to 0.7 of what the refractory period allows."""
    highest = min(220.0, 0.7 * params.rate_limit_hz)
    return np.linspace(min(lowest, highest / 3), highest, number)


def long_enough(params: LIFParameters, dt_ms: float) -> int:
    """Steps in which neurons driven by `noise` or `stepping` fire several times."""
    return max(1000, round((2.5 * params.tau_ms + 20 * params.t_ref_ms) / dt_ms))


def _unit_ou(steps: int, neurons: int, keep: float, rng: np.random.Generator) -> NDArray:
    x = np.empty((steps, neurons))
    x[0] = rng.standard_normal(neurons)
    renew = math.sqrt(1 - keep**2)
    for n in range(1, steps):
        x[n] = keep * x[n - 1] + renew * rng.standard_normal(neurons)
    return x


def noise(
    params: LIFParameters, dt_ms: float, steps: int, neurons: int, *, coloured: bool
) -> NDArray[np.float64]:
    """Frozen noise around a supra-threshold current, held over each step.

    The means go from 1.2 to 4 times the rheobase, which with Table 1 fires at 14 to 80 Hz. White
    noise has a standard deviation of 3 rheobases, coloured noise, an Ornstein-Uhlenbeck process
    with ``params.tau_noise_ms``, of 1.
    """
    rng = np.random.default_rng([7, int(coloured)])
    keep = math.exp(-dt_ms / params.tau_noise_ms) if coloured else 0.0
    rheobase = abs(params.V_th - params.V_reset) / params.R
    mean = params.V_reset / params.R + rheobase * np.linspace(1.2, 4.0, neurons)
    spread = rheobase * (1.0 if coloured else 3.0)
    return mean + spread * _unit_ou(steps, neurons, keep, rng)


def stepping(params: LIFParameters, dt_ms: float, steps: int, neurons: int) -> NDArray[np.float64]:
    """Currents that jump at random grid times, to negative values too.

    Two of three jumps come within two refractory periods of one another, so that many fall
    inside one.
    """
    rng = np.random.default_rng(11)
    rheobase = abs(params.V_th - params.V_reset) / params.R
    per_refractory = max(round(params.t_ref_ms / dt_ms), 4)
    current = np.empty((steps, neurons))
    for neuron in range(neurons):
        lengths = 1 + rng.geometric(1 / per_refractory, size=steps)
        lengths[::3] *= 8
        levels = rheobase * rng.uniform(-3, 14, size=steps)
        current[:, neuron] = np.repeat(levels, lengths)[:steps]
    return params.V_reset / params.R + current


def rate_floor(current: NDArray, dt_ms: float, params: LIFParameters) -> NDArray[np.float64]:
    """Rate, Hz, of the perfect neuron on a grid: ``1/(t_ref + dt ceil(t_1/dt))``."""
    steps = np.ceil(first_spike_ms(np.asarray(current, dtype=np.float64), params) / dt_ms - 1e-9)
    return 1e3 / (params.t_ref_ms + dt_ms * steps)
