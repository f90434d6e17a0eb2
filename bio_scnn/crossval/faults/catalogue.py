"""Catalogue of faults: what implementations of a declared neuron do wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bio_scnn.crossval.faults.clocks import CLOCKS
from bio_scnn.crossval.faults.hypothesis import Hypothesis, Range, change
from bio_scnn.crossval.faults.machine import Machine, flow
from bio_scnn.crossval.oracles.dialects import UPDATES

_TIMES = (Range(0.4, 2.5, "log"),)


def hypotheses(base: Machine) -> list[Hypothesis]:
    """Faults that a declared neuron may have, those without a number first."""
    found = [
        *_updates(base),
        *_second(base),
        *_spikes(base),
        *_resets(base),
        *_refractory(base),
        *_inputs(base),
        *_bounds(base),
        *_constants(base),
        *_formats(base),
    ]
    return sorted(found, key=lambda h: len(h.ranges))


def _updates(base: Machine) -> Iterator[Hypothesis]:
    leak = math.isfinite(base.tau_ms)
    for name in UPDATES if leak else ():
        other = name.startswith(("R-", "C-")) or name.endswith("R-ignored")
        if name != base.update and not (other and not hasattr(base.params, "C_ms")):
            yield Hypothesis(f"update.{name}", change(update=name), respect="update")
    if not leak:
        for dt, key in ((1.0, "dt-1-ms"), (0.1, "dt-0.1-ms")):
            if base.dt_ms != dt:
                times = dt / base.dt_ms
                yield Hypothesis(f"update.{key}", change(gain_times=times), respect="update")
    if base.R != 1:
        yield Hypothesis("update.R-ignored", lambda m: replace(m, R=1.0), respect="R")
    if not base.second:
        yield Hypothesis("threshold.before-leak", change(tested="before leak"), respect="test")
        yield Hypothesis(
            "threshold.before-leak/reset",
            change(tested="before leak, reset leaks"),
            respect="test",
        )


def _second(base: Machine) -> Iterator[Hypothesis]:
    if "synapse" in base.second:
        alone = base.second.replace("synapse", "")
        yield Hypothesis("synapse.missing", change(second=alone), respect="synapse")
        for order in ("flow", "fresh", "old"):
            if order != base.order:
                key = "synapse.order/old" if order == "old" else "synapse.order"
                yield Hypothesis(key, change(order=order), respect="order")
        yield Hypothesis("synapse.unscaled", _unscaled_synapse, respect="gain")
        yield Hypothesis("clamp.frozen-synapse", change(frozen="synapse"), respect="hold")
        exchanged = change(tau_ms=base.tau_syn_ms, tau_syn_ms=base.tau_ms)
        yield Hypothesis("constant.tau/exchanged", exchanged, respect="tau")
    if base.second == "adaptation":
        yield Hypothesis("adaptation.missing", change(b=0.0), respect="adaptation")
        yield Hypothesis("adaptation.set", change(builds_up=False), respect="adaptation")
        yield Hypothesis("clamp.frozen-adaptation", change(frozen="adaptation"), respect="hold")
    for one in ("float32", "float16", "bfloat16"):
        for how in ("all", "V"):
            yield Hypothesis(
                f"membrane.{one}",
                change(precision=f"{how} {one}"),
                numbers=lambda: {"declared": "float64"},
                respect="format",
                rounds=True,
            )


def _unscaled_synapse(m: Machine) -> Machine:
    e = flow(replace(m, order="fresh", R=1.0, gain_times=1.0)).a
    return replace(m, gain_times=m.gain_times / (1 - e)) if e < 1 else m


def _spikes(base: Machine) -> Iterator[Hypothesis]:
    strict = "threshold.reached" if base.strict else "threshold.exceeded/measured"
    yield Hypothesis(strict, change(strict=not base.strict), respect="equality", rounds=True)
    yield Hypothesis("late.test/old", change(tested="old"), respect="test")
    yield Hypothesis("late.test/old", change(tested="old, then update"), respect="test")
    for steps in (1, 2, 3, 4, 5, 6, 8, 10, 16, 20, 32, 50, 64, 100):
        numbers = {"steps": steps}
        yield Hypothesis(
            "label.late", change(late=steps), numbers=lambda n=numbers: n, respect="delay"
        )
    for steps in (4, 5, 8, 10, 16, 20, 25, 32, 50, 64, 100, 128):
        numbers = {"steps": steps}
        yield Hypothesis(
            "output.buffer", change(buffer=steps), numbers=lambda n=numbers: n, respect="output"
        )
    yield Hypothesis("spikes.doublets", change(repeats="old V"), respect="repeats")
    yield Hypothesis("spikes.doublets/repeated", change(repeats="next step"), respect="repeats")
    if base.keep == 1:
        yield Hypothesis("spikes.several-per-step", change(several=True), respect="several")
    if not base.second and math.isfinite(base.tau_ms) and base.keep == 0:
        interpolated = "spikes.interpolated"
        yield Hypothesis(interpolated, change(within="exact"), respect="within")
        if not base.refractory:
            yield Hypothesis(interpolated, change(within="line"), respect="within")
            yield Hypothesis(interpolated, change(within="line", cap=1.0), respect="within")
    yield Hypothesis(
        "threshold.drift",
        lambda m, v: replace(m, drift=v),
        (Range(1e-5, 3e-2, "both"),),
        lambda v: {"percent": 100 * v, "when": "step"},
        "threshold",
    )
    yield Hypothesis(
        "threshold.drift",
        lambda m, v: replace(m, wear=v),
        (Range(1e-4, 0.3, "both"),),
        lambda v: {"percent": 100 * v, "when": "spike"},
        "threshold",
    )
    yield Hypothesis(
        "adaptation.threshold",
        lambda m, jump, steps: replace(m, th_jump=jump, th_decay=math.exp(-1 / steps)),
        (Range(0.003, 1.0, "log"), Range(1.0, 1000.0, "log")),
        lambda jump, steps: {"jump": jump * base.threshold, "decay": math.exp(-1 / steps)},
        "adaptation",
    )
    if base.second in ("", "synapse"):
        yield Hypothesis(
            "adaptation.current",
            lambda m, b, steps: replace(
                m,
                second="adaptation" if not m.second else "both",
                b=b * m.threshold / m.R,
                tau_w_ms=steps * m.dt_ms,
                order="fresh" if m.order == "flow" and not m.second else m.order,
            ),
            (Range(0.005, 2.0, "log"), Range(1.0, 1000.0, "log")),
            lambda b, steps: {"jump": b * base.threshold, "decay": math.exp(-1 / steps)},
            "adaptation",
        )


def _resets(base: Machine) -> Iterator[Hypothesis]:
    soft = base.keep == 1
    V_reset = base.threshold + base.to if soft else base.to
    other = change(keep=0.0, to=V_reset) if soft else change(keep=1.0, to=base.to - base.threshold)
    yield Hypothesis("reset.value" if soft else "reset.subtract", other, respect="reset")
    if V_reset and not soft:
        yield Hypothesis("reset.zero", change(to=0.0), respect="reset")
    yield Hypothesis("reset.absent", change(keep=1.0, to=0.0), respect="reset")
    yield Hypothesis(
        "reset.overshoot",
        change(keep=-1.0, to=base.threshold + V_reset),
        respect="reset",
    )
    yield Hypothesis("late.reset", change(reset_when="next update"), respect="moment")
    if soft:
        yield Hypothesis("late.reset", change(reset_when="on top"), respect="moment")
    size = base.threshold - V_reset
    if soft:
        yield Hypothesis(
            "reset.other-step",
            lambda m, v: replace(m, to=-v * size),
            (Range(0.2, 3.0, "log"),),
            lambda v: {"by": v * size, "right": size},
            "reset",
        )
    else:
        yield Hypothesis(
            "reset.other-value",
            lambda m, v: replace(m, to=V_reset + v * size),
            (Range(0.0, 0.98, "linear"),),
            lambda v: {"to": V_reset + v * size, "right": V_reset},
            "reset",
        )
        yield Hypothesis(
            "reset.undershoot",
            lambda m, v: replace(m, to=V_reset - v * size),
            (Range(0.0, 3.0, "linear"),),
            lambda v: {"to": V_reset - v * size, "right": V_reset},
            "reset",
        )
    yield Hypothesis(
        "reset.partial",
        lambda m, k: replace(m, keep=k, to=(1 - k) * V_reset),
        (Range(0.01, 0.99, "linear"),),
        lambda k: {"keep": k, "to": (1 - k) * V_reset},
        "reset",
    )


def _refractory(base: Machine) -> Iterator[Hypothesis]:
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
        for hold, key in (("leaks", "clamp.leaks"), ("integrates", "clamp.none")):
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
            ("threshold", "membrane.while-refractory/threshold"),
            ("integrates", "membrane.while-refractory/integrates"),
        ):
            yield Hypothesis(key, change(shown=shown), respect="shown")
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


def _inputs(base: Machine) -> Iterator[Hypothesis]:
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


def _bounds(base: Machine) -> Iterator[Hypothesis]:
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


def _constants(base: Machine) -> Iterator[Hypothesis]:
    V_reset = base.threshold + base.to if base.keep == 1 else base.to

    def times(v: float) -> dict[str, float]:
        return {"times": v}

    if math.isfinite(base.tau_ms):
        yield Hypothesis(
            "constant.tau", lambda m, v: replace(m, tau_ms=m.tau_ms * v), _TIMES, times, "tau"
        )
    gains = (Range(0.02, 50.0, "log"),)
    yield Hypothesis(
        "constant.gain",
        lambda m, v: replace(m, gain_times=m.gain_times * v),
        gains,
        times,
        "gain",
    )
    if math.isfinite(base.tau_ms):
        yield Hypothesis(
            "constant.gain/units",
            change(gain_times=1000 * base.gain_times),
            numbers=lambda: {"times": 1000.0},
            respect="gain",
        )
        yield Hypothesis(
            "constant.gain/units",
            change(gain_times=1e-3 * base.gain_times),
            numbers=lambda: {"times": 1e-3},
            respect="gain",
        )
    yield Hypothesis(
        "constant.threshold",
        lambda m, v: replace(m, threshold=V_reset + v * (base.threshold - V_reset)),
        _TIMES,
        times,
        "threshold",
    )
    if "synapse" in base.second:
        yield Hypothesis(
            "constant.tau/syn",
            lambda m, v: replace(m, tau_syn_ms=m.tau_syn_ms * v),
            (Range(0.1, 10.0, "log"),),
            times,
            "tau_syn",
        )
    if base.second == "adaptation":
        yield Hypothesis(
            "constant.tau/w",
            lambda m, v: replace(m, tau_w_ms=m.tau_w_ms * v),
            (Range(0.1, 10.0, "log"),),
            times,
            "tau_w",
        )
        yield Hypothesis(
            "adaptation.strength",
            lambda m, v: replace(m, b=m.b * v),
            (Range(0.1, 10.0, "log"),),
            times,
            "adaptation",
        )


def _formats(base: Machine) -> Iterator[Hypothesis]:
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
