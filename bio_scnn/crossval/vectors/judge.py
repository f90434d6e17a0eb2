"""Judgement of the answers to test vectors: read, scored, and put into words."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval import exchange
from bio_scnn.crossval.causes import cause
from bio_scnn.crossval.diagnosis import Answer
from bio_scnn.crossval.expectations import declared_differences
from bio_scnn.crossval.oracles.follow import follow, rounding_scale
from bio_scnn.crossval.oracles.grid import crossing_steps, raster_of
from bio_scnn.crossval.protocol import Capabilities
from bio_scnn.crossval.results import CheckResult, Status
from bio_scnn.crossval.vectors.explain import with_cause
from bio_scnn.crossval.vectors.readme import TOLERANCES
from bio_scnn.crossval.vectors.scores import match
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace

PREFIXES = ("answer_", "")
_SCALE = "which is V_th + |RI|/100"


@dataclass(frozen=True, eq=False)
class Golden:
    """A case of the test vectors, as it is stored.

    Attributes
    ----------
    name : str
    folder : Path
    params : LIFParameters
    dt_ms : float, ms
    current : (steps, neurons) float64 array, dimensionless
    exact : Trace
    grid_spikes : int
        Number of spikes of the perfect neuron on the grid.
    """

    name: str
    folder: Path
    params: LIFParameters
    dt_ms: float
    current: NDArray[np.float64]
    exact: Trace
    grid_spikes: int


@dataclass(frozen=True, eq=False)
class Verdict:
    """Verdict on the answer to a case.

    Attributes
    ----------
    result : CheckResult
    claims : Capabilities
    answered : bool
        Whether there was an answer, good or bad.
    answer : Answer or None
        If it is on the grid and can be read.
    """

    result: CheckResult
    claims: Capabilities
    answered: bool
    answer: Answer | None = None


def judge(case: Golden, claims: Capabilities) -> Verdict:
    """Read and score the answer to a case; whatever is wrong with it becomes part of the result.

    Parameters
    ----------
    case : Golden
    claims : Capabilities
        What the implementation is said to be.
    """
    began = time.monotonic()
    answer = None
    answered = True
    try:
        spikes = exchange.find(case.folder, "spikes", PREFIXES)
        if why := exchange.refusal(case.folder, PREFIXES):
            result = CheckResult(case.name, "skipped", reason=why)
        elif spikes is None:
            answered = False
            result = CheckResult(case.name, "skipped", reason="no answer")
        elif claims.refractory == "none" and case.params.t_ref_ms:
            reason = f"declares no refractory period; this case has {case.params.t_ref_ms:g} ms"
            result = CheckResult(case.name, "skipped", reason=reason)
        else:
            trace = exchange.read_spikes(
                spikes, case.current.shape, case.dt_ms, claims.spike_label
            )
            membrane = exchange.find(case.folder, "membrane", PREFIXES)
            V = None
            if membrane is not None:
                V = exchange.read_matrix(membrane, case.current.shape, "V")
            if claims.precise:
                result = _precise(case, trace, V)
            else:
                raster = _raster(case, trace, claims)
                answer = _answer(case, raster)
                result = _on_grid(case, raster, V, claims)
    except InputError as error:
        result = CheckResult(case.name, "error", reason=f"{case.name}: {error}")
    result = replace(result, seconds=time.monotonic() - began)
    return Verdict(_as_declared(result, claims), claims, answered, answer)


def _answer(case: Golden, raster: NDArray[np.bool_]) -> Answer:
    tolerance = TOLERANCES["membrane"] * rounding_scale(case.current, case.params)
    return Answer(
        case.current,
        case.dt_ms,
        case.params,
        raster,
        near=lambda found: tolerance[: len(found.raster)],
    )


def _raster(case: Golden, trace: Trace, claims: Capabilities) -> NDArray[np.bool_]:
    """The steps in which an implementation on the grid says that its neurons fired."""
    steps, _ = case.current.shape
    label = claims.spike_label
    for train in trace.spike_times_ms:
        position = train / case.dt_ms
        off = np.abs(position - np.round(position)) > TOLERANCES["grid_time_steps"]
        if label != "exact" and off.any():
            raise InputError(
                f"a spike at {train[off][0]:.6g} ms is not on the grid of {case.dt_ms:g} ms; if "
                'spikes are found inside the steps, declare {"precise": true} in answer.json'
            )
    for index in crossing_steps(trace, case.dt_ms, label):
        if index.size and not 0 <= index.min() <= index.max() < steps:
            raise InputError(
                f"a spike in step {index.min() if index.min() < 0 else index.max()}; steps go "
                f'from 0 to {steps - 1}. Is "spike_label" (={label!r}) right?'
            )
    counts = raster_of(trace, steps, case.dt_ms, label)
    if counts.max(initial=0) > 1:
        raise InputError("a neuron has two spikes in one step: on the grid it can have one")
    return counts.astype(bool)


def _on_grid(
    case: Golden, raster: NDArray[np.bool_], V: NDArray | None, claims: Capabilities
) -> CheckResult:
    found = follow(raster, case.current, case.dt_ms, case.params, TOLERANCES["membrane"])
    late = found.largest
    observed = (
        f"{int(raster.sum())} spikes: {found.missed} missed, {found.extra} extra, largest error "
        f"of an interval {_signed(late, case.dt_ms)}"
    )
    expected = (
        f"{case.grid_spikes} spikes on this grid: none missed, none extra, every interval to the "
        "step"
    )
    values = {
        "missed_spikes": float(found.missed),
        "extra_spikes": float(found.extra),
        "isi_error_steps": float(abs(late)),
    }
    ok = not (found.missed or found.extra or late)
    why = None
    if V is not None:
        either = {"after reset": found.after, "before reset": found.before}
        shown = claims.membrane if claims.membrane in either else "after reset"
        off = {
            name: float(np.max(np.abs(V - target) / found.scale))
            for name, target in either.items()
        }
        V_ok = off[shown] <= TOLERANCES["membrane"]
        observed += f", V off by {off[shown]:.2g} x scale"
        expected += f", V within {TOLERANCES['membrane']:g} x scale, {_SCALE}"
        values |= {"membrane_error": off[shown]} if np.isfinite(off[shown]) else {}
        other = next(name for name in either if name != shown)
        if not np.isfinite(V).all():
            why = cause("membrane.not-finite/recorded")
        elif ok and not V_ok and off[other] <= TOLERANCES["membrane"]:
            why = cause(f"membrane.shown-{other.replace(' ', '-')}/recorded")
        elif ok and not V_ok:
            why = cause("membrane.wrong-at-steps")
        ok = ok and V_ok
    status: Status = "passed" if ok else "failed"
    return with_cause(CheckResult(case.name, status, observed, expected, values=values), why)


def _signed(steps: int, dt_ms: float) -> str:
    unit = "step" if abs(steps) == 1 else "steps"
    return f"{steps:+d} {unit} ({steps * dt_ms:+.4g} ms)" if steps else "0 steps"


def _precise(case: Golden, trace: Trace, V: NDArray | None) -> CheckResult:
    found = match(trace, case.exact, case.dt_ms)
    limit = TOLERANCES["precise_time_ms"]
    times = np.concatenate(trace.spike_times_ms)
    observed = (
        f"{times.size} spikes: {found.missed} missed, {found.extra} extra, largest error of a "
        f"spike time {found.error_ms:.2g} ms"
    )
    expected = (
        f"{sum(map(len, case.exact.spike_times_ms))} spikes: none missed, none extra, every time "
        f"within {limit:g} ms"
    )
    values = {
        "missed_spikes": float(found.missed),
        "extra_spikes": float(found.extra),
        "time_error_ms": found.error_ms,
    }
    ok = not (found.missed or found.extra) and found.error_ms <= limit
    why = None
    position = times / case.dt_ms
    if not ok and times.size > 1 and np.all(np.abs(position - np.round(position)) < 1e-3):
        why = cause("clock.on-grid")
    elif not ok and found.longer_ms is not None:
        why = cause(
            "refractory.acts-as",
            off_ms=abs(found.longer_ms),
            way="long" if found.longer_ms > 0 else "short",
            acts_ms=case.params.t_ref_ms + found.longer_ms,
            t_ref_ms=case.params.t_ref_ms,
        )
    if V is not None and case.exact.membrane is not None:
        error = np.abs(V - case.exact.membrane) / rounding_scale(case.current, case.params)
        for i, train in enumerate(case.exact.spike_times_ms):
            # At a spike on the end of a step, rounding decides whether V shows the reset.
            position = train / case.dt_ms
            close = np.abs(position - np.round(position)) * case.dt_ms <= 10 * limit
            error[np.round(position[close]).astype(int) - 1, i] = 0.0
        off = float(np.max(error))
        observed += f", V off by {off:.2g} x scale"
        expected += f", V within {TOLERANCES['membrane']:g} x scale, {_SCALE}"
        values |= {"membrane_error": off} if np.isfinite(off) else {}
        ok = ok and off <= TOLERANCES["membrane"]
    status: Status = "passed" if ok else "failed"
    return with_cause(CheckResult(case.name, status, observed, expected, values=values), why)


def _as_declared(result: CheckResult, claims: Capabilities) -> CheckResult:
    """A failure that what is declared brings about is an expected one."""
    # What shows in one check only does not show here.
    reasons = [d.reason for d in declared_differences(claims) if d.may]
    if result.status != "failed" or not reasons:
        return result
    return replace(result, status="xfail", reason="; ".join(reasons))
