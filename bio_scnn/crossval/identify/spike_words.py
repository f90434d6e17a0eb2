"""Words for the spike of a stepped neuron: threshold, reset, refractory period, adaptation."""

from __future__ import annotations

import math

from bio_scnn.crossval.identify.format_words import plain
from bio_scnn.crossval.identify.stepped import SteppedNeuron, Synapse


def steps_of(n: float) -> str:
    """Number of steps, with its noun."""
    return f"{plain(n)} step{'' if abs(n) == 1 else 's'}"


def times(factor: float, what: str, *, first: bool = False) -> str:
    """Term of a sum with its sign; empty for a factor 0."""
    if not factor:
        return ""
    size = "" if abs(factor) == 1 else f"{plain(abs(factor))} "
    if first:
        return f"{'-' if factor < 0 else ''}{size}{what}"
    return f" {'-' if factor < 0 else '+'} {size}{what}"


def fires(neuron: SteppedNeuron) -> str:
    """Threshold in words, and the number of spikes in a step."""
    if neuron.threshold == math.inf:
        return "never fires"
    text = f"fires {'from' if neuron.fires_at_threshold else 'above'} {plain(neuron.threshold)}"
    if neuron.adaptation is not None and neuron.adaptation.on == "threshold":
        text += " + w"
    if neuron.fires_at_threshold:
        text += " on"
    if neuron.tested == "old":
        text += ", tested on V before the update"
    if neuron.tested == "reduced":
        less = plain(-neuron.reset_to)
        text += f", tested on V - {less} where V stayed above it after the last reset"
    if neuron.crossing == "within-step":
        text += ", at the moment within the step at which V crosses"
    if neuron.several:
        text += f", {_count(neuron)}"
    return text


def _count(neuron: SteppedNeuron) -> str:
    """Number of spikes in a step, as code has it."""
    at = plain(neuron.threshold)
    if neuron.adaptation is not None and neuron.adaptation.on == "threshold":
        at = f"({at} + w)"
    text = "floor(V)" if at == "1" else f"floor(V / {at})"
    if neuron.spike_size is not None:
        size = "" if neuron.spike_size == 1 else f" / {plain(neuron.spike_size)}"
        over = "V" + _plus(-neuron.threshold)
        text = f"floor({f'({over}){size}' if size else over}) + 1"
    text += " spikes in a step"
    return text + f", {plain(neuron.most_spikes)} at most" * (neuron.most_spikes < math.inf)


def _plus(x: float) -> str:
    """Number behind a sum, with its sign."""
    return f" {'-' if x < 0 else '+'} {plain(abs(x))}"


def currents(synapse: Synapse, x: str) -> list[str]:
    """Updates of the synaptic currents, in words."""
    found = [f"S <- {plain(synapse.decay)} S{times(synapse.gain, x)}"]
    if (second := synapse.second) is not None:
        source = "S" if second.behind else x
        found.append(f"A <- {plain(second.decay)} A{times(second.gain, source)}")
    return found


def resets(neuron: SteppedNeuron) -> str:
    """Reset in words."""
    if neuron.threshold == math.inf:
        return ""
    keep, to = neuron.reset_keep, neuron.reset_to
    if keep == 0:
        what = f"reset to {plain(to)}"
    elif keep == 1:
        what = f"{plain(-to)} subtracted" if to else "no reset"
        if neuron.adaptation is not None and neuron.adaptation.subtracted != "no":
            late = ", after its jump," * (neuron.adaptation.subtracted == "raised")
            what = f"{plain(-to)} + w{late} subtracted"
        if neuron.several and to:
            what += " for each"
    else:
        what = f"partial reset: V <- {plain(keep)} V"
        what += f" {'-' if to < 0 else '+'} {plain(abs(to))}" if to else ""
    when = {
        "same-step": "in the same step",
        "next-step": "at the beginning of the next step",
        "after-update": "at the end of the next step",
    }
    if neuron.synapse is not None and neuron.synapse.cleared:
        what += ", S and A to 0," if neuron.synapse.second is not None else ", S to 0,"
    if neuron.crossing == "within-step":
        return f"{what} at that moment, from where V goes on"
    return what if what == "no reset" else f"{what} {when[neuron.reset_when]}"


def waits(neuron: SteppedNeuron) -> str:
    """Refractory period in words."""
    if not neuron.refractory:
        return ""
    if neuron.refractory == math.inf:
        return "one spike at most"
    span = steps_of(neuron.refractory)
    return {
        "held": f"V held for {span} after a spike",
        "leaks": f"V decays without input for {span} after a spike",
        "integrates": f"V goes on, but cannot fire, for {span} after a spike",
    }[neuron.while_refractory]


def adapts(neuron: SteppedNeuron) -> str:
    """Adaptation in words."""
    if neuron.adaptation is None:
        return ""
    a = neuron.adaptation
    acts = "taken off the drive" if a.on == "current" else "added to the threshold"
    return f"w <- {plain(a.decay)} w{times(a.jump, 'spike')}, {acts}"
