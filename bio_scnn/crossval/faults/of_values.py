"""Faults of inputs, bounds and number formats."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bio_scnn.crossval.faults.flow import flow
from bio_scnn.crossval.faults.hypothesis import Hypothesis, Range, change
from bio_scnn.crossval.faults.machine import Machine, changed


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
            "input.blocks/first",
            change(block=steps, block_of="first"),
            numbers=lambda n=numbers: n,
            respect="mean",
        )
    yield Hypothesis(
        "input.pool",
        lambda m, v: changed(m, x_now=v),
        (Range(0.02, 0.98, "linear"),),
        lambda v: {"percent": 100 * (1 - v)},
        "mean",
    )
    above = (Range(0.01, 300.0, "log"),)
    yield Hypothesis(
        "input.clipped/bound",
        lambda m, v: changed(m, x_high=v * one),
        above,
        lambda v: {"bound": f"above {v * one:.6g}"},
        "shape",
    )
    yield Hypothesis(
        "input.clipped/bound",
        lambda m, v: changed(m, x_high=v * one, x_low=-v * one),
        above,
        lambda v: {"bound": f"beyond {v * one:.6g} either way"},
        "shape",
    )
    yield Hypothesis(
        "input.clipped/bound",
        lambda m, v: changed(m, x_low=-v * one),
        above,
        lambda v: {"bound": f"below {-v * one:.6g}"},
        "shape",
    )
    yield Hypothesis(
        "input.drifts",
        lambda m, v: changed(m, x_drift=v),
        (Range(1e-5, 1e-2, "both"),),
        lambda v: {"percent": 100 * v},
        "gain",
    )
    yield Hypothesis(
        "input.saturates",
        lambda m, v: changed(m, x_soft=v * one),
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
        lambda m, v: changed(m, x_dead=v * one),
        (Range(0.003, 10.0, "log"),),
        lambda v: {"size": v * one},
        "shape",
    )
    yield from _biases(base)
    for filtered in ("normalised", "unscaled", "normalised old", "unscaled old"):
        yield Hypothesis(
            "synapse.before-membrane",
            lambda m, steps, f=filtered: changed(m, filtered=f, x_decay=math.exp(-1 / steps)),
            (Range(0.3, 300.0, "log"),),
            lambda steps: {"decay": math.exp(-1 / steps)},
            "filter",
        )


def _biases(base: Machine) -> Iterator[Hypothesis]:
    """Biases: numbers added to V in every step, or before the first one."""

    def told(v: float) -> dict[str, float]:
        bias, d = v * base.threshold, flow(base).d
        rests = {"to": base.rest + bias / (1 - d), "rest": base.rest} if d < 1 else {}
        return {"bias": bias, **rests}

    leaks = math.isfinite(base.tau_ms)
    yield Hypothesis(
        "bias.added/rest" if leaks else "bias.added",
        lambda m, v: changed(m, bias=v * m.threshold),
        (Range(1e-5, 3.0, "both"),),
        told,
        "bias",
    )
    for start in dict.fromkeys((-base.rest, base.to if base.keep == 0 else 0.0)):
        numbers = {"start": start + base.rest}
        yield Hypothesis("start.elsewhere", change(start=start), (), lambda n=numbers: n, "start")
    yield Hypothesis(
        "start.elsewhere",
        lambda m, v: changed(m, start=v * m.threshold),
        (Range(1e-2, 10.0, "both"),),
        lambda v: {"start": v * base.threshold + base.rest},
        "start",
    )


def bounds(base: Machine) -> Iterator[Hypothesis]:
    """Faults of the range of V."""
    V_th = base.threshold
    yield Hypothesis("bounds.zero", change(floor=0.0), respect="floor")
    yield Hypothesis(
        "bounds.floor",
        lambda m, v: changed(m, floor=-v * V_th),
        (Range(0.003, 30.0, "log"),),
        lambda v: {"floor": base.rest - v * V_th},
        "floor",
    )
    yield Hypothesis(
        "bounds.ceiling",
        change(ceiling=V_th),
        numbers=lambda: {"ceiling": base.rest + V_th},
        respect="bounds",
    )
    yield Hypothesis(
        "bounds.ceiling",
        lambda m, v: changed(m, ceiling=v * V_th),
        (Range(0.03 if base.fires == "never" else 1.0, 10.0, "log"),),
        lambda v: {"ceiling": base.rest + v * V_th},
        "bounds",
    )
    yield Hypothesis(
        "bounds.both",
        lambda m, v: changed(m, ceiling=v * V_th, floor=-v * V_th),
        (Range(0.03 if base.fires == "never" else 1.0, 10.0, "log"),),
        lambda v: {"low": base.rest - v * V_th, "high": base.rest + v * V_th},
        "bounds",
    )
    for sides in ((1, 1), (0, 1), (1, 0)):
        yield Hypothesis(
            "bounds.change",
            lambda m, v, s=sides: changed(
                m, rise=v * V_th if s[1] else math.inf, fall=-v * V_th if s[0] else -math.inf
            ),
            (Range(0.01, 3.0, "log"),),
            lambda v: {"most": v * V_th},
            "bounds",
        )
    for signed in (1, 0):
        yield Hypothesis(
            "bounds.wraps",
            lambda m, v, s=signed: changed(m, range_low=-v * V_th * s, range_high=v * V_th),
            (Range(1.0, 10.0, "log"),),
            lambda v, s=signed: {"low": -v * V_th * s, "high": v * V_th},
            "bounds",
        )
    yield Hypothesis(
        "bounds.dead-zone",
        lambda m, v: changed(m, dead_change=v * V_th),
        (Range(1e-4, 0.3, "log"),),
        lambda v: {"size": v * V_th},
        "dead zone",
    )


def formats(base: Machine) -> Iterator[Hypothesis]:
    """Faults of the number format."""
    most = 2.0 if base.fires == "never" else 0.2
    units = [base.threshold / 2.0**k for k in range(3, 17)]
    units += [base.threshold / k for k in (10, 20, 25, 40, 50, 100, 200, 250, 400, 500, 1000)]
    units += [10.0**-k for k in range(5)] + [2.0**-k for k in range(9)]
    units = [u for u in dict.fromkeys(units) if 1e-5 < u / base.threshold < most]
    small = list(dict.fromkeys([*units, *(u / abs(flow(base).g or 1.0) for u in units)]))
    for rounding in ("nearest", "towards zero", "down"):
        for unit in small:
            yield Hypothesis(
                "input.rounded",
                change(x_unit=unit, x_rounding=rounding),
                numbers=lambda u=unit, r=rounding: {"unit": u, "rounding": r},
                respect="shape",
                rounds=True,
            )
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
