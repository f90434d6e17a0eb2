"""Fixed point: a neuron in a Q-format, bit for bit, and the error of rates that its word costs."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step
from bio_scnn.crossval.oracles.dialects import UPDATES
from bio_scnn.crossval.q_format import LONGEST_WORD, FixedPointNeuron
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import LIFParameters

RATES_HZ = (10.0, 20.0, 50.0, 100.0)
SPREAD = np.linspace(0.95, 1.05, 15)
"""Rates around each one, over which the grid of time steps averages out."""


def in_fixed_point(params: LIFParameters, dt_ms: float, form: FixedPointNeuron) -> SteppedNeuron:
    """Neuron of eq. 1 with every number rounded to a Q-format; its V is in whole units.

    The input is the current times R, rounded to whole units; the gain carries what a step takes
    of it, rounded to the decay's bits.

    Parameters
    ----------
    params : LIFParameters
    dt_ms : float, ms
    form : FixedPointNeuron

    Returns
    -------
    SteppedNeuron
        V, threshold and reset are multiples of ``2**-fraction``.

    Raises
    ------
    InputError
        If the threshold does not fit the word, or the decay rounds to 0 or 1.
    """
    decay = math.exp(-dt_ms / params.tau_ms)
    return _stepped(params, dt_ms, form, (decay, 1 - decay))


def declared_machine(
    params: LIFParameters, dt_ms: float, form: FixedPointNeuron, update: str = "exact"
) -> SteppedNeuron:
    """Neuron that a layer with this parameters and Q-format declares; its input is the current.

    Parameters
    ----------
    params : LIFParameters
    dt_ms : float, ms
    form : FixedPointNeuron
    update : str
        Key of `oracles.dialects.UPDATES`: of the decay and of the weight of the current, which are
        rounded to the decay's bits.

    Returns
    -------
    SteppedNeuron
        As `in_fixed_point` gives it.

    Raises
    ------
    InputError
        As `in_fixed_point` does, or if the weight of the current rounds to 0.
    """
    decay, weight = UPDATES[update](dt_ms, params)
    return _stepped(params, dt_ms, form, (decay, weight * params.R))


def _stepped(
    params: LIFParameters, dt_ms: float, form: FixedPointNeuron, flow: tuple[float, float]
) -> SteppedNeuron:
    """Neuron with the decay and the weight of its input rounded to the bits of the decay."""
    unit, size = 2.0**-form.fraction, 2**form.decay_bits
    k, weight = (round(f * size) for f in flow)
    if not form.linear_leak and not 0 < k < size:
        raise InputError(
            f"a decay of {flow[0]:.6g} a step is {k / size:g} in {form.decay_bits} bits: give it "
            "more"
        )
    if not weight:
        raise InputError(f"a weight of {flow[1]:.3g} is 0 in {form.decay_bits} bits: give it more")
    threshold, reset = (
        _whole(x - params.V_rest, what, form)
        for x, what in ((params.V_th, "V_th"), (params.V_reset, "V_reset"))
    )
    if threshold <= reset:
        raise InputError(f"V_th and V_reset are the same in units of 2^-{form.fraction}")
    subtracts = params.reset == "subtract"
    leak = 0.0
    if form.linear_leak:
        # a leak of what the exponential takes on the average between reset and threshold
        average = max(round((1 - flow[0]) * threshold / 2 / unit), 1)
        leak = (form.leak or average) * unit
    fmt = FixedPoint(unit, form.rounding, form.word, form.overflow, form.input_rounding)
    if form.input_fraction is not None:
        fmt = replace(fmt, input_unit=2.0**-form.input_fraction)
    fmt = replace(fmt, decay_bits=form.decay_bits)
    return SteppedNeuron(
        decay=1.0 if form.linear_leak else k / size,
        leak=leak,
        gain=weight / size,
        threshold=threshold,
        reset_keep=1.0 if subtracts else 0.0,
        reset_to=reset - threshold if subtracts else reset,
        refractory=round(params.t_ref_ms / dt_ms),
        start=reset,
        number_format=fmt,
    )


def _whole(x: float, what: str, form: FixedPointNeuron) -> float:
    """Potential, counted from V_rest, as a whole number of units that fits the word."""
    units, half = round(x * 2**form.fraction), 2 ** (form.word - 1)
    if not -half <= units < half:
        raise InputError(
            f"{what} = {x:g} needs {units:,} units of 2^-{form.fraction}: more than a word of "
            f"{form.word} bits holds"
        )
    return units * 2.0**-form.fraction


def rate_error(
    params: LIFParameters,
    dt_ms: float,
    form: FixedPointNeuron,
    rates_hz: ArrayLike = RATES_HZ,
    *,
    rng: np.random.Generator | None = None,
) -> NDArray[np.float64]:
    """Relative error of the rate that a Q-format costs, beside the same steps in float64.

    Parameters
    ----------
    params : LIFParameters
    dt_ms : float, ms
    form : FixedPointNeuron
    rates_hz : (n,) array, Hz
        Rates of the neuron of eq. 1 about which to compare, 5 % up and down; each below
        ``0.95 / t_ref``.
    rng : numpy Generator, optional
        For stochastic rounding.

    Returns
    -------
    (n,) array
        (rate in fixed point - rate in float64) / rate in float64; -1 where it is silent.
    """
    # What the input is rounded to by itself is no matter of the word.
    neuron = in_fixed_point(params, dt_ms, replace(form, input_fraction=None))
    rates = tuple(float(rate) for rate in np.atleast_1d(np.asarray(rates_hz, dtype=float)))
    leak = 0.0
    if form.linear_leak:
        average = (1 - math.exp(-dt_ms / params.tau_ms)) * (params.V_th - params.V_rest) / 2
        leak = form.leak * 2.0**-form.fraction or average
    rate = _mean(step(neuron, _held(params, dt_ms, rates), rng).spikes)
    wanted = _unrounded(params, dt_ms, rates, leak)
    return (rate - wanted) / wanted


def _held(params: LIFParameters, dt_ms: float, rates_hz: tuple[float, ...]) -> NDArray[np.float64]:
    """Inputs ``(steps, neurons)`` held about each rate, long enough for the slowest."""
    currents = [current_for(params, float(r)) for r in np.outer(rates_hz, SPREAD).ravel()]
    steps = min(math.ceil(12 * 1000 / min(rates_hz) / dt_ms), 100_000)
    return np.broadcast_to(np.array(currents) * params.R, (steps, len(currents)))


def _mean(spikes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean rate about each one, in spikes a step."""
    return mean_rates(spikes).reshape(-1, len(SPREAD)).mean(axis=1)


@lru_cache(maxsize=32)
def _unrounded(
    params: LIFParameters, dt_ms: float, rates_hz: tuple[float, ...], leak: float
) -> NDArray[np.float64]:
    """Mean rates of the same steps in float64, with a linear leak if there is one."""
    decay, subtracts = math.exp(-dt_ms / params.tau_ms), params.reset == "subtract"
    exact = SteppedNeuron(
        decay=1.0 if leak else decay,
        gain=1 - decay,
        leak=leak,
        threshold=params.V_th - params.V_rest,
        reset_keep=float(subtracts),
        reset_to=params.V_reset - (params.V_th if subtracts else params.V_rest),
        refractory=round(params.t_ref_ms / dt_ms),
        start=params.V_reset - params.V_rest,
    )
    return _mean(step(exact, _held(params, dt_ms, rates_hz)).spikes)


def current_for(params: LIFParameters, rate_hz: float) -> float:
    """Current at which the neuron of eq. 1 fires at a rate."""
    wait = 1000 / rate_hz - params.t_ref_ms
    if not wait > 0:
        raise InputError(f"{rate_hz:g} Hz is more than 1/t_ref")
    left = math.exp(-wait / params.tau_ms)
    return (params.V_th - params.V_rest - (params.V_reset - params.V_rest) * left) / (
        params.R * (1 - left)
    )


def mean_rates(spikes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Spikes a step of each column, from the first spike to the last; 0 for fewer than two."""
    rates = []
    for column in spikes.T:
        at = np.flatnonzero(column)
        rates.append((column.sum() - 1) / (at[-1] - at[0]) if len(at) > 1 else 0.0)
    return np.array(rates)


def shortest_word(
    params: LIFParameters,
    dt_ms: float,
    max_error: float,
    form: FixedPointNeuron | None = None,
    rates_hz: ArrayLike = RATES_HZ,
    *,
    rng: np.random.Generator | None = None,
) -> FixedPointNeuron:
    """Shortest word whose rates are within a relative error; rates above 0.9/t_ref are left out.

    Parameters
    ----------
    params : LIFParameters
    dt_ms : float, ms
    max_error : float
        Largest relative error of a rate.
    form : FixedPointNeuron, optional
        Rounding, overflow and bits of the decay; its word and fraction are searched.
    rates_hz : (n,) array, Hz
        As in `rate_error`.
    rng : numpy Generator, optional
        For stochastic rounding.

    Returns
    -------
    FixedPointNeuron

    Raises
    ------
    InputError
        If no word of up to `LONGEST_WORD` bits is that good: the bits of the decay limit it.
    """
    form = form or FixedPointNeuron()
    size = max(abs(params.V_th - params.V_rest), abs(params.V_reset - params.V_rest))
    whole_bits = max(math.floor(math.log2(size)) + 2, 0) + 1
    rates = [r for r in np.atleast_1d(rates_hz) if r * params.t_ref_ms < 900]
    for fraction in range(0, LONGEST_WORD - whole_bits):
        trial = replace(form, word=max(whole_bits + fraction, 2), fraction=fraction)
        try:
            error = rate_error(params, dt_ms, trial, rates, rng=rng)
        except InputError:
            continue
        if np.abs(error).max() <= max_error:
            return trial
    raise InputError(
        f"no word of up to {LONGEST_WORD} bits has rates within {max_error:g}: the decay's "
        f"{form.decay_bits} bits limit it"
    )
