"""Layers that declare a Q-format: the machine that they claim to be, and drives in its units."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.fixed_point import (
    declared_machine,
    rate_error,
    shortest_word,
)
from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step
from bio_scnn.crossval.identify.whole.drives import rich
from bio_scnn.crossval.identify.whole.layer import WholeLayer
from bio_scnn.crossval.oracles.dialects import UPDATE_OF, UPDATES
from bio_scnn.crossval.oracles.grid import raster_of
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import LIFParameters

if TYPE_CHECKING:
    from bio_scnn.crossval.subject import Subject

Array = NDArray[np.float64]

_WORTH = 0.01
"""Error of rates for which the shortest word is told."""

_SAME = 1e-9
_SWEEP = 201
_RATES_HZ = (20.0, 50.0, 100.0)


def machine(subject: Subject) -> SteppedNeuron:
    """Machine that a layer declares, V in the layer's unit and counted from V_rest.

    The weight of the input is rounded to the bits of the decay, unless the layer fires from the
    input on that the weight as it was declared makes the first to fire.

    Raises
    ------
    InputError
        If no machine of that word is the declared neuron.
    """
    claims, params = subject.claims, subject.params
    if claims.fixed_point is None or not isinstance(params, LIFParameters):
        raise InputError("Capabilities: fixed_point goes with a LIF neuron")
    return subject.once(_machine)


def _machine(subject: Subject) -> SteppedNeuron:
    claims, params = subject.claims, subject.params
    assert claims.fixed_point is not None
    update = UPDATE_OF[claims.integrator]
    found = declared_machine(params, subject.dt_ms, claims.fixed_point, update)
    found = replace(found, fires_at_threshold=claims.fires_at_threshold)
    gain = UPDATES[update](subject.dt_ms, params)[1] * params.R
    readings = [found, replace(found, gain=gain)]
    if abs(gain / found.gain - 1) < _SAME or found.threshold <= 0 or found.leak:
        return found
    # Impulses about the first to fire, and large inputs, of which a weight off by little is told.
    least = found.threshold / found.gain
    near = least * np.linspace(0.99, 1.01, _SWEEP)[None]
    far = (
        np.random.default_rng(29).normal(0.1, 1.0, (_SWEEP, 60)) * least * np.geomspace(1, 500, 60)
    )
    far[1::2] = np.abs(far[1::2]) / 4
    wrong = np.zeros(len(readings))
    for x in (near, far):
        fires = raster_of(subject.run(x), len(x), subject.dt_ms, claims.spike_label)
        wrong += [float(np.abs(step(n, x).spikes - fires).sum()) for n in readings]
    return readings[int(wrong.argmin())]


def in_units(neuron: SteppedNeuron, layer: WholeLayer) -> SteppedNeuron:
    """A machine in whole units of V and of the layer's input; it fires from its threshold on."""
    form = neuron.number_format
    assert isinstance(form, FixedPoint)
    gain = neuron.gain * layer.unit / form.unit
    if abs(gain - round(gain)) < _SAME:
        gain = float(round(gain))
    scaled: dict[str, Any] = {
        name: round(getattr(neuron, name) / form.unit)
        for name in ("leak", "threshold", "reset_to", "start")
    }
    scaled["threshold"] += not neuron.fires_at_threshold
    whole = replace(form, unit=1.0)
    return replace(neuron, **scaled, gain=gain, fires_at_threshold=True, number_format=whole)


def as_whole_layer(subject: Subject) -> WholeLayer:
    """A layer that declares a Q-format, driven by the whole units that its weighted input makes.

    A current between two units that the declared rounding of the input takes to the lower or the
    upper one is given a little inside, where the last bit of a product does not matter.
    """
    declared = machine(subject)
    form = declared.number_format
    assert isinstance(form, FixedPoint)
    label, own = subject.claims.spike_label, subject.claims.fixed_point
    assert own is not None
    unit = form.unit / declared.gain
    if own.input_fraction is not None:
        unit = 2.0**-own.input_fraction
    inside = {"truncate": (0.0, 0.25), "floor": (0.25, 0.0), "ceil": (-0.25, 0.0)}
    both, away = inside.get(form.input_rounding, (0.0, 0.0))
    if form.input_rounding == "away":
        away = -0.25
    shown = subject.claims.membrane != "none"

    def run(current: Array) -> tuple[NDArray, Array | None]:
        n = np.rint(current / unit)
        trace = subject.run((n + both + away * np.sign(n)) * unit)
        V = None if not shown or trace.membrane is None else np.asarray(trace.membrane, float)
        return raster_of(trace, len(current), subject.dt_ms, label), V

    least = declared.leak + form.unit if declared.leak else declared.threshold
    least = least if declared.leak else least * (1 - declared.decay)
    scale = max(int(np.ceil(least / declared.gain / unit)), 1)
    most = 4096 * scale
    V_unit = form.unit if shown else None
    return WholeLayer(run, unit, form.input_rounding, scale, 1, most, -most, V_unit)


def drive(layer: WholeLayer, neuron: SteppedNeuron, word: int, seed: int) -> Array:
    """Drive ``(steps, neurons)`` in whole units that reaches the bounds of the word as well."""
    x = rich(layer, seed)
    half = 2.0 ** (word - 1) / max(neuron.gain, 1.0)
    far = np.repeat([[half - 1, -half, half / 3, -half / 3, -half / 40]], len(x), axis=0)
    far[len(x) // 2 :, 1::2] = layer.scale * 2
    return np.concatenate([x, np.clip(np.trunc(far), layer.least, layer.most)], axis=1)


def word_costs(subject: Subject) -> dict[float, float]:
    """Relative errors of the rate that the declared word costs, by rate in Hz."""
    form, params = subject.claims.fixed_point, subject.params
    assert form is not None
    longest = min(1e3 / max(params.t_ref_ms, subject.dt_ms), 500 / subject.dt_ms)
    rates = [r for r in _RATES_HZ if r < 0.7 * longest]
    if not rates:
        return {}
    errors = rate_error(params, subject.dt_ms, form, rates, rng=np.random.default_rng(0))
    return dict(zip(rates, errors.tolist(), strict=True))


def cost_in_words(subject: Subject) -> str:
    """Sentence on what the declared word costs in rate, and on the shortest word within 1 %."""
    try:
        costs = subject.once(word_costs)
    except InputError:
        return ""
    if not costs:
        return ""
    said = ", ".join(
        f"{100 * e:+.2g} % at {rate:g} Hz" if e > -1 else f"it is silent at {rate:g} Hz"
        for rate, e in costs.items()
    )
    text = f"the declared word ({subject.claims.fixed_point}) costs in rate, beside the same "
    text += f"neuron without rounding: {said}"
    try:
        rng = np.random.default_rng(0)
        form = subject.claims.fixed_point
        least = shortest_word(subject.params, subject.dt_ms, _WORTH, form, list(costs), rng=rng)
    except InputError as error:
        return f"{text}; {error}"
    return (
        f"{text}; within {100 * _WORTH:g} % is a word of {least.word} bits, {least.fraction} "
        "of them behind the point"
    )
