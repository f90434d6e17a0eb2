"""Recordings: the neuron that explains an input, V and spikes, without its source."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from bio_scnn.crossval.identify.adapting import adapting
from bio_scnn.crossval.identify.events import with_events
from bio_scnn.crossval.identify.explained import MOST_ALTERNATIVES, at_rest, summary
from bio_scnn.crossval.identify.flow import Flow, Recorded, flows
from bio_scnn.crossval.identify.formats import FloatingPoint
from bio_scnn.crossval.identify.identification import Identification
from bio_scnn.crossval.identify.narrow_floats import in_narrow_floats, narrow_format
from bio_scnn.crossval.identify.numbers import unit_of
from bio_scnn.crossval.identify.off_grid import off_grid
from bio_scnn.crossval.identify.quantised import quantised
from bio_scnn.crossval.identify.recorded_arrays import recorded
from bio_scnn.crossval.identify.recorded_forms import in_other_forms
from bio_scnn.crossval.identify.refitting import refitted
from bio_scnn.crossval.identify.spikes_only import from_spikes
from bio_scnn.crossval.identify.stepped import SteppedNeuron
from bio_scnn.crossval.identify.synaptic import synaptic_flows
from bio_scnn.crossval.identify.trial import (
    A_STEP_LATE,
    CLOSE,
    Trial,
    compared,
    polished,
    started,
    with_round_threshold,
)
from bio_scnn.crossval.identify.whole.recorded import whole_updates
from bio_scnn.crossval.identify.words import with_bounds, with_words

LONG, MOST_NEURONS = 2000, 8
"""Steps and neurons that a neuron is searched in; it is checked on all of them."""


def identify_recording(
    input: ArrayLike,  # the word of the files
    V: ArrayLike | None = None,
    spikes: ArrayLike | None = None,
    *,
    dt_ms: float | None = None,
) -> Identification:
    """Neuron that explains a recording.

    Parameters
    ----------
    input : (steps,) or (steps, neurons) array
        Input of each step, in any unit.
    V : array of that shape, optional
        Membrane potential in any unit, at the end of each step. It may be NaN, or a value above
        all others, in the steps of spikes.
    spikes : array of that shape, optional
        Spikes in each step. Without them the neuron is identified up to its threshold.
    dt_ms : float, optional, ms
        Time step; without it times are in steps.

    Returns
    -------
    Identification
        Its neuron has been stepped on the same input; the errors are those of that.

    Raises
    ------
    InputError
        If shapes differ, a value is not finite, or neither V nor spikes are given.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.tile([1.0, 0.0, 0.5], 20)
    >>> V, trace, spikes = 0.0, [], []
    >>> for now in x:
    ...     V = 0.75 * V + now
    ...     spikes.append(V >= 1.5)
    ...     V = 0.0 if spikes[-1] else V
    ...     trace.append(V)
    >>> found = identify_recording(x, trace, spikes)
    >>> found.neuron.decay, found.spikes_wrong
    (0.75, 0)
    """
    data = recorded(input, V, spikes)
    found = _as_it_stands(data, dt_ms)
    if found.exact:
        return found
    return in_other_forms(data, found, lambda other: _as_it_stands(other, dt_ms))


def _as_it_stands(data: Recorded, dt_ms: float | None) -> Identification:
    """Neuron that explains a recording of neurons that are alike."""
    part = excerpt(data)
    if data.V is None:
        return from_spikes(part, data, dt_ms)
    if np.ptp(data.V) == 0 and data.fired().any():
        found = from_spikes(part, data, dt_ms)
        return at_rest(data, found)
    trials, tried = _trials(part)
    if not trials and data.fired().any():
        found = from_spikes(part, data, dt_ms)
        return replace(found, remarks=("no update that was tried explains V", *found.remarks))
    if part is not data:
        again = [
            compared(data, t.neuron, t.where, t.noise) for t in trials[: 2 + MOST_ALTERNATIVES]
        ]
        trials = [replace(a, threshold=t.threshold) for a, t in zip(again, trials, strict=False)]
        trials.sort(key=lambda t: t.order(data.scale))
    if trials:
        trials[0] = with_round_threshold(data, trials[0])
    return summary(data, trials, tried, dt_ms)


def excerpt(data: Recorded) -> Recorded:
    """Beginning of a long recording, with spikes in it, to search in; the rest only checks."""
    steps, columns = data.x.shape
    wide = slice(0, MOST_NEURONS)
    fired = np.flatnonzero(data.fired()[:, wide].any(axis=1))
    long = LONG if len(fired) < 8 else max(LONG, int(fired[7]) + 50)
    if steps <= long and columns <= MOST_NEURONS:
        return data
    return Recorded(
        data.x[:long, wide],
        None if data.V is None else data.V[:long, wide],
        None if data.spikes is None else data.spikes[:long, wide],
    )


def _trials(data: Recorded) -> tuple[list[Trial], list[Flow]]:
    """Neurons stepped beside the recording, best first, and the flows that were tried."""
    tried = flows(data)
    trials: list[Trial] = []
    for more in (_by_flows, _by_whole_rules, _by_later_flows, _by_adaptation, _by_synapse):
        now, behind = more(data, tried)
        tried = tried + behind
        trials = sorted(trials + now, key=lambda t: t.order(data.scale))
        if not _settled(trials) and more is (
            _by_flows if data.rounding > CLOSE * data.scale else _by_synapse
        ):
            trials = _refitted(data, trials)
        if _settled(trials):
            break
    return trials, tried


Found = tuple[list[Trial], list[Flow]]


def _by_flows(data: Recorded, tried: list[Flow]) -> Found:
    """Trials of the plain flows."""
    assert data.V is not None
    trials: list[Trial] = []
    unit, form = unit_of(data.V), narrow_format(data.V)
    kinds = _different(tried)[:4]
    if unit is not None:  # rounding down looks like a bias
        kinds.sort(key=lambda f: (f.neuron.bias != 0 and f.residual < 2 * unit, f.terms))
    for flow in kinds:
        trials += _of_flow(data, flow, unit, form)
        trials.sort(key=lambda t: t.order(data.scale))
        if _settled(trials):
            break
    return trials, []


def _by_whole_rules(data: Recorded, tried: list[Flow]) -> Found:
    """Trials of updates in whole numbers, by the rules of live layers."""
    trials: list[Trial] = []
    for neuron in whole_updates(data):
        form = neuron.number_format
        trials += _of_neuron(data, neuron, getattr(form, "unit", 1.0) / 1e4)
        if any(t.wrong == 0 and t.explained == 1.0 for t in trials):
            break
    return trials, []


def _by_later_flows(data: Recorded, tried: list[Flow]) -> Found:
    """Trials in which V is shown a step late: spikes come before the V that made them."""
    if data.spikes is None or not tried or not tried[0].neuron.input_delay:
        return [], []
    assert data.V is not None
    early = Recorded(data.x[:-1], data.V[1:], data.spikes[:-1])
    trials, _ = _by_flows(early, flows(early))
    again = [
        replace(compared(data, t.neuron, A_STEP_LATE[t.where]), threshold=t.threshold)
        for t in trials[: 2 + MOST_ALTERNATIVES]
        if t.wrong == 0
    ]
    return again, []


def _by_adaptation(data: Recorded, tried: list[Flow]) -> Found:
    """Trials with an adaptation of the drive, and of spikes off the grid."""
    trials: list[Trial] = []
    for neuron in off_grid(data, tried) + adapting(data, tried):
        trials += _of_neuron(data, neuron, 1e-7 * data.scale)
        trials.sort(key=lambda t: t.order(data.scale))
        if _settled(trials):
            break
    return trials, []


def _by_synapse(data: Recorded, tried: list[Flow]) -> Found:
    """Trials behind a synapse."""
    behind = synaptic_flows(data)
    trials: list[Trial] = []
    for flow in behind[:3]:
        trials += _of_flow(data, flow, None, None)
        trials.sort(key=lambda t: t.order(data.scale))
        if _settled(trials):
            break
    return trials, behind[:1]


def _refitted(data: Recorded, trials: list[Trial]) -> list[Trial]:
    """Trials with the numbers of the best fitted to all of V, where its spikes nearly agree."""
    near = [t for t in trials if t.wrong <= data.fired().sum()]
    again = [refitted(data, t) for t in near[:3]]
    return sorted(again + trials, key=lambda t: t.order(data.scale))


def _different(found: list[Flow]) -> list[Flow]:
    """Flows of different shapes, the best of each."""
    kinds: dict[tuple, Flow] = {}
    for f in found:
        n = f.neuron
        fresh = n.synapse and n.synapse.fresh
        kind = (n.input_delay, n.input_shape, bool(n.leak), n.bias != 0, fresh)
        kinds.setdefault(kind, f)
    return list(kinds.values())


def _settled(trials: list[Trial]) -> bool:
    return bool(trials) and trials[0].wrong == 0 and trials[0].explained == 1.0


def _of_flow(
    data: Recorded, flow: Flow, unit: float | None, form: FloatingPoint | None
) -> list[Trial]:
    """Trials of one flow: in narrow floats or fixed point where V is so, and in float64."""
    trials: list[Trial] = []
    if form is not None:
        for neuron in in_narrow_floats(data, flow, form):
            trials += _of_neuron(data, neuron, 1e-6 * data.scale)
    if unit is not None and not any(t.wrong == 0 and t.explained == 1.0 for t in trials):
        for neuron in quantised(data, flow, unit):
            now = _of_neuron(data, neuron, unit / 1e4)
            if not any(t.wrong == 0 and t.explained == 1.0 for t in now):
                for bounded in with_words(data, neuron):
                    now += _of_neuron(data, bounded, unit / 1e4)
            trials += now
    if any(t.wrong == 0 and t.explained == 1.0 for t in trials):
        return trials
    # Rounding in single precision shows in few steps, behind a synapse more than in most.
    rounded = 3 * flow.tail if flow.tail < 3e-5 * data.scale else 0.0
    tolerance = max(3 * flow.residual, rounded, 1e-9 * data.scale)
    return trials + _of_neuron(data, with_bounds(data, flow.neuron), tolerance)


def _of_neuron(data: Recorded, neuron: SteppedNeuron, tolerance: float) -> list[Trial]:
    """Trials of one flow with each reset, threshold and refractory period that agree with V."""
    neuron = started(data, neuron, tolerance)
    if not data.fired().any():
        return [
            polished(data, Trial(replace(neuron, threshold=np.inf), "after reset", 0, np.inf, 0))
        ]
    if neuron.crossing == "within-step":
        return [compared(data, neuron, "after reset")]
    shown = with_events(data, neuron, tolerance)
    if not shown:
        return []
    least = shown[0].misfit
    trials = []
    for s in [s for s in shown if s.misfit <= least + 0.25][:5]:
        raw = replace(compared(data, s.neuron, s.where), threshold=s.threshold)
        good = raw.wrong <= 0.1 * data.fired().sum() and raw.explained > 0.5
        trials.append(polished(data, raw) if good else raw)
    return trials
