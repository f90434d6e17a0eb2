"""Other time steps and other neurons: the same layer must be right there as well."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.causes import cause
from bio_scnn.crossval.checks import others
from bio_scnn.crossval.checks.needs import PLAIN, needs
from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.compare import compare
from bio_scnn.crossval.oracles.precision import TIME_TOLERANCE_MS
from bio_scnn.crossval.protocol import CannotRepresent, Setup, whole_steps
from bio_scnn.crossval.subject import Finding, Skip, Subject
from bio_scnn.crossval.variants import varied
from bio_scnn.neuron.closed_form import current_for_latency, firing_rate, first_spike_ms
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace, mean_rate_hz


@needs(*PLAIN)
def convergence(subject: Subject) -> Finding:
    """Halving dt halves the error of a clock-driven neuron, and a precise one has none.

    Every interval of a clock-driven neuron lies in [P, P + dt], P being eq. 1's, so that the mean
    error is about dt/2 and falls with dt. An error that stays is not the grid's: a constant is
    wrong, or dt is not where it should be.
    """
    p = subject.params
    if subject.rounding > 1e-3:
        raise Skip(f"{subject.dtype} rounds more than a finer grid gains")
    unit = p.tau_ms / 40
    if p.t_ref_ms:  # a whole number of steps, none longer than a quarter of tau
        unit = p.t_ref_ms / math.ceil(4 * p.t_ref_ms / p.tau_ms)
    latency = 1e3 / drives.rates_hz(p, 61.3, 40) - p.t_ref_ms
    every = current_for_latency(latency * min(1.0, p.tau_ms / latency.max()), p)
    grids, errors, beyond = [], [], []
    for dt in unit / np.array([1, 2, 4, 8]):
        # Where a crossing falls on the grid, rounding may make an interval a step longer.
        into_step = np.mod(first_spike_ms(every, p) / dt, 1)
        current = every[np.abs(into_step - np.round(into_step)) > 0.02]
        isi = 1e3 / firing_rate(current, p)
        try:
            trace = subject.run(
                drives.held(current, max(drives.span(p, dt, every, 5), 60)), dt_ms=dt
            )
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
        cause("constant.some") if stays else None,
        {"order": order, "interval_excess_steps": excess, "mean_error_ms": errors[-1]},
    )


def other_time_step(subject: Subject) -> Finding:
    """The neuron is the same at another dt: the code uses dt and assumes no fixed value.

    A decay that was worked out for one time step, or a refractory period that is counted in steps
    of 1 ms, is right at one dt only.
    """
    p = subject.params
    t_ref, tau = subject.neuron.t_ref_ms, subject.neuron.tau_ms
    longest = t_ref or (tau if np.isfinite(tau) else 20.0) / 40
    grids = [round(subject.dt_ms * factor, 9) for factor in (10.0, 5.0, 2.0, 0.5, 0.2)]
    # The refractory period has to be a whole number of steps.
    fitting = [
        dt
        for dt in grids
        if dt <= longest * (1 + 1e-9) and (not t_ref or whole_steps(longest, dt))
    ]
    return _oracle(subject, [(p, dt) for dt in fitting[:3]])


def other_neuron(subject: Subject) -> Finding:
    """Another tau, C, threshold and refractory period change the neuron as eq. 1 says.

    With Table 1, V_th = 1, V_reset = 0 and R = 0.5 hide a factor that is missing. Here tau is
    23 ms, R = 1.7 or 0.3, and V_th 0.7 or 2.5.
    """
    dt, p = subject.dt_ms, subject.params
    if not subject.plain:
        return _oracle(subject, [(neuron, dt) for neuron in others.other_neurons(p)])
    t_ref = p.t_ref_ms
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
    ignored: list[list[str]] = []  # for each setting that is wrong
    for params, dt in settings:
        try:
            stepped = subject.in_steps(params, dt) if subject.plain else params
            current = drives.held(
                drives.rates(stepped, dt, 8, subject.dtype), max(round(80 / dt), 60)
            )
            trace = subject.run(current, params=params, dt_ms=dt)
        except CannotRepresent:
            continue
        setup = subject.setup(current.shape[1], params=params, dt_ms=dt)
        found = compare(subject, trace, current, setup)
        built += 1
        seen += found.neurons
        wrong += found.wrong
        worst = max(worst, found.worst_ms)
        if found.wrong and subject.plain:
            ignored.append(_ignored(subject, trace, current, setup))
        if found.wrong and not said:
            tau = getattr(params, "tau_ms", np.inf)
            said = f"dt {dt:g} ms, tau {tau:g} ms, R {params.R:.3g}: {found.observed}"
    if not seen:
        raise Skip("only ties to compare" if built else "it cannot be built otherwise")
    common = [code for code in ignored[0] if all(code in i for i in ignored)] if ignored else []
    return Finding(
        wrong == 0,
        said or f"all {seen} neurons as they should",
        "the spikes of the " + ("exact neuron" if subject.claims.precise else "on-grid oracle"),
        # The first explanation is the one with the fewest parameters.
        cause(common[0]) if common else None,
        {"wrong_neurons": wrong, "spike_time_error_ms": worst},
    )


def _ignored(subject: Subject, trace: Trace, current: NDArray, setup: Setup) -> list[str]:
    """Causes: parameters that, left at their usual values, would give the spikes."""
    p, usual = setup.params, subject.params
    longer = setup.dt_ms / subject.dt_ms  # a decay made for the usual dt takes this much longer
    variants = {
        "ignored.R": {"C_ms": p.tau_ms / usual.R},
        "ignored.dt": {"tau_ms": p.tau_ms * longer, "C_ms": p.C_ms * longer},
        "ignored.tau": {"tau_ms": usual.tau_ms, "C_ms": usual.tau_ms / p.R},
        "ignored.V_th": {"V_th": usual.V_th},
        "ignored.t_ref": {"t_ref_ms": usual.t_ref_ms},
        "ignored.tau-R": {"tau_ms": usual.tau_ms, "C_ms": usual.C_ms},
        "ignored.tau-dt": {
            "tau_ms": usual.tau_ms * longer,
            "C_ms": usual.tau_ms / p.R * longer,
        },
    }
    fitting = []
    for code, changes in variants.items():
        other = replace(setup, params=varied(p, **changes))
        found = compare(subject, trace, current, other)
        if found.wrong == 0 and found.neurons > setup.neurons / 2:
            fitting.append(code)
    return fitting
