"""Closed form of the LIF neuron under a constant current: rate, inverse, derivative, trace.

Pure NumPy. Currents are dimensionless, rates in Hz, times in ms. Arguments are whatever holds real
numbers: lists, arrays, tensors, quantities. Arrays of float32 stay float32, everything else is
computed in float64. How a spike resets the neuron, to V_reset or by subtraction, makes no
difference here: under a constant current V never exceeds the threshold.

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
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters, check_lif
from bio_scnn.neuron.units import to_array, to_number

_MOST_TIMES = 10**9  # spike times in one train: 8 GB


def rheobase(params: LIFParameters = TABLE_1) -> float:
    """Rheobase: the largest constant current that never makes the neuron fire.

    Examples
    --------
    >>> rheobase()  # (V_th - V_rest)/R
    2.0
    """
    check_lif(params)
    return (params.V_th - params.V_rest) / params.R


def first_spike_ms(current: ArrayLike, params: LIFParameters = TABLE_1) -> Any:
    """Latency of the first spike: time from `V_reset` to threshold under a constant current.

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
        0 at and below rheobase; tends to 1/t_ref, which is infinite for t_ref = 0, for large
        currents; NaN where current is NaN.

    Examples
    --------
    >>> float(firing_rate(current_for_rate(150.0)))
    150.0
    """
    isi = _latency(current, params)
    isi += params.t_ref_ms
    with np.errstate(divide="ignore", over="ignore"):
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
        If a rate is negative, NaN, or not below 1/t_ref; if a current would exceed the largest
        float.
    """
    check_lif(params)
    rate = to_array(rate_hz, "rate_hz", "Hz")
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        latency = 1e3 / rate - params.t_ref_ms
        possible = (rate >= 0) & (latency > 0)
        if not np.all(possible):
            bad = _first(rate, ~possible)
            raise InputError(
                f"rate_hz (={bad:g} Hz) must be at least 0 Hz and below 1/t_ref "
                f"(={params.rate_limit_hz:g} Hz for t_ref_ms={params.t_ref_ms:g} ms)"
            )
    return current_for_latency(latency, params)[()]


def current_for_latency(latency_ms: ArrayLike, params: LIFParameters = TABLE_1) -> NDArray[Any]:
    """Constant current that carries V from V_reset to V_th in a given time.

    Parameters
    ----------
    latency_ms : array_like, ms
        Each greater than 0; ``inf`` gives the rheobase.
    params : LIFParameters

    Returns
    -------
    array of latency's shape, dimensionless

    Raises
    ------
    InputError
        If a latency is not greater than 0, or so short that the current would exceed the largest
        float.
    """
    check_lif(params)
    latency = to_array(latency_ms, "latency_ms", "ms")
    if not np.all(latency > 0):
        raise InputError(
            f"latency_ms (={_first(latency, ~(latency > 0)):g} ms) must be greater than 0 ms"
        )
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        growth = np.expm1(latency / params.tau_ms)
        above = (params.V_th - params.V_reset) / growth
        current = np.asarray((params.V_th - params.V_rest + above) / params.R)
    if not np.all(np.isfinite(current)):
        short = _first(latency, ~np.isfinite(current))
        raise InputError(
            f"a latency of {short:g} ms, from V_reset to V_th, would take a current beyond the "
            f"largest {current.dtype} number"
        )
    return current


def rate_derivative(current: ArrayLike, params: LIFParameters = TABLE_1) -> Any:
    """Slope of the f-I curve: exact derivative of `firing_rate` with respect to the current.

    Parameters
    ----------
    current : array_like, dimensionless
    params : LIFParameters

    Returns
    -------
    array or scalar of current's shape, Hz (per unit of dimensionless current)
        0 at and below rheobase. Just above it the slope grows without bound: the curve leaves
        zero vertically. Without a refractory period it tends to ``R / (tau (V_th - V_reset))``.

    Notes
    -----
    ``rate^2 tau R (V_th - V_reset) / ((V_inf - V_reset) (V_inf - V_th))`` with the rate in 1/s.
    """
    check_lif(params)
    jump = params.V_th - params.V_reset
    if params.t_ref_ms < 1e-6 * params.tau_ms or params.V_rest == params.V_th:
        return _slope_at_extremes(current, params)[()]
    # In place, because on the large arrays of a training step new memory costs more than log1p.
    slope = _above_threshold(current, params)
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


def _slope_at_extremes(current: ArrayLike, params: LIFParameters) -> NDArray[Any]:
    """`rate_derivative` where its factors over- and underflow, and their ratios do not."""
    gap = _above_threshold(current, params)
    jump = params.V_th - params.V_reset
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        isi = np.asarray(_latency(current, params) + params.t_ref_ms)
        slope = np.asarray(jump / gap / isi / (isi * (gap + jump)))
        slope *= 1e3 * params.tau_ms * params.R
        slope[gap == 0] = 0
        if not params.t_ref_ms:  # the limit for large currents
            slope[isi == 0] = 1e3 * params.R / params.tau_ms / jump
    return slope


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
        If the duration is negative or not finite, a current is not finite, or a count exceeds
        64 bits.
    """
    duration = to_number(duration_ms, "duration_ms", "ms")
    if duration < 0:
        raise InputError(f"duration_ms (={duration:g} ms) must be at least 0 ms")
    current = to_array(current, "current", "dimensionless", finite=True)
    latency = _latency(current, params).astype(float)
    after_first = duration - latency
    isi = latency + params.t_ref_ms
    fires = after_first >= 0
    with np.errstate(over="ignore"):
        too_many = fires & (after_first >= 2.0**63 * isi)
    if np.any(too_many):
        raise InputError(
            f"current (={_first(current, too_many):g}) makes more spikes in duration_ms "
            f"(={duration:g} ms) than a 64-bit integer counts"
        )
    count = np.zeros(latency.shape, np.int64)
    np.floor_divide(after_first, isi, out=count, where=fires, casting="unsafe")
    return (count + fires)[()]


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
        If the current is not one finite number, the duration is negative or not finite, or the
        train is longer than 10^9 spikes.

    See Also
    --------
    first_spike_ms, firing_rate, spike_count : the same for arrays of currents. The n-th spike
        comes ``(n - 1)`` inter-spike intervals after the first.

    Examples
    --------
    >>> spike_times(current_for_rate(100.0), 30).round(9)
    array([ 9., 19., 29.])
    """
    values = to_array(current, "current", "dimensionless")
    if values.ndim:
        raise InputError(
            f"current (shape {values.shape}) must be one number: spike trains differ in "
            "length; call spike_times once per neuron"
        )
    count = spike_count(values, duration_ms, params)
    if count > _MOST_TIMES:
        raise InputError(
            f"current (={values:g}) makes {count:.3g} spikes: spike_times lists {_MOST_TIMES:.0e} "
            "at most; spike_count counts them"
        )
    if not count:
        return np.empty(0)
    latency = float(first_spike_ms(values.astype(float), params))
    return latency + np.arange(count) * (latency + params.t_ref_ms)


def membrane(t_ms: ArrayLike, current: ArrayLike, params: LIFParameters = TABLE_1) -> Any:
    """Membrane potential V(t) under a constant current, including the refractory period.

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
        If a time is negative or not finite, or a current is not finite or so large that V is
        not.
    """
    t = to_array(t_ms, "t_ms", "ms", finite=True)
    if np.any(t < 0):
        raise InputError(f"t_ms (={t.min():g} ms) must be at least 0 ms")
    current = to_array(current, "current", "dimensionless", finite=True)
    latency = _latency(current, params)
    isi = latency + params.t_ref_ms
    with np.errstate(over="ignore"):
        V_end = params.V_rest + params.R * current
        possible = np.isfinite(V_end - params.V_reset) & (isi > 0)
    if not np.all(possible):
        raise InputError(
            f"current (={_first(current, ~possible):g}) is too large: V or its interval between "
            "spikes cannot be represented"
        )
    since_release = np.mod(t, isi)
    charging = params.V_reset - (V_end - params.V_reset) * np.expm1(-since_release / params.tau_ms)
    return np.where(since_release < latency, charging, charging.dtype.type(params.V_reset))[()]


def _first(values: NDArray[Any], where: NDArray[Any]) -> Any:
    """The first of the values where a condition holds, for a message."""
    return values[where].flat[0]


def _above_threshold(current: ArrayLike, params: LIFParameters) -> NDArray[Any]:
    """V_inf - V_th where positive, else +0, in a new array: what drives V over the threshold."""
    check_lif(params)
    current = to_array(current, "current", "dimensionless")
    with np.errstate(over="ignore"):
        gap = np.multiply(current, params.R, out=np.empty(current.shape, current.dtype))
        # Adding (V_rest - V_th), rather than subtracting the reverse, can never give -0.0, which
        # would turn the quotient in _latency from +inf to -inf.
        gap += params.V_rest - params.V_th
    return np.maximum(gap, 0.0, out=gap)


def _latency(current: ArrayLike, params: LIFParameters) -> NDArray[Any]:
    """`first_spike_ms` in a new array that the caller may overwrite, also for a scalar."""
    gap = _above_threshold(current, params)
    jump = params.V_th - params.V_reset
    with np.errstate(divide="ignore", over="ignore"):
        if params.V_rest == params.V_th:  # the gap may be so small that the quotient overflows
            ratio = jump / gap
            logarithm = np.where(np.isposinf(ratio), np.log(jump) - np.log(gap), np.log1p(ratio))
            return np.asarray(params.tau_ms * logarithm, gap.dtype)
        latency = np.divide(jump, gap, out=gap)
    np.log1p(latency, out=latency)
    latency *= params.tau_ms
    return latency
