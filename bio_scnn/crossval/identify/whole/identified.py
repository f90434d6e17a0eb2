"""Identification of a live layer in whole numbers, bit for bit, and what could not be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.identification import Identification
from bio_scnn.crossval.identify.readings import code_sentence
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step
from bio_scnn.crossval.identify.whole.drives import Answers, asked, lags, limits, rich
from bio_scnn.crossval.identify.whole.flows import whole_flows
from bio_scnn.crossval.identify.whole.hidden import hidden_flows, values_after
from bio_scnn.crossval.identify.whole.layer import (
    Run,
    WholeLayer,
    fires_either_way,
    not_negative,
    whole_layer,
)
from bio_scnn.crossval.identify.whole.spikes import Proved, length_of, proved, quirks
from bio_scnn.crossval.identify.whole.telling import with_telling

MOST_ALTERNATIVES = 3
_AS_SIMPLE = 0.45
_ROUNDER = 0.8


def identify_whole(
    run: Run, *, dt_ms: float | None = None, has_V: bool | None = None
) -> Identification | None:
    """Neuron of a live layer that takes whole numbers, if one reproduces it bit for bit.

    Parameters
    ----------
    run : callable
        ``run(x) -> (spikes, V or None)`` with arrays ``(steps, neurons)``.
    dt_ms : float, ms, optional
    has_V : bool, optional
        False: V is not looked at.

    Returns
    -------
    Identification or None
        None if fractions of the input matter, or no neuron that is known here has all spikes.
    """
    if fires_either_way(run):
        # A word without a sign takes a negative input for a huge one.
        found = _bit_for_bit(not_negative(run), dt_ms, has_V)
        if found is not None and _same_below(run, found):
            return found
    return _bit_for_bit(run, dt_ms, has_V)


def _same_below(run: Run, found: Identification) -> bool:
    """True if a neuron has a layer's spikes under inputs of either sign, too."""
    assert found.neuron is not None
    most = max(2, round(abs(found.neuron.threshold / found.neuron.gain)))
    x = np.random.default_rng(9).integers(-most, most + 1, (200, 8)).astype(np.float64)
    return np.array_equal(np.asarray(run(x)[0]), step(found.neuron, x).spikes)


def _bit_for_bit(run: Run, dt_ms: float | None, has_V: bool | None) -> Identification | None:
    """Neuron of a layer in whole numbers, of either sign if it takes them."""
    layer = whole_layer(run, has_V)
    moved = None if layer is None else lags(layer)
    if layer is None or moved is None:
        return None
    drives = [rich(layer, seed) for seed in (1, 2)]
    ends = limits(layer, drives[0])
    data, proof = (replace(asked(layer, x, *moved), limits=ends) for x in drives)
    if not data.spikes.any():
        return None
    found: list[Proved] = []
    for flows in _groups(layer, data):
        more = data
        if layer.V_unit is None:
            after = values_after(layer, flows, moved[1])
            more = replace(data, late=moved[1], after=after)
        found = proved(with_telling(layer, more, flows), proof, flows)
        if found:
            break
    if not found:
        return None
    largest = max(float(np.abs(d.x).max()) for d in (data, proof)) * layer.unit
    spikes = int(data.spikes.sum() + proof.spikes.sum())
    return _identification(layer, found, (spikes, largest), dt_ms)


def _groups(layer: WholeLayer, data: Answers) -> Iterator[list[SteppedNeuron]]:
    """Groups of updates, of which one may be the layer's."""
    if layer.V_unit is None:
        yield from hidden_flows(layer, data.latency, data.limits)
    else:
        yield whole_flows(data)


def _identification(
    layer: WholeLayer, found: list[Proved], driven: tuple[int, float], dt_ms: float | None
) -> Identification:
    spikes, largest = driven
    best = found[0]
    told, others = set(), []
    for p in found:
        neuron = in_layers_units(p.neuron, layer)
        sentence = code_sentence(neuron)
        if sentence not in told and quirks(p) < quirks(best) + _AS_SIMPLE:
            told.add(sentence)
            others.append(neuron)
    shown = layer.V_unit is not None
    remarks = [_remark(layer, largest)]
    if layer.rounding and not _rounds_so(layer, others[0]):
        form = others[0].number_format
        assert isinstance(form, FixedPoint)
        others[0] = replace(others[0], number_format=replace(form, input_unit=0.0))
        remarks.append("what it makes of fractions is not known here")
    return Identification(
        neuron=others[0],
        dt_ms=dt_ms,
        spikes_explained=1.0,
        V_explained=1.0 if shown else None,
        V_error=0.0 if shown else None,
        spikes=spikes,
        spikes_wrong=0,
        V_shown=best.moment,
        alternatives=tuple(others[1 : 1 + MOST_ALTERNATIVES]),
        remarks=tuple(remarks),
    )


def _rounds_so(layer: WholeLayer, neuron: SteppedNeuron) -> bool:
    """True if a neuron has the spikes of a layer under inputs with fractions, too."""
    rng = np.random.default_rng(3)
    x = rich(layer, 3)[:80, ::2]
    x = np.clip(x + rng.uniform(-0.5, 0.5, x.shape), layer.least, layer.most) * layer.unit
    return np.array_equal(np.asarray(layer.run(x)[0]).astype(int), step(neuron, x).spikes)


def _remark(layer: WholeLayer, largest: float) -> str:
    what = "whole numbers" if layer.unit == 1 else f"whole multiples of {layer.unit:g}"
    ends = f"up to {largest:g} either way" if layer.least < 0 else f"from 0 to {largest:g}"
    if not layer.rounding:
        return f"it takes {what} only, and was driven with those {ends}"
    return f"it rounds its input to {what}, and was driven with those {ends}"


def in_layers_units(neuron: SteppedNeuron, layer: WholeLayer) -> SteppedNeuron:
    """A neuron in whole units as one that takes the layer's own input, and has its V."""
    unit = layer.V_unit or layer.unit
    form = neuron.number_format
    assert isinstance(form, FixedPoint)
    if layer.rounding:
        form = replace(form, input_unit=layer.unit, taken_rounding=layer.rounding)
    synapse, gain = neuron.synapse, neuron.gain * unit / layer.unit
    if synapse is not None:
        synapse = replace(synapse, gain=synapse.gain * unit / layer.unit)
        gain = neuron.gain
    neuron = replace(
        neuron,
        gain=gain,
        bias=neuron.bias * unit,
        leak=neuron.leak * unit,
        threshold=neuron.threshold * unit,
        reset_to=neuron.reset_to * unit,
        start=neuron.start * unit,
        floor=neuron.floor * unit,
        ceiling=neuron.ceiling * unit,
        input_low=neuron.input_low * layer.unit,
        input_high=neuron.input_high * layer.unit,
        synapse=synapse,
        number_format=replace(form, unit=form.unit * unit),
    )
    return as_written(neuron, unit)


def as_written(neuron: SteppedNeuron, unit: float) -> SteppedNeuron:
    """``V > threshold - unit`` for ``V >= threshold``, if that is rounder: both are the same."""
    below = neuron.threshold - unit
    if neuron.subtracts and -neuron.reset_to in (below, neuron.threshold):
        rounder = -neuron.reset_to == below
    else:
        shorter = length_of(neuron.threshold / unit) - length_of(below / unit)
        rounder = shorter > _ROUNDER and below > 0
    if not rounder or not np.isfinite(below):
        return neuron
    return replace(neuron, threshold=below, fires_at_threshold=False)
