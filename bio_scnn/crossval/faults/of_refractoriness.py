"""Faults of the refractory period."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bio_scnn.crossval.faults.clocks import CLOCKS
from bio_scnn.crossval.faults.hypothesis import Hypothesis, Range, change
from bio_scnn.crossval.faults.machine import Machine


def refractory(base: Machine) -> Iterator[Hypothesis]:
    """Faults of the refractory period, and of what is shown during it."""
    n = int(base.refractory)
    named = {0: "none", n - 1: "one-step-short", n + 1: "one-step-long"}
    for steps in sorted({0, *range(max(n - 5, 0), n + 9), 2 * n, n // 2, round(n * base.dt_ms)}):
        if steps == n:
            continue
        key = named.get(steps, "steps-off") if n else "hidden-step"
        numbers = {"steps": steps - n}
        yield Hypothesis(
            f"refractory.{key}",
            change(refractory=steps),
            numbers=lambda k=numbers: k,
            respect="refractory",
        )
    if n:
        for hold, key in (
            ("leaks", "clamp.leaks"),
            ("integrates", "clamp.none"),
            ("stores", "clamp.stores-input"),
        ):
            yield Hypothesis(key, change(hold=hold), respect="hold")
        yield Hypothesis(
            "clamp.none/clipped",
            lambda m, v: replace(m, hold="integrates", cap=v),
            (Range(0.3, 1.0, "linear"),),
            lambda v: {"cap": v * base.threshold},
            "hold",
        )
        for shown, key in (
            ("peak", "membrane.while-refractory/peak"),
            ("peak until the last step", "membrane.while-refractory/peak"),
            ("threshold", "membrane.while-refractory/threshold"),
            ("integrates", "membrane.while-refractory/integrates"),
        ):
            yield Hypothesis(key, change(shown=shown), respect="shown")
        yield Hypothesis(
            "membrane.while-refractory/value",
            lambda m, v: replace(m, shown="a value", shown_at=v * base.threshold),
            (Range(0.01, 10.0, "both"),),
            lambda v: {"value": v * base.threshold},
            "shown",
        )
        for clock in CLOCKS:
            yield Hypothesis(
                "refractory.rounded-clock/clock",
                change(clock=clock),
                numbers=lambda c=clock: {"dtype": c.split()[1]},
                respect="refractory",
            )
        for counts in ("counts while x >= 0", "counts while x > 0"):
            key = "refractory.blocked-by-negative/count"
            yield Hypothesis(key, change(negative=counts), respect="negative")
        for dtype in (np.float32, np.float64, np.float16):
            steps = _counted_down(base, dtype)
            if steps != n:
                yield Hypothesis(
                    "refractory.float-countdown",
                    change(refractory=steps),
                    numbers=lambda k=steps, d=dtype: {"dtype": d.__name__, "steps": k, "right": n},
                    respect="refractory",
                )
    for what in ("V to 0", "V held", "V blocks"):
        yield Hypothesis(
            "refractory.blocked-by-negative", change(negative=what), respect="negative"
        )
    if base.shown == "after":
        yield Hypothesis("membrane.shown-before-reset", change(shown="before"), respect="shown")
    else:
        yield Hypothesis("membrane.shown-after-reset/seen", change(shown="after"), respect="shown")


def _counted_down(base: Machine, dtype: type) -> int:
    """Steps that t_ref takes, counted down by dt in a floating-point format."""
    left, steps = dtype(base.params.t_ref_ms), 0
    while left > 0 and steps < 10 * base.refractory + 10:
        left, steps = dtype(left - dtype(base.dt_ms)), steps + 1
    return steps
