"""Constant currents: rates, single intervals, the first spike, and what a finer grid gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.diagnosis import explain
from bio_scnn.crossval.oracles import drives as probes
from bio_scnn.crossval.oracles.compare import compare, noisy_alone
from bio_scnn.crossval.protocol import CannotRepresent, Setup
from bio_scnn.crossval.subject import TIME_TOLERANCE_MS, Finding, Skip, Subject, varied
from bio_scnn.neuron.closed_form import current_for_rate, firing_rate, first_spike_ms
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace, mean_rate_hz

_GRID = 1e-6  # of a step: rounding of k dt, in single precision too


def fi_curve(subject: Subject) -> Finding:
    """Firing rates under constant currents follow the closed-form f-I curve.

    ``rate = 1/(t_ref + tau ln((RI - V_reset)/(RI - V_th)))``. A clock-driven neuron can do no
    better than the grid floor ``1/(t_ref + dt ceil(t_1/dt))``; it is held to that, and its
    distance to the closed form is reported.
    """
    p, dt = subject.params, subject.dt_ms
    current = probes.rates(p, dt)
    rate = mean_rate_hz(subject.run(probes.held(current, max(round(250 / dt), 100))))
    exact = firing_rate(current, p)
    floor = exact if subject.claims.precise else probes.rate_floor(current, dt, p)
    from_exact, from_floor = rate / exact - 1, rate / floor - 1
    worst = int(np.argmax(np.abs(from_floor)))
    tolerance = TIME_TOLERANCE_MS[subject.dtype] / 5 if subject.claims.precise else 1e-6
    ok = bool(np.abs(from_floor).max() <= tolerance)
    return Finding(
        ok,
        f"{rate[worst]:.2f} Hz, {100 * from_floor[worst]:+.2f} % (worst of {len(current)})",
        f"{floor[worst]:.2f} Hz"
        + ("" if subject.claims.precise else f", the grid floor of {exact[worst]:.2f} Hz"),
        "" if ok else _fi_cause(subject, current, rate),
        values={
            "rate_error_percent": 100 * float(np.abs(from_exact).max()),
            "excess_over_floor_percent": 100 * float(np.abs(from_floor).max()),
        },
    )


def _fi_cause(subject: Subject, current: NDArray, rate: NDArray) -> str:
    """The one constant that would have to be another for the whole curve to be as it is."""
    if not rate.any():
        return "it never fires"
    if not subject.claims.precise:
        found = explain(subject)
        if found is not None and found[1]:
            return found[1]
    p = subject.params
    jump = p.V_th - p.V_reset
    grid = 0.0 if subject.claims.precise else subject.dt_ms

    def off(changes: dict[str, float]) -> float:
        """Largest error of an interval, in units of what the grid leaves open."""
        isi = 1e3 / firing_rate(current, varied(p, **changes))
        with np.errstate(divide="ignore"):
            beyond = 1e3 / rate - isi - grid / 2
        return float(np.max(np.abs(beyond)) / (grid / 2 + 1e-6 * p.tau_ms))

    constants = {
        "the time constant tau": lambda x: {"tau_ms": p.tau_ms * x, "C_ms": p.C_ms * x},
        "the resistance R, or the gain of the input,": lambda x: {"C_ms": p.C_ms / x},
        "the threshold's distance from V_reset": lambda x: {"V_th": p.V_reset + jump * x},
    }
    factors = np.geomspace(0.5, 2, 1387)  # steps of a thousandth
    for name, changes in constants.items():
        errors = [off(changes(float(x))) for x in factors]
        best = int(np.argmin(errors))
        if errors[best] < 1.1 and abs(factors[best] - 1) > 2e-3:
            return f"{name} acts as {factors[best]:.3f} times what it should be"
    return ""


def spike_intervals(subject: Subject) -> Finding:
    """Every single inter-spike interval is the same, and lies on the grid if there is one.

    Mean rates hide an interval that is a step too long followed by one too short. Each interval
    is restarted at the implementation's own previous spike, so that the drift that no
    clock-driven neuron can avoid does not add up. Labels must lie on whole steps; a clock that is
    summed up in single precision does not.
    """
    p, dt = subject.params, subject.dt_ms
    current = probes.rates(p, dt, 6)
    trace = subject.run(probes.held(current, round(500 / dt)))
    latency = first_spike_ms(current, p)
    precise = subject.claims.precise
    isi = p.t_ref_ms + (latency if precise else dt * np.ceil(latency / dt))
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
    ok = errors[worst] <= (TIME_TOLERANCE_MS[subject.dtype] if precise else 1e-3 * dt)
    seen = f"{found.min():.6g} to {found.max():.6g} ms" if len(found) else f"{len(train)} spike(s)"
    cause = ""
    if off_grid > _GRID and all(
        np.all(np.abs(np.diff(np.round(t / dt)) * dt - right) < 0.5 * dt)
        for t, right in zip(trace.spike_times_ms, isi, strict=True)
    ):
        seen = f"labels up to {off_grid:.1e} (relative) off the grid"
        cause = "the clock is accumulated in single precision (float32), or not in whole steps"
    elif len(found) and np.ptp(found) > 0.5 * dt:
        steps = np.diff(found)
        one_way = np.all(steps > -0.5 * dt) or np.all(steps < 0.5 * dt)
        if len(found) > 5 and np.ptp(found) > 1.5 * dt and one_way:
            cause = "the interval drifts: adaptation, or a threshold that moves"
        elif noisy_alone(subject):
            cause = "intervals jitter, of a neuron alone too: V or the threshold is noisy"
        elif subject.claims.reset == "value":
            cause = "intervals jitter: V, the clock or another neuron carries something over"
    return Finding(
        bool(ok and off_grid <= _GRID),
        f"intervals of {seen}",
        f"{isi[worst]:.6g} ms, each",
        cause,
        {"interval_error_ms": errors[worst], "label_off_grid_relative": off_grid},
    )


def first_spike(subject: Subject) -> Finding:
    """The neuron starts at V_reset, and its first spike is dated as declared.

    With a constant current from time 0, the first crossing comes ``tau ln((RI - V_reset)/(RI -
    V_th))`` later. A first spike at another time, and intervals that are right, tell of another
    initial V, of a label at the other end of the step, or of an input that acts late. Equal
    neurons must fire together.
    """
    p, dt = subject.params, subject.dt_ms
    current = np.repeat(probes.rates(p, dt, 4), 4)
    trace = subject.run(probes.held(current, round(60 / dt)))
    latency = first_spike_ms(current, p)
    found = np.array([t[0] if len(t) else np.inf for t in trace.spike_times_ms])
    if subject.claims.precise:
        expected, tolerance = latency, TIME_TOLERANCE_MS[subject.dtype]
    else:
        late = subject.claims.spike_label != "start"
        expected, tolerance = dt * (np.ceil(latency / dt) - 1 + late), 1e-3 * dt
    again = [np.diff(t) for t in trace.spike_times_ms]
    steady = all(len(isi) and np.ptp(isi) < 0.5 * dt for isi in again)
    error = found - expected
    worst = int(np.argmax(np.abs(error)))
    ok = bool(np.abs(error).max() <= tolerance)
    cause = ""
    if not ok and steady:
        cause = _first_spike_cause(found.reshape(-1, 4), error, trace.membrane, dt, p.t_ref_ms)
    return Finding(
        ok,
        f"first spike at {found[worst]:.6g} ms",
        f"{expected[worst]:.6g} ms",
        cause,
        {"first_spike_error_ms": float(np.abs(error).max())},
    )


def _first_spike_cause(
    groups: NDArray, error: NDArray, membrane: NDArray | None, dt: float, t_ref: float
) -> str:
    if np.isfinite(groups).all() and np.ptp(groups, axis=1).max() > 0.5 * dt:
        return "the initial V is random: equal neurons do not fire together"
    steps = error / dt
    if np.allclose(steps, steps[0], atol=1e-3) and np.isfinite(steps[0]) and round(steps[0]) != 0:
        whole = round(float(steps[0]))
        if whole > 1 and whole == round(t_ref / dt):
            return "the neuron starts refractory, as if it had fired at time 0"
        way = "late" if whole > 0 else "early"
        moved = f"spikes are labelled {abs(whole)} step(s) {way}"
        if whole < 0 or abs(whole) > 1:
            return moved
        if membrane is None:
            return f"{moved}, or the input acts one step late"
        if np.all(membrane[0] == membrane[0, 0]):
            return "the input acts one step late: V has not moved at the end of the first step"
        return f"{moved}, or threshold and reset act one step late"
    return ""


def convergence(subject: Subject) -> Finding:
    """Halving dt halves the error of a clock-driven neuron, and a precise one has none.

    Every interval of a clock-driven neuron lies in [P, P + dt], P being eq. 1's, so that the mean
    error is about dt/2 and falls with dt. An error that stays is not the grid's: a constant is
    wrong, or dt is not where it should be.
    """
    p, unit = subject.params, subject.params.t_ref_ms or subject.params.tau_ms / 40
    every = current_for_rate(probes.rates_hz(p, 61.3, 40), p)
    grids, errors, beyond = [], [], []
    for dt in unit / np.array([1, 2, 4, 8]):
        # Where a crossing falls on the grid, rounding may make an interval a step longer.
        into_step = np.mod(first_spike_ms(every, p) / dt, 1)
        current = every[np.abs(into_step - np.round(into_step)) > 0.02]
        isi = 1e3 / firing_rate(current, p)
        try:
            trace = subject.run(probes.held(current, max(round(80 / dt), 60)), dt_ms=dt)
        except CannotRepresent:
            continue
        with np.errstate(divide="ignore"):
            error = 1e3 / mean_rate_hz(trace) - isi
        low, high = error.min(), error.max()
        grids.append(dt)
        errors.append(float(np.mean(np.abs(error))))
        # A rate that is the mean of few intervals is exact here: they are all alike.
        beyond.append(max(-low, high - (0 if subject.claims.precise else dt)) / dt)
    if len(grids) < 2:
        raise Skip("it can be built with one time step only")
    tolerance = TIME_TOLERANCE_MS[subject.dtype]
    if subject.claims.precise:
        return Finding(
            max(errors) <= tolerance,
            f"mean error {errors[0]:.2g} ms at dt {grids[0]:g} ms, {errors[-1]:.2g} ms at "
            f"{grids[-1]:g} ms",
            f"below {tolerance:g} ms at every dt",
            values={"interval_error_ms": max(errors)},
        )
    finite = np.isfinite(errors).all() and min(errors) > 0
    order = float(np.polyfit(np.log(grids), np.log(errors), 1)[0]) if finite else 0.0
    excess = float(max(beyond))
    ok = order > 0.8 and excess <= 1e-3
    stays = finite and errors[-1] > 2 * grids[-1]
    return Finding(
        ok,
        f"order {order:.2f}; intervals up to {excess:.2g} dt outside [P, P + dt]",
        "order 1; every interval in [P, P + dt]",
        "the error does not vanish with dt: a constant is wrong, not the grid" if stays else "",
        {"order": order, "interval_excess_steps": excess, "mean_error_ms": errors[-1]},
    )


def other_time_step(subject: Subject) -> Finding:
    """The neuron is the same at another dt: dt is used, and nowhere assumed.

    A decay that was worked out for one time step, or a refractory period that is counted in steps
    of 1 ms, is right at one dt only.
    """
    p = subject.params
    longest = p.t_ref_ms or p.tau_ms / 40
    grids = [round(subject.dt_ms * factor, 9) for factor in (10.0, 5.0, 2.0, 0.5, 0.2)]
    # The refractory period has to be a whole number of steps.
    fitting = [
        dt
        for dt in grids
        if dt <= longest * (1 + 1e-9)
        and (not p.t_ref_ms or abs(longest / dt - round(longest / dt)) < 1e-9)
    ]
    return _oracle(subject, [(p, dt) for dt in fitting[:3]])


def other_neuron(subject: Subject) -> Finding:
    """Another tau, C, threshold and refractory period give another neuron.

    With Table 1, V_th = 1, V_reset = 0 and R = 0.5 hide a factor that is missing. Here tau is
    23 ms, R = 1.7 or 0.3, and V_th 0.7 or 2.5.
    """
    dt, t_ref = subject.dt_ms, subject.params.t_ref_ms
    p = subject.params
    neurons = [
        varied(p, tau_ms=23.0, C_ms=23.0 / 1.7, t_ref_ms=2 * t_ref),
        varied(p, tau_ms=23.0, C_ms=23.0 / 0.3, V_th=p.V_reset + 2.5, t_ref_ms=t_ref),
        varied(p, V_th=p.V_reset + 0.7, t_ref_ms=t_ref),
    ]
    return _oracle(subject, [(neuron, dt) for neuron in neurons])


def _oracle(subject: Subject, settings: list[tuple[LIFParameters, float]]) -> Finding:
    """Constant currents in several settings, against the exact neuron or the on-grid oracle."""
    wrong, seen, built, said = 0, 0, 0, ""
    worst = 0.0
    ignored: list[set[str]] = []
    for params, dt in settings:
        current = probes.held(probes.rates(params, dt, 8), max(round(80 / dt), 60))
        try:
            trace = subject.run(current, params=params, dt_ms=dt)
        except CannotRepresent:
            continue
        setup = subject.setup(current.shape[1], params=params, dt_ms=dt)
        found = compare(subject, trace, current, setup)
        built += 1
        seen += found.neurons
        wrong += found.wrong
        worst = max(worst, found.worst_ms)
        if found.wrong:
            ignored.append(_ignored(subject, trace, current, setup))
        if found.wrong and not said:
            said = f"dt {dt:g} ms, tau {params.tau_ms:g} ms, R {params.R:.3g}: {found.observed}"
    if not seen:
        raise Skip("only ties to compare" if built else "it cannot be built otherwise")
    common = set.intersection(*ignored) if ignored else set()
    return Finding(
        wrong == 0,
        said or f"all {seen} neurons as they should",
        "the spikes of the " + ("exact neuron" if subject.claims.precise else "on-grid oracle"),
        # The shortest explanation is the one with the fewest parameters.
        f"{min(common, key=len)}: what the layer was first built with is kept, or hard-coded"
        if common
        else "",
        values={"wrong_neurons": wrong, "spike_time_error_ms": worst},
    )


def _ignored(subject: Subject, trace: Trace, current: NDArray, setup: Setup) -> set[str]:
    """Which parameters, left at their usual values, would give the spikes that were seen."""
    p, usual = setup.params, subject.params
    longer = setup.dt_ms / subject.dt_ms  # a decay made for the usual dt takes this much longer
    variants = {
        "V_th is ignored": {"V_th": usual.V_th},
        "t_ref is ignored": {"t_ref_ms": usual.t_ref_ms},
        "R is ignored": {"C_ms": p.tau_ms / usual.R},
        "tau is ignored": {"tau_ms": usual.tau_ms, "C_ms": usual.tau_ms / p.R},
        "tau and R are ignored": {"tau_ms": usual.tau_ms, "C_ms": usual.C_ms},
        "dt is ignored": {"tau_ms": p.tau_ms * longer, "C_ms": p.C_ms * longer},
        "tau and dt are ignored": {
            "tau_ms": usual.tau_ms * longer,
            "C_ms": usual.tau_ms / p.R * longer,
        },
    }
    fitting = set()
    for words, changes in variants.items():
        other = replace(setup, params=varied(p, **changes))
        found = compare(subject, trace, current, other)
        if found.wrong == 0 and found.neurons > setup.neurons / 2:
            fitting.add(words)
    return fitting
