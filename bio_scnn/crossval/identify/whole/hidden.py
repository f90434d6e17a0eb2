"""Hidden V in whole numbers, read off by the least input that makes the layer fire."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.formats import FixedPoint, Overflow
from bio_scnn.crossval.identify.stepped import SteppedNeuron
from bio_scnn.crossval.identify.whole.drives import Answers
from bio_scnn.crossval.identify.whole.finer import Read, finer, finer_synapses, roots
from bio_scnn.crossval.identify.whole.flows import whole_flows
from bio_scnn.crossval.identify.whole.layer import WholeLayer

Array = NDArray[np.float64]

_STEPS, _COLUMNS = 14, 48
_RATIO, _ROOT, _SECONDS = 1.1, 0.02, 20.0
_WORDS = (*range(6, 21), 24, 32)
_OVERFLOWS: tuple[Overflow, ...] = ("saturate", "wrap")


def least_inputs(layer: WholeLayer, x: Array, latency: int) -> Array:
    """Least input of each step, in place of the drive's, that makes a layer fire in it.

    Parameters
    ----------
    layer : WholeLayer
    x : (steps, drives) array
        In whole units; none of them makes it fire.
    latency : int, steps
        Between an input and its spike.

    Returns
    -------
    (steps, drives) array
        NaN where no input of up to `WholeLayer.most` does.
    """
    steps, drives = x.shape
    at = np.repeat(np.arange(steps), drives)
    whole = np.concatenate([x, np.zeros((latency, drives))])
    columns = np.arange(steps * drives)

    def fires(size: Array) -> NDArray[np.bool_]:
        probed = np.tile(whole, (1, steps))
        probed[at, columns] = layer.sign * size
        return layer.answer(probed)[0][at + latency, columns] > 0

    # From small to large: a word may wrap round under the largest.
    low, high = np.zeros(len(at)), np.full(len(at), np.nan)
    for size in np.unique(np.rint(_RATIO ** np.arange(np.log(layer.most) / np.log(_RATIO)))):
        open_still = np.isnan(high)
        if not open_still.any():
            break
        over = fires(np.full(len(at), size))
        high = np.where(open_still & over, size, high)
        low = np.where(open_still & ~over, size, low)
    found = ~np.isnan(high)
    while np.any(found & (high - low > 1)):
        middle = np.where(found, np.floor((low + np.nan_to_num(high, nan=2.0)) / 2), 1)
        over = fires(middle)
        high = np.where(found & over, middle, high)
        low = np.where(found & ~over, middle, low)
    return high.reshape(steps, drives)


def read(layer: WholeLayer, latency: int, far: float) -> Read | None:
    """Least inputs after impulses, silence and noise that do not fire; None if none is found.

    Parameters
    ----------
    layer : WholeLayer
    latency : int, steps
    far : float
        Largest impulse, in least inputs that fire; it lowers V.
    """
    rng = np.random.default_rng(5)
    silent = np.zeros((_STEPS, 1))
    first = least_inputs(layer, silent, latency)[0, 0]
    if not np.isfinite(first):
        return None
    reach = min(layer.most / 2, far * first)
    x = np.zeros((_STEPS, _COLUMNS))
    up = np.unique(np.rint(np.linspace(1, first - 1, 12)))
    down = -np.unique(np.rint(np.geomspace(1, max(reach, 2), 16)))
    alone = np.concatenate([[0], up, down])[: _COLUMNS - 12]
    x[0, : len(alone)] = alone
    rest = _COLUMNS - len(alone)
    x[:, len(alone) :] = np.rint(rng.normal(-0.02, 0.1, (_STEPS, rest)) * first * min(far, 4))
    x[:, len(alone) :: 2] *= rng.random((_STEPS, len(x[0, len(alone) :: 2]))) < 0.4
    # what a word wraps round would be taken for silence
    x = layer.sign * np.where(np.arange(_COLUMNS) < len(alone), x, np.minimum(x, 0.1 * first))
    x = np.clip(np.rint(x), layer.least, layer.most)
    # what fires in between tells nothing of V: its inputs are made smaller until it does not
    for _ in range(12):
        fired = layer.answer(np.concatenate([x, np.zeros((latency, _COLUMNS))]))[0].any(axis=0)
        if not fired.any():
            return Read(x, least_inputs(layer, x, latency))
        x[:, fired] = np.rint(0.6 * x[:, fired])
    return None


def hidden_flows(
    layer: WholeLayer, latency: int, ends: tuple[float, float]
) -> Iterator[list[SteppedNeuron]]:
    """Groups of updates that agree with the least inputs, V in the unit of the input, or finer.

    Where the input is shifted before it is added, V has finer units: gains of powers of two are
    tried.

    Parameters
    ----------
    layer : WholeLayer
    latency : int, steps
    ends : (float, float)
        Inputs beyond which nothing changes.

    Returns
    -------
    iterator of lists of SteppedNeuron
        With a threshold that agrees, the least V that fires; those without bounds first.
    """
    # A word may end where far inputs take V; near ones tell a slow leak less well.
    until = time.monotonic() + _SECONDS
    for far in (1.0, 8.0, 40.0):
        seen = read(layer, latency, far)
        if seen is None:
            continue
        # A second root of next to nothing is rounding.
        two = min(roots(layer.sign * seen.x, seen), default=0.0) > _ROOT
        kinds = (_plain, _finer, _synaptic, _both) if two and far > 1 else (_plain, _finer)
        # The bounds may be those of the drive alone: the input as it is comes first.
        whole, cut = layer.sign * seen.x, layer.sign * np.clip(seen.x, *ends)
        taken = [whole] if np.array_equal(whole, cut) else [whole, cut]
        for kind, x in itertools.product(kinds, taken):
            if time.monotonic() > until:
                return
            if flows := [_turned_back(n, layer.sign) for n in kind(x, seen)]:
                yield [*flows, *(wide for n in flows[:2] for wide in _in_words(n, ends))]


def _plain(x: Array, seen: Read) -> list[SteppedNeuron]:
    return _of_inputs_unit(x, seen, synapses=False)


def _finer(x: Array, seen: Read) -> list[SteppedNeuron]:
    return list(itertools.islice(finer(x, seen), 12))


def _synaptic(x: Array, seen: Read) -> list[SteppedNeuron]:
    return _of_inputs_unit(x, seen, synapses=True)


def _both(x: Array, seen: Read) -> list[SteppedNeuron]:
    return list(itertools.islice(finer_synapses(x, seen), 12))


def _of_inputs_unit(x: Array, seen: Read, *, synapses: bool) -> list[SteppedNeuron]:
    """Updates in the unit of the input: the least inputs tell V itself."""
    found: list[SteppedNeuron] = []
    for bias, floor in itertools.product(_biases(seen), (-np.inf, 0.0)):
        threshold = seen.at_rest + bias
        V = np.maximum(threshold - seen.least + x, floor)
        V = np.where(np.isfinite(seen.least), V, np.nan)
        data = Answers(x, np.zeros_like(x, dtype=np.int64), V, 0, 0)
        flows = whole_flows(data, synapses=synapses)[:6]
        found += [replace(n, threshold=threshold) for n in flows]
        if found:
            break
    return found


def _in_words(neuron: SteppedNeuron, ends: tuple[float, float]) -> Iterator[SteppedNeuron]:
    """A neuron whose word or input is bounded: what spikes alone show only when it overflows."""
    form = neuron.number_format
    assert isinstance(form, FixedPoint)
    words = [
        wide
        for word, overflow, signed in itertools.product(_WORDS, _OVERFLOWS, (False, True))
        if (wide := replace(form, word=word, overflow=overflow, signed=signed)).bounds[1]
        >= neuron.threshold
    ]
    # A bound of the input is often that of the word.
    words.sort(key=lambda wide: wide.bounds[1] != ends[1])
    cut = replace(neuron, input_low=ends[0], input_high=ends[1])
    first = [cut, neuron] if ends[1] + 1 in 2.0 ** np.arange(4, 17) else [neuron, cut]
    yield cut
    for one, wide in itertools.product(first, words):
        yield replace(one, number_format=wide)


def _turned_back(neuron: SteppedNeuron, sign: int) -> SteppedNeuron:
    """A neuron that takes the layer's own input; the one found was excited by positive input."""
    if neuron.synapse is None:
        return replace(neuron, gain=sign * neuron.gain)
    synapse = replace(neuron.synapse, gain=sign * neuron.synapse.gain)
    return replace(neuron, synapse=synapse)


def _biases(seen: Read) -> list[float]:
    """Biases that V at rest may have: 0, unless the least input changes without any drive."""
    alone = seen.least[:, 0]
    if not alone[0] - alone[1]:
        return [0.0]
    drift = float(alone[0] - alone[1])
    return [float(b) for b in np.unique(np.rint(drift * np.linspace(0.95, 2.2, 26)))]


_MOST_TRIED = 2.0**20  # values of V after a reset


def values_after(layer: WholeLayer, flows: list[SteppedNeuron], latency: int) -> tuple[float, ...]:
    """Values that a reset may set V to, by the least inputs that fire again."""
    if not flows or flows[0].synapse is not None or flows[0].threshold > _MOST_TRIED:
        return ()
    flow = flows[0]
    form = flow.number_format
    assert isinstance(form, FixedPoint)
    size = np.ceil(flow.threshold / abs(flow.gain))
    x = np.zeros((40, 3))
    x[0] = layer.sign * np.array([1.0, 1.3, 2.0]) * size
    least = least_inputs(layer, np.rint(x), latency)[1:]
    free = np.flatnonzero(np.isfinite(least).all(axis=1))
    if not len(free) or np.ptp(least[free[0]]):
        return ()  # it never fires again, or what is left depends on V
    high = flow.threshold - abs(flow.gain) * (least[free[0], 0] - 1) - flow.bias - 1
    low = high - abs(flow.gain) + 1
    trials = np.arange(-2 * flow.threshold, flow.threshold).astype(np.float64)
    left = form.decayed(flow.decay, trials)
    if flow.leak:
        left = np.sign(left) * np.maximum(np.abs(left) - flow.leak, 0)
    fitting = trials[(left >= low) & (left <= high)]
    if 0 in fitting or not len(fitting):
        return ()
    return tuple(float(v) for v in sorted(fitting, key=lambda v: (v % 2, abs(v)))[:12])
