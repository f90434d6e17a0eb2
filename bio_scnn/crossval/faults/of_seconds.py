"""Faults of synaptic currents and adaptations."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bio_scnn.crossval.faults.flow import flow
from bio_scnn.crossval.faults.hypothesis import Hypothesis, Range, change
from bio_scnn.crossval.faults.machine import Machine, changed


def orders(base: Machine, second: str, kinds: tuple[str, ...]) -> Iterator[Hypothesis]:
    """Orders of V and of the second variable in a step, but the one at work."""
    for order in kinds:
        if order != base.order and (order != "flow" or base.update == "exact"):
            choice = order in ("flow", "fresh", "old") and not base.order_declared
            respect = "order" if choice else "moment"
            yield Hypothesis(f"{second}.order/{order}", change(order=order), respect=respect)


def synapses(base: Machine) -> Iterator[Hypothesis]:
    """Faults of the synaptic current beside its order and its constants."""
    size = base.threshold / base.R if math.isfinite(base.tau_ms) else base.threshold
    yield Hypothesis("synapse.set", change(s_adds=False), respect="synapse")
    yield Hypothesis("synapse.rectified", change(s_low=0.0), respect="bounds of S")
    wide = (Range(0.03, 30.0, "log"),)
    for low, side in ((-math.inf, "above"), (-1.0, "either way")):
        yield Hypothesis(
            "synapse.saturates/cut",
            lambda m, v, k=low: changed(m, s_high=v * size, s_low=k * v * size),
            wide,
            lambda v, k=side: {"bound": v * size, "side": k},
            "bounds of S",
        )
    yield Hypothesis(
        "synapse.saturates",
        lambda m, v: changed(m, s_soft=v * size),
        wide,
        lambda v: {"bound": v * size},
        "bounds of S",
    )
    for steps, kind in (("silence", "input"), ("input", "silence")):
        yield Hypothesis(f"synapse.decays/{kind}", change(s_leaks=steps), respect="decay of S")
    yield Hypothesis(
        "synapse.bypassed",
        lambda m, v: changed(m, x_past=v),
        (Range(0.01, 10.0, "both"),),
        lambda v: {"times": v},
        "synapse",
    )
    yield Hypothesis(
        "synapse.reset/partly",
        lambda m, v: changed(m, s_keep=v),
        (Range(0.02, 0.98, "linear"),),
        lambda v: {"keep": v},
        "hold",
    )
    yield Hypothesis("clamp.frozen-synapse/input", change(frozen="synapse input"), respect="hold")


def adaptations(base: Machine) -> Iterator[Hypothesis]:
    """Faults of the adaptation beside its constants."""
    kinds = ("fresh", "old") if base.w_moves == "threshold" else ("flow", "fresh", "old")
    yield from orders(base, "adaptation", kinds)
    for order in dict.fromkeys((base.order, "old")):
        late = change(w_late=True, order=order)
        yield Hypothesis("adaptation.order/late", late, respect="moment")
    yield Hypothesis("adaptation.decays", change(w_decays="silent"), respect="decay of w")
    yield Hypothesis(
        "adaptation.of-V",
        lambda m, v: changed(m, w_V=v * abs(m.b) / m.threshold),
        (Range(0.003, 10.0, "both"),),
        lambda v: {"each": v * abs(base.b) / base.threshold},
        "adaptation of V",
    )
    yield Hypothesis("adaptation.missing", change(b=0.0), respect="adaptation")
    yield Hypothesis("adaptation.sign", change(b=-base.b), respect="adaptation")
    yield Hypothesis("adaptation.lasting", change(tau_w_ms=math.inf), respect="adaptation")
    if base.w_moves == "V":
        moved = change(w_moves="threshold")
        yield Hypothesis("adaptation.threshold/instead", moved, respect="adaptation")
    else:
        # w drives V as the input does, or is taken off it.
        for unit in (1.0, 1 / flow(base).g):
            moved = change(w_moves="V", b=base.b * base.R * unit)
            yield Hypothesis("adaptation.current/instead", moved, respect="adaptation")
    yield Hypothesis(
        "adaptation.saturates",
        lambda m, v: changed(m, w_max=v * abs(m.b)),
        (Range(1.05, 100.0, "log"),),
        lambda v: {"most": v * abs(base.b)},
        "adaptation",
    )
    yield Hypothesis("adaptation.set", change(builds_up=False), respect="adaptation")
    yield Hypothesis(  # to what the spike's own step leaves of b, or to a little more
        "adaptation.set",
        lambda m, v: changed(m, builds_up=False, b=m.b * v),
        (Range(0.8, 1.25, "log"),),
        respect="adaptation",
    )
