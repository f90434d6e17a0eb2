"""Catalogue of faults: what implementations of a declared neuron do wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bio_scnn.crossval.faults.flow import flow
from bio_scnn.crossval.faults.hypothesis import Hypothesis, Range, change
from bio_scnn.crossval.faults.machine import Machine, changed
from bio_scnn.crossval.faults.odd_steps import decays_alone, odd_steps
from bio_scnn.crossval.faults.of_outputs import outputs
from bio_scnn.crossval.faults.of_refractoriness import refractory
from bio_scnn.crossval.faults.of_seconds import adaptations, orders, synapses
from bio_scnn.crossval.faults.of_spikes import resets, spikes
from bio_scnn.crossval.faults.of_values import bounds, formats, inputs
from bio_scnn.crossval.oracles.dialects import UPDATES

_OF_SPIKES = frozenset(
    {
        *("test", "equality", "threshold", "reset", "moment", "several", "repeats", "within"),
        *("adaptation", "refractory", "hold", "again", "negative", "output", "after spike"),
    }
)
_TIMES = (Range(0.05, 20.0, "log"),)


def hypotheses(base: Machine) -> list[Hypothesis]:
    """Faults that a declared neuron may have, those without a number first."""
    found = [
        *_updates(base),
        *_second(base),
        *spikes(base),
        *resets(base),
        *refractory(base),
        *inputs(base),
        *bounds(base),
        *_constants(base),
        *odd_steps(base),
        *decays_alone(base),
        *formats(base),
        *outputs(base),
    ]
    if base.fires == "never":
        found = [h for h in found if h.respect not in _OF_SPIKES]
    return sorted(found, key=lambda h: len(h.ranges))


def _updates(base: Machine) -> Iterator[Hypothesis]:
    leak = math.isfinite(base.tau_ms)
    if not leak:
        for after_input in (False, True):
            yield Hypothesis(
                "leak.added",
                lambda m, v, a=after_input: changed(
                    m, decay_times=1 - v, gain_times=m.gain_times * (1 - v if a else 1)
                ),
                (Range(1e-4, 0.6, "log"),),
                lambda v: {"decay": 1 - v},
                "update",
            )
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
        yield Hypothesis("update.R-ignored", lambda m: changed(m, R=1.0), respect="R")
    if not base.second:
        yield Hypothesis("threshold.before-leak", change(tested="before leak"), respect="test")
        yield Hypothesis(
            "threshold.before-leak/reset",
            change(tested="before leak, reset leaks"),
            respect="test",
        )
        yield Hypothesis(
            "threshold.before-leak/alone", change(tested="without leak"), respect="test"
        )
        yield Hypothesis("threshold.before-input", change(tested="without input"), respect="test")


def _second(base: Machine) -> Iterator[Hypothesis]:
    if "synapse" in base.second:
        alone = base.second.replace("synapse", "")
        yield Hypothesis("synapse.missing", change(second=alone), respect="synapse")
        yield from orders(base, "synapse", ("flow", "fresh", "old", "twice", "mean"))
        yield from synapses(base)
        yield Hypothesis("synapse.unscaled", _unscaled_synapse, respect="gain")
        yield Hypothesis("clamp.frozen-synapse", change(frozen="synapse"), respect="hold")
        yield Hypothesis("synapse.reset", change(s_keep=0.0), respect="hold")
        again = change(filtered="normalised", x_decay=flow(changed(base, order="fresh")).a)
        yield Hypothesis("synapse.twice", again, respect="filter")
        exchanged = change(tau_ms=base.tau_syn_ms, tau_syn_ms=base.tau_ms)
        yield Hypothesis("constant.tau/exchanged", exchanged, respect="tau")
    if base.second == "adaptation":
        yield from adaptations(base)
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
    e = flow(changed(m, order="fresh", R=1.0, gain_times=1.0)).a
    return changed(m, gain_times=m.gain_times / (1 - e)) if e < 1 else m


def _constants(base: Machine) -> Iterator[Hypothesis]:
    V_reset = base.threshold + base.to if base.keep == 1 else base.to

    def times(v: float) -> dict[str, float]:
        return {"times": v}

    if math.isfinite(base.tau_ms):
        yield Hypothesis(
            "constant.tau", lambda m, v: changed(m, tau_ms=m.tau_ms * v), _TIMES, times, "tau"
        )
    gains = (Range(0.02, 50.0, "log"),)
    yield Hypothesis(
        "constant.gain",
        lambda m, v: changed(m, gain_times=m.gain_times * v),
        gains,
        times,
        "gain",
    )
    for unit in (1e3, 1e-3):
        yield Hypothesis(
            "constant.gain/units",
            change(gain_times=unit * base.gain_times),
            numbers=lambda u=unit: {"times": u},
            respect="gain",
        )
    yield Hypothesis(
        "constant.threshold",
        lambda m, v: changed(m, threshold=V_reset + v * (base.threshold - V_reset)),
        _TIMES,
        times,
        "threshold",
    )
    if "synapse" in base.second:
        yield Hypothesis(
            "constant.tau/syn",
            lambda m, v: changed(m, tau_syn_ms=m.tau_syn_ms * v),
            (Range(0.01, 100.0, "log"),),
            times,
            "tau_syn",
        )
    if base.second == "adaptation":
        yield Hypothesis(
            "constant.tau/w",
            lambda m, v: changed(m, tau_w_ms=m.tau_w_ms * v),
            (Range(0.01, 100.0, "log"),),
            times,
            "tau_w",
        )
        yield Hypothesis(
            "adaptation.strength",
            lambda m, v: changed(m, b=m.b * v),
            (Range(0.01, 100.0, "log"),),
            times,
            "adaptation",
        )
