"""Exact solution of a layer of neurons, from event to event: an oracle without a grid.

Neither Brian2 nor a time step enters; the steps are only where the current changes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron.hybrid_system import NO_ARRIVALS, run
from bio_scnn.neuron.models import CubaLIFParameters, NeuronParameters, hybrid_system
from bio_scnn.neuron.trace import Trace
from bio_scnn.neuron.units import to_array, to_number


def exact_trace(current: NDArray, dt_ms: float, params: NeuronParameters) -> Trace:
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
    ``s = tau ln((V_inf - V)/(V_inf - V_th))`` after a moment with potential V, a constant current
    brings V to the threshold, with ``V_inf = V_rest + R I``. V relaxes as
    ``V_inf + (V - V_inf) exp(-s/tau)``.
    """
    return run(hybrid_system(params), np.asarray(current, dtype=np.float64), dt_ms)


def solve(
    params: NeuronParameters,
    current: ArrayLike,
    *,
    dt_ms: float,
    impulses: ArrayLike = NO_ARRIVALS,
    events: ArrayLike = NO_ARRIVALS,
) -> Trace:
    """Exact spike times and states of a layer of LIF, IF, LI, CubaLIF or adaptive LIF neurons.

    Parameters
    ----------
    params : LIFParameters, IFParameters, LIParameters, CubaLIFParameters or AdaptiveLIFParameters
        The neuron; the equation stands in the class's docstring.
    current : (steps, neurons) or (steps,) array_like, dimensionless
        Held over [n dt, (n + 1) dt); the second shape is that of one neuron.
    dt_ms : float or Quantity, ms
        How long a current is held. The solution itself has no time step.
    impulses : (arrivals, 3) array_like
        Rows ``(time in ms, index of the neuron, charge)``: a charge is a current times ms, and
        adds ``R charge / tau`` to V at once (to S, in a CubaLIF). One that carries V to V_th or
        over it makes the neuron fire at that time. While V is held, it is lost.
    events : (arrivals, 3) array_like
        Rows ``(time in ms, index of the neuron, amount)``: presynaptic spikes, which add an
        amount to the synaptic current S, also while V is held.

    Returns
    -------
    Trace
        Spike times; V and the other variables at the ends of the steps, after what happens there.

    Raises
    ------
    InputError
        If an argument cannot be used, or a neuron fires some 100,000 times in a step.

    Notes
    -----
    Impulses and events that reach a neuron at the same time are added. A neuron fires when V
    reaches V_th. It never
    does at or below rheobase, where V only tends to V_th. `docs/neurons.md` has the errors that
    were measured.

    Examples
    --------
    >>> from bio_scnn.neuron.parameters import LIFParameters
    >>> trace = solve(LIFParameters(), [3.0] * 100, dt_ms=0.5)
    >>> trace.spike_times_ms[0].round(6)
    array([43.944492])
    """
    dt = to_number(dt_ms, "dt_ms", "ms")
    if dt <= 0:
        raise InputError(f"dt_ms (={dt:g} ms) must be greater than 0 ms")
    drive = to_array(current, "current", "dimensionless", finite=True).astype(np.float64)
    if drive.ndim == 1:
        drive = drive[:, np.newaxis]
    if drive.ndim != 2 or not drive.size:
        raise InputError(f"current (shape {drive.shape}) must have shape (steps, neurons)")
    sent = _arrivals(impulses, "impulses", drive.shape, dt)
    received = _arrivals(events, "events", drive.shape, dt)
    synapse = len(received) > 0 or isinstance(params, CubaLIFParameters)
    return run(hybrid_system(params, synapse=synapse), drive, dt, sent, received)


def _arrivals(
    rows: ArrayLike, name: str, shape: tuple[int, ...], dt_ms: float
) -> NDArray[np.float64]:
    """Rows of impulses or events, checked."""
    array = to_array(rows, name, "dimensionless", finite=True).astype(np.float64)
    if not array.size:
        return NO_ARRIVALS
    if array.ndim != 2 or array.shape[1] != 3:
        raise InputError(
            f"{name} (shape {array.shape}) must have rows (time in ms, index of the neuron, size)"
        )
    steps, neurons = shape
    time, neuron = array[:, 0], array[:, 1]
    outside = (time < 0) | (time >= steps * dt_ms)
    if outside.any():
        raise InputError(
            f"{name} has a time (={time[outside][0]:g} ms) outside the run: it must be at least "
            f"0 ms and below {steps * dt_ms:g} ms"
        )
    unknown = (neuron < 0) | (neuron >= neurons) | (neuron != np.rint(neuron))
    if unknown.any():
        raise InputError(
            f"{name} has a neuron (={neuron[unknown][0]:g}) that is no index from 0 to "
            f"{neurons - 1}"
        )
    return array
