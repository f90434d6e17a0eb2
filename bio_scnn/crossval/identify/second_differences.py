"""Differences in the second variable of a neuron: its synapse, or its adaptation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from bio_scnn.crossval.causes import Cause, cause
from bio_scnn.crossval.identify.display import affine
from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.stepped import SteppedNeuron
from bio_scnn.neuron.models import NeuronParameters

Same = Callable[[float, float], bool]


def steady_gain(neuron: SteppedNeuron) -> float:
    """Gain of a synapse for a constant input, 1 without one; for a pulse if it has no leak."""
    return 1.0 if neuron.synapse is None else neuron.synapse.steady


def in_units_of(neuron: SteppedNeuron, params: NeuronParameters) -> SteppedNeuron:
    """The same neuron with V scaled and shifted so that its threshold is the one meant.

    Spikes alone do not tell the unit of V. Without a resting potential V is only scaled.
    """
    V_th, rest = neuron.threshold, 0.0
    meant, V_rest = getattr(params, "V_th", math.inf), getattr(params, "V_rest", 0.0)
    if not 0 < V_th < math.inf or not meant < math.inf or abs(V_th - meant) <= 1e-5 * abs(meant):
        return neuron
    if V_rest and neuron.decay < 1:
        rest = neuron.bias / (1 - neuron.decay)
    scale = (meant - V_rest) / (V_th - rest)
    if scale <= 0 or isinstance(neuron.number_format, FixedPoint):
        return neuron
    return replace(affine(neuron, scale, V_rest - scale * rest), threshold=meant)


def at_once(neuron: SteppedNeuron) -> float:
    """Gain of V in the step in which an input first acts."""
    return neuron.gain * (1.0 if neuron.synapse is None else neuron.synapse.gain)


def unexchanged(
    found: SteppedNeuron, right: SteppedNeuron, close: float
) -> tuple[SteppedNeuron, list[Cause]]:
    """A neuron whose decays of V and synapse are not exchanged, and the cause if they were.

    Where a spike clears the synapse as it does V, nothing tells one from the other.
    """
    synapse, meant = found.synapse, right.synapse
    if synapse is None or meant is None or synapse.second is not None:
        return found, []

    def same(one: float, other: float) -> bool:
        return abs(one - other) <= close * (1 - other)

    if not (same(found.decay, meant.decay) and same(synapse.decay, right.decay)):
        return found, []
    if same(found.decay, right.decay):
        return found, []
    turned = replace(found, decay=synapse.decay, synapse=replace(synapse, decay=found.decay))
    return turned, [] if synapse.cleared else [cause("constant.tau/exchanged")]


def another_order(found: SteppedNeuron, right: SteppedNeuron) -> list[Cause]:
    """Cause of a V that takes the synaptic current of another moment than is meant."""
    synapse, meant = found.synapse, right.synapse
    if synapse is None or meant is None or synapse.fresh == meant.fresh:
        return []
    return [cause(f"synapse.order/{'fresh' if synapse.fresh else 'old'}")]


def second_differences(
    found: SteppedNeuron, right: SteppedNeuron, same: Same
) -> Iterator[tuple[Cause, dict[str, Any]]]:
    """Causes, and what each changes in the right neuron.

    Parameters
    ----------
    found, right : SteppedNeuron
    same : callable
        True for two numbers that differ by no more than is known of them.
    """
    yield from _synapse(found, right, same)
    yield from _adaptation(found, right, same)


def _synapse(
    found: SteppedNeuron, right: SteppedNeuron, same: Same
) -> Iterator[tuple[Cause, dict[str, Any]]]:
    synapse, meant = found.synapse, right.synapse
    if synapse is None and meant is None:
        return
    gain = right.gain * steady_gain(right) / steady_gain(found)
    changes = {"synapse": synapse, "gain": gain}
    if synapse is None:
        yield cause("synapse.missing"), changes
        return
    if meant is None:
        yield cause("synapse.before-membrane", decay=synapse.decay), changes
    elif not same(1 - synapse.decay, 1 - meant.decay):
        times = _times(synapse.decay, meant.decay)
        yield cause("constant.tau/syn", times=times), changes
    if (second := synapse.second) is not None:
        code = "synapse.twice/second" if second.behind else "synapse.beside"
        yield cause(code, decay=second.decay), changes
    if synapse.cleared:
        yield cause("synapse.reset"), changes


def _adaptation(
    found: SteppedNeuron, right: SteppedNeuron, same: Same
) -> Iterator[tuple[Cause, dict[str, Any]]]:
    adapts, meant = found.adaptation, right.adaptation
    changes = {"adaptation": adapts}
    if adapts is None:
        if meant is not None:
            yield cause("adaptation.missing"), changes
        return
    if meant is None:
        code = f"adaptation.{adapts.on}"
        yield cause(code, jump=adapts.jump, decay=adapts.decay), changes
        return
    if adapts.on != meant.on:
        yield cause("adaptation.threshold/instead"), changes
    if not same(1 - adapts.decay, 1 - meant.decay):
        yield cause("constant.tau/w", times=_times(adapts.decay, meant.decay)), changes
    elif not (same(adapts.jump, meant.jump) or same(adapts.jump, meant.jump / meant.decay)):
        yield cause("adaptation.strength", times=adapts.jump / meant.jump), changes


def _times(decay: float, right: float) -> float:
    """Factor between two time constants, from their decays in a step."""
    if not (0 < decay < 1 and 0 < right < 1):
        return math.nan
    return math.log(right) / math.log(decay)
