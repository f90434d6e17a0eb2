"""Judgement of a layer in whole numbers: the declared neuron but for one fault, or another one."""

from __future__ import annotations

from dataclasses import replace

from bio_scnn.crossval.causes import cause
from bio_scnn.crossval.declared_bits import as_whole_layer, in_units, machine
from bio_scnn.crossval.faults.whole_numbers import WholeFault, declared_whole, whole_fault
from bio_scnn.crossval.identify.differences import meant_neuron
from bio_scnn.crossval.identify.identification import Identification
from bio_scnn.crossval.identify.readings import code_sentence, physics_sentence
from bio_scnn.crossval.identify.second_differences import steady_gain
from bio_scnn.crossval.identify.stepped import SteppedNeuron
from bio_scnn.crossval.identify.whole.identified import identify_whole
from bio_scnn.crossval.identify.whole.layer import whole_layer
from bio_scnn.crossval.identity import Departure, Identity
from bio_scnn.crossval.judgement import departures, identity, subject_runner
from bio_scnn.crossval.oracles.family import grid_oracle
from bio_scnn.crossval.remedies import remedy
from bio_scnn.crossval.report import portrait
from bio_scnn.crossval.subject import Subject
from bio_scnn.neuron.parameters import LIFParameters


def in_whole_numbers(subject: Subject) -> Identity | None:
    """Identity of a layer in whole numbers that is the declared neuron but for one fault.

    Returns
    -------
    Identity or None
        None if fractions matter to it, no declared number is a fraction of V's unit, or no fault
        reproduces it bit for bit.
    """
    claims, params = subject.claims, subject.params
    if claims.precise or not hasattr(params, "V_th"):
        return None
    shown, above = claims.membrane != "none", not claims.fires_at_threshold
    run = subject_runner(subject)
    try:
        if claims.fixed_point is not None:
            return _beside_its_machine(subject)
        layer = whole_layer(run, has_V=shown)
        if layer is None:
            return None
        if (layer.V_unit or 0) > 1 and float(layer.V_unit or 0).is_integer():
            layer = replace(layer, V_unit=1.0)  # the V that it showed had a common factor
        fault = None
        if isinstance(params, LIFParameters):
            base = declared_whole(params, subject.dt_ms, layer, above=above)
            if base is None:
                return None
            fault = whole_fault(layer, base)
        found = None if fault else identify_whole(run, dt_ms=subject.dt_ms, has_V=shown)
    except (Exception, SystemExit):  # the checks have reported it
        return None
    compared = "the declaration, in whole numbers"
    if fault is None:
        apart = () if found is None else _whole_departures(found, subject, layer.V_unit or 1.0)
        return identity(found, compared, apart, own=False) if found and apart else None
    return _with_fault(subject, fault, compared)


def _beside_its_machine(subject: Subject) -> Identity | None:
    """Identity of a layer that is the machine of its declared Q-format but for one fault."""
    layer = as_whole_layer(subject)
    fault = whole_fault(layer, in_units(machine(subject), layer), declared=True)
    return None if fault is None else _with_fault(subject, fault, "the declared machine")


def _with_fault(subject: Subject, fault: WholeFault, compared: str) -> Identity:
    """Identity of a layer that is the declared neuron but for one fault."""
    why = Departure(
        fault.cause.text, fault.cause.code, portrait.effect(subject), remedy(fault.cause.code)
    )
    return Identity(
        code=code_sentence(fault.neuron),
        physics=physics_sentence(fault.neuron, subject.dt_ms),
        spikes=fault.spikes,
        spikes_explained=1.0,
        V_explained=1.0 if subject.claims.membrane != "none" else None,
        compared_with=compared,
        departures=(why,),
    )


def _meant(subject: Subject) -> SteppedNeuron:
    """Declared neuron as it is stepped."""
    if isinstance(subject.params, LIFParameters):
        return meant_neuron(subject.params, subject.dt_ms)
    return grid_oracle(subject.params, subject.dt_ms)


def _whole_departures(
    found: Identification, subject: Subject, unit: float
) -> tuple[Departure, ...]:
    """Differences of a neuron in whole numbers from the declared one, which is in them too."""
    neuron, params = found.neuron, subject.params
    assert neuron is not None
    above = not subject.claims.fires_at_threshold
    # V >= n + 1 and V > n are the same
    fires_from = neuron.threshold + (0 if neuron.fires_at_threshold else unit)
    if fires_from == params.V_th + above * unit:
        neuron = replace(neuron, threshold=params.V_th, fires_at_threshold=True)
    others: tuple[Departure, ...] = ()
    if abs(fires_from - params.V_th - above * unit) == unit:
        code = "threshold.reached" if above else "threshold.exceeded"
        why, neuron = cause(f"{code}/measured"), replace(neuron, threshold=params.V_th)
        neuron = replace(neuron, fires_at_threshold=True)
        others = (Departure(why.text, why.code, portrait.effect(subject), remedy(why.code)),)
    # Decays and gain are numbers of their own in whole numbers: R follows from neither.
    meant = _meant(subject)
    gain, right = (n.gain * steady_gain(n) for n in (neuron, meant))
    if abs(gain - right) < 1e-6 * abs(right):
        neuron = replace(neuron, gain=params.R * (1 - neuron.decay) / steady_gain(neuron))
    apart = departures(replace(found, neuron=neuron), params, subject.dt_ms, subject.claims)
    others += tuple(d for d in apart if d.cause_code != "format.fixed-point")
    return others or apart
