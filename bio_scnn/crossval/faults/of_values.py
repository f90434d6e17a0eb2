"""Faults of inputs, bounds and number formats."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from bio_scnn.crossval.faults.hypothesis import Hypothesis, Range, change
from bio_scnn.crossval.faults.machine import Machine


def inputs(base: Machine) -> Iterator[Hypothesis]:
    """Faults of the input."""
    one = base.threshold / base.R * (1.0 if math.isfinite(base.tau_ms) else 1 / base.dt_ms)
    for steps in (1, 2, 3, 4, 5, 8, 10):
        numbers = {"steps": steps}
        yield Hypothesis(
            "input.delayed/steps",
            change(delay=steps),
            numbers=lambda n=numbers: n,
            respect="delay",
        )
    yield Hypothesis("input.averaged/regression", change(x_now=0.5), respect="mean")
    for shape in ("rectified", "magnitude", "first", "inverted"):
        yield Hypothesis(f"input.{shape}", change(x_shape=shape), respect="shape")
    yield Hypothesis("input.clipped", change(x_low=0.0, x_high=1.0), respect="shape")
    for steps in (2, 3, 4, 5, 8, 10, 16, 20):
        numbers = {"steps": steps}
        yield Hypothesis(
            "input.blocks", change(block=steps), numbers=lambda n=numbers: n, respect="mean"
        )
    yield Hypothesis(
        "input.pool",
        lambda m, v: replace(m, x_now=v),
        (Range(0.02, 0.98, "linear"),),
        lambda v: {"percent": 100 * (1 - v)},
        "mean",
    )
    above = (Range(0.01, 300.0, "log"),)
    yield Hypothesis(
        "input.clipped/bound",
        lambda m, v: replace(m, x_high=v * one),
        above,
        lambda v: {"bound": f"above {v * one:.6g}"},
        "shape",
    )
    yield Hypothesis(
        "input.clipped/bound",
        lambda m, v: replace(m, x_high=v * one, x_low=-v * one),
        above,
        lambda v: {"bound": f"beyond {v * one:.6g} either way"},
        "shape",
    )
    yield Hypothesis(
        "input.saturates",
        lambda m, v: replace(m, x_soft=v * one),
        (Range(0.3, 300.0, "log"),),
        lambda v: {"bound": v * one},
        "clip",
    )
    for times in (0, 2):
        yield Hypothesis(
            "input.first/times",
            change(x_first=float(times)),
            numbers=lambda n=times: {"times": n},
            respect="first",
        )
    yield Hypothesis(
        "input.dead-zone",
        lambda m, v: replace(m, x_dead=v * one),
        (Range(0.003, 10.0, "log"),),
        lambda v: {"size": v * one},
        "shape",
    )
    yield Hypothesis(
        "bias.added",
        lambda m, v: replace(m, bias=v * m.threshold),
        (Range(1e-5, 0.5, "both"),),
        lambda v: {"bias": v * base.threshold},
        "bias",
    )
    for filtered in ("normalised", "unscaled", "normalised old", "unscaled old"):
        yield Hypothesis(
            "synapse.before-membrane",
            lambda m, steps, f=filtered: replace(m, filtered=f, x_decay=math.exp(-1 / steps)),
            (Range(0.3, 300.0, "log"),),
            lambda steps: {"decay": math.exp(-1 / steps)},
            "filter",
        )


def bounds(base: Machine) -> Iterator[Hypothesis]:
    """Faults of the range of V."""
    V_th = base.threshold
    yield Hypothesis("bounds.zero", change(floor=0.0), respect="bounds")
    yield Hypothesis(
        "bounds.floor",
        lambda m, v: replace(m, floor=-v * V_th),
        (Range(0.003, 30.0, "log"),),
        lambda v: {"floor": -v * V_th},
        "bounds",
    )
    yield Hypothesis(
        "bounds.ceiling", change(ceiling=V_th), numbers=lambda: {"ceiling": V_th}, respect="bounds"
    )
    yield Hypothesis(
        "bounds.ceiling",
        lambda m, v: replace(m, ceiling=v * V_th),
        (Range(1.0, 10.0, "log"),),
        lambda v: {"ceiling": v * V_th},
        "bounds",
    )
    for sides in ((1, 1), (0, 1), (1, 0)):
        yield Hypothesis(
            "bounds.change",
            lambda m, v, s=sides: replace(
                m, rise=v * V_th if s[1] else math.inf, fall=-v * V_th if s[0] else -math.inf
            ),
            (Range(0.01, 3.0, "log"),),
            lambda v: {"most": v * V_th},
            "bounds",
        )
    for signed in (1, 0):
        yield Hypothesis(
            "bounds.wraps",
            lambda m, v, s=signed: replace(m, range_low=-v * V_th * s, range_high=v * V_th),
            (Range(1.0, 10.0, "log"),),
            lambda v, s=signed: {"low": -v * V_th * s, "high": v * V_th},
            "bounds",
        )
    yield Hypothesis(
        "bounds.dead-zone",
        lambda m, v: replace(m, dead_change=v * V_th),
        (Range(1e-4, 0.3, "log"),),
        lambda v: {"size": v * V_th},
        "dead zone",
    )


def formats(base: Machine) -> Iterator[Hypothesis]:
    """Faults of the number format."""
    units = [base.threshold / 2.0**k for k in range(3, 17)]
    units += [base.threshold / k for k in (10, 20, 25, 40, 50, 100, 200, 250, 400, 500, 1000)]
    units += [10.0**-k for k in range(5)] + [2.0**-k for k in range(9)]
    units = [u for u in dict.fromkeys(units) if 1e-5 < u / base.threshold < 0.2]
    for rounding in ("nearest", "zero", "down"):
        for unit in units:
            yield Hypothesis(
                "format.fixed-point",
                change(unit=unit, rounding=rounding),
                numbers=lambda u=unit, r=rounding: {"unit": u, "rounding": r},
                respect="format",
                rounds=True,
            )
    for bits in range(3, 13):
        for how in ("nearest", "down", "up"):
            for follows in (True, False):
                yield Hypothesis(
                    "format.decay",
                    change(decay_bits=bits, decay_rounding=how, gain_follows=follows),
                    numbers=lambda b=bits: {"bits": b},
                    respect="update",
                )
