"""The exact neuron under currents held over steps, from event to event: an oracle without a grid.

Eq. 1 has a closed solution while the current is constant, so crossings and releases can be
computed one after the other. Neither Brian2 nor a time step enters; the steps are only where the
current changes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace

_SHORTEST = 1e-5  # of a step: shorter intervals than this would take forever


def exact_trace(current: NDArray, dt_ms: float, params: LIFParameters) -> Trace:
    """Spike times and V of eq. 1 and eq. 2, for any refractory period, 0 included.

    Parameters
    ----------
    current : (steps, neurons) array, dimensionless
        Held over [n dt, (n + 1) dt).
    dt_ms : float, ms
    params : LIFParameters

    Returns
    -------
    Trace
        Crossing times, and V at the ends of the steps: V_reset from a spike until the release. A
        neuron does not fire while its current is not finite.

    Raises
    ------
    InputError
        If a current is so large that a neuron without a refractory period fires some 100,000
        times in a step.

    Notes
    -----
    ``s = tau ln((RI - V)/(RI - V_th))`` after a moment with potential V, a constant current
    brings V to the threshold. V relaxes as ``RI + (V - RI) exp(-s/tau)``.
    """
    steps, neurons = current.shape
    V = np.full(neurons, params.V_reset)
    membrane = np.empty((steps, neurons))
    release = np.zeros(neurons)  # when the refractory period ends
    trains: list[list[float]] = [[] for _ in range(neurons)]
    for n in range(steps):
        V_inf = params.R * np.asarray(current[n], dtype=np.float64)
        end = (n + 1) * dt_ms
        # Several spikes may fall into one step; only neurons that fired stay in the loop.
        start = np.maximum(n * dt_ms, release)
        moving = np.flatnonzero(start < end)
        while moving.size:
            gap = V_inf[moving] - params.V_th
            with np.errstate(divide="ignore", invalid="ignore"):
                latency = params.tau_ms * np.log1p((params.V_th - V[moving]) / gap)
            left = end - start[moving]
            # An infinite current would fire without end, and a NaN has no crossing.
            fires = (gap > 0) & (latency <= left) & np.isfinite(gap)
            rest, fired = moving[~fires], moving[fires]
            with np.errstate(invalid="ignore"):
                V[rest] = V_inf[rest] - (V_inf[rest] - V[rest]) * np.exp(
                    -(end - start[rest]) / params.tau_ms
                )
            times = start[fired] + latency[fires]
            jump = params.V_th - params.V_reset
            isi = params.t_ref_ms + params.tau_ms * np.log1p(jump / gap[fires])
            if np.any(isi < _SHORTEST * dt_ms):
                raise InputError(
                    f"the current ({current[n][fired].max():g}) makes a neuron without a "
                    f"refractory period fire over {1 / _SHORTEST:,.0f} times in a step"
                )
            for neuron, time in zip(fired, times, strict=True):
                trains[neuron].append(float(time))
            V[fired] = params.V_reset
            release[fired] = times + params.t_ref_ms
            start[fired] = release[fired]
            moving = fired[start[fired] < end]
        membrane[n] = V
    return Trace(tuple(np.array(train) for train in trains), membrane)
