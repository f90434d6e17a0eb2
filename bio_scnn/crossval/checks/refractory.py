"""Refractory period: how long V is held after a spike, and that nothing is added to it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from bio_scnn.crossval.causes import Cause, cause
from bio_scnn.crossval.checks.needs import PLAIN, needs
from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.grid import crossing_steps
from bio_scnn.crossval.periods import Case, counters, effective_t_ref, periods
from bio_scnn.crossval.protocol import CannotRepresent
from bio_scnn.crossval.subject import Finding, Skip, Subject
from bio_scnn.crossval.variants import varied
from bio_scnn.neuron.closed_form import current_for_latency


@needs(*PLAIN)
def refractory_period(subject: Subject) -> Finding:
    """After a spike V is held for exactly t_ref, not one step less or more.

    The refractory period that acts is the inter-spike interval less the time that V takes from
    V_reset to the threshold, measured at t_ref/dt = 1, 2, 5, 10 and 50 and dt = 0.1, 0.3 and
    1 ms. Periods of 0.5 and 2.5 steps are measured as well; where whole steps are declared they
    have to be rounded, and how is only reported.
    """
    if subject.claims.refractory == "none":
        raise Skip("it declares that it has no refractory period")
    p = subject.params
    cases, acts_as = subject.once(periods)
    values, measured = dict(acts_as), len(cases)
    wrong = [c for c in cases if not abs(c[2] - c[1]) <= subject.tolerance_ms(c[0])]
    if not measured:  # one neuron only: measure what it has
        acts = effective_t_ref(subject, p, subject.dt_ms)
        if not abs(acts - p.t_ref_ms) <= subject.tolerance_ms():
            wrong.append((subject.dt_ms, p.t_ref_ms, acts))
    finite = [acts - t_ref for _, t_ref, acts in wrong if np.isfinite(acts)]
    values["t_ref_error_ms"] = max(map(abs, finite), default=0.0)
    if not wrong:
        return Finding(True, f"as set in all {max(measured, 1)} cases", "t_ref", values=values)
    dt, t_ref, acts = min(wrong, key=lambda w: (abs(w[0] - subject.dt_ms), abs(w[1] - p.t_ref_ms)))
    # A wrong constant of the membrane changes long latencies by more steps than short ones.
    try:
        slow = effective_t_ref(subject, varied(p, t_ref_ms=t_ref), dt, needed=61)
    except CannotRepresent:
        slow = acts
    membrane = abs(slow - acts) > 0.5 * dt
    seen = f"{acts:.3f} ms ({(acts - t_ref) / dt:+.3g} dt)" if np.isfinite(acts) else "no interval"
    return Finding(
        False,
        f"{seen} for t_ref = {t_ref:g} ms at dt = {dt:g} ms; wrong in {len(wrong)} of "
        f"{max(measured, 1)} cases" + ("; not so at another current" if membrane else ""),
        f"{t_ref:.3f} ms",
        None if membrane else _refractory_cause(wrong, measured, counters(subject)),
        values,
    )


def _counted(whole: Callable[[float], float], unit_ms: float) -> Callable[[float, float], float]:
    """Steps of a period, given dt and t_ref, that are counted in a unit of its own."""
    return lambda dt, t_ref: whole(t_ref / unit_ms)


def _refractory_cause(wrong: list[Case], measured: int, counted: tuple[str, ...]) -> Cause | None:
    """Cause of refractory periods that act otherwise, from dt, t_ref and what acts, all in ms."""
    if not all(np.isfinite(acts) for *_, acts in wrong):
        return None
    if counted:
        return cause(f"refractory.{counted[0]}")
    everywhere, mostly = len(wrong) >= measured, len(wrong) > measured / 2
    off = {round((acts - t_ref) / dt, 2) for dt, t_ref, acts in wrong}

    def acts_as(steps: Callable[[float, float], float]) -> bool:
        """Every period acts as a number of steps, given dt and t_ref."""
        return all(abs(acts - steps(dt, t_ref) * dt) < 1e-3 * dt for dt, t_ref, acts in wrong)

    if everywhere and acts_as(lambda dt, t_ref: 0):
        one_step = all(abs(t_ref - dt) < 1e-6 for dt, t_ref, _ in wrong)
        return cause("refractory.one-step-short" if one_step else "refractory.none/measured")
    if everywhere and len(off) == 1:
        (steps,) = off
        if abs(steps) == 1:
            return cause(f"refractory.one-step-{'short' if steps < 0 else 'long'}/measured")
        return cause("refractory.steps-off", steps=steps)
    for whole in (round, int, math.ceil):
        if mostly and acts_as(_counted(whole, 1.0)):
            return cause("refractory.counted-in-ms/measured")
    for assumed in (0.1, 1.0):
        if mostly and acts_as(_counted(round, assumed)):
            return cause("refractory.dt-assumed", dt_ms=assumed)
    if off <= {-1.0} and all(int(t_ref / dt) < round(t_ref / dt) for dt, t_ref, _ in wrong):
        return cause("refractory.truncated/measured")
    if off <= {-1.0, 1.0} and not everywhere:
        way = " or ".join(f"t_ref {'-' if x < 0 else '+'} dt" for x in sorted(off))
        return cause("refractory.rounded-clock", way=way)
    return None


@needs(*PLAIN)
def reset_delay(subject: Subject) -> Finding:
    """Without a refractory period, an interval has only the steps that V needs to charge.

    A reset that acts in the step after the spike is a refractory period of one step that nobody
    asked for. It shows with t_ref = 0 and crossings within 1, 2, 3 and 5 steps.
    """
    p = varied(subject.params, t_ref_ms=0.0)
    dt = subject.dt_ms
    if subject.claims.precise:
        raise Skip("it finds spikes inside the steps")
    stepped = subject.in_steps(p)
    needed = np.array([1, 2, 3, 5])
    needed = needed[needed <= drives.longest_charge(stepped, dt, subject.dtype)]
    current = current_for_latency(drives.crossing_ms(stepped, dt, needed), stepped)
    trace = subject.run(drives.held(current, 60), params=p)
    steps = crossing_steps(trace, dt, subject.claims.spike_label)
    hidden = np.array(
        [
            np.diff(s).min() - n if len(s) > 1 else np.nan
            for s, n in zip(steps, needed, strict=True)
        ]
    )
    ok = bool(np.all(hidden == 0))
    why = None
    if not ok and np.isfinite(hidden).all() and np.ptp(hidden) == 0 and hidden[0] > 0:
        why = cause("refractory.hidden-step", steps=int(hidden[0]))
    return Finding(
        ok,
        f"{', '.join(f'{h:+g}' for h in hidden)} steps beyond the {needed.tolist()} that V needs",
        "no extra step",
        why,
        {"hidden_steps": float(np.max(np.abs(hidden)))},
    )
