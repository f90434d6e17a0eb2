"""Refractory periods that act in a layer, measured at many t_ref and dt."""

from __future__ import annotations

import numpy as np

from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.counters import COUNTERS
from bio_scnn.crossval.protocol import CannotRepresent
from bio_scnn.crossval.subject import Subject
from bio_scnn.crossval.variants import varied
from bio_scnn.neuron.closed_form import current_for_latency
from bio_scnn.neuron.parameters import LIFParameters

Case = tuple[float, float, float]
"""dt, t_ref, and the refractory period that acts, ms."""


def periods(subject: Subject) -> tuple[list[Case], dict[str, float]]:
    """Refractory periods that act, and the steps that those of no whole number act as."""
    cases, acts_as = list[Case](), dict[str, float]()
    for dt in dict.fromkeys((0.1, 0.3, 1.0, subject.dt_ms)):
        for ratio in (1, 2, 5, 10, 50, 0.5, 2.5):
            t_ref = round(ratio * dt, 9)
            try:
                acts = effective_t_ref(subject, varied(subject.params, t_ref_ms=t_ref), dt)
            except CannotRepresent:
                continue
            on_grid = subject.claims.refractory == "steps" or not subject.claims.precise
            if ratio != int(ratio) and on_grid:
                acts_as[f"t_ref_{ratio:g}_steps_acts_as_steps_at_dt_{dt:g}"] = acts / dt
            else:
                cases.append((dt, t_ref, acts))
    return cases, acts_as


def effective_t_ref(subject: Subject, params: LIFParameters, dt: float, needed: int = 13) -> float:
    """ISI less the steps that V needs from V_reset, ms; NaN if it does not fire twice."""
    stepped = subject.in_steps(params, dt)
    needed = min(needed, drives.longest_charge(stepped, dt, subject.dtype))
    latency = drives.crossing_ms(stepped, dt, [needed])
    current = current_for_latency(latency, stepped)
    steps = round(3 * (needed + params.t_ref_ms / dt)) + 16
    trace = subject.run(drives.held(current, steps), params=params, dt_ms=dt)
    train = trace.spike_times_ms[0]
    if len(train) < 2:
        return np.nan
    return float(train[1] - train[0] - (latency[0] if subject.claims.precise else needed * dt))


def counters(subject: Subject) -> tuple[str, ...]:
    """Counters in floating point that give all refractory periods, right and wrong ones."""
    cases = subject.once(periods)[0]
    return tuple(
        name
        for name, steps in (COUNTERS.items() if cases else ())
        if all(
            abs(acts / dt - steps(dt, varied(subject.params, t_ref_ms=t_ref))) < 1e-3
            for dt, t_ref, acts in cases
        )
    )
