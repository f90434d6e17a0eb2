"""The right answer of a subject that is not the neuron of eq. 1: by the reading it follows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.family import Reading, readings
from bio_scnn.crossval.oracles.grid import GridTrace, raster_of
from bio_scnn.crossval.oracles.held_adaptation import held_adaptation_trace
from bio_scnn.crossval.protocol import Capabilities, Setup, family_of
from bio_scnn.crossval.subject import Subject
from bio_scnn.neuron.events import exact_trace
from bio_scnn.neuron.models import AdaptiveLIFParameters
from bio_scnn.neuron.trace import Trace


def right_answer(subject: Subject, current: NDArray, setup: Setup) -> Trace | GridTrace:
    """Event-driven solution for a layer with precise times, else what its reading gives."""
    if subject.claims.precise:
        return precise_answer(current, setup, subject.claims)
    return reading(subject).run(setup.params, setup.dt_ms, current)


def precise_answer(current: NDArray, setup: Setup, claims: Capabilities) -> Trace:
    """Event-driven solution; that of an adaptation held over each step, where it is declared."""
    params = setup.params
    held = isinstance(params, AdaptiveLIFParameters) and claims.order == "membrane first"
    run = held_adaptation_trace if held else exact_trace
    return run(current, setup.dt_ms, params)


def reading(subject: Subject) -> Reading:
    """The reading that a layer agrees with best, tried out once."""
    return subject.once(_best_reading)


def order_in_words(subject: Subject) -> tuple[str, ...]:
    """Sentence on the order of two variables, where it is not declared and a layer was run."""
    claims = subject.claims
    second = {"CubaLIF": "synapse", "adaptive LIF": "adaptation"}.get(family_of(subject.params))
    if (
        second is None
        or claims.order != "open"
        or claims.precise
        or not subject.knows(_best_reading)
    ):
        return ()
    found = reading(subject)
    return (
        f"the order of {second} and membrane in a step is not declared; it was checked as "
        f'{found.name}: declare Capabilities(order="{found.order}") if that is meant',
    )


def _best_reading(subject: Subject) -> Reading:
    options = readings(subject.params, subject.claims)
    if len(options) == 1 or subject.claims.precise:
        return options[0]
    p, dt = subject.params, subject.dt_ms
    current = np.concatenate(
        [drives.noise(p, dt, 400, 8, coloured=False), drives.held(drives.rates(p, dt, 4), 400)], 1
    )
    try:
        trace = subject.run(current)
    except (Exception, SystemExit):  # the checks report it
        return options[0]
    found = raster_of(trace, len(current), dt, subject.claims.spike_label)

    def distance(option: Reading) -> tuple[int, float]:
        right = option.run(p, dt, current)
        wrong = np.any(found != right.raster, axis=0)
        off = 0.0
        if trace.membrane is not None:
            V = right.membrane if subject.claims.membrane == "after reset" else right.before_reset
            with np.errstate(invalid="ignore"):
                off = float(np.abs(np.asarray(trace.membrane, float) - V)[:, ~wrong].sum())
        return int(wrong.sum()), off

    return min(options, key=distance)
