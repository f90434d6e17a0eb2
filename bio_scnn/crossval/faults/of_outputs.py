"""Faults of the V that a layer hands out, and resets of a neuron that should have none."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bio_scnn.crossval.faults.hypothesis import Hypothesis, Range, change
from bio_scnn.crossval.faults.machine import Machine, changed


def outputs(base: Machine) -> Iterator[Hypothesis]:
    """Faults of the V that is shown, and spikes of a neuron that should have none."""
    for steps in (1, 2, 3, 4, 5, 10):
        yield Hypothesis(
            "membrane.shown-late",
            change(shown_late=steps),
            numbers=lambda n=steps: {"steps": n},
            respect="shown",
        )
    for steps in (2, 3, 4, 5, 8, 10, 16, 20):
        yield Hypothesis(
            "membrane.shown-smoothed",
            change(shown_over=steps),
            numbers=lambda n=steps: {"steps": n},
            respect="shown",
        )
        yield Hypothesis(
            "membrane.shown-late/held",
            change(shown_every=steps),
            numbers=lambda n=steps: {"steps": n},
            respect="shown",
        )
    for kind in ("mean", "sum", "max"):
        yield Hypothesis(
            "membrane.shown-smoothed/so-far",
            change(shown_so_far=kind),
            numbers=lambda k=kind: {"kind": {"max": "largest"}.get(k, k)},
            respect="shown",
        )
    V_th = base.threshold
    yield Hypothesis(
        "membrane.shown-bounded/rectified", change(shown_low=-base.rest), respect="shown"
    )
    for low in (-math.inf, -1.0):
        yield Hypothesis(
            "membrane.shown-bounded",
            lambda m, v, k=low: changed(m, shown_high=v * V_th, shown_low=k * v * V_th),
            (Range(0.03, 10.0, "log"),),
            lambda v: {"bound": base.rest + v * V_th},
            "shown",
        )
    yield Hypothesis(
        "membrane.shown-bounded/soft",
        lambda m, v: changed(m, shown_soft=v * V_th),
        (Range(0.03, 30.0, "log"),),
        lambda v: {"bound": v * V_th},
        "shown",
    )
    if base.fires == "never":
        for keep in (0.0, 1.0):
            yield Hypothesis(
                "reset.unmeant",
                lambda m, v, k=keep: changed(
                    m, fires="unseen", threshold=v * V_th, keep=k, to=-k * v * V_th
                ),
                (Range(0.03, 30.0, "log"),),
                lambda v: {"threshold": base.rest + v * V_th},
                "unmeant",
            )
