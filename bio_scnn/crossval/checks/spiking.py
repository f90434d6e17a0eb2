"""Threshold and reset: where V starts again after a spike, and that nothing else fires."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.causes import Cause, cause
from bio_scnn.crossval.checks import others
from bio_scnn.crossval.checks.needs import PLAIN, needs
from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.compare import intervals_in_words
from bio_scnn.crossval.oracles.grid import crossing_steps
from bio_scnn.crossval.oracles.precision import EPSILON
from bio_scnn.crossval.protocol import CannotRepresent
from bio_scnn.crossval.subject import Finding, Skip, Subject
from bio_scnn.crossval.variants import varied
from bio_scnn.neuron.closed_form import current_for_latency, first_spike_ms
from bio_scnn.neuron.parameters import LIFParameters


@needs(*PLAIN)
def reset_value(subject: Subject) -> Finding:
    """After a spike V is V_reset, whatever V_reset is.

    With V_reset at -0.5 and +0.4 of the threshold's height, next to the neuron's own, the second
    interval tells from where V started.
    """
    p, dt = subject.params, subject.dt_ms
    tested, worst, usual = 0, 0.0, 0.0
    said, expected, why = "", "", None
    for shift in (0.0, -0.5, 0.4):
        V_reset = p.V_reset + shift * (p.V_th - p.V_reset)
        params = varied(p, V_reset=V_reset)
        stepped = subject.in_steps(params)
        latency = _long_latency_ms(subject, stepped)
        steps = 60 + 2 * round(params.t_ref_ms / dt)
        current = drives.held(current_for_latency([latency], stepped), steps)
        try:
            trace = subject.run(current, params=params)
        except CannotRepresent:
            continue
        tested += 1
        intervals = np.diff(trace.spike_times_ms[0])
        right = params.t_ref_ms + float(subject.charging_ms(latency))
        # A hidden step or a wrong t_ref is another check's: here only the change with V_reset.
        if shift == 0.0:
            usual = intervals[0] - right if len(intervals) else 0.0
        error = abs(intervals[0] - usual - right) if len(intervals) else np.inf
        worst = max(worst, error)
        if error > subject.tolerance_ms() and not said:
            seen = f"interval of {intervals[0]:.6g} ms" if len(intervals) else "no interval"
            said, expected = f"{seen} with V_reset = {V_reset:g}", f"{right + usual:.6g} ms"
            why = _reset_cause(stepped, subject, intervals)
    if not tested:
        raise Skip("it cannot be built")
    return Finding(
        not said,
        said or f"as set for {tested} value(s) of V_reset",
        expected or "V_reset",
        why,
        {"interval_error_ms": worst},
    )


def _long_latency_ms(subject: Subject, params: LIFParameters) -> float:
    """A latency of up to 21 steps, ms: in as many as precision leaves, V_reset tells most."""
    steps = min(21, drives.longest_charge(params, subject.dt_ms, subject.dtype))
    return float(drives.crossing_ms(params, subject.dt_ms, steps))


def _reset_cause(params: LIFParameters, subject: Subject, intervals: NDArray) -> Cause | None:
    """Cause of a wrong second interval: from where V must have started to give it."""
    if not len(intervals):
        return None
    current = current_for_latency(_long_latency_ms(subject, params), params)
    from_zero = first_spike_ms(current, varied(params, V_reset=min(0.0, params.V_th - 1e-9)))
    off = intervals[0] - params.t_ref_ms - subject.charging_ms(from_zero)
    if params.V_reset != 0 and abs(off) < 1.01 * subject.dt_ms:
        return cause("reset.zero/measured")
    return cause("reset.elsewhere")


@needs(*PLAIN)
def reset_overshoot(subject: Subject) -> Finding:
    """The reset discards the amount by which V exceeded the threshold.

    Large currents carry V far above the threshold within a step. A reset to V_reset makes every
    interval alike; subtraction keeps the surplus, shortens the next interval and may fire several
    times in a row. With crossings after 0.5 to 3.5 steps, intervals are t_ref and 1 to 4 steps.
    """
    p, dt = subject.in_steps(), subject.dt_ms
    if not p.t_ref_ms and subject.claims.precise:
        raise Skip("without a refractory period it fires many times in a step")
    inside = drives.crossing_ms(p, dt, 1)
    whole = np.arange(min(4, drives.longest_charge(p, dt, subject.dtype)))
    latency = np.concatenate([inside * np.array([0.1, 0.4]), inside + dt * whole])
    current = current_for_latency(latency, p)
    trace = subject.run(drives.held(current, 100 + 10 * round(p.t_ref_ms / dt)))
    right = p.t_ref_ms + subject.charging_ms(latency)
    error, over = [], []
    for train, isi in zip(trace.spike_times_ms, right, strict=True):
        intervals = np.diff(train)
        error.append(float(np.max(np.abs(intervals - isi))) if len(intervals) else np.inf)
        over.append(float(np.min(intervals - isi)) if len(intervals) else np.inf)
    worst = int(np.argmax(error))
    ok = error[worst] <= subject.tolerance_ms()
    found = np.diff(trace.spike_times_ms[worst])
    why = None
    if not ok and min(over) < -0.5 * dt:
        several = any(np.any(np.diff(train) == 0) for train in trace.spike_times_ms)
        why = cause("spikes.several-per-step") if several else None
    return Finding(
        ok,
        f"{intervals_in_words(found)} with RI = {p.R * current[worst]:.4g}"
        if len(found)
        else f"{len(trace.spike_times_ms[worst])} spike(s) with RI = {p.R * current[worst]:.4g}",
        f"{right[worst]:.6g} ms",
        why,
        {"interval_error_ms": error[worst]},
    )


@needs("a spike")
def threshold_equality(subject: Subject) -> Finding:
    """The neuron fires at V == V_th exactly, and not only above it: eq. 2 has ``>=``.

    With dt/tau = ln 2, half of the way to RI = 2 V_th is covered in one step, and V is V_th at its
    end (for Euler's methods dt/tau is 1/2 or 1). A fan of currents, one unit in the last place
    apart, makes up for how an implementation rounds. Where V is shown, a neuron that stands on the
    threshold and has not fired decides; where it is not, the nominal current must fire at one of
    several time steps at least.
    """
    if not subject.plain:
        return others.threshold_equality(subject)
    if subject.claims.precise:
        raise Skip("its spike times do not depend on the equality")
    ulp = EPSILON[subject.dtype]
    if ulp > 1e-4:
        raise Skip(f"in {subject.dtype} the currents next to the threshold's are too far from it")
    far = 1e3 * ulp
    nominal = 4.0
    offsets = np.concatenate([[-far, 0.0, far], ulp * np.arange(-32, 33)])
    fires = stands = reached = False
    shown = tried = 0
    for stretch in (1.0, 0.7, 0.3, 2.2, 1.3):
        dt = round(subject.dt_ms * stretch, 9)
        params = _on_threshold(subject, dt)
        try:
            trace = subject.run(drives.held(nominal * (1 + offsets), 6), params=params, dt_ms=dt)
        except CannotRepresent:
            continue
        steps = crossing_steps(trace, dt, subject.claims.spike_label)
        first = np.array([s[0] if len(s) else -1 for s in steps])
        below, at, above = first[:3]
        if below != above + 1 or at not in (below, above):
            continue  # V crosses elsewhere
        tried += 1
        fires |= bool(at == above)
        if trace.membrane is not None:
            shown += 1
            V = np.asarray(trace.membrane)[0]
            on_threshold = V == params.V_th
            reached |= bool(on_threshold.any())
            stands |= bool(np.any(on_threshold & (first != above)))
    if not reached and fires and not subject.claims.fires_at_threshold:
        raise Skip("it shows no V on the threshold, and rounding may lift V above it")
    if not tried:  # a layer of one neuron alone: its own numbers must do
        return others.threshold_equality(subject)
    # Before the reset, V on the threshold would be seen whether it fired or not.
    if not tried or (shown and not reached and subject.claims.membrane == "before reset"):
        raise Skip("V could not be put on the threshold exactly")
    ok = not stands if reached else fires
    return Finding(
        ok,
        "fires at V == V_th" if ok else "does not fire at V == V_th",
        "fires",
        None if ok else cause("threshold.exceeded/measured"),
    )


def _on_threshold(subject: Subject, dt: float) -> LIFParameters:
    """A neuron that RI = 2 V_th carries from V_reset = 0 to V_th = 1 in one step."""
    h = {"forward Euler": 0.5, "backward Euler": 1.0, "Crank-Nicolson": 2 / 3}
    tau = dt / h.get(subject.claims.integrator, math.log(2))
    t_ref = dt if subject.params.t_ref_ms else 0.0
    return varied(subject.params, tau_ms=tau, C_ms=2 * tau, V_th=1.0, V_reset=0.0, t_ref_ms=t_ref)


@needs("a spike")
def silence(subject: Subject) -> Finding:
    """Below rheobase a neuron never fires; just above it the neuron fires.

    RI at V_reset, below it and 0.999 of the way to V_th, for ten time constants; at 1.02 of it the
    neuron must fire after about four.
    """
    if not subject.plain:
        return others.silence(subject)
    p, near = subject.in_steps(), 2 * subject.rounding
    if near > 0.3:
        raise Skip(f"{subject.dtype} rounds V too much with so short a time step")
    below, above = 1 - max(1e-3, near), 1 + max(0.02, 3 * near)
    current = drives.level(p, [0.0, -2.0, 0.5 - near, below, above])
    steps = max(round(10 * p.tau_ms / subject.dt_ms), 10)
    counts = [len(t) for t in subject.run(drives.held(current, steps)).spike_times_ms]
    ok = not any(counts[:4]) and counts[4] > 0
    return Finding(
        ok,
        f"{counts[:4]} spikes at 0, -2, {0.5 - near:.3g} and {below:.3g} of the way to V_th, "
        f"{counts[4]} at {above:.3g}",
        "none below V_th, some above",
        values={"spikes_below_rheobase": sum(counts[:4]), "spikes_above": counts[4]},
    )
