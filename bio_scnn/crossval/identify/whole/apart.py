"""Experiments on a whole-number layer: drives under which two neurons answer differently."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.stepped import SteppedNeuron, step
from bio_scnn.crossval.identify.whole.layer import WholeLayer

_LENGTH, _TRIES, _ASKED, _WAIT, _TIES = 6, 4000, 64, 4, 8


def agrees_with(layer: WholeLayer, found: SteppedNeuron, other: SteppedNeuron) -> bool:
    """True if no drive tells a neuron from another, or the layer answers as the other.

    Parameters
    ----------
    layer : WholeLayer
    found, other : SteppedNeuron
        In the layer's own units; `found` has its spikes under other drives.
    """
    x = towards_threshold(layer, found)
    x = np.concatenate([x, np.zeros((_WAIT + found.spike_delay, x.shape[1]))])
    with np.errstate(all="ignore"):
        mine, its = (step(n, x * layer.unit).spikes for n in (found, other))
    telling = np.flatnonzero((mine != its).any(axis=0))[:_ASKED]
    if not len(telling):
        return True
    spikes, _ = layer.answer(x[:, telling])
    return bool(np.array_equal(spikes, its[:, telling]))


def towards_threshold(layer: WholeLayer, neuron: SteppedNeuron) -> NDArray[np.float64]:
    """Short drives whose last input takes V as near to the threshold as whole numbers allow."""
    rng = np.random.default_rng(12)
    size = layer.scale * layer.sign
    x = rng.normal(0.3, 0.6, (_LENGTH, _TRIES)) * size
    x[:, ::2] *= rng.uniform(0, 3, _TRIES // 2)
    x[:-1, ::5] = 0  # from rest
    x[1:-1, 1::5] = 0
    x = np.clip(np.rint(x), layer.least, layer.most)
    x[-1] = 0
    one = np.zeros((_LENGTH, 1))
    one[-1] = size * 2.0  # more may be beyond a word
    last, moved, still = (step(neuron, v * layer.unit).V_before[-1] for v in (x, one, 0 * one))
    gain = float((moved - still)[0]) / (size * 2)
    if gain:
        off = rng.integers(-1, 2, _TRIES)
        x[-1] = np.clip(np.rint((neuron.threshold - last) / gain) + off, layer.least, layer.most)
    return x


def ties(layer: WholeLayer, neurons: list[SteppedNeuron], steps: int) -> NDArray[np.float64]:
    """Drives ``(steps, drives)`` that take V of neurons to the threshold, or a unit below it.

    Parameters
    ----------
    layer : WholeLayer
    neurons : list of SteppedNeuron
        In the layer's own units; each has a whole number of units below its threshold.
    steps : int
        Length of the drives, silent after their first few steps.
    """
    found = []
    for neuron in neurons:
        x = towards_threshold(layer, neuron)
        V = step(neuron, x * layer.unit).V_before[-1]
        unit = getattr(neuron.number_format, "unit", 1.0)
        for at in (neuron.threshold, neuron.threshold - unit):
            found.append(x[:, np.flatnonzero(np.abs(V - at) < 0.5 * unit)[:_TIES]])
    drives = np.concatenate(found, axis=1)
    return np.concatenate([drives, np.zeros((steps - _LENGTH, drives.shape[1]))])
