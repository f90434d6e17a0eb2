"""Recordings in whole numbers: the rules of live layers, held against each step of a recording."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.currents import through
from bio_scnn.crossval.identify.flow import Recorded, quiet_steps
from bio_scnn.crossval.identify.formats import ROUNDINGS, FixedPoint
from bio_scnn.crossval.identify.numbers import unit_of
from bio_scnn.crossval.identify.stepped import SteppedNeuron, shifted
from bio_scnn.crossval.identify.whole.drives import Answers
from bio_scnn.crossval.identify.whole.flows import circuits, joint_flows
from bio_scnn.crossval.identify.whole.rules import MOST_BITS, leaks
from bio_scnn.crossval.identify.whole.synapses import behind_synapses

Array = NDArray[np.float64]
Rows = NDArray[np.bool_]

_SECONDS, _MOST, _NEAR, _ENOUGH = 12.0, 6, 4.0, 20
_SHARE = 0.9
"""Quiet steps that an update has to give, bit for bit: the others may be refractory."""

_TAKEN = ("nearest-even", "truncate", "floor")
_ROUNDED = ("floor", "truncate", "nearest", "nearest-even")
_MOST_PAIRS = 400
_WORDS = (*range(6, 21), 24, 32)


def whole_updates(data: Recorded) -> list[SteppedNeuron]:
    """Updates in whole numbers that give V of the next step, bit for bit; the best first.

    Parameters
    ----------
    data : Recorded
        With V.

    Returns
    -------
    list of SteppedNeuron
        In the units of the recording; empty if input or V have no unit, or nothing agrees.
    """
    assert data.V is not None
    V_unit = unit_of(data.V)
    if V_unit is None:
        return []
    V, sizes = np.rint(data.V / V_unit), np.unique(np.abs(data.x[data.x != 0]))
    x_unit = float(sizes[0]) if len(sizes) == 1 else unit_of(data.x)  # pulses of one size
    if x_unit is not None:
        return _updates(data, np.rint(data.x / x_unit), V, (V_unit, x_unit))
    for rounding in _TAKEN:  # the layer rounds its input to the unit of V
        form: dict[str, Any] = {"input_unit": V_unit, "taken_rounding": rounding}
        x = ROUNDINGS[rounding](data.x / V_unit)
        if found := _updates(data, x, V, (V_unit, V_unit)):
            return [replace(n, number_format=replace(n.number_format, **form)) for n in found]
    return []


def _updates(
    data: Recorded, x: Array, V: Array, units: tuple[float, float]
) -> list[SteppedNeuron]:
    """The same for input and V in whole numbers, whose units are given, V's first."""
    found: list[tuple[tuple[float, float], SteppedNeuron]] = []
    until = time.monotonic() + _SECONDS
    for delay, often in itertools.product((0, 1), (False, True)):
        answers = Answers(shifted(x, delay), data.fired().astype(np.int64), V, 0, 0)
        quiet, silent = quiet_steps(data, 1), answers.spikes == 0
        if often:
            answers = replace(answers, taken=_taken(answers))
            quiet = silent = np.full(V.shape, answers.taken > 0)
        quiet[:1] = silent[:1] = False
        for rows in _some(answers, quiet):
            for neuron in itertools.islice(_flows(answers, rows), 24):
                for bounded in _in_words(answers, quiet, neuron):
                    shares = _shares(answers, (quiet, silent), bounded)
                    if shares[0] >= _SHARE:
                        found.append((shares, replace(bounded, input_delay=delay)))
                if time.monotonic() > until:
                    break
            if any(of_quiet == 1 for (of_quiet, _), _ in found):
                break
        if found:
            break
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [_in_recordings_units(n, *units) for _, n in found[:_MOST]]


def _taken(data: Answers) -> float:
    """Loss of V at a spike, in whole units, where spikes leave too few quiet steps.

    0 where spikes are not so many, or V is not linear in what it was, the inputs and the spikes.
    """
    V, often = data.state, (data.spikes > 0).mean()
    if not 0.2 < often:
        return 0.0
    columns = [shifted(c, k) for c in (data.x, data.spikes) for k in (0, 1)]
    columns += [shifted(V, 1), shifted(V, 2), np.ones_like(V)]
    A, y = np.stack([c[2:].ravel() for c in columns], axis=1).astype(np.float64), V[2:].ravel()
    values = np.linalg.lstsq(A, y, rcond=None)[0]
    near = float(np.abs(y - A @ values).max()) <= _NEAR
    return max(0.0, float(np.rint(-values[2]))) if near else 0.0


def _some(data: Answers, quiet: Rows) -> Iterator[Rows]:
    """Quiet steps: all but those at the ends of V; small V; and V that is not negative.

    Those that a line through the others misses are left out: a word or a circuit disturbs them.
    """
    V = data.state
    inside = quiet & (V < V[quiet].max(initial=0)) & (V > V[quiet].min(initial=0))
    near = np.abs(data.old) <= np.median(np.abs(data.old[quiet])) if quiet.any() else quiet
    yield inside
    for rows in (inside & near, inside & (data.old >= 0), inside & near & (data.old >= 0)):
        for _ in range(3):
            fit, kept = _line(data, rows)
            if fit is None:
                break
            rows = kept
        if rows.sum() >= _ENOUGH:
            yield rows


def _line(data: Answers, rows: Rows) -> tuple[Array | None, Rows]:
    """Decay, gain and bias by regression over some steps, and the steps that it is near to."""
    if rows.sum() < _ENOUGH:
        return None, rows
    A = np.stack([data.old[rows], data.x[rows], np.ones(int(rows.sum()))], axis=1)
    fit: Array = np.asarray(np.linalg.lstsq(A, data.state[rows], rcond=None)[0], float)
    off = np.abs(data.state - fit[0] * data.old - fit[1] * data.x - fit[2])
    return fit, rows & np.asarray(off < max(_NEAR, float(np.median(off[rows])) * 4))


def _flows(data: Answers, rows: Rows) -> Iterator[SteppedNeuron]:
    """Updates that agree with V in some steps: a leak, a joint product, or behind a synapse."""
    fit, _ = _line(data, rows)
    if fit is None:
        return
    old, x, new = data.old[rows], data.x[rows], data.state[rows]
    gains = dict.fromkeys(g for g in (np.rint(fit[1]), np.floor(fit[1]), np.ceil(fit[1])) if g)
    biases = dict.fromkeys([0.0, *(float(np.rint(fit[2] + more)) for more in (0, 0.5, 1, -0.5))])
    for gain, bias in itertools.product(gains, biases):
        left = new - gain * x - bias
        if np.abs(left - fit[0] * old).max() <= _NEAR + 2 * abs(fit[2]) + abs(bias):
            for leak in itertools.islice(leaks(old, left), 6):
                yield replace(leak, gain=float(gain), bias=bias)
    if abs(fit[1] - np.rint(fit[1])) > 1e-3:
        yield from _with_weight(old, x, new, fit)
    yield from itertools.islice(joint_flows(data, rows), 6)
    yield from itertools.islice(behind_synapses(data, rows), 6)


def _with_weight(old: Array, x: Array, new: Array, fit: Array) -> Iterator[SteppedNeuron]:
    """Updates with decay and gain over one power of two, each product rounded by itself."""
    room = 3 / max(float(np.abs(old).max()), 1), 3 / max(float(np.abs(x).max()), 1)
    for bits in range(4, MOST_BITS + 1):
        size = 2.0**bits
        ks = np.arange(np.ceil((fit[0] - room[0]) * size), (fit[0] + room[0]) * size)
        js = np.arange(np.ceil((fit[1] - room[1]) * size), (fit[1] + room[1]) * size)
        if len(ks) * len(js) > _MOST_PAIRS:
            return
        for one, two, k in itertools.product(_ROUNDED, _ROUNDED, ks):
            left = new - ROUNDINGS[one](k / size * old)
            for j in js:
                if np.array_equal(ROUNDINGS[two](j / size * x), left):
                    form = FixedPoint(rounding=one, input_rounding=two)
                    yield SteppedNeuron(float(k / size), float(j / size), number_format=form)


def _in_words(data: Answers, quiet: Rows, neuron: SteppedNeuron) -> Iterator[SteppedNeuron]:
    """An update without bounds, with a circuit of the product, and in words that V fits."""
    form = neuron.number_format
    assert isinstance(form, FixedPoint)
    yield neuron
    V = data.state
    low, high = float(V.min()), float(V.max())
    for word, signed in itertools.product(_WORDS, (True, False)):
        wide = replace(form, word=word, signed=signed)
        least, most = wide.bounds
        if least <= low and high <= most and (least == low or most == high or word < 12):
            yield replace(neuron, number_format=wide)
            yield replace(neuron, number_format=replace(wide, overflow="wrap"))
    for circuit in circuits(neuron):
        yield circuit
        for end in (-low, high + 1):
            if end > 1 and np.log2(end).is_integer():
                own = circuit.number_format
                assert isinstance(own, FixedPoint)
                word = int(np.log2(end)) + 1
                yield replace(circuit, number_format=replace(own, word=word))


def _shares(data: Answers, kinds: tuple[Rows, Rows], neuron: SteppedNeuron) -> tuple[float, float]:
    """Shares of the quiet steps, and of all without a spike, that it gives bit for bit."""
    form = neuron.number_format
    assert isinstance(form, FixedPoint)
    drive = form.drive(neuron.gain * through(neuron.synapse, data.x, form)) + neuron.bias
    if form.joint:
        new = form.product(neuron.decay * data.old + drive)
    else:
        left = form.decayed(neuron.decay, data.old)
        new = np.sign(left) * np.maximum(np.abs(left) - neuron.leak, 0) + drive
    same = form.total(new) == data.state
    quiet, silent = (float(same[rows].mean()) if rows.any() else 0.0 for rows in kinds)
    return quiet, silent


def _in_recordings_units(neuron: SteppedNeuron, V_unit: float, x_unit: float) -> SteppedNeuron:
    """A neuron in whole units as one that takes the recording's input, and has its V."""
    form, synapse = neuron.number_format, neuron.synapse
    assert isinstance(form, FixedPoint)
    gain = neuron.gain * V_unit / x_unit
    if synapse is not None:
        synapse, gain = replace(synapse, gain=synapse.gain * V_unit / x_unit), neuron.gain
    return replace(
        neuron,
        gain=gain,
        bias=neuron.bias * V_unit,
        leak=neuron.leak * V_unit,
        synapse=synapse,
        number_format=replace(form, unit=V_unit),
    )
