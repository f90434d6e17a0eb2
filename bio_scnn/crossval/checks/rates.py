"""Constant currents: rates, single intervals, and the first spike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.causes import Cause, cause, either
from bio_scnn.crossval.checks import others
from bio_scnn.crossval.checks.needs import PLAIN, needs
from bio_scnn.crossval.diagnosis import explain
from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.compare import (
    first_spike_in_words,
    intervals_in_words,
    noisy_alone,
)
from bio_scnn.crossval.oracles.precision import TIME_TOLERANCE_MS
from bio_scnn.crossval.subject import Finding, Subject
from bio_scnn.crossval.variants import varied
from bio_scnn.neuron.closed_form import firing_rate, first_spike_ms
from bio_scnn.neuron.trace import Trace, mean_rate_hz

_GRID = 1e-6  # of a step: rounding of k dt, in single precision too


@needs("a spike")
def fi_curve(subject: Subject) -> Finding:
    """Firing rates under constant currents follow the closed-form f-I curve.

    ``rate = 1/(t_ref + tau ln((RI - V_reset)/(RI - V_th)))``. A clock-driven neuron can do no
    better than the grid floor ``1/(t_ref + dt ceil(t_1/dt))``; it is held to that, and its
    distance to the closed form is reported.
    """
    if not subject.plain:
        return others.rate_curve(subject)
    p, dt = subject.params, subject.dt_ms
    stepped = subject.in_steps()
    current = drives.rates(stepped, dt, dtype=subject.dtype)
    steps = drives.span(stepped, dt, current, 10)
    trace = subject.run(drives.held(current, steps))
    rate = mean_rate_hz(trace)
    exact = firing_rate(current, p)
    floor = exact if subject.claims.precise else drives.rate_floor(current, dt, stepped)
    with np.errstate(divide="ignore", invalid="ignore"):  # the exact neuron may be silent there
        from_exact, from_floor = rate / exact - 1, rate / floor - 1
    worst = int(np.argmax(np.abs(from_floor)))
    tolerance = TIME_TOLERANCE_MS[subject.dtype] / 5 if subject.claims.precise else 1e-6
    ok = bool(np.abs(from_floor).max() <= tolerance)
    return Finding(
        ok,
        f"{rate[worst]:.2f} Hz, {100 * from_floor[worst]:+.2f} % (worst of {len(current)})",
        f"{floor[worst]:.2f} Hz"
        + ("" if subject.claims.precise else f", the grid floor of {exact[worst]:.2f} Hz"),
        None if ok else _fi_cause(subject, current, rate, silent=not _fires(trace)),
        {
            "rate_error_percent": 100 * float(np.abs(from_exact).max()),
            "excess_over_floor_percent": 100 * float(np.abs(from_floor).max()),
        },
    )


def _fires(trace: Trace) -> bool:
    """True if there is a spike at all."""
    return any(len(times) for times in trace.spike_times_ms)


def _fi_cause(subject: Subject, current: NDArray, rate: NDArray, *, silent: bool) -> Cause | None:
    """Cause of a wrong f-I curve: what explains all spikes, or one constant that is another."""
    if silent:
        return cause("output.silent")
    if not subject.claims.precise:
        found = explain(subject)
        if found is not None and found.cause:
            return found.cause
    p = subject.in_steps()
    jump = p.V_th - p.V_reset
    grid = 0.0 if subject.claims.precise else subject.dt_ms

    def off(changes: dict[str, float]) -> float:
        """Largest error of an interval, in units of what the grid leaves open."""
        with np.errstate(divide="ignore", invalid="ignore"):
            isi = 1e3 / firing_rate(current, varied(p, **changes))
            beyond = np.abs(1e3 / rate - isi - grid / 2)
        beyond = np.where(np.isnan(beyond), np.inf, beyond)
        return float(np.max(beyond) / (grid / 2 + 1e-6 * p.tau_ms))

    constants = {
        "constant.tau": lambda x: {"tau_ms": p.tau_ms * x, "C_ms": p.C_ms * x},
        "constant.gain": lambda x: {"C_ms": p.C_ms / x},
        "constant.threshold": lambda x: {"V_th": p.V_reset + jump * x},
    }
    factors = np.geomspace(0.5, 2, 1387)  # steps of a thousandth
    for code, changes in constants.items():
        errors = [off(changes(float(x))) for x in factors]
        best = int(np.argmin(errors))
        if errors[best] < 1.1 and abs(factors[best] - 1) > 2e-3:
            return cause(code, times=factors[best])
    return None


@needs(*PLAIN)
def spike_intervals(subject: Subject) -> Finding:
    """All inter-spike intervals are equal, and lie on the time grid if there is one.

    Mean rates hide an interval that is a step too long followed by one too short. Each interval
    is restarted at the implementation's own previous spike, so that the drift that no
    clock-driven neuron can avoid does not add up. Labels must lie on whole steps; a clock that is
    summed up in single precision does not.
    """
    p, dt = subject.in_steps(), subject.dt_ms
    current = drives.rates(p, dt, 6, subject.dtype)
    trace = subject.run(drives.held(current, drives.span(p, dt, current, 20)))
    latency = first_spike_ms(current, p)
    precise = subject.claims.precise
    isi = p.t_ref_ms + subject.charging_ms(latency)
    errors = [
        float(np.max(np.abs(np.diff(train) - right), initial=0.0)) if len(train) > 2 else np.inf
        for train, right in zip(trace.spike_times_ms, isi, strict=True)
    ]
    off_grid = 0.0
    if not precise and subject.claims.spike_label != "exact":
        in_steps = np.concatenate(trace.spike_times_ms) / dt
        off = np.abs(in_steps - np.round(in_steps)) / np.maximum(in_steps, 1)
        off_grid = float(off.max(initial=0.0))
    worst = int(np.argmax(errors))
    train = trace.spike_times_ms[worst]
    found = np.diff(train)
    ok = errors[worst] <= subject.tolerance_ms()
    seen = intervals_in_words(found) if len(found) else f"{len(train)} spike(s), no interval"
    why = None
    if off_grid > _GRID and all(
        np.all(np.abs(np.diff(np.round(t / dt)) * dt - right) < 0.5 * dt)
        for t, right in zip(trace.spike_times_ms, isi, strict=True)
    ):
        seen = f"interval labels up to {off_grid:.1e} (relative) off the grid"
        why = cause("clock.float32")
    elif len(found) and np.ptp(found) > 0.5 * dt:
        why = _jitter_cause(subject, found)
    return Finding(
        bool(ok and off_grid <= _GRID),
        seen,
        f"all intervals {isi[worst]:.6g} ms",
        why,
        {"interval_error_ms": errors[worst], "label_off_grid_relative": off_grid},
    )


def _jitter_cause(subject: Subject, intervals: NDArray) -> Cause | None:
    """Cause of intervals that vary."""
    dt, steps = subject.dt_ms, np.diff(intervals)
    one_way = np.all(steps > -0.5 * dt) or np.all(steps < 0.5 * dt)
    if len(intervals) > 5 and np.ptp(intervals) > 1.5 * dt and one_way:
        return cause("intervals.adaptation")
    if _periodic(intervals, dt):  # no noise repeats itself, and it says nothing of its cause
        return None
    if subject.once(noisy_alone):
        return cause("intervals.noisy")
    return cause("intervals.carried-over") if subject.claims.reset == "value" else None


def _periodic(intervals: NDArray, dt: float) -> bool:
    """True if a few intervals follow each other in the same order again and again."""
    intervals = intervals[:300]
    periods = range(2, len(intervals) // 3 + 1)
    return any(np.abs(intervals[k:] - intervals[:-k]).max() < 0.5 * dt for k in periods)


@needs("a spike")
def first_spike(subject: Subject) -> Finding:
    """The neuron starts at V_reset, and its first spike has the declared time label.

    With a constant current from time 0, the first crossing comes ``tau ln((RI - V_reset)/(RI -
    V_th))`` later. A first spike at another time, and intervals that are right, tell of another
    initial V, of a label at the other end of the step, or of an input that acts late. Equal
    neurons must fire together.
    """
    if not subject.plain:
        return others.first_spike(subject)
    p, dt = subject.in_steps(), subject.dt_ms
    current = np.repeat(drives.rates(p, dt, 4, subject.dtype), 4)
    trace = subject.run(drives.held(current, drives.span(p, dt, current, 2.4)))
    found = np.array([t[0] if len(t) else np.inf for t in trace.spike_times_ms])
    latency = first_spike_ms(current, p)
    expected = subject.charging_ms(latency)
    if not subject.claims.precise and subject.claims.spike_label == "start":
        expected = dt * (np.ceil(latency / dt) - 1)
    again = [np.diff(t) for t in trace.spike_times_ms]
    steady = all(len(isi) and np.ptp(isi) < 0.5 * dt for isi in again)
    error = found - expected
    worst = int(np.argmax(np.abs(error)))
    ok = bool(np.abs(error).max() <= subject.tolerance_ms())
    why = None
    if not ok and steady:
        why = _first_spike_cause(found.reshape(-1, 4), error, trace.membrane, subject)
    return Finding(
        ok,
        first_spike_in_words(found[worst]),
        f"{expected[worst]:.6g} ms",
        why,
        {"first_spike_error_ms": float(np.abs(error).max())},
    )


def _first_spike_cause(
    groups: NDArray, error: NDArray, membrane: NDArray | None, subject: Subject
) -> Cause | None:
    """Cause of first spikes at another time, where the intervals after them are right."""
    dt = subject.dt_ms
    if np.isfinite(groups).all() and np.ptp(groups, axis=1).max() > 0.5 * dt:
        return cause("start.random")
    steps = error / dt
    alike = np.allclose(steps, steps[0], atol=1e-3) and np.isfinite(steps[0])
    whole = round(float(steps[0])) if alike else 0
    if not whole:
        return None
    if whole > 1 and whole == round(subject.params.t_ref_ms / dt):
        return cause("start.refractory")
    moved = cause("label.late" if whole > 0 else "label.early", steps=abs(whole))
    if whole != 1:
        return moved
    if membrane is None:
        return either([moved, cause("input.delayed/first-spike")])
    if np.all(membrane[0] == membrane[0, 0]):
        return cause("input.delayed/first-step")
    return either([moved, cause("late.test/first-spike")])
