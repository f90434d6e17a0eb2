"""Faults of threshold, spike and reset."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bio_scnn.crossval.faults.hypothesis import Hypothesis, Range, change
from bio_scnn.crossval.faults.machine import Machine, changed


def spikes(base: Machine) -> Iterator[Hypothesis]:
    """Faults of threshold, spike and output."""
    strict = "threshold.reached" if base.strict else "threshold.exceeded/measured"
    yield Hypothesis(strict, change(strict=not base.strict), respect="equality", rounds=True)
    yield Hypothesis("late.test/old", change(tested="old"), respect="test")
    yield Hypothesis("late.test/old", change(tested="old, then update"), respect="test")
    yield Hypothesis("threshold.magnitude", change(tested="size"), respect="test")
    yield Hypothesis("late.test/twice", change(tested="both"), respect="test")
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
    yield Hypothesis("spikes.doublets", change(repeats="old V alone"), respect="repeats")
    for steps in range(2, 9):
        key = "spikes.doublets/repeated" if steps == 2 else "spikes.lasting"
        yield Hypothesis(
            key, change(lasts=steps), numbers=lambda n=steps: {"steps": n}, respect="repeats"
        )
    if base.keep == 1:
        yield Hypothesis("spikes.several-per-step", change(several=True), respect="several")
    if not base.second and math.isfinite(base.tau_ms) and base.keep == 0:
        interpolated = "spikes.interpolated"
        yield Hypothesis(interpolated, change(within="exact"), respect="within")
        if not base.refractory:
            yield Hypothesis(interpolated, change(within="line"), respect="within")
            yield Hypothesis(interpolated, change(within="line", cap=1.0), respect="within")
            yield Hypothesis(interpolated, change(within="line, unbounded"), respect="within")
        else:
            yield Hypothesis(interpolated, change(within="line, then held"), respect="within")
    yield from _moving_thresholds(base)
    if base.second in ("", "synapse"):
        yield Hypothesis(
            "adaptation.current",
            lambda m, b, steps: changed(
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


def _moving_thresholds(base: Machine) -> Iterator[Hypothesis]:
    """Thresholds that drift or that spikes raise, and what a soft reset takes off then."""
    for follows in (False, True) if base.keep == 1 else (False,):
        yield Hypothesis(
            "threshold.drift",
            lambda m, v, t=follows: changed(m, drift=v, to_moves=t),
            (Range(1e-5, 3e-2, "both"),),
            lambda v: {"percent": 100 * v, "when": "step"},
            "threshold",
        )
        yield Hypothesis(
            "threshold.drift",
            lambda m, v, t=follows: changed(m, wear=v, to_moves=t),
            (Range(1e-4, 0.3, "both"),),
            lambda v: {"percent": 100 * v, "when": "spike"},
            "threshold",
        )
        yield Hypothesis(
            "threshold.drift/by",
            lambda m, v, t=follows: changed(m, th_jump=v, th_decay=1.0, to_moves=t),
            (Range(1e-3, 1.0, "both"),),
            lambda v: {"by": v * base.threshold},
            "threshold",
        )
        yield Hypothesis(
            "adaptation.threshold",
            lambda m, jump, steps, t=follows: changed(
                m, th_jump=jump, th_decay=math.exp(-1 / steps), to_moves=t
            ),
            (Range(0.003, 1.0, "log"), Range(1.0, 1000.0, "log")),
            lambda jump, steps: {"jump": jump * base.threshold, "decay": math.exp(-1 / steps)},
            "adaptation",
        )
    if base.keep == 1 and base.w_moves == "threshold":
        moved = change(to_moves=not base.to_moves)
        yield Hypothesis("adaptation.subtracted", moved, respect="reset")


def resets(base: Machine) -> Iterator[Hypothesis]:
    """Faults of the reset."""
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
    yield Hypothesis("reset.after-update", change(reset_when="after update"), respect="moment")
    if soft:
        yield Hypothesis("late.reset", change(reset_when="on top"), respect="moment")
    size = base.threshold - V_reset
    if soft:
        yield Hypothesis(
            "reset.other-step",
            lambda m, v: changed(m, to=-v * size),
            (Range(0.2, 3.0, "log"),),
            lambda v: {"by": v * size, "right": size},
            "reset",
        )
    else:
        yield Hypothesis(
            "reset.other-value",
            lambda m, v: changed(m, to=V_reset + v * size),
            (Range(0.0, 0.98, "linear"),),
            lambda v: {"to": V_reset + v * size, "right": V_reset},
            "reset",
        )
        yield Hypothesis(
            "reset.undershoot",
            lambda m, v: changed(m, to=V_reset - v * size),
            (Range(0.0, 3.0, "linear"),),
            lambda v: {"to": V_reset - v * size, "right": V_reset},
            "reset",
        )
    yield Hypothesis(
        "reset.partial",
        lambda m, k: changed(m, keep=k, to=(1 - k) * V_reset),
        (Range(0.01, 0.99, "linear"),),
        lambda k: {"keep": k, "to": (1 - k) * V_reset},
        "reset",
    )
