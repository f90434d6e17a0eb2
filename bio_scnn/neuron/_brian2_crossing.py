"""First threshold crossing of a neuron with a decaying synaptic current, for Brian2's targets.

From a moment with potential V and synaptic drive ``D = R I_syn``, V is after the time s ::

    V(s) = V + (V_inf - V) (1 - exp(-s/tau)) + D psi(s)
    psi(s) = (s/tau) exp(-s/max(tau, tau_syn)) exprel(-s |1/tau - 1/tau_syn|)

with ``exprel(x) = (exp(x) - 1)/x``, which has no pole at ``tau_syn = tau``, and in which nothing
overflows. As a function of exp(-s/tau), V is concave for D > 0 and convex for D < 0. So it has at
most one extremum, a peak or a dip, on one side of which it rises. There the crossing is
bracketed, and Newton's method in exp(-s/tau) comes to it from the side on which it cannot
overshoot. Bisection takes over where a step leaves the bracket or is not much smaller than the
one before, and after `NEWTON_ROUNDS` for good: `ROUNDS` always reach rounding.

`first_crossing` is this in NumPy, `CYTHON` the same for one neuron.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NEWTON_ROUNDS, ROUNDS = 50, 105
_EPS = float(np.finfo(np.float64).eps)


def first_crossing(
    V: NDArray[np.float64],
    V_inf: NDArray[np.float64],
    drive: NDArray[np.float64],
    span: NDArray[np.float64],
    V_th: float,
    tau: float,
    tau_syn: float,
) -> NDArray[np.float64]:
    """Time until V first reaches V_th from below, infinite where it does not within `span`.

    Parameters
    ----------
    V, V_inf, drive, span : (neurons,) arrays
        Potential now, where it would settle without the synapse, R I_syn now, and the time left.
    V_th, tau, tau_syn : float
        All times in one unit.

    Returns
    -------
    (neurons,) array
    """
    with np.errstate(all="ignore"):  # infinities and NaN are all of quotients that are not used
        extremum = _extremum(V, V_inf, drive, tau, tau_syn)
        low = np.where(drive < 0, np.minimum(extremum, span), 0.0)
        high = np.where(drive > 0, np.minimum(extremum, span), span)
        fires = (low < high) & (V_inf + np.maximum(drive, 0) > V_th)
        wait = np.full(V.shape, np.inf)
        neurons = np.flatnonzero(fires)
        neuron = V[neurons], V_inf[neurons], drive[neurons], V_th, tau, tau_syn
        low, high = low[neurons], high[neurons]
        reached = _margin(low, *neuron)[0] >= 0
        wait[neurons[reached]] = low[reached]
        left = ~reached & (_margin(high, *neuron)[0] >= 0)
        neurons, low, high = neurons[left], low[left], high[left]
        neuron = V[neurons], V_inf[neurons], drive[neurons], V_th, tau, tau_syn
        wait[neurons] = _root(low, high, neuron, _EPS * span[neurons])
    return wait


# All arguments below are arrays of the neurons, or numbers.
def _margin(s: Any, V: Any, V_inf: Any, drive: Any, V_th: Any, tau: Any, tau_syn: Any) -> Any:
    """V - V_th and tau dV/dt after the time s."""
    z = s * abs(tau_syn - tau) / (tau * tau_syn)
    exprel = np.where(z > 0, -np.expm1(-z) / z, 1.0)
    psi = s / tau * np.exp(-s / max(tau, tau_syn)) * exprel
    margin = V - V_th - (V_inf - V) * np.expm1(-s / tau) + drive * psi
    return margin, V_inf - V_th + drive * np.exp(-s / tau_syn) - margin


def _extremum(V: Any, V_inf: Any, drive: Any, tau: Any, tau_syn: Any) -> Any:
    """When V peaks (drive > 0) or dips (drive < 0): 0 if it has before, infinite if never."""
    early = tau_syn * (V_inf + drive - V) / drive  # exact for tau_syn = tau
    rate = (tau_syn - tau) / (tau * tau_syn)
    z = rate * early
    late = np.where(np.abs(z) < 1e-8, early * (1 - z / 2), np.log1p(z) / rate)
    return np.where(early > 0, np.where(z > -1, late, np.inf), 0.0)


def _root(low: Any, high: Any, neuron: tuple[Any, ...], resolution: Any) -> Any:
    tau, falls = neuron[4], neuron[2] < 0
    s = np.where(falls, high, low)
    step = high - low
    for n in range(ROUNDS):
        margin, slope = _margin(s, *neuron)
        low, high = np.where(margin < 0, s, low), np.where(margin < 0, high, s)
        new = s - tau * np.log1p(margin / slope)
        newton = (new >= low) & (new <= high) & (np.abs(new - s) <= step / 2)
        new = np.where(newton & (n < NEWTON_ROUNDS), new, low + (high - low) / 2)
        step, s = np.abs(new - s), new
        if np.all(step <= resolution):
            break
    return s


CYTHON = f"""
from libc.math cimport INFINITY

@_cython.cdivision(True)
cdef double _margin(double s, double V, double V_inf, double drive, double V_th, double tau,
                    double tau_syn, double* slope):
    cdef double z = s*fabs(tau_syn - tau)/(tau*tau_syn)
    cdef double psi = s/tau*exp(-s/max(tau, tau_syn))
    cdef double margin
    if z > 0:
        psi *= -expm1(-z)/z
    margin = V - V_th - (V_inf - V)*expm1(-s/tau) + drive*psi
    slope[0] = V_inf - V_th + drive*exp(-s/tau_syn) - margin
    return margin

@_cython.cdivision(True)
cdef double _extremum(double V, double V_inf, double drive, double tau, double tau_syn):
    cdef double early = tau_syn*(V_inf + drive - V)/drive
    cdef double rate = (tau_syn - tau)/(tau*tau_syn)
    if not early > 0:
        return 0
    if fabs(rate*early) < 1e-8:
        return early*(1 - rate*early/2)
    return log1p(rate*early)/rate if rate*early > -1 else INFINITY

@_cython.cdivision(True)
cdef double first_crossing(double V, double V_inf, double drive, double span, double V_th,
                           double tau, double tau_syn):
    cdef double low = 0, high = span, slope, margin, s, new
    cdef double step, resolution = {_EPS}*span
    cdef int n
    if drive < 0:
        low = min(_extremum(V, V_inf, drive, tau, tau_syn), span)
    if drive > 0:
        high = min(_extremum(V, V_inf, drive, tau, tau_syn), span)
    if not (low < high and V_inf + max(drive, 0) > V_th):
        return INFINITY
    if _margin(low, V, V_inf, drive, V_th, tau, tau_syn, &slope) >= 0:
        return low
    if not _margin(high, V, V_inf, drive, V_th, tau, tau_syn, &slope) >= 0:
        return INFINITY
    s = high if drive < 0 else low
    step = high - low
    for n in range({ROUNDS}):
        margin = _margin(s, V, V_inf, drive, V_th, tau, tau_syn, &slope)
        if margin < 0:
            low = s
        else:
            high = s
        new = s - tau*log1p(margin/slope)
        if not (n < {NEWTON_ROUNDS} and low <= new <= high and fabs(new - s) <= step/2):
            new = low + (high - low)/2
        step = fabs(new - s)
        s = new
        if step <= resolution:
            break
    return s
"""
