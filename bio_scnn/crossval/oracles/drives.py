"""The currents that implementations are driven with."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.crossval.oracles.precision import rounding_error
from bio_scnn.neuron.closed_form import current_for_latency, first_spike_ms
from bio_scnn.neuron.linear import LinearNeuron
from bio_scnn.neuron.models import NeuronParameters, hybrid_system
from bio_scnn.neuron.noise import ornstein_uhlenbeck
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters

_WITHOUT_LEAK_MS = 20.0
_TAUS = 3.0  # time constants for which a neuron charges at most

GOLDEN = (math.sqrt(5) - 1) / 2
"""Fraction of a step at which crossings are put: its multiples stay away from whole numbers."""


def held(values: NDArray, steps: int) -> NDArray[np.float64]:
    """Constant currents ``(neurons,)`` as ``(steps, neurons)``."""
    return np.tile(np.asarray(values, dtype=np.float64), (steps, 1))


def level(params: NeuronParameters, share: ArrayLike) -> NDArray[np.float64]:
    """Current whose RI is a share of the way from V_reset (0) to V_th (1, the rheobase).

    Without a leak, 1 is the current that takes 20 ms from V_reset to V_th. Without a threshold,
    the way is as far as V_rest is from 0, or 1.
    """
    if not isinstance(params, LIFParameters):
        return _level(hybrid_system(params), np.asarray(share, dtype=np.float64))
    way = (params.V_th - params.V_reset) * np.asarray(share, dtype=np.float64)
    return np.asarray((params.V_reset + way) / params.R)


def _level(neuron: LinearNeuron, share: NDArray[np.float64]) -> NDArray[np.float64]:
    jump = neuron.V_th - neuron.V_reset
    if math.isinf(jump):
        jump = abs(neuron.V_rest) or 1.0
    if math.isinf(neuron.tau_ms):
        return jump * share / (neuron.R * _WITHOUT_LEAK_MS)
    weights = [x.weight for x in neuron.currents if x.weight is not None]
    return (neuron.V_reset - neuron.V_rest + jump * share) / (neuron.R * math.prod(weights))


def _for_latency(neuron: LinearNeuron, latency_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Constant current under which V first reaches V_th at a time: V is linear in the current."""
    state = neuron.start(len(latency_ms))
    none, unit = (
        neuron.flow(state, np.full(len(latency_ms), current), latency_ms)[0]
        for current in (0.0, 1.0)
    )
    return (neuron.V_th - none) / (unit - none)


def crossing_ms(params: LIFParameters, dt_ms: float, steps: ArrayLike) -> NDArray[np.float64]:
    """Latencies, ms, whose crossing lies well inside the last of so many steps.

    It is at the golden section of the step, so that of many spikes of a precise neuron, each that
    fraction of a step later on the grid, none meets a grid point; or of the time constant, where
    that is shorter than the step: there V has all but arrived long before the step ends.
    """
    inside = GOLDEN * min(1.0, params.tau_ms / dt_ms)
    return (np.asarray(steps, dtype=np.float64) - 1 + inside) * dt_ms


def longest_charge(params: LIFParameters, dt_ms: float, dtype: str = "float64") -> int:
    """Largest number of steps to the threshold at which rounding does not decide in which step.

    The longer V takes, the flatter it crosses: at the ends of the steps next to the crossing it
    must lie farther from the threshold than all steps' rounding may move it. At least 1.
    """
    h = dt_ms / params.tau_ms
    steps = np.arange(1, max(2, min(100_000, math.ceil(_TAUS / h) + 1)))
    latency = crossing_ms(params, dt_ms, steps) / params.tau_ms
    jump = params.V_th - params.V_reset
    drive = jump / np.expm1(latency)  # R I - V_th
    inside = latency[0]
    after, before = drive * -np.expm1(inside - h), drive * np.expm1(inside)
    largest = max(abs(params.V_th), abs(params.V_reset)) + after
    near = 1.5 * largest * rounding_error(dtype, np.minimum(steps, 1 / h))
    decided = np.where(steps == 1, after, np.minimum(after, before)) <= near
    return int(steps[np.argmax(decided)]) - 1 or 1 if decided.any() else int(steps[-1])


def off_tie(
    current: NDArray, dt_ms: float, params: NeuronParameters, dtype: str = "float64"
) -> NDArray[np.float64]:
    """Currents near those given whose first crossing falls well inside a step: `crossing_ms`.

    There, neither the precision nor the order of two operations decides in which step an
    implementation fires. Of other neurons than the LIF they stay as they are.
    """
    if not isinstance(params, LIFParameters):
        return np.asarray(current, dtype=np.float64)
    latency = first_spike_ms(np.asarray(current, dtype=np.float64), params)
    steps = np.clip(np.ceil(latency / dt_ms), 1, longest_charge(params, dt_ms, dtype))
    return current_for_latency(crossing_ms(params, dt_ms, steps), params)


def span(params: LIFParameters, dt_ms: float, current: ArrayLike, intervals: float) -> int:
    """Number of steps that hold so many intervals of the slowest of neurons; at least 40."""
    slowest = params.t_ref_ms + float(np.max(first_spike_ms(np.asarray(current), params)))
    return max(math.ceil(intervals * (slowest / dt_ms + 1)), 40)


def rates(
    params: NeuronParameters, dt_ms: float, number: int = 12, dtype: str = "float64"
) -> NDArray[np.float64]:
    """Constant currents that span 40 to 220 Hz, or rates that suit the neuron and its time step.

    The refractory period may allow less. A neuron charges for at most three time constants, and no
    longer than `longest_charge` allows; the slowest for at least twenty steps if that is possible.

    A neuron that never fires gets `level` 0.2 to 3; one without a closed form of its rate, first
    intervals that are those of such rates.
    """
    if not isinstance(params, LIFParameters):
        neuron = hybrid_system(params)
        if math.isinf(neuron.V_th):
            return level(params, np.linspace(0.2, 3.0, number))
        latency = 1e3 / rates_hz(params, 40.0, number) - neuron.t_ref_ms
        slowest = neuron.tau_ms + sum(x.tau_ms for x in neuron.currents if x.weight is not None)
        # After more than three time constants, rounding decides when V arrives at the threshold.
        latency *= min(1.0, _TAUS * slowest / latency.max())
        return _for_latency(neuron, (np.ceil(latency / dt_ms) - 1 + GOLDEN) * dt_ms)
    latency = 1e3 / rates_hz(params, 40.0, number) - params.t_ref_ms
    most = longest_charge(params, dt_ms, dtype)
    longest = min(_TAUS * params.tau_ms, most * dt_ms)
    latency *= np.clip(latency.max(), min(20 * dt_ms, longest), longest) / latency.max()
    steps = np.clip(np.ceil(latency / dt_ms), 1, most)
    return current_for_latency(crossing_ms(params, dt_ms, steps), params)


def rates_hz(params: NeuronParameters, lowest: float, number: int) -> NDArray[np.float64]:
    """Rates up to 220 Hz, or to 0.7 of what the refractory period allows."""
    highest = min(220.0, 0.7 * rate_limit_hz(params))
    return np.linspace(min(lowest, highest / 3), highest, number)


def rate_limit_hz(params: NeuronParameters) -> float:
    """Rate 1/t_ref, Hz, that no current reaches; infinite without a refractory period."""
    t_ref = hybrid_system(params).t_ref_ms
    return 1e3 / t_ref if t_ref else math.inf


def long_enough(params: NeuronParameters, dt_ms: float) -> int:
    """Number of steps in which neurons driven by `noise` or `stepping` fire several times."""
    neuron = hybrid_system(params)
    tau = neuron.tau_ms if math.isfinite(neuron.tau_ms) else _WITHOUT_LEAK_MS
    return max(1000, round((2.5 * tau + 20 * neuron.t_ref_ms) / dt_ms))


def noise(
    params: NeuronParameters, dt_ms: float, steps: int, neurons: int, *, coloured: bool
) -> NDArray[np.float64]:
    """Frozen noise around a supra-threshold current, held over each step.

    The means are `level` 1.2 to 4, which with Table 1 fires at 14 to 80 Hz. White noise has a
    standard deviation of 3 levels, coloured noise, an Ornstein-Uhlenbeck process with
    ``params.tau_noise_ms``, of 1.
    """
    rng = np.random.default_rng([7, int(coloured)])
    if coloured:
        tau = getattr(params, "tau_noise_ms", TABLE_1.tau_noise_ms)
        x = ornstein_uhlenbeck(steps, neurons, dt_ms, tau, rng)
    else:
        x = 3.0 * rng.standard_normal((steps, neurons))
    return level(params, np.linspace(1.2, 4.0, neurons) + x)


def stepping(
    params: NeuronParameters, dt_ms: float, steps: int, neurons: int
) -> NDArray[np.float64]:
    """Currents that jump at random grid times, to negative values too.

    Two of three jumps come within two refractory periods of one another, so that many fall
    inside one.
    """
    rng = np.random.default_rng(11)
    per_refractory = max(round(hybrid_system(params).t_ref_ms / dt_ms), 4)
    levels = np.empty((steps, neurons))
    for neuron in range(neurons):
        lengths = 1 + rng.geometric(1 / per_refractory, size=steps)
        lengths[::3] *= 8
        held_levels = rng.uniform(-3, 14, size=steps)
        levels[:, neuron] = np.repeat(held_levels, lengths.astype(np.intp))[:steps]
    return level(params, levels)


def jumping(
    params: NeuronParameters, dt_ms: float, steps: int, neurons: int
) -> NDArray[np.float64]:
    """Currents of either sign that may bring V across its whole range in one step.

    Blocks of one to six steps; a third of them are silent.
    """
    rng = np.random.default_rng(13)
    tau = hybrid_system(params).tau_ms
    once = 1.0 / -math.expm1(-dt_ms / (tau if math.isfinite(tau) else _WITHOUT_LEAK_MS))
    lengths = rng.integers(1, 7, size=steps)
    levels = rng.choice([-0.7, 0.0, 1.6], size=(steps, neurons)) * rng.uniform(
        0.8, 1.2, (steps, neurons)
    )
    return level(params, once * np.repeat(levels, lengths, axis=0)[:steps])


def rate_floor(current: ArrayLike, dt_ms: float, params: LIFParameters) -> NDArray[np.float64]:
    """Rate, Hz, of the perfect neuron on a grid: ``1/(t_ref + dt ceil(t_1/dt))``."""
    steps = np.ceil(first_spike_ms(np.asarray(current, dtype=np.float64), params) / dt_ms - 1e-9)
    return 1e3 / (params.t_ref_ms + dt_ms * steps)
