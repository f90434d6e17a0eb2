"""Faults of some steps only: after a spike, in silence, every so many steps, after long runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.faults.hypothesis import Hypothesis, Range, change
from bio_scnn.crossval.faults.machine import Machine

_LONG = (50, 64, 100, 128, 200, 250, 256)


def leak_of_step(state: Any, x: NDArray) -> NDArray[np.float64]:
    """Factor of V in this step, of machines that do not leak alike in every step."""
    m, d = state.m, state.p.d
    if m.after_spike == "no leak":
        return np.where(state.due > 0, 1.0, d)
    if m.leaks_when in ("input", "touched"):
        return np.where(x != 0, d, 1.0)
    if m.leaks_when == "together":
        first, last = state.t % m.leak_every == 0, (state.t + 1) % m.leak_every == 0
        now = last if m.leak_last else first
        return np.asarray(d**m.leak_every if now else np.ones_like(d))
    return np.asarray(d)


def odd_steps(base: Machine) -> Iterator[Hypothesis]:
    """Faults of steps that are unlike the others."""
    yield Hypothesis("input.lost", change(after_spike="no input"), respect="after spike")
    if math.isfinite(base.tau_ms):
        yield Hypothesis("leak.skipped", change(after_spike="no leak"), respect="after spike")
        for when in ("touched", "input"):
            yield Hypothesis("leak.skipped/silence", change(leaks_when=when), respect="leak")
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
    for steps in _LONG:
        for name, key in (("forgets", "state.forgotten"), ("x_restart", "input.restarts")):
            yield Hypothesis(
                key,
                change(**{name: steps}),
                numbers=lambda n=steps: {"steps": n},
                respect="long runs",
            )
    if "synapse" in base.second:
        yield Hypothesis("synapse.rectified", change(s_low=0.0), respect="bounds of S")


def decays_alone(base: Machine) -> Iterator[Hypothesis]:
    """Decays that are wrong by themselves, with the gain of a step as declared."""
    if not math.isfinite(base.tau_ms):
        return
    steps = base.tau_ms / base.dt_ms

    def made(m: Machine, v: float) -> Machine:
        return replace(m, decay_times=m.decay_times * math.exp((1 - 1 / v) / steps))

    yield Hypothesis(
        "constant.tau/alone",
        made,
        (Range(max(0.1, 0.2 / steps), 10.0, "log"),),
        lambda v: {"times": v},
        "tau",
    )
