"""Identification of a live layer from the outside: probes, hypotheses, and a run to prove them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.candidates import (
    Candidate,
    Trial,
    finished,
    judged,
    proved,
    rank,
)
from bio_scnn.crossval.identify.display import complexity, likeliest_unit, rearranged, tidy
from bio_scnn.crossval.identify.hypotheses import Probed, probed
from bio_scnn.crossval.identify.identification import Identification
from bio_scnn.crossval.identify.probed_spike import neurons
from bio_scnn.crossval.identify.probing import Layer, Run, prepared
from bio_scnn.crossval.identify.readings import code_sentence
from bio_scnn.crossval.identify.recording import identify_recording
from bio_scnn.crossval.identify.steadiness import time_matters, unsteady
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step
from bio_scnn.crossval.identify.unusual import not_in_proportion, unusual
from bio_scnn.crossval.identify.whole.identified import identify_whole
from bio_scnn.crossval.identify.whole.layer import refuses_fractions

_FAMILIES = (
    "LIF, IF and linear leak, with two synaptic currents or one adaptation at most, hard, soft or "
    "partial reset: none explains all spikes",
)


def validation_drive(layer: Layer, tau: float, blocked: float) -> NDArray[np.float64]:
    """Drive ``(steps, 40)``: held, stepping and noisy inputs and impulses of all sizes."""
    rng = np.random.default_rng(20)
    steps = int(np.clip(12 * tau + 12 * min(blocked, 100), 300, 1500))
    a = layer.ever
    level = a / max(min(tau, steps / 3), 1)
    held = np.array([0.5, 1.02, 1.1, 1.4, 2, 3.5, 7, 20, -2, 60]) * level
    x = np.zeros((steps, 40))
    x[:, :10] = held
    size = level * np.geomspace(1, 40, 10)
    x[:, 10:20] = rng.normal(0.5, 1.5, (steps, 10)) * size
    blocks = rng.uniform(-1, 3, (steps // 25 + 1, 10)) * level * np.geomspace(1, 8, 10)
    x[:, 20:30] = np.repeat(blocks, 25, axis=0)[:steps]
    pulses = rng.random((steps, 10)) < np.geomspace(0.02, 0.6, 10)
    x[:, 30:] = pulses * rng.uniform(-0.4, 1.2, (steps, 10)) * a
    return x


def identify(run: Run, *, dt_ms: float | None = None, has_V: bool | None = None) -> Identification:
    """Neuron of a live layer, found from the outside.

    Parameters
    ----------
    run : callable
        ``run(x) -> (spikes, V or None)`` with arrays ``(steps, neurons)``: equal, independent
        neurons, from the initial state at each call.
    dt_ms : float, ms, optional
        Time step.
    has_V : bool, optional
        V is shown; by default it is if `run` gives one.

    Returns
    -------
    Identification
    """
    whole = identify_whole(run, dt_ms=dt_ms, has_V=has_V)
    if whole is not None:
        return whole
    if refuses_fractions(run):
        return _nothing(
            dt_ms, "it refuses fractions, and no neuron in whole numbers has its spikes"
        )
    return _identified(run, dt_ms, has_V)


def _identified(run: Run, dt_ms: float | None, has_V: bool | None) -> Identification:
    """The same of a layer that no neuron in whole numbers explains bit for bit."""
    if why := unsteady(run):
        return _nothing(dt_ms, why)
    layer = prepared(run)
    if layer is None:
        return _silent(run, dt_ms, has_V)
    if not np.isfinite(layer.first):
        return _nothing(
            dt_ms,
            "no impulse makes it fire, only a held input: is its input clipped, or its V bounded?",
        )
    data = probed(layer)
    found = neurons(data)
    if not found:
        return _nothing(dt_ms, "its answers to impulses fit no neuron that is known here")
    x = validation_drive(layer, _tau(found[0][1]), data.blocked)
    spikes, V = layer.both(x)
    trial = Trial(data, x, spikes, None if has_V is False else V)
    candidates = _candidates(trial, found)
    best, sure = finished(trial, candidates[0])
    named = _identification(trial, best, dt_ms, sure)
    if named.neuron is None or named.excluded:
        return named
    resolution = _resolution(data, candidates[0].neuron, best.neuron)
    others = _alternatives(trial, candidates, best)
    return replace(named, alternatives=others, resolution=resolution)


def _silent(run: Run, dt_ms: float | None, has_V: bool | None) -> Identification:
    """Neuron of a layer that never fires: from its V, as in a recording."""
    x = np.random.default_rng(20).normal(0.3, 1.0, (400, 4))
    V = run(x)[1]
    found = None
    if V is not None and has_V is not False and np.isfinite(V).all() and np.ptp(V):
        found = identify_recording(x, V, np.zeros(x.shape), dt_ms=dt_ms)
    if found is None or found.neuron is None or not found.exact:
        return _nothing(dt_ms, "it never fires, whatever the input")
    neuron = replace(found.neuron, threshold=np.inf, reset_to=0.0, refractory=0)
    return replace(
        found, neuron=neuron, alternatives=(), remarks=("it never fires, whatever the input",)
    )


def _candidates(trial: Trial, found: list[tuple[float, SteppedNeuron]]) -> list[Candidate]:
    """Candidates, the best first; unusual neurons too, if no plain one has every spike."""
    if len(found) > 10:
        found = sorted(found, key=lambda pair: _soon_wrong(trial, pair[1]))[:20]
        least = _soon_wrong(trial, found[0][1])
        found = [pair for pair in found if _soon_wrong(trial, pair[1]) <= 2 * least + 5]
    candidates = [judged(trial, n) for n in _variants(found, trial.V is not None)]
    candidates.sort(key=lambda c: rank(trial, c))
    off = candidates[0].wrong or rank(trial, candidates[0])[1] > 1
    if off and not _at_ties(trial, candidates[0]):
        likely = sorted(unusual(trial.data), key=lambda n: _soon_wrong(trial, n))[:6]
        candidates += [judged(trial, n) for n in likely]
        candidates.sort(key=lambda c: rank(trial, c))
    return candidates


def _at_ties(trial: Trial, c: Candidate) -> bool:
    """True if V is explained but for ties, or ``>`` in place of ``>=`` explains every spike."""
    strict = proved(trial, replace(c.neuron, fires_at_threshold=False), c.moment)
    return (strict.wrong == 0 and trial.V is None) or strict.V_share > 0.99


def _waits_alike(one: SteppedNeuron, other: SteppedNeuron) -> bool:
    """True for neurons that wait at their rest, one held there and one left to decay to it."""
    if one.reset_keep or {one.while_refractory, other.while_refractory} != {"held", "leaks"}:
        return False
    moved = other.decay * other.reset_to + other.bias - other.reset_to
    near = 1e-9 * abs(one.threshold)
    return abs(moved) <= near and abs(one.reset_to - other.reset_to) <= near


def _soon_wrong(trial: Trial, neuron: SteppedNeuron) -> int:
    """Spikes in which a neuron is wrong in the first 200 steps."""
    with np.errstate(all="ignore"):
        return int(np.abs(step(neuron, trial.x[:200]).spikes - trial.spikes[:200]).sum())


def _alternatives(
    trial: Trial, candidates: list[Candidate], best: Candidate
) -> tuple[SteppedNeuron, ...]:
    """Other neurons that explain a layer as well as the best candidate does."""
    first, error = candidates[0], 30 * trial.error
    most, level = 3 * first.V_error + 1e-6 * trial.size, rank(trial, first)[0]
    told, kept = {code_sentence(best.neuron)}, list[SteppedNeuron]()
    at, form = best.neuron.fires_at_threshold, best.neuron.number_format
    for c in candidates[1:]:
        if rank(trial, c)[0] != level or c.V_error > most or c.late != first.late:
            continue
        other = (likeliest_unit if trial.V is None else tidy)(c.neuron, error)
        other = replace(other, fires_at_threshold=at, number_format=form)
        sentence = code_sentence(other)
        if sentence not in told and not _waits_alike(best.neuron, other):
            kept.append(other)
            told.add(sentence)
    return tuple(kept[:3])


_COARSEST = 0.01  # a larger difference is one, however coarse the numbers are


def _resolution(data: Probed, read: SteppedNeuron, told: SteppedNeuron) -> float:
    """Relative error of a neuron's numbers: of the readings, and of the shorter ones told."""

    def scale_free(n: SteppedNeuron) -> NDArray[np.float64]:
        return np.array([1 - n.decay, n.gain / n.threshold])

    with np.errstate(all="ignore"):
        moved = np.abs(scale_free(told) / scale_free(read) - 1)
    return float(np.clip(np.nan_to_num(moved).max(), data.rounding, _COARSEST))


def _tau(neuron: SteppedNeuron) -> float:
    """Steps in which the slowest part of a neuron loses most of its state."""
    slowest = max(neuron.decay, 0.0 if neuron.synapse is None else neuron.synapse.slowest)
    return min(1 / max(1 - slowest, 1e-4), 400.0)


def _variants(found: list[tuple[float, SteppedNeuron]], shown: bool) -> list[SteppedNeuron]:
    plain = [n for _, n in sorted(found, key=lambda pair: complexity(pair[1]))][:10]
    if not shown:
        return plain
    return [v for n in plain for v in rearranged(n)]


def _identification(trial: Trial, c: Candidate, dt_ms: float | None, sure: bool) -> Identification:
    total = int(trial.spikes.sum())
    # Where all of V is right, spikes that are not are ties at the threshold.
    layer, apart = trial.data.layer, c.wrong > 0.01 * total and c.V_share < 0.99
    noise = time_matters(layer, trial.x) if apart else []
    failed = c.wrong > 0.3 * total or bool(noise)
    remarks = [*([] if failed else _remarks(c, sure)), *noise]
    if apart and not noise and (words := not_in_proportion(layer)):
        remarks.append(words)
    shown = trial.V is not None
    return Identification(
        neuron=None if failed else c.neuron,
        dt_ms=dt_ms,
        spikes_explained=max(0.0, 1 - c.wrong / max(total, 1)),
        V_explained=c.V_share if shown else None,
        V_error=c.V_error if shown else None,
        spikes=total,
        spikes_wrong=c.wrong,
        V_shown=c.moment,
        excluded=_FAMILIES if apart else (),
        remarks=tuple(remarks),
    )


def _remarks(c: Candidate, sure: bool) -> list[str]:
    found = []
    if not sure:
        found.append("rounding hides if it fires at the threshold or only above it")
    if c.moment == "none":
        found.append("V is hidden: its unit is chosen so that the numbers are simple")
    if c.late:
        found.append("V is shown a step late: each spike is listed with V before its step")
    return found


def _nothing(dt_ms: float | None, why: str) -> Identification:
    return Identification(None, dt_ms, 0.0, None, None, 0, 0, remarks=(why,))
