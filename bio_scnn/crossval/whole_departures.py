"""Differences of a neuron in whole numbers from the declared one: only those that it takes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from bio_scnn.crossval.causes import Cause, cause
from bio_scnn.crossval.identify.differences import meant_neuron
from bio_scnn.crossval.identify.display import affine
from bio_scnn.crossval.identify.formats import bits_of, rounded_to
from bio_scnn.crossval.identify.identification import Identification
from bio_scnn.crossval.identify.second_differences import at_once, steady_gain
from bio_scnn.crossval.identify.stepped import SteppedNeuron
from bio_scnn.crossval.identify.whole.apart import agrees_with
from bio_scnn.crossval.identify.whole.layer import WholeLayer
from bio_scnn.crossval.identity import Departure
from bio_scnn.crossval.judgement import departures
from bio_scnn.crossval.oracles.family import grid_oracle
from bio_scnn.crossval.remedies import remedy
from bio_scnn.crossval.report import portrait
from bio_scnn.crossval.subject import Subject
from bio_scnn.neuron.parameters import LIFParameters

_CLOSE = 1e-6
_FEWEST_BITS = 5
_FORMAT = "format.fixed-point"


@dataclass(frozen=True)
class _Reading:
    """A neuron in the declared unit of V, its rounded numbers as they were meant, and causes."""

    neuron: SteppedNeuron
    told: tuple[Cause, ...] = ()


def whole_departures(
    found: Identification, subject: Subject, layer: WholeLayer, *, whole: bool
) -> tuple[Departure, ...]:
    """Differences of a neuron in whole numbers from the declared one, the fewest that do.

    Spikes alone do not tell the unit of V; a decay and a weight may have been rounded to so many
    bits; and a threshold one unit higher counts only where the layer was seen to fire otherwise.

    Parameters
    ----------
    found : Identification
        With a neuron.
    subject : Subject
    layer : WholeLayer
    whole : bool
        The declared numbers are whole, so that fixed point alone is no difference.

    Returns
    -------
    tuple of Departure
    """
    neuron = found.neuron
    assert neuron is not None
    meant = _meant(subject)
    listed = []
    for scaled in _in_units(neuron, meant, seen=layer.V_unit is not None):
        fits, others = _with_threshold(scaled, neuron, subject, layer)
        for reading in _readings(fits, meant, subject.params):
            apart = departures(
                replace(found, neuron=reading.neuron),
                subject.params,
                subject.dt_ms,
                subject.claims,
            )
            told = [_departure(why, subject) for why in (*others, *reading.told)]
            if not neuron.start:  # which is where all code begins
                apart = tuple(d for d in apart if not d.cause_code.startswith("start."))
            listed.append((*told, *apart))
    best = min(listed, key=_simplest)
    others_only = tuple(d for d in best if d.cause_code != _FORMAT)
    return others_only if whole and others_only else best


def _simplest(apart: tuple[Departure, ...]) -> tuple[int, bool]:
    """Order of sets of differences: the fewest, then those with an update of the catalogue."""
    return len(apart), not any(d.cause_code.startswith("update.") for d in apart)


def _departure(why: Cause, subject: Subject) -> Departure:
    return Departure(why.text, why.code, portrait.effect(subject), remedy(why.code))


def _meant(subject: Subject) -> SteppedNeuron:
    """Declared neuron as it is stepped."""
    if isinstance(subject.params, LIFParameters):
        return meant_neuron(subject.params, subject.dt_ms)
    return grid_oracle(subject.params, subject.dt_ms, integrator=subject.claims.integrator)


def _in_units(
    neuron: SteppedNeuron, meant: SteppedNeuron, *, seen: bool
) -> Iterator[SteppedNeuron]:
    """The neuron as it is, and where V is hidden with the declared threshold, or gain."""
    yield neuron
    if seen or not (0 < neuron.threshold < math.inf and 0 < meant.threshold < math.inf):
        return
    scales = [meant.threshold / neuron.threshold]
    if at_once(neuron) and at_once(meant) / at_once(neuron) > 0:
        scales.append(at_once(meant) / at_once(neuron))
    for scale in scales:
        if abs(scale - 1) > _CLOSE:
            yield affine(neuron, scale)


def _with_threshold(
    scaled: SteppedNeuron, found: SteppedNeuron, subject: Subject, layer: WholeLayer
) -> tuple[SteppedNeuron, tuple[Cause, ...]]:
    """The neuron with the declared threshold, if that is at most one unit away, and the cause."""
    V_th, above = subject.params.V_th, not subject.claims.fires_at_threshold
    unit = getattr(scaled.number_format, "unit", 0.0)
    fires_from = scaled.threshold + (0.0 if scaled.fires_at_threshold else unit)
    off = round((fires_from - V_th) / unit) if unit else 2
    declared = replace(scaled, threshold=V_th, fires_at_threshold=True)  # as eq. 2 has it
    if abs(off) > 1:
        return scaled, ()
    as_meant = replace(scaled, threshold=V_th, fires_at_threshold=not above)
    # Where V is hidden, the experiment is made in the unit of the neuron that was found.
    if off == above or agrees_with(layer, found, affine(as_meant, found.gain / scaled.gain)):
        return declared, ()
    if off == -1 or (above and off == 1):
        return scaled, ()
    code = "threshold.reached" if above else "threshold.exceeded"
    return declared, (cause(f"{code}/measured"),)


def _readings(neuron: SteppedNeuron, meant: SteppedNeuron, params: Any) -> Iterator[_Reading]:
    """A neuron whose gain is taken for one step, or for ever, and with decays rounded to bits."""
    for unrounded in (True, False):  # of causes as many, the rounding is told
        told: dict[str, Cause] = {}
        now = neuron
        if unrounded:
            now, told = _unrounded(neuron, meant)
            if not told:
                continue
        yield _Reading(now, tuple(told.values()))
        off = abs(at_once(neuron) - at_once(meant))
        once = off <= _CLOSE * abs(at_once(meant))
        rounded = bits_of(at_once(neuron))
        if rounded is not None and rounded >= _FEWEST_BITS:
            once |= off < 2.0**-rounded
        total, right = (n.gain * steady_gain(n) for n in (neuron, meant))
        if once or abs(total - right) <= _CLOSE * abs(right):
            gain = meant.gain * steady_gain(meant)
            if isinstance(params, LIFParameters) and now.decay < 1:
                gain = params.R * (1 - now.decay)
            elif now.decay < 1 and meant.decay < 1:
                gain *= (1 - now.decay) / (1 - meant.decay)
            yield _Reading(replace(now, gain=gain / steady_gain(now)), tuple(told.values()))


def _unrounded(
    neuron: SteppedNeuron, meant: SteppedNeuron
) -> tuple[SteppedNeuron, dict[str, Cause]]:
    """A neuron with the declared decays where its own are those in so many bits."""
    told: dict[str, Cause] = {}
    bits = rounded_to(meant.decay, neuron.decay)
    if bits is not None:
        told["V"] = cause("format.decay", bits=bits)
        steady = (1 - meant.decay) / (1 - neuron.decay)  # the same R
        neuron = replace(neuron, decay=meant.decay, gain=neuron.gain * steady)
    if neuron.synapse is not None and meant.synapse is not None:
        bits = rounded_to(meant.synapse.decay, neuron.synapse.decay)
        if bits is not None:
            told.setdefault("V", cause("format.decay", bits=bits))
            neuron = replace(neuron, synapse=replace(neuron.synapse, decay=meant.synapse.decay))
    return neuron, told
