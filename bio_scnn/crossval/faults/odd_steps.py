"""Faults of some steps only: after a spike, in silence, every so many steps, after long runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.faults.hypothesis import Hypothesis, Range, change
from bio_scnn.crossval.faults.machine import Machine, changed

_WINDOWS = (2, 3, 4, 5, 8, 10, 12, 15, 16, 20, 24, 25, 30, 32, 40, 50, 64, 80, 100, 128)
_LONG = (50, 64, 100, 128, 200, 250, 256)


def leak_of_step(state: Any, x: NDArray) -> NDArray[np.float64]:
    """Factor of V in this step, of machines that do not leak alike in every step."""
    m, d = state.m, state.p.d
    if m.after_spike == "no leak":
        return np.where(state.due > 0, 1.0, d)
    if m.leaks_when in ("input", "touched"):
        return np.where(x != 0, d, 1.0)
    if m.leaks_when == "pause":
        state.quiet = np.where(x != 0, 0, state.quiet + 1)
        return np.where(state.quiet < m.leak_every, d, 1.0)
    if m.leaks_when == "together":
        first, last = state.t % m.leak_every == 0, (state.t + 1) % m.leak_every == 0
        now = last if m.leak_last else first
        return np.asarray(d**m.leak_every if now else np.ones_like(d))
    return np.asarray(d)


def two_leaks(state: Any, V: NDArray, drive: NDArray) -> NDArray[np.float64]:
    """V after its leak, of machines whose V falls otherwise than it rises, or leaks below 0."""
    d, other = state.p.d, state.p.d ** (1 / state.p.falls_times)
    if state.m.falls == "negative":
        return np.asarray(np.where(V < 0, other, d) * V)
    target = drive / (1 - d)
    return np.asarray(np.where(V > target, target + (V - target) * other - drive, d * V))


def forgotten(state: Any) -> NDArray[np.float64]:
    """Part of V that leaves the window in which a machine remembers."""
    n = state.m.window
    return np.asarray(state.p.d ** (n - 1) * state.past[state.t % n])


def remember(state: Any, old: NDArray, s: NDArray[np.bool_]) -> None:
    """Keep what a step added to V; a reset to a value forgets the steps before."""
    m, d = state.m, state.p.d
    added = state.V - d * (old - forgotten(state))
    if m.keep == 0:
        state.past[:, s] = 0.0
        added = np.where(s, state.V, added)
    state.past[state.t % m.window] = added


def below_zero(state: Any, u: NDArray, free: NDArray) -> NDArray:
    """V after the update, of those whose V was negative too."""
    old = state.V
    instead = {"V to 0": 0.0, "V held": old, "V climbs": np.minimum(old + state.p.climb, 0)}
    return np.where(free & (old < 0), instead.get(state.m.negative, u), u)


def started_again(state: Any, x: NDArray, would: NDArray, threshold: Any) -> NDArray[np.bool_]:
    """True where the refractory period would start anew."""
    if state.m.again == "input":
        drive = x * state.m.R if np.isfinite(state.m.tau_ms) else state.p.g * x
        return np.asarray(drive > state.p.again_at * threshold)
    return np.asarray(would >= threshold)


def odd_steps(base: Machine) -> Iterator[Hypothesis]:
    """Faults of steps that are unlike the others."""
    yield Hypothesis("input.lost", change(after_spike="no input"), respect="after spike")
    if math.isfinite(base.tau_ms):
        yield Hypothesis("leak.skipped", change(after_spike="no leak"), respect="after spike")
        for when in ("touched", "input"):
            yield Hypothesis("leak.skipped/silence", change(leaks_when=when), respect="leak")
        for falls in ("above", "negative"):
            yield Hypothesis(
                f"leak.two-times/{falls}",
                lambda m, v, how=falls: changed(m, falls=how, falls_times=v),
                (Range(0.1, 30.0, "log"),),
                lambda v: {"times": v},
                "leak",
            )
        for every in (2, 3, 4, 5, 8, 10):
            for last in (False, True):
                yield Hypothesis(
                    "leak.skipped/together",
                    change(leaks_when="together", leak_every=every, leak_last=last),
                    numbers=lambda n=every: {"steps": n},
                    respect="leak",
                )
    if base.keep == 1:
        yield Hypothesis("spikes.edge", change(edge=True), respect="test")
        yield Hypothesis("spikes.merged", change(merged=True), respect="several")
    else:
        yield Hypothesis("reset.before-input", change(keeps_drive=True), respect="reset")
    for most, steps in ((1, 2), (2, 3), (1, 3), (3, 4), (2, 4), (1, 4), (1, 5), (2, 5)):
        for every in (False, True) if steps > base.refractory + 1 else ():
            yield Hypothesis(
                "spikes.dropped",
                change(most_of=(most, steps), all_count=every),
                numbers=lambda k=most, n=steps: {"most": k, "steps": n},
                respect="output",
            )
    yield from _of_long_runs(base)


def _of_long_runs(base: Machine) -> Iterator[Hypothesis]:
    """Faults that show after many steps: in pauses, at the start, or where memory ends."""
    for steps in (*_WINDOWS, 200, 256, 500) if math.isfinite(base.tau_ms) else ():
        yield Hypothesis(
            "leak.skipped/pause",
            change(leaks_when="pause", leak_every=steps),
            numbers=lambda n=steps: {"steps": n},
            respect="leak",
        )
    for steps in (5, 10, 20, 50, 100, 200, 250, 500, 1000):
        for signed in (steps, -steps):  # from step 0 or 1 on
            yield Hypothesis(
                "input.fades-in",
                change(x_fades=signed),
                numbers=lambda n=steps: {"steps": n},
                respect="first",
            )
    for steps in _WINDOWS:
        yield Hypothesis(
            "state.window",
            change(window=steps),
            numbers=lambda n=steps: {"steps": n},
            respect="window",
        )
    for steps in _LONG:
        for name, key in (("forgets", "state.forgotten"), ("x_restart", "input.restarts")):
            yield Hypothesis(
                key,
                change(**{name: steps}),
                numbers=lambda n=steps: {"steps": n},
                respect="long runs",
            )


def decays_alone(base: Machine) -> Iterator[Hypothesis]:
    """Decays that are wrong by themselves, with the gain of a step as declared."""
    if not math.isfinite(base.tau_ms):
        return
    steps = base.tau_ms / base.dt_ms

    def made(m: Machine, v: float) -> Machine:
        return changed(m, decay_times=m.decay_times * math.exp((1 - 1 / v) / steps))

    yield Hypothesis(
        "constant.tau/alone",
        made,
        (Range(max(0.1, 0.2 / steps), 10.0, "log"),),
        lambda v: {"times": v},
        "tau",
    )
