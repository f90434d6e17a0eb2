"""Fault of a declared neuron in whole numbers, found by stepping it beside the layer."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from bio_scnn.crossval.causes import Cause, both, cause, either
from bio_scnn.crossval.faults.of_whole_numbers import Fault, whole_faults
from bio_scnn.crossval.identify.differences import meant_neuron
from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.stepped import SteppedNeuron
from bio_scnn.crossval.identify.whole.apart import ties
from bio_scnn.crossval.identify.whole.drives import Answers, asked, lags, limits, rich
from bio_scnn.crossval.identify.whole.identified import in_layers_units
from bio_scnn.crossval.identify.whole.layer import WholeLayer
from bio_scnn.crossval.identify.whole.rules import MOST_BITS, ROUNDED
from bio_scnn.crossval.identify.whole.spikes import compared
from bio_scnn.crossval.identify.whole.stochastic import at_random
from bio_scnn.crossval.identify.whole.telling import joined
from bio_scnn.neuron.parameters import LIFParameters

_SECONDS = 20.0
_FEW = 32
_CLOSE = 1e-9


@dataclass(frozen=True)
class WholeFault:
    """Fault that reproduces a layer in whole numbers, bit for bit.

    Attributes
    ----------
    cause : Cause
    neuron : SteppedNeuron
        The declared neuron with the fault, in the layer's own units.
    spikes : int
        Spikes that it was compared with.
    """

    cause: Cause
    neuron: SteppedNeuron
    spikes: int


def declared_whole(
    params: LIFParameters, dt_ms: float, layer: WholeLayer, *, above: bool
) -> SteppedNeuron | None:
    """Declared neuron in the whole units of a layer; None if its numbers are none.

    Parameters
    ----------
    params : LIFParameters
    dt_ms : float, ms
    layer : WholeLayer
    above : bool
        It fires above the threshold only.

    Returns
    -------
    SteppedNeuron or None
        It fires at a threshold one higher in place of above it: in whole numbers both are the
        same.
    """
    meant = meant_neuron(params, dt_ms)
    for bits in range(MOST_BITS + 1):
        decay = round(meant.decay * 2**bits) / 2**bits
        if abs(decay - meant.decay) < _CLOSE:
            break
    else:
        return None
    unit = layer.V_unit or layer.unit
    gain = meant.gain * layer.unit / unit
    sizes = np.array([gain, *(v / unit for v in (meant.threshold, meant.reset_to, meant.bias))])
    if np.abs(sizes - np.rint(sizes)).max() > 1e-6 * max(1.0, np.abs(sizes).max() / 1e6):
        return None
    gain, threshold, to, bias = (float(v) for v in np.rint(sizes))
    return replace(
        meant,
        decay=decay,
        gain=gain,
        bias=bias,
        threshold=threshold + above,
        reset_to=to,
        start=0.0,
        number_format=FixedPoint(),
    )


def whole_fault(
    layer: WholeLayer, base: SteppedNeuron, *, declared: bool = False
) -> WholeFault | None:
    """Fault of a declared neuron that gives a layer's answers, bit for bit.

    Parameters
    ----------
    layer : WholeLayer
    base : SteppedNeuron
        As `declared_whole` gives it.
    declared : bool
        Its number format is declared, too: another rounding is a fault.

    Returns
    -------
    WholeFault or None
        None if no single fault does. Without any other fault its number format is told.
    """
    moved = lags(layer)
    if moved is None:
        return None
    drives = [rich(layer, seed) for seed in (1, 2)]
    ends = limits(layer, drives[0])
    data, proof = (replace(asked(layer, x, *moved), limits=ends) for x in drives)
    proof = _with_ties(layer, base, proof, declared=declared)
    total = int(data.spikes.sum() + proof.spikes.sum())
    until = time.monotonic() + _SECONDS
    if declared and _matching(
        data, proof, [(cause("format.fixed-point", unit=1, rounding=""), base)]
    ):
        return None  # it is what it declares
    for why, neuron in _formats(base, layer, declared=declared):
        if _matching(data, proof, [(why, neuron)]):
            return WholeFault(why, in_layers_units(neuron, layer), total)
    for neuron, also in [(base, None)] if declared else _bases(base, data):
        if time.monotonic() > until:
            break
        found = _matching(data, proof, whole_faults(neuron, data, layer.V_unit or layer.unit))
        if found:
            alike = list({c.code: c for c, _ in reversed(found)}.values())[::-1]
            why = either(alike[:3])
            why = both([why, also]) if also else why
            return WholeFault(why, in_layers_units(found[0][1], layer), total)
    for neuron in [base] if declared else [n for n, _ in _bases(base, data)]:
        found_random = at_random(neuron, data)
        if found_random is not None and found_random.right:
            neuron = in_layers_units(_rounded(neuron, "stochastic"), layer)
            return WholeFault(cause("format.stochastic"), neuron, total)
    return None


def stochastic_fault(layer: WholeLayer, base: SteppedNeuron) -> WholeFault | None:
    """Declared neuron with products that are rounded at random, of a layer that shows V.

    Returns
    -------
    WholeFault or None
        None if a V is neither of the two numbers next to its product, or one is taken too often.
    """
    data = asked(layer, rich(layer, 1), 0, 0)
    found = at_random(base, data)
    if found is None or not found.right:
        return None
    neuron = in_layers_units(_rounded(base, "stochastic"), layer)
    return WholeFault(cause("format.stochastic"), neuron, int(data.spikes.sum()))


def _with_ties(
    layer: WholeLayer, base: SteppedNeuron, proof: Answers, *, declared: bool
) -> Answers:
    """Answers to more drives, which take V to the threshold exactly where V decides."""
    roundings = () if declared else ROUNDED[:3]
    neurons = [base, *(_rounded(base, r) for r in roundings)]
    x = ties(layer, [in_layers_units(n, layer) for n in neurons], len(proof.x))
    if not x.shape[1]:
        return proof
    return joined(proof, replace(asked(layer, x, proof.late, proof.latency), limits=proof.limits))


def _formats(base: SteppedNeuron, layer: WholeLayer, *, declared: bool) -> Iterator[Fault]:
    """The neuron with each rounding, but the declared one."""
    own = base.number_format
    assert isinstance(own, FixedPoint)
    for rounding in ROUNDED:
        if not declared:
            unit = layer.V_unit or layer.unit
            yield (
                cause("format.fixed-point", unit=unit, rounding=rounding),
                _rounded(base, rounding),
            )
        elif rounding != own.rounding:
            why = cause("format.rounding", rounding=rounding, declared=own.rounding)
            yield why, _rounded(base, rounding)


def _bases(base: SteppedNeuron, data: Answers) -> Iterator[tuple[SteppedNeuron, Cause | None]]:
    """Neurons whose format is not declared: each rounding, without a word and then with one."""
    for rounding in ROUNDED:
        yield _rounded(base, rounding), None
    for word, rounding in itertools.product(_words(data), ROUNDED[:3]):
        neuron = _rounded(base, rounding)
        form = neuron.number_format
        assert isinstance(form, FixedPoint)
        if 2.0 ** (word - 1) > neuron.threshold:
            saturates = replace(neuron, number_format=replace(form, word=word))
            yield saturates, cause("format.saturates", word=word)


def _words(data: Answers) -> list[int]:
    """Words at which V may saturate: those that it is seen to reach, or usual ones."""
    if data.V is None:
        return [16, 8, 12, 24]
    ends = {-float(data.V.min()), float(data.V.max()) + 1}
    return [int(np.log2(end)) + 1 for end in ends if end > 1 and np.log2(end).is_integer()]


def _rounded(base: SteppedNeuron, rounding: str) -> SteppedNeuron:
    form = base.number_format
    assert isinstance(form, FixedPoint)
    return replace(base, number_format=replace(form, rounding=rounding))


def _matching(data: Answers, proof: Answers, faults: Iterable[Fault]) -> list[Fault]:
    """Faults that reproduce all answers, those of the kind that stands first in the catalogue."""
    found = []
    for why, neuron in faults:
        if not math.isfinite(neuron.threshold) or neuron.threshold <= 0:
            continue
        steps = (_FEW, None)
        if all(compared(data, neuron, n).exact for n in steps) and compared(proof, neuron).exact:
            found.append((why, neuron))
    return found
