"""Closed form of the LIF neuron under a constant current: rate, inverse, derivative, trace.

Pure NumPy. Currents are dimensionless, rates in Hz, times in ms. Arrays of float32 stay float32,
everything else is computed in float64.

References
----------
Sanaullah, K. Roy, U. Rückert, T. Jungeblut, "A Hybrid Spiking-Convolutional Neural Network
Approach for Advancing Machine Learning Models", NLDL 2024, eq. 1, eq. 2 and Table 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.units import strip_unit, to_number


def rheobase(params: LIFParameters = TABLE_1) -> float:
    """Largest constant current that never makes the neuron fire, ``(V_th - V_rest)/R``."""
    return (params.V_th - params.V_rest) / params.R


def first_spike_ms(current: ArrayLike, params: LIFParameters = TABLE_1) -> Any:
    """Time from `V_reset` to threshold: the latency of the first spike.

    Parameters
    ----------
    current : array_like, dimensionless
        Constant current(s).
    params : LIFParameters

    Returns
    -------
    array or scalar of current's shape, ms
        ``inf`` at and below rheobase; NaN where the current is NaN.

    Notes
    -----
    ``tau ln((V_inf - V_reset)/(V_inf - V_th))`` with ``V_inf = V_rest + RI``, written with
    ``log1p`` so that large currents, whose ratio is close to one, lose no digits. Close to
    rheobase the difference V_inf - V_th has few
    digits and so has the latency: that is the conditioning of the problem, not of the formula.
    """
    return _latency(current, params)[()]


def firing_rate(current: ArrayLike, params: LIFParameters = TABLE_1) -> Any:
    """Firing rate under a constant current: the f-I curve.

    Parameters
    ----------
    current : array_like, dimensionless
    params : LIFParameters

    Returns
    -------
    array or scalar of current's shape, Hz
        0 at and below rheobase; tends to 1/t_ref for large currents; NaN where current is NaN.

    Examples
    --------
    >>> float(firing_rate(current_for_rate(150.0)))
    150.0
    """
    isi = _latency(current, params)
    isi += params.t_ref_ms
    return np.divide(1e3, isi, out=isi)[()]


def current_for_rate(rate_hz: ArrayLike, params: LIFParameters = TABLE_1) -> Any:
    """Constant current that makes the neuron fire at a given rate: the inverse f-I curve.

    Parameters
    ----------
    rate_hz : array_like, Hz
        Each in [0, 1/t_ref).
    params : LIFParameters

    Returns
    -------
    array or scalar of rate's shape, dimensionless
        Rate 0 gives the rheobase, the largest of the many currents that yield it.

    Raises
    ------
    InputError
        If a rate is negative, NaN, or not below 1/t_ref.
    """
    rate = _floating(strip_unit(rate_hz, "rate_hz", "Hz"))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        latency = 1e3 / rate - params.t_ref_ms
        possible = (rate >= 0) & (latency > 0)
        if not np.all(possible):
            bad = rate[~possible].flat[0]
            raise InputError(
                f"rate_hz (={bad:g} Hz) must be at least 0 Hz and below 1/t_ref "
                f"(={params.rate_limit_hz:g} Hz for t_ref_ms={params.t_ref_ms:g} ms)"
            )
        return current_for_latency(latency, params)[()]


def rate_derivative(current: ArrayLike, params: LIFParameters = TABLE_1) -> Any:
    """Exact derivative of `firing_rate` with respect to the current.

    Parameters
    ----------
    current : array_like, dimensionless
    params : LIFParameters

    Returns
    -------
    array or scalar of current's shape, Hz (per unit of dimensionless current)
        0 at and below rheobase. Just above it the slope grows without bound: the curve leaves
        zero vertically.

    Notes
    -----
    ``rate^2 tau R (V_th - V_reset) / ((V_inf - V_reset) (V_inf - V_th))`` with the rate in 1/s.
    """
    # In place, because on the large arrays of a training step new memory costs more than log1p.
    slope = _above_threshold(current, params)
    jump = params.V_th - params.V_reset
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        isi = np.divide(jump, slope, out=np.empty_like(slope))
        slope += jump
        np.divide(isi, slope, out=slope)
        np.log1p(isi, out=isi)
        isi *= params.tau_ms
        isi += params.t_ref_ms
        slope /= isi
        slope /= isi
    slope *= 1e3 * params.tau_ms * params.R
    slope[np.isposinf(isi)] = 0  # inf / inf so far: rheobase and below
    return slope[()]


def spike_count(current: ArrayLike, duration_ms: float, params: LIFParameters = TABLE_1) -> Any:
    """Number of spikes in (0, duration] of a neuron that starts at V_reset.

    Parameters
    ----------
    current : array_like, dimensionless
    duration_ms : float or Quantity, ms
    params : LIFParameters

    Returns
    -------
    int64 array or scalar of current's shape
        A spike that falls on the very end counts: eq. 2 fires when V reaches V_th. Whether a
        spike within rounding (1e-15 relative) of the end counts is decided by that rounding.

    Raises
    ------
    InputError
        If the duration is negative or not finite, or a current is not finite.
    """
    duration = to_number(duration_ms, "duration_ms", "ms")
    if duration < 0:
        raise InputError(f"duration_ms (={duration:g} ms) must be at least 0 ms")
    latency = _latency(_finite(current, "current"), params).astype(float)
    after_first = duration - latency
    count = np.zeros(latency.shape, np.int64)
    np.floor_divide(
        after_first, latency + params.t_ref_ms, out=count, where=after_first >= 0, casting="unsafe"
    )
    return (count + (after_first >= 0))[()]


def spike_times(
    current: float, duration_ms: float, params: LIFParameters = TABLE_1
) -> NDArray[np.float64]:
    """Spike times in (0, duration] of one neuron that starts at V_reset.

    Parameters
    ----------
    current : float, dimensionless
    duration_ms : float or Quantity, ms
    params : LIFParameters

    Returns
    -------
    (spikes,) array, ms

    Raises
    ------
    InputError
        If the current is not one finite number, or the duration is negative or not finite.

    See Also
    --------
    first_spike_ms, firing_rate, spike_count : the same for arrays of currents. The n-th spike
        comes ``(n - 1)`` inter-spike intervals after the first.
    """
    if np.ndim(current) != 0:
        raise InputError(
            f"current (shape {np.shape(current)}) must be one number: spike trains differ in "
            "length; call spike_times once per neuron"
        )
    spikes = np.arange(spike_count(current, duration_ms, params))
    if not spikes.size:
        return np.empty(0)
    latency = float(first_spike_ms(float(current), params))
    return latency + spikes * (latency + params.t_ref_ms)


def membrane(t_ms: ArrayLike, current: ArrayLike, params: LIFParameters = TABLE_1) -> Any:
    """Membrane potential V(t) of the constantly driven neuron, refractory clamp included.

    Parameters
    ----------
    t_ms : array_like, ms
        Times from the start, where V = V_reset.
    current : array_like, dimensionless
        Broadcast against `t_ms`.
    params : LIFParameters

    Returns
    -------
    array or scalar of the broadcast shape, dimensionless
        V is continuous from the right: at a spike it is V_reset already.

    Raises
    ------
    InputError
        If a time is negative or not finite, or a current is not finite.
    """
    t = _finite(strip_unit(t_ms, "t_ms", "ms"), "t_ms")
    if np.any(t < 0):
        raise InputError(f"t_ms (={t.min():g} ms) must be at least 0 ms")
    current = _finite(current, "current")
    latency = _latency(current, params)
    since_release = np.mod(t, latency + params.t_ref_ms)
    V_end = params.V_rest + params.R * current
    charging = params.V_reset - (V_end - params.V_reset) * np.expm1(-since_release / params.tau_ms)
    return np.where(since_release < latency, charging, charging.dtype.type(params.V_reset))[()]


def _floating(values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    return array if array.dtype == np.float32 else np.asarray(array, dtype=np.float64)


def _finite(values: ArrayLike, name: str) -> NDArray[Any]:
    array = _floating(values)
    if not np.all(np.isfinite(array)):
        raise InputError(f"{name} contains NaN or infinity: give finite numbers")
    return array


def _above_threshold(current: ArrayLike, params: LIFParameters) -> NDArray[Any]:
    """V_inf - V_th where positive, else +0, in a new array: what drives V over the threshold."""
    current = _floating(current)
    with np.errstate(over="ignore"):
        gap = np.multiply(current, params.R, out=np.empty(current.shape, current.dtype))
    # Adding (V_rest - V_th), rather than subtracting the reverse, can never give -0.0, which
    # would turn the quotient in _latency from +inf to -inf.
    gap += params.V_rest - params.V_th
    return np.maximum(gap, 0.0, out=gap)


def _latency(current: ArrayLike, params: LIFParameters) -> NDArray[Any]:
    """`first_spike_ms` in a new array that the caller may overwrite, also for a scalar."""
    latency = _above_threshold(current, params)
    with np.errstate(divide="ignore", over="ignore"):
        np.divide(params.V_th - params.V_reset, latency, out=latency)
    np.log1p(latency, out=latency)
    latency *= params.tau_ms
    return latency


def current_for_latency(latency_ms: ArrayLike, params: LIFParameters) -> NDArray[np.float64]:
    """Constant currents that carry V from V_reset to V_th in a given time, of its shape."""
    growth = np.expm1(_floating(latency_ms) / params.tau_ms)
    above = (params.V_th - params.V_reset) / growth
    return np.asarray((params.V_th - params.V_rest + above) / params.R)
