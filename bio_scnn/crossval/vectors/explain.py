"""Explanation of wrong answers to test vectors: the one neuron that gives them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from bio_scnn.crossval.causes import Cause, cause
from bio_scnn.crossval.diagnosis import Answer, Explanation, fits_all, search
from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.dialects import PERFECT, REFRACTORY, GridNeuron
from bio_scnn.crossval.oracles.grid import grid_trace
from bio_scnn.crossval.results import CheckResult
from bio_scnn.neuron.closed_form import current_for_rate
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace, mean_rate_hz


def with_cause(result: CheckResult, why: Cause | None) -> CheckResult:
    """Result with the code and the words of a cause, if there is one."""
    return replace(result, cause=why.text, cause_code=why.code) if why else result


def with_causes(
    results: Sequence[CheckResult], answers: Sequence[Answer | None]
) -> tuple[CheckResult, ...]:
    """Results; a failure on the grid gets the cause that explains every answer there.

    Parameters
    ----------
    results : sequence of CheckResult
    answers : sequence of Answer or None
        None for each result that has no answer on the grid.
    """
    pairs = list(zip(results, answers, strict=True))
    failed = [(r, a) for r, a in pairs if a and r.status in ("failed", "xfail")]
    if all(r.cause for r, _ in failed):
        return tuple(results)
    # What failed first: it rules out most causes at once.
    ordered = [*failed, *(pair for pair in pairs if pair not in failed)]
    found = _explanation([a for _, a in ordered if a])
    return tuple(
        _explained(r, a, found) if found and a and (r, a) in failed and not r.cause else r
        for r, a in pairs
    )


def _explanation(answers: list[Answer]) -> Explanation | None:
    """The one difference from the perfect neuron on the grid that gives the same spikes."""
    if not any(answer.raster.any() for answer in answers):
        return Explanation(PERFECT, cause("output.silent/recorded"))
    # Where most neurons are tied, nothing can be told.
    clear = [a for a in answers if a.clear(a.run(PERFECT)).mean() > 0.5]
    answers = clear or answers
    for shift, key in ((1, "label.late/recorded"), (-1, "label.early/recorded")):
        if fits_all(answers, PERFECT, shift):
            return Explanation(PERFECT, cause(key))
    return search(answers, PERFECT, pairs=False)


def _explained(result: CheckResult, answer: Answer, found: Explanation) -> CheckResult:
    """A failure with its cause, and what that does to a rate."""
    p, dt, neuron = answer.params, answer.dt_ms, found.neuron
    if neuron == PERFECT:
        return with_cause(result, found.cause)
    difference = neuron.difference_from(PERFECT)
    assert difference is not None
    words = difference.text
    if neuron.update != PERFECT.update:
        words = f"update of V: {words}"
    if neuron.refractory != PERFECT.refractory:
        held = REFRACTORY[neuron.refractory](dt, p) * dt
        words += f" ({held:g} ms instead of {p.t_ref_ms:g} ms)"
    wanted = (p.rate_min_hz + p.rate_max_hz) / 2
    rate, floor = (_rate_hz(wanted, p, dt, kind) for kind in (neuron, PERFECT))
    return replace(
        with_cause(result, replace(difference, text=words)),
        effect=f"a {wanted:.4g} Hz neuron fires at {rate:.4g} Hz (at best {floor:.4g} Hz)",
    )


@lru_cache(maxsize=64)
def _rate_hz(wanted: float, params: LIFParameters, dt_ms: float, neuron: GridNeuron) -> float:
    """Rate of a grid neuron under the current for a rate; most cases ask for the same."""
    current = drives.held(np.atleast_1d(current_for_rate(wanted, params)), 3000)
    raster = grid_trace(current, dt_ms, params, neuron).raster
    return float(mean_rate_hz(Trace.from_raster(raster, dt_ms))[0])
