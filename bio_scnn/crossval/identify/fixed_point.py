"""Fixed point: a neuron in a Q-format, bit for bit, and the error of rates that its word costs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.crossval.identify.formats import ROUNDINGS, FixedPoint
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import LIFParameters

RATES_HZ = (10.0, 20.0, 50.0, 100.0)
LONGEST_WORD = 48
SPREAD = np.linspace(0.95, 1.05, 15)
"""Rates around each one, over which the grid of time steps averages out."""


@dataclass(frozen=True)
class FixedPointNeuron:
    """Q-format of a neuron in hardware.

    Attributes
    ----------
    word : int, bits
        Width of V, sign included.
    fraction : int, bits
        Of them behind the point.
    rounding : str
        Key of `formats.ROUNDINGS`, or "stochastic".
    overflow : {"saturate", "wrap"}
    decay_bits : int
        Decay as k over two to this power.
    linear_leak : bool
        V moves by a whole number of units towards 0 in place of the decay.
    """

    word: int = 16
    fraction: int = 8
    rounding: str = "truncate"
    overflow: Literal["saturate", "wrap"] = "saturate"
    decay_bits: int = 12
    linear_leak: bool = False

    def __post_init__(self) -> None:
        """Refuse words that no neuron fits."""
        if not 2 <= self.word <= LONGEST_WORD:
            raise InputError(f"a word has 2 to {LONGEST_WORD} bits, not {self.word}")
        if not 0 <= self.fraction < self.word:
            raise InputError(f"{self.fraction} fraction bits do not fit a word of {self.word}")
        if self.rounding not in (*ROUNDINGS, "stochastic"):
            raise InputError(f"rounding is one of {', '.join(ROUNDINGS)}, stochastic")
        if self.overflow not in ("saturate", "wrap"):
            raise InputError("overflow is saturate or wrap")
        if not 1 <= self.decay_bits <= 30:
            raise InputError(f"the decay has 1 to 30 bits, not {self.decay_bits}")


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
    unit = 2.0**-form.fraction
    decay = math.exp(-dt_ms / params.tau_ms)
    k = round(decay * 2**form.decay_bits)
    if not form.linear_leak and not 0 < k < 2**form.decay_bits:
        raise InputError(
            f"a decay of {decay:.6g} a step is {k / 2**form.decay_bits:g} in {form.decay_bits} "
            "bits: give it more"
        )

    def whole(x: float, what: str) -> float:
        units = round((x - params.V_rest) / unit)
        if not -(2 ** (form.word - 1)) <= units < 2 ** (form.word - 1):
            raise InputError(
                f"{what} = {x:g} needs {units:,} units of 2^-{form.fraction}: more than a word of "
                f"{form.word} bits holds"
            )
        return units * unit

    threshold, reset = whole(params.V_th, "V_th"), whole(params.V_reset, "V_reset")
    if threshold <= reset:
        raise InputError(f"V_th and V_reset are the same in units of 2^-{form.fraction}")
    subtracts = params.reset == "subtract"
    leak = 0.0
    if form.linear_leak:
        # a leak of what the exponential takes on the average between reset and threshold
        leak = max(round((1 - decay) * threshold / 2 / unit), 1) * unit
    gain = round((1 - decay) * 2**form.decay_bits) / 2**form.decay_bits
    return SteppedNeuron(
        decay=1.0 if form.linear_leak else k / 2**form.decay_bits,
        leak=leak,
        gain=gain,
        threshold=threshold,
        reset_keep=1.0 if subtracts else 0.0,
        reset_to=reset - threshold if subtracts else reset,
        refractory=round(params.t_ref_ms / dt_ms),
        start=reset,
        number_format=FixedPoint(unit, form.rounding, form.word, form.overflow, "nearest", True),
    )


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
    neuron = in_fixed_point(params, dt_ms, form)
    around = np.outer(np.atleast_1d(np.asarray(rates_hz, dtype=float)), SPREAD)
    currents = np.array([current_for(params, rate) for rate in around.ravel()])
    longest = 1000 / float(np.min(rates_hz))
    steps = min(math.ceil(12 * longest / dt_ms), 100_000)
    x = np.broadcast_to(currents * params.R, (steps, len(currents)))
    decay = math.exp(-dt_ms / params.tau_ms)
    exact = replace(
        neuron,
        decay=decay,
        gain=1 - decay,
        leak=0.0,
        threshold=params.V_th - params.V_rest,
        reset_to=params.V_reset - (params.V_th if neuron.subtracts else params.V_rest),
        start=params.V_reset - params.V_rest,
        number_format=SteppedNeuron().number_format,
    )
    rate = mean_rates(step(neuron, x, rng).spikes).reshape(around.shape).mean(axis=1)
    wanted = mean_rates(step(exact, x).spikes).reshape(around.shape).mean(axis=1)
    return (rate - wanted) / wanted


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
