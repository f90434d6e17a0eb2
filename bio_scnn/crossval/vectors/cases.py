"""Cases of the stored test vectors: currents, and exact answers from independent sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.follow import rounding_scale
from bio_scnn.crossval.oracles.grid import grid_trace
from bio_scnn.crossval.vectors.readme import TOLERANCES
from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import current_for_latency, current_for_rate
from bio_scnn.neuron.events import exact_trace
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.recording import Recording
from bio_scnn.neuron.simulation import simulate
from bio_scnn.neuron.trace import Trace

TIME_AGREEMENT_MS = 1e-9
POTENTIAL_AGREEMENT = 1e-9
_QUANTUM = 2.0**-16
_CLEAR = 1.5 * TOLERANCES["membrane"]


@dataclass(frozen=True, eq=False)
class Case:
    """A set of currents to be answered.

    Attributes
    ----------
    name : str
        Of its folder.
    about : str
        Its purpose, in a line.
    params : LIFParameters
    dt_ms : float, ms
    current : (steps, neurons) float64 array, dimensionless
        Multiples of 2^-16 below 2^8 in magnitude, or whole numbers: float32 holds them exactly,
        and no platform's last digit is in them.
    """

    name: str
    about: str
    params: LIFParameters
    dt_ms: float
    current: NDArray[np.float64]


def cases(p: LIFParameters) -> Iterator[Case]:
    """Every case for a neuron, with time steps of t_ref/10 and t_ref: 0.1 and 1 ms in Table 1.

    Without a refractory period the steps are 0.1 and 1 ms, or shorter for a fast membrane.
    """
    fine = p.t_ref_ms / 10 if p.t_ref_ms else min(0.1, p.tau_ms / 40)
    coarse = p.t_ref_ms or min(1.0, p.tau_ms / 4)
    if coarse > p.tau_ms / 4:  # V would hardly be resolved
        coarse = fine
    short, long = 1000, 400
    yield from _constant(p, (fine, short), (coarse, long))
    for suffix, words, dt, steps in (
        ("", "", fine, short),
        ("_coarse", ", long steps", coarse, long),
    ):
        yield from _changing(p, dt, steps, suffix, words)
    slow = _refractory(p, 5 * p.t_ref_ms)
    yield _case(
        "long_refractory", "five times t_ref; as above", slow, fine, *_mixed(slow, fine, short)
    )
    for name, share in (("reset_below", -0.5), ("reset_above", 0.4)):
        other = replace(p, V_reset=p.V_reset + share * (p.V_th - p.V_reset))
        about = f"V_reset = {other.V_reset:g}; as above"
        yield _case(name, about, other, fine, *_mixed(other, fine, short))


def _constant(
    p: LIFParameters, fine: tuple[float, int], coarse: tuple[float, int]
) -> Iterator[Case]:
    """Constant currents, on two grids of a time step and a number of steps."""
    (dt, short), (coarse_dt, long) = fine, coarse
    band = _band(p, [0.0, 0.113, 0.23, 0.37, 0.51, 0.63, 0.87, 1.0])
    yield _case("constant", "constant currents across the band", p, dt, drives.held(band, short))
    tied = current_for_latency(dt * np.arange(40, 100, 10), p)
    yield Case(
        "ties",
        "V reaches V_th at the end of a step, but for rounding: a step more or less is right",
        p,
        dt,
        _quantised(drives.held(tied, short)),
    )
    held = drives.held(band, long)
    yield _case("constant_coarse", "the same, long steps", p, coarse_dt, held)
    yield _case(
        "rheobase",
        "no, negative, sub-threshold and rheobase currents, and just above",
        p,
        coarse_dt,
        drives.held(drives.level(p, [0, -3, 0.9, 0.999, 1, 1.001, 1.01, 1.1]), long),
    )
    yield _case(
        "large_drive",
        "20 to 4000 times the rheobase: down to one step from reset to threshold",
        p,
        dt,
        drives.held(drives.level(p, [20, 50, 100, 200, 400, 1000, 2000, 4000]), short // 2),
    )


def _changing(p: LIFParameters, dt: float, steps: int, suffix: str, words: str) -> Iterator[Case]:
    """Currents that jump, and noise; and all kinds without a refractory period."""
    free = _refractory(p, 0.0)
    for name, about, q, parts in (
        (
            "steps",
            "currents that jump, inside refractory periods too",
            p,
            (drives.stepping(p, dt, steps, 8),),
        ),
        (
            "white_noise",
            "frozen noise, independent from step to step",
            p,
            (drives.noise(p, dt, steps, 8, coloured=False),),
        ),
        (
            "ou_noise",
            "frozen Ornstein-Uhlenbeck noise",
            p,
            (drives.noise(p, dt, steps, 8, coloured=True),),
        ),
        (
            "no_refractory",
            "t_ref = 0; constant, jumping and noisy currents",
            free,
            _mixed(free, dt, steps),
        ),
    ):
        yield _case(f"{name}{suffix}", f"{about}{words}", q, dt, *parts)


def _mixed(p: LIFParameters, dt: float, steps: int) -> tuple[NDArray, ...]:
    """Constant, jumping and noisy currents."""
    return (
        drives.held(_band(p, [0.0, 0.37, 0.87]), steps),
        drives.stepping(p, dt, steps, 3),
        drives.noise(p, dt, steps, 3, coloured=False),
    )


def _case(name: str, about: str, p: LIFParameters, dt: float, *parts: NDArray) -> Case:
    """Case from the currents of some of its neurons each, moved off ties."""
    return Case(name, about, p, dt, _without_ties(_quantised(*parts), dt, p))


def _quantised(*parts: NDArray) -> NDArray[np.float64]:
    return np.asarray(np.round(np.concatenate(parts, axis=1) / _QUANTUM) * _QUANTUM)


def _without_ties(
    current: NDArray[np.float64], dt_ms: float, params: LIFParameters
) -> NDArray[np.float64]:
    """Currents a little larger, where single precision would decide when a neuron fires.

    Then the spikes on the grid are those of every correct implementation on it.
    """
    current = current.copy()
    for _ in range(100):
        near = np.flatnonzero(nearest_to_threshold(current, dt_ms, params) < _CLEAR)
        if not near.size:
            break
        current[:, near] += 16 * _QUANTUM
    return current


def nearest_to_threshold(
    current: NDArray[np.float64], dt_ms: float, params: LIFParameters
) -> NDArray[np.float64]:
    """Smallest distance of V from V_th at the end of a step on the grid, per neuron.

    As a share of `rounding_scale`.
    """
    V = grid_trace(current, dt_ms, params).before_reset
    distance = np.abs(V - params.V_th) / rounding_scale(current, params)
    return np.asarray(np.min(distance, axis=0))


def exact_answer(
    case: Case, engine: Callable[..., Recording] = simulate
) -> tuple[Trace, list[str]]:
    """Exact spike times and V, once independent solutions agree on them.

    Parameters
    ----------
    case : Case
    engine : callable
        The independent simulation, called as `simulate`.

    Returns
    -------
    Trace
        Of `exact_trace`.
    list of str
        What agreed.

    Raises
    ------
    InputError
        If they do not agree: then the neuron is too ill-conditioned for vectors to be made.
    """
    p, dt = case.params, case.dt_ms
    trace = exact_trace(case.current, dt, p)
    agreed = ["event-driven solution", "direct summation"]
    _compare(
        case, replay_error(case.current, dt, p, trace), POTENTIAL_AGREEMENT, "V at the spikes"
    )
    if p.t_ref_ms >= dt:  # otherwise the time-driven engine cannot have it
        agreed.append("Brian2, exact mode")
        steps, neurons = case.current.shape
        run = engine(
            case.current,
            p,
            duration_ms=steps * dt,
            dt_ms=dt,
            record=range(neurons),
            target="numpy",
        )
        pairs = list(zip(run.spike_trains_ms, trace.spike_times_ms, strict=True))
        same = all(len(one) == len(two) for one, two in pairs)
        off = max(float(np.abs(one - two).max(initial=0.0)) for one, two in pairs) if same else 1e3
        _compare(case, off, TIME_AGREEMENT_MS, "spike times in ms")
        assert trace.membrane is not None
        off = float(np.abs(run.membrane[:, 1:].T - trace.membrane).max())
        _compare(case, off, POTENTIAL_AGREEMENT, "V at the ends of the steps")
    if not any(map(len, trace.spike_times_ms)):
        raise InputError(f"case {case.name}: no neuron fires with these parameters")
    return trace, agreed


def replay_error(current: NDArray, dt_ms: float, params: LIFParameters, trace: Trace) -> float:
    """Error of V at the spikes of a trace: its distance from V_th there, or above it between.

    Notes
    -----
    From the release s on, eq. 1 gives V at t as
    ``exp(-(t-s)/tau) (V_reset + R sum_k I_k (exp((b_k-s)/tau) - exp((a_k-s)/tau)))`` over the
    pieces [a_k, b_k] of constant current: no recursion, and no search for the crossing.
    """
    steps, neurons = current.shape
    end = steps * dt_ms
    worst = 0.0
    for neuron in range(neurons):
        release = 0.0
        for spike in [*trace.spike_times_ms[neuron].tolist(), None]:
            until = end if spike is None else spike
            if release < until:
                grid = np.arange(int(release / dt_ms), int(until / dt_ms) + 2) * dt_ms
                inside = grid[(grid > release) & (grid < until)]
                edges = np.concatenate([[release], inside, [until]])
                middle = (edges[1:] + edges[:-1]) / 2
                held = current[np.minimum((middle / dt_ms).astype(int), steps - 1), neuron]
                growth = np.exp((edges - release) / params.tau_ms)
                V = (params.V_reset + params.R * np.cumsum(held * np.diff(growth))) / growth[1:]
                above = V - params.V_th
                worst = max(worst, float(above.max()))
                if spike is not None:
                    worst = max(worst, abs(float(above[-1])))
            release = until + params.t_ref_ms
    return worst


def _compare(case: Case, off: float, limit: float, what: str) -> None:
    if not off <= limit:
        raise InputError(
            f"case {case.name}: independent solutions differ by {off:.2g} in {what}, more than "
            f"{limit:g}; choose parameters farther from the limits of the model"
        )


def _band(p: LIFParameters, places: list[float]) -> NDArray[np.float64]:
    """Currents for rates between rate_min (0) and rate_max (1)."""
    rates = p.rate_min_hz + (p.rate_max_hz - p.rate_min_hz) * np.array(places)
    return np.asarray(current_for_rate(rates, p))


def _refractory(p: LIFParameters, t_ref_ms: float) -> LIFParameters:
    """Neuron with another refractory period, and rates that it allows."""
    limit = 1e3 / t_ref_ms if t_ref_ms else np.inf
    highest = min(p.rate_max_hz, 0.75 * limit)
    lowest = min(p.rate_min_hz, highest / 2)
    return replace(p, t_ref_ms=t_ref_ms, rate_min_hz=lowest, rate_max_hz=highest)
