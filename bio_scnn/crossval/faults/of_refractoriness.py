"""Faults of the refractory period."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bio_scnn.crossval.faults.clocks import CLOCKS
from bio_scnn.crossval.faults.hypothesis import Hypothesis, Range, change
from bio_scnn.crossval.faults.machine import Machine, changed


def refractory(base: Machine) -> Iterator[Hypothesis]:
    """Faults of the refractory period, and of what is shown during it."""
    n = int(base.refractory)
    named = {0: "none", n - 1: "one-step-short", n + 1: "one-step-long"}
    others = {2 * n, 3 * n, n // 2, round(n * base.dt_ms), round(n / base.dt_ms), 10 * n}
    for steps in sorted({0, *range(max(n - 8, 0), n + 13), *others}):
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
            lambda m, v: changed(m, hold="integrates", cap=v),
            (Range(0.3, 1.0, "linear"),),
            lambda v: {"cap": v * base.threshold},
            "hold",
        )
        for shown, key in (
            ("peak", "membrane.while-refractory/peak"),
            ("peak until the last step", "membrane.while-refractory/peak"),
            ("threshold", "membrane.while-refractory/threshold"),
            ("threshold while counted", "membrane.while-refractory/threshold"),
            ("integrates", "membrane.while-refractory/integrates"),
        ):
            yield Hypothesis(key, change(shown=shown), respect="shown")
        for shown in ("a value", "a value while counted"):
            yield Hypothesis(
                "membrane.while-refractory/value",
                lambda m, v, how=shown: changed(m, shown=how, shown_at=v * base.threshold),
                (Range(0.01, 10.0, "both"),),
                lambda v: {"value": v * base.threshold},
                "shown",
            )
        zero = change(shown="a value", shown_at=0.0)
        told = {"value": 0.0}
        yield Hypothesis("membrane.while-refractory/value", zero, (), lambda: told, "shown")
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
        silent = change(negative="counts while x")
        yield Hypothesis("refractory.paused", silent, respect="negative")
        yield from _started_again(base)
        for dtype in (np.float32, np.float64, np.float16):
            steps = _counted_down(base, dtype)
            if steps != n:
                yield Hypothesis(
                    "refractory.float-countdown",
                    change(refractory=steps),
                    numbers=lambda k=steps, d=dtype: {"dtype": d.__name__, "steps": k, "right": n},
                    respect="refractory",
                )
    for what, kind in (("V to 0", ""), ("V held", ""), ("V blocks", "/blocks")):
        yield Hypothesis(
            f"refractory.blocked-by-negative{kind}", change(negative=what), respect="negative"
        )
    yield from _climbing(base, n)
    if base.shown == "after":
        yield Hypothesis("membrane.shown-before-reset", change(shown="before"), respect="shown")
    else:
        yield Hypothesis("membrane.shown-after-reset/seen", change(shown="after"), respect="shown")


def _started_again(base: Machine) -> Iterator[Hypothesis]:
    """Refractory periods that start anew before they are over."""
    for key, at, changes in (
        ("any", 0.0, change(again="input")),
        ("input", 1.0, change(again="input", again_at=1.0)),
        ("input", 2.0, change(again="input", again_at=2.0)),
        ("V", 1.0, change(again="update")),
        ("V", 1.0, change(again="update", hold="integrates")),
        ("V", 1.0, change(again="update, reset", hold="integrates")),
    ):
        numbers = {"size": at * base.threshold}
        yield Hypothesis(
            f"refractory.started-again/{key}", changes, (), lambda n=numbers: n, "again"
        )
    yield Hypothesis(
        "refractory.started-again/input",
        lambda m, v: changed(m, again="input", again_at=v),
        (Range(0.1, 10.0, "log"),),
        lambda v: {"size": v * base.threshold},
        "again",
    )


def _climbing(base: Machine, n: int) -> Iterator[Hypothesis]:
    """A negative V that climbs to 0 whatever comes in: a counter of the refractory period."""
    paces = [base.threshold / max(n, 1), base.threshold, 1.0, base.dt_ms]
    for pace in dict.fromkeys(paces):
        numbers = {"pace": pace}
        climbs = {"negative": "V climbs", "climb": pace}
        yield Hypothesis(
            "refractory.blocked-by-negative/climbs",
            change(**climbs),
            numbers=lambda k=numbers: k,
            respect="negative",
        )
        for steps in dict.fromkeys((n, max(n - 1, 1), n + 1)) if n and base.keep == 0 else ():
            yield Hypothesis(
                "refractory.blocked-by-negative/counter",
                change(**climbs, refractory=0, to=-steps * pace),
                numbers=lambda k=numbers: k,
                respect="negative",
            )
    yield Hypothesis(
        "refractory.blocked-by-negative/climbs",
        lambda m, v: changed(m, negative="V climbs", climb=v * m.threshold),
        (Range(0.003, 3.0, "log"),),
        lambda v: {"pace": v * base.threshold},
        "negative",
    )


def _counted_down(base: Machine, dtype: type) -> int:
    """Steps that t_ref takes, counted down by dt in a floating-point format."""
    left, steps = dtype(base.params.t_ref_ms), 0
    while left > 0 and steps < 10 * base.refractory + 10:
        left, steps = dtype(left - dtype(base.dt_ms)), steps + 1
    return steps
