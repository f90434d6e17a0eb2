"""Unit and format of V: a neuron known up to the unit of V, as its code has it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.alpha_synapses import of_unit_synapse
from bio_scnn.crossval.identify.formats import FixedPoint, FloatingPoint, FloatName, NumberFormat
from bio_scnn.crossval.identify.hypotheses import Probed, bits_needed
from bio_scnn.crossval.identify.numbers import simplest
from bio_scnn.crossval.identify.stepped import SteppedNeuron, Synapse, step

_SHORT = 7  # digits of a number that somebody wrote down


def affine(neuron: SteppedNeuron, scale: float, shift: float = 0.0) -> SteppedNeuron:
    """The same neuron with ``scale V + shift`` in place of V."""
    keep, adapts, form = neuron.reset_keep, neuron.adaptation, neuron.number_format
    if isinstance(form, FixedPoint):
        form = replace(form, unit=form.unit * abs(scale))
    return replace(
        neuron,
        gain=scale * neuron.gain,
        bias=scale * neuron.bias + shift * (1 - neuron.decay),
        leak=scale * neuron.leak,
        threshold=scale * neuron.threshold + shift,
        reset_to=scale * neuron.reset_to + shift * (1 - keep),
        start=scale * neuron.start + shift,
        floor=scale * neuron.floor + shift,
        dead_change=abs(scale) * neuron.dead_change,
        spike_size=_size(neuron, scale, shift),
        ceiling=scale * neuron.ceiling + shift,
        adaptation=adapts and replace(adapts, jump=scale * adapts.jump),
        number_format=form,
    )


def _size(neuron: SteppedNeuron, scale: float, shift: float) -> float | None:
    """V of one more spike in a step, in another unit; None for the threshold itself."""
    size = neuron.spike_size
    if size is None and not (shift and neuron.several):
        return None
    return scale * (neuron.threshold if size is None else size)


def unturned(neuron: SteppedNeuron, sign: float, shift: float) -> SteppedNeuron:
    """A neuron that takes the layer's own input u; the probes were ``sign (u - shift)``."""
    gain = sign * neuron.gain
    steady = 1.0
    if neuron.synapse is not None and neuron.synapse.slowest < 1:
        steady = neuron.synapse.steady
    return replace(neuron, gain=gain, bias=neuron.bias - gain * steady * shift)


def digits(x: float) -> int:
    """Significant decimal digits of a number."""
    if not x or not math.isfinite(x):
        return 0
    return len(repr(abs(float(x))).partition("e")[0].replace(".", "").strip("0"))


def tidied(x: float, error: float) -> float:
    """The simplest number within an error, if it is one that somebody wrote down; else x."""
    found = simplest(x - error, x + error)
    return found if digits(found) <= _SHORT or error > 1e-4 * abs(x) else x


def complexity(neuron: SteppedNeuron) -> float:
    """Quirks of a neuron, counted; of two that explain the same, the lower is told."""
    return float(
        (neuron.while_refractory != "held")
        + (neuron.reset_when != "same-step")
        + (neuron.tested == "old")
        + (neuron.input_delay > 0)
        + 1.1 * (neuron.spike_delay > 0)
        + float(neuron.several)
        + (neuron.tested == "reduced")
        + 2.0 * (neuron.crossing == "within-step")
        + 3.0 * (neuron.adaptation is not None)
        + 0.2 * (neuron.adaptation is not None and neuron.adaptation.subtracted != "no")
        + (neuron.ceiling < math.inf)
        + (neuron.dead_input > 0)
        + (neuron.dead_change > 0)
        + 2.0 * (neuron.synapse is not None)
        + 0.1 * (neuron.synapse is not None and neuron.synapse.decay > neuron.decay)
        + 2.0 * (neuron.synapse is not None and neuron.synapse.second is not None)
        + 0.5 * (neuron.synapse is not None and neuron.synapse.beside)
        + 1.0 * (neuron.synapse is not None and neuron.synapse.cleared)
        + (neuron.floor > -math.inf)
        + (neuron.input_shape != "as-given")
        + 0.5 * (neuron.refractory > 0)
        + (neuron.reset_keep not in (0.0, 1.0))
        + 0.5 * (neuron.bias != 0)
        + (neuron.leak != 0)
    )


def tidy(neuron: SteppedNeuron, error: float) -> SteppedNeuron:
    """A neuron with its numbers as somebody may have written them down, within an error.

    Parameters
    ----------
    neuron : SteppedNeuron
    error : float
        Relative to the threshold, or to 1 for a decay.
    """
    neuron = of_unit_synapse(neuron)
    size = error * max(abs(neuron.threshold), abs(neuron.start))
    decay = tidied(neuron.decay, error)
    if decay == neuron.decay and decay < 1:
        decay = 1 - tidied(1 - decay, error) if digits(tidied(1 - decay, error)) <= 4 else decay
    synapse, adapts = neuron.synapse, neuron.adaptation
    if synapse is not None:
        synapse = _tidy_synapse(synapse, error)
    if adapts is not None:
        adapts = replace(
            adapts, decay=tidied(adapts.decay, 50 * error), jump=tidied(adapts.jump, 50 * size)
        )
    return replace(
        neuron,
        decay=decay,
        gain=tidied(neuron.gain, 4 * error * abs(neuron.gain)),
        bias=tidied(neuron.bias, 20 * size),
        leak=tidied(neuron.leak, 20 * size),
        threshold=tidied(neuron.threshold, size),
        reset_to=tidied(neuron.reset_to, 20 * size),
        start=tidied(neuron.start, size),
        spike_size=neuron.spike_size and tidied(neuron.spike_size, 20 * size),
        refractory=_tidy_time(neuron, error),
        dead_change=tidied(neuron.dead_change, 20 * error * neuron.dead_change),
        ceiling=tidied(neuron.ceiling, 20 * size) if neuron.ceiling < math.inf else math.inf,
        floor=tidied(neuron.floor, 20 * size) if neuron.floor > -math.inf else neuron.floor,
        synapse=synapse,
        adaptation=adapts,
    )


def _tidy_synapse(synapse: Synapse, error: float) -> Synapse:
    """Synapse with the numbers of its currents as somebody may have written them down."""
    decay, second = tidied(synapse.decay, 20 * error), synapse.second
    if second is not None:
        # Three decays of one answer are told less exactly than two.
        decay, rough = tidied(synapse.decay, 2e3 * error), 2e3 * error
        gain = tidied(second.gain, rough * abs(second.gain))
        second = replace(second, decay=tidied(second.decay, rough), gain=gain)
    return replace(synapse, decay=decay, gain=tidied(synapse.gain, error), second=second)


def _tidy_time(neuron: SteppedNeuron, error: float) -> float:
    """Refractory period: whole on the grid."""
    if neuron.crossing == "grid":
        return neuron.refractory
    return tidied(neuron.refractory, max(100 * error, 1e-9))


def likeliest_unit(neuron: SteppedNeuron, error: float) -> SteppedNeuron:
    """A neuron in the unit of V in which its numbers are the simplest: V itself was not seen.

    Tried are the unit of the input, an input times 1 - decay, and a threshold of 1.
    """
    neuron = _shifted(neuron, error)
    d = neuron.decay
    scales = [1 / neuron.gain, *([1 - d] if d < 1 else []), 1 / abs(neuron.threshold)]
    if neuron.synapse is not None and neuron.synapse.decay < 1:
        s = 1 - neuron.synapse.decay
        scales += [s, *([s * (1 - d)] if d < 1 else [])]
    tried = []
    for scale in scales:
        n = tidy(affine(neuron, scale), error)
        if digits(n.threshold) <= _SHORT:
            # Four digits are simple enough: then the unit comes in the order above.
            tried.append((max(digits(n.threshold), 4), n))
    found = min(tried, key=lambda pair: pair[0])[1] if tried else tidy(neuron, error)
    return _split_gain(found)


def _shifted(neuron: SteppedNeuron, error: float) -> SteppedNeuron:
    """A neuron with the zero of V where most of start, rest and reset are 0."""
    if neuron.decay == 1 or neuron.leak:
        return neuron
    size = 50 * error * abs(neuron.threshold)
    at = [0.0, neuron.bias / (neuron.decay - 1)]
    if neuron.reset_keep == 0:
        at.append(-neuron.reset_to)

    def written(n: SteppedNeuron) -> int:
        values = [n.start, n.bias / (1 - n.decay), n.reset_to]
        if n.subtracts:
            values[2] += n.threshold
        return sum(abs(value) > size for value in values)

    return min((affine(neuron, 1.0, shift) for shift in at), key=written)


def _split_gain(neuron: SteppedNeuron) -> SteppedNeuron:
    """A neuron behind a synapse with its gain shared out as code would have it."""
    if neuron.synapse is None or neuron.synapse.second is not None:
        return neuron
    s, gain = 1 - neuron.synapse.decay, neuron.gain * neuron.synapse.gain
    for mine in (s, 1.0):
        if abs(gain / mine - (1 - neuron.decay)) < 1e-6 * (1 - neuron.decay) or mine == 1.0:
            rest = gain / mine
            return replace(neuron, gain=rest, synapse=replace(neuron.synapse, gain=mine))
    return neuron


def rearranged(neuron: SteppedNeuron) -> Iterator[SteppedNeuron]:
    """Neurons that fire as this one does, and differ in when V is reset, or what is delayed."""
    yield neuron
    if neuron.reset_when == "same-step" and neuron.refractory == 0:
        yield replace(neuron, reset_when="next-step")
    after = neuron.reset_when == "after-update"
    # A step of any delay may be the test of V before its update.
    late = "spike_delay" if neuron.spike_delay else "input_delay"
    delay = getattr(neuron, late)
    if delay and (after or (neuron.refractory and neuron.reset_keep == 0)):
        shorter: dict[str, Any] = {late: delay - 1}
        yield replace(
            neuron,
            tested="old",
            **shorter,
            reset_when="same-step",
            refractory=neuron.refractory if after else neuron.refractory - 1,
        )
    whole = neuron.input_delay + neuron.spike_delay
    for first in range(1, whole):
        yield replace(neuron, input_delay=first, spike_delay=whole - first)


# --- number format ---------------------------------------------------------------------------

# Formats by the bits of their inputs, of which a bisection may show one more.
_NARROW: dict[int, FloatName] = {9: "bfloat16", 12: "float16", 25: "float32"}


def float_format(data: Probed, V: NDArray[np.float64] | None) -> NumberFormat:
    """Floating-point format of a layer: the narrowest that holds V, or else its input."""
    if V is not None:
        values = V[np.isfinite(V)]
        for form in map(FloatingPoint, _NARROW.values()):
            if np.array_equal(form.product(values), values) and len(np.unique(values)) > 20:
                return form
        return FloatingPoint()
    bits = bits_needed(np.concatenate([data.quiet.critical, data.spiking.critical]))
    for most, name in _NARROW.items():
        if bits <= most:
            return FloatingPoint(name)
    return FloatingPoint()


def agreement(data: Probed, neuron: SteppedNeuron) -> int:
    """Critical inputs that are critical for a neuron too, to the last bit."""
    layer, count = data.layer, 0
    for r in (data.quiet, data.spiking):
        kept = np.isfinite(r.critical)
        p, which, k = r.critical[kept], r.drive[kept], r.at[kept]
        columns = np.arange(len(p))
        fires = []
        for probe in (p, np.nextafter(p, -np.inf)):
            x = r.drives[:, which].copy()
            x[k, columns] += probe
            spikes = step(neuron, layer.sign * x + layer.shift).spikes
            fires.append(spikes[k + layer.latency, columns] > 0)
        count += int((fires[0] & ~fires[1]).sum())
    return count


def with_equality(data: Probed, neuron: SteppedNeuron) -> tuple[SteppedNeuron, int]:
    """A neuron with ``>=`` or ``>``, as the last bits of the critical inputs tell.

    Returns
    -------
    neuron : SteppedNeuron
    right : int
        Critical inputs that are its own to the last bit; 0 if they are too few to tell.
    """
    both = [replace(neuron, fires_at_threshold=at) for at in (True, False)]
    right = [agreement(data, n) for n in both]
    total = sum(int(np.isfinite(r.critical).sum()) for r in (data.quiet, data.spiking))
    if max(right) < 0.4 * total:
        return both[0], 0
    return both[int(right[1] > right[0])], max(right)


def length(neuron: SteppedNeuron) -> int:
    """Digits that it takes to write down a neuron's numbers."""
    numbers = (neuron.decay, neuron.gain, neuron.threshold, neuron.reset_to, neuron.bias)
    return sum(digits(number) for number in numbers)
