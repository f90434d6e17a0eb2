"""Flow of a probed layer: update, synapse, bounds and delays, from inputs before a spike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.alpha_synapses import behind_two_currents
from bio_scnn.crossval.identify.hypotheses import TELLING, Probed, by_error, refined
from bio_scnn.crossval.identify.stepped import SteppedNeuron, Synapse


def flows(data: Probed, *, fit: bool = True) -> list[SteppedNeuron]:
    """Neurons without a reset that agree with the readings before any spike, the best first.

    Parameters
    ----------
    data : Probed
    fit : bool
        Fit the best of them if none agrees; if not, give all as the first readings have them.
    """
    found = [(data.error(n, spiking=False), n) for n in _flows(data)]
    if not fit:
        return [n for _, n in sorted(found, key=by_error)]
    limit = data.limit
    if not any(error < limit for error, _ in found):
        found += [refined(data, n, spiking=False) for _, n in sorted(found, key=by_error)[:4]]
    found.sort(key=by_error)
    good = [n for error, n in found if error < limit]
    return good or [n for _, n in found[:2]]


def _flows(data: Probed) -> Iterator[SteppedNeuron]:
    layer, rest = data.layer, data.quiet.of(0)
    U = {d: data.quiet.of(d) for d in range(1, 6)}
    a = layer.ever

    def response(d: int, size: float) -> NDArray[np.float64]:
        shares = [(rest[k] - U[d].get(k, np.nan)) / size for k in TELLING[1:]]
        return np.array([1.0, *shares])

    h, small = response(1, 0.45 * a), response(2, 0.2 * a)
    minus, far = response(3, -a), response(5, -40 * a)
    if not np.isfinite(h[:4]).all():
        return
    d = float(np.clip(h[1], 0, 1.0 if abs(h[1] - 1) < 1e-6 else None))
    bias = _bias(rest, d)
    plain = SteppedNeuron(decay=d, threshold=rest[0] + bias, bias=bias)
    bases = [plain]
    if abs(h[1]) > 1e-12:
        ratio = h[2] / h[1]
        if ratio <= 1 + 1e-9:
            bases.append(
                replace(
                    plain, decay=ratio, input_shape="averaged", gain=2.0, bias=_bias(rest, ratio)
                )
            )
            bases[-1] = replace(bases[-1], threshold=rest[0] + bases[-1].bias)
    # A linear leak takes the same off whatever V is.
    leak = (small[1] - h[1]) / (1 / 0.45 - 1 / 0.2) / a
    if abs(small[1] - h[1]) > data.limit / 20 and leak * a * a > 0:
        off = (h[1] - small[1]) / (1 / (0.2 * a) - 1 / (0.45 * a))
        keep = h[1] + off / (0.45 * a)
        if off > 0:
            bases.append(replace(plain, decay=keep, leak=off, bias=0.0, threshold=rest[0]))
            # The same off the input, above a floor at which V rests.
            lowered = replace(plain, decay=keep, bias=-off, threshold=rest[0] - off)
            yield from _delayed(replace(lowered, floor=0.0), layer.latency)
    for first, second in _two_decays(h) if abs(h[2] - h[1] ** 2) > data.limit / 50 else ():
        synaptic = replace(plain, decay=first, synapse=Synapse(second))
        b = _bias(rest, first)
        bases.append(replace(synaptic, bias=b, threshold=rest[0] + b))
    for base in behind_two_currents(plain, h, data.limit / 50):
        b = _bias(rest, base.decay)
        bases.append(replace(base, bias=b, threshold=rest[0] + b))
    for base in bases:
        for shape in _bounded(base, a, h, minus, far, data.limit / 20):
            yield from _delayed(shape, layer.latency)


def _bias(rest: dict[int, float], decay: float) -> float:
    """Bias, from the critical inputs of the first two steps without a drive; V starts at 0."""
    change = rest[0] - rest[1]
    if abs(change) < 1e-12 * abs(rest[0]) or not np.isfinite(change):
        return 0.0
    return change / decay if decay else change


def _two_decays(h: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Pairs of decays, both ways round, whose response to an impulse is the one given."""
    n = 9
    A = np.stack([h[1 : n - 1], h[: n - 2]], 1)
    c = np.linalg.lstsq(A, h[2:n], rcond=None)[0]
    roots = np.roots([1, -c[0], -c[1]])
    if np.abs(roots.imag).max() > 1e-3:
        return []
    one, two = np.clip(roots.real, 0, 1)
    if min(one, two) == 0:
        return []  # what keeps nothing is no synapse
    return [(float(one), float(two)), (float(two), float(one))]


def _bounded(
    base: SteppedNeuron,
    a: float,
    h: NDArray,
    minus: NDArray,
    far: NDArray,
    limit: float,
) -> Iterator[SteppedNeuron]:
    """A flow with bounds, if V does not follow negative inputs."""
    # Out of reach of the probes is where V without a floor is.
    floored = np.isfinite(far[1]) and abs(far[1] - h[1]) > limit
    if np.isfinite(minus[1]) and (abs(minus[1] - h[1]) > limit or floored):
        d = base.decay or 1.0
        if abs(minus[1]) < 1e-12:
            yield replace(base, input_shape="rectified")
        # V at the floor decays to this in a step.
        low = -40 * a * far[1] / d if abs(far[1]) > 1e-12 else 0.0
        if floored:
            yield replace(base, floor=low)
    yield base


def _delayed(neuron: SteppedNeuron, latency: int) -> Iterator[SteppedNeuron]:
    """A flow with its latency laid to the input, to a synapse, or to the spikes."""
    if neuron.synapse is not None and latency:
        stale = replace(neuron.synapse, fresh=False)
        yield replace(neuron, synapse=stale, spike_delay=latency - 1)
    if latency:
        yield replace(neuron, input_delay=latency)
    else:
        yield neuron
    if latency:
        yield replace(neuron, spike_delay=latency)
