"""Judgement of a layer in whole numbers: the declared neuron but for one fault, or another one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bio_scnn.crossval.causes import cause
from bio_scnn.crossval.declared_bits import as_whole_layer, in_units, machine
from bio_scnn.crossval.fault_judgement import with_fault
from bio_scnn.crossval.faults.whole_numbers import (
    WholeFault,
    declared_whole,
    stochastic_fault,
    whole_fault,
)
from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.numbers import grid_of
from bio_scnn.crossval.identify.readings import code_sentence, physics_sentence
from bio_scnn.crossval.identify.stepped import step
from bio_scnn.crossval.identify.whole.identified import identify_whole
from bio_scnn.crossval.identify.whole.layer import WholeLayer, whole_layer
from bio_scnn.crossval.identify.whole.rules import ROUNDED
from bio_scnn.crossval.identity import Departure, Identity
from bio_scnn.crossval.judgement import identity, subject_runner
from bio_scnn.crossval.remedies import remedy
from bio_scnn.crossval.report import portrait
from bio_scnn.crossval.subject import Subject
from bio_scnn.crossval.whole_departures import whole_departures
from bio_scnn.neuron.parameters import LIFParameters

_COMPARED = "the declaration, in whole numbers"
_EXCLUDED = (
    "neurons in fixed point with one decay (k/2^m up to m = 16, sums of shifts, or a linear leak) "
    "and at most one synapse, each product rounded towards zero, down, up, away from zero or to "
    "the nearest, in words of any width: none has its spikes"
)


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
    try:
        if claims.fixed_point is not None:
            return _beside_its_machine(subject)
        layer = subject.once(_layer)
        if layer is None:
            return None
        base = fault = None
        if isinstance(params, LIFParameters):
            base = declared_whole(params, subject.dt_ms, layer, above=above)
            fault = None if base is None else whole_fault(layer, base)
        if fault is not None:
            return _with_fault(subject, fault, _COMPARED)
        # Where V is hidden, a look at every machine takes long: other faults come first.
        single = None if shown else with_fault(subject, pairs=False)
        if single is not None and single.sure and "format." not in single.cause[1]:
            return single
        found = identify_whole(layer.run, dt_ms=subject.dt_ms, has_V=shown)
        if found is None:
            return None
        whole = base is not None or not isinstance(params, LIFParameters)
        apart = whole_departures(found, subject, layer, whole=whole)
    except (Exception, SystemExit):  # the checks have reported it
        return None
    return identity(found, _COMPARED, apart, own=False) if apart else None


def rounded_at_random(subject: Subject) -> Identity | None:
    """Identity of a layer that is the declared neuron, its products rounded at random.

    Its answers depend on the place of a neuron in the batch, or on the call, by no fault of state
    or order. None if V is hidden, or is not one of the two numbers next to each product.
    """
    claims, params = subject.claims, subject.params
    declared = isinstance(params, LIFParameters) and claims.membrane != "none"
    if not declared or claims.precise or claims.fixed_point is not None:
        return None
    try:
        layer = subject.once(_layer)
        above = not claims.fires_at_threshold
        if layer is None:
            return None
        base = declared_whole(params, subject.dt_ms, layer, above=above)
        fault = None if base is None else stochastic_fault(layer, base)
    except (Exception, SystemExit):  # the checks have reported it
        return None
    return None if fault is None else _with_fault(subject, fault, _COMPARED)


def _layer(subject: Subject) -> WholeLayer | None:
    """Layer in whole numbers, in its own start; None if fractions matter to it."""
    # A step that is rounded leads nowhere.
    run = subject_runner(subject, led=False)
    layer = whole_layer(run, has_V=subject.claims.membrane != "none")
    unit = 0.0 if layer is None else layer.V_unit or 0.0
    if layer is not None and unit > 1 and float(unit).is_integer():
        return replace(layer, V_unit=1.0)  # the V that it showed had a common factor
    return layer


def unexplained_grid(subject: Subject, near: tuple[str, ...] = ()) -> Identity | None:
    """Identity of a layer on a grid of numbers that no neuron known here reproduces.

    Parameters
    ----------
    subject : Subject
        One whose format is not declared.
    near : tuple of str
        The nearest faults, with their shares.

    Returns
    -------
    Identity or None
        None if neither V nor the input is rounded to a grid. No cause is told of one that is: a
        neuron with other numbers may explain most spikes, and mean nothing.
    """
    if subject.claims.fixed_point is not None or subject.claims.precise:
        return None
    try:
        grid = subject.once(_grid)
    except (Exception, SystemExit):  # the checks have reported it
        return None
    if not grid:
        return None
    return Identity(
        compared_with=_COMPARED, excluded=(_EXCLUDED, *near), remarks=(grid,), unexplained=True
    )


def _grid(subject: Subject) -> str:
    """Grid of a layer's V or input, in words; empty if it has none."""
    layer = subject.once(_layer)
    found = []
    if layer is not None and layer.V_unit is not None:
        found.append(f"V is a whole multiple of {layer.V_unit:g}")
    elif subject.claims.membrane != "none":
        x = np.random.default_rng(17).normal(0.4, 1.0, (200, 12))
        held = subject.neuron.V_th / subject.params.R
        V = subject_runner(subject, led=False)(x * held * np.geomspace(0.5, 8, 12))[1]
        unit = None if V is None or not np.isfinite(V).all() else grid_of(V)
        found += [] if unit is None else [f"V is a whole multiple of {unit:g}"]
    if layer is not None:
        found.append(f"its input is rounded to whole multiples of {layer.unit:g}")
    return f"it works in fixed point, in no way that is known here: {'; '.join(found)}" * bool(
        found
    )


def _beside_its_machine(subject: Subject) -> Identity | None:
    """Identity of a layer that is the machine of its declared Q-format but for one fault."""
    fault = _input_rounded_otherwise(subject)
    if fault is None:
        layer = as_whole_layer(subject)
        fault = whole_fault(layer, in_units(machine(subject), layer), declared=True)
    return None if fault is None else _with_fault(subject, fault, "the declared machine")


def _input_rounded_otherwise(subject: Subject) -> WholeFault | None:
    """The declared machine with another rounding of its weighted input, under fractions."""
    declared = machine(subject)
    form = declared.number_format
    assert isinstance(form, FixedPoint)
    held = declared.threshold / declared.gain * (1 - declared.decay + 0.05)
    x = np.random.default_rng(23).normal(0.8, 1.2, (200, 32)) * held
    spikes, V = subject_runner(subject)(x)
    for rounding in (form.input_rounding, *ROUNDED):
        neuron = replace(declared, number_format=replace(form, input_rounding=rounding))
        ran = step(neuron, x)
        right = ran.V_before if subject.claims.membrane == "before reset" else ran.V
        if np.array_equal(spikes, ran.spikes) and (V is None or np.array_equal(V, right)):
            if rounding == form.input_rounding:
                return None  # these inputs do not tell it from the declared machine
            why = cause("format.input-rounding", rounding=rounding, declared=form.input_rounding)
            return WholeFault(why, neuron, int(spikes.sum()))
    return None


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
