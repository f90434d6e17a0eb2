"""Hypotheses about a probed layer: stepped neurons, held against its critical inputs.

V is in units of the input here: an input 1 moves V by 1 in the step in which it first acts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from bio_scnn.crossval.identify.probing import Layer, Readings, read
from bio_scnn.crossval.identify.stepped import Adaptation, SteppedNeuron, Synapse, step

_REACH = 16.0
_TELLING = (*range(0, 11), 13, 17, 24, 36, 56, 80)


@dataclass(frozen=True, eq=False)
class Probed:
    """A layer with its readings, before any spike and after.

    Attributes
    ----------
    layer : Layer
    quiet, spiking : Readings
    blocked : int, steps
        After a spike, in which no input makes it fire.
    rounding : float
        Relative error of the readings: what two neurons that are the same may differ by.
    """

    layer: Layer
    quiet: Readings
    spiking: Readings
    blocked: int
    rounding: float

    @property
    def limit(self) -> float:
        """Error below which a neuron agrees with all readings."""
        return min(max(500 * self.rounding, 1e-10), max(30 * self.rounding, 1e-4), 0.1)

    def error(self, neuron: SteppedNeuron, *, spiking: bool = True) -> float:
        """Largest distance of a neuron's V from its threshold under the critical inputs."""
        sets = [self.quiet, self.spiking] if spiking else [self.quiet]
        return max(float(np.abs(distances(self.layer, r, neuron)).max()) for r in sets)


def distances(layer: Layer, readings: Readings, neuron: SteppedNeuron) -> NDArray[np.float64]:
    """Distances of V from the threshold under the critical inputs, in units of `Layer.first`.

    They vanish for the right neuron. Where the layer cannot be made to fire, or fires anyhow, a
    neuron is off by 1 if it differs.
    """
    reach = _REACH * layer.first
    probes = np.clip(readings.critical, -reach, reach)
    columns = np.arange(len(probes))
    x = readings.drives[:, readings.drive].copy()
    x[readings.at, columns] += probes
    row = readings.at + layer.latency - neuron.spike_delay
    with np.errstate(all="ignore"):
        margin = step(neuron, x[: row.max() + 1]).margin[row, columns] / layer.first
    margin = np.nan_to_num(margin, nan=1.0, posinf=1.0, neginf=-1.0)
    never, always = readings.critical == np.inf, readings.critical == -np.inf
    margin = np.clip(margin, -1, 1)
    margin = np.where(never, margin > 1e-3, margin)
    return np.where(always, margin < -1e-3, margin)


# --- readings ------------------------------------------------------------------------------------


def probed(layer: Layer) -> Probed:
    """Readings that tell the neuron of a layer."""
    a, first = layer.ever, layer.first
    steps = max(_TELLING) + layer.latency + 2
    quiet = np.zeros((steps, 7))
    quiet[0, 1:6] = 0.45 * a, 0.2 * a, -a, 0.45 * a, -40 * a
    quiet[1, 4] = -1.2 * a
    quiet[:5, 6] = 0.15 * a * np.array([1, -0.5, 0.7, 1, -2.0])
    probes = [(d, k) for d in range(quiet.shape[1]) for k in _TELLING]
    calm = read(layer, quiet, probes, _REACH)
    blocked = _blocked(layer)
    return Probed(layer, calm, _after_spikes(layer, blocked), blocked, _rounding(calm))


def _blocked(layer: Layer) -> int:
    """Steps after a spike in which no input makes a layer fire."""
    for most in (24, 150, 1200):
        k = np.arange(1, most + 1)
        x = np.zeros((most + layer.latency + 1, most))
        x[0] = 1.05 * layer.first
        x[k, k - 1] += _REACH * layer.first
        free = layer.fire(x)[k + layer.latency, k - 1] > 0
        if free.any():
            return int(free.argmax())
    return most


def _after_spikes(layer: Layer, blocked: int) -> Readings:
    a, F = layer.ever, layer.first
    again = blocked + 1
    # After a long refractory period the whole waits; the steps that tell come after it.
    steps = 2 * again + max(_TELLING) + layer.latency + 2
    drives = np.zeros((steps, 9))
    drives[0] = F * np.array([1.05, 1.3, 1.7, 4.2, 1.05, 1.05, 1.3, 1.3, 1.1])
    drives[1, 4] += 0.4 * a
    drives[blocked, 5] += 0.4 * a
    drives[again, 6] += 3 * F
    drives[again, 7] -= 0.8 * a
    drives[again + 1, 8] += 4 * F
    probes = []
    for d in range(drives.shape[1]):
        start = again + (d in (6, 8)) * again
        late = [start + k for k in _TELLING if d != 3 or k < 3]
        probes += [(d, k) for k in late if k < steps - layer.latency - 1]
    return read(layer, drives, probes, _REACH)


def significant_bits(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Bits of the significand that numbers need."""
    whole = np.abs(np.frexp(values)[0] * 2.0**53).astype(np.int64)
    lowest = np.where(whole == 0, 1, whole & -whole)
    return 53 - np.log2(lowest).astype(np.int64)


def bits_needed(values: NDArray[np.float64]) -> int:
    """Bits that nine of ten critical inputs need: a bit more than the layer's input has.

    A layer that rounds its input fires from the middle between two of its numbers on, or from
    just above it.
    """
    values = values[np.isfinite(values) & (values != 0)]
    both = [significant_bits(v) for v in (values, np.nextafter(values, -np.inf))]
    return int(np.quantile(np.minimum(*both), 0.9)) if len(values) else 53


def _rounding(readings: Readings) -> float:
    bits = bits_needed(readings.critical)
    return 2.0 ** -(min(bits, 53) - 2) if bits < 40 else 1e-13


# --- the flow before a spike ----------------------------------------------------------------------


def flows(data: Probed) -> list[SteppedNeuron]:
    """Neurons without a reset that agree with the readings before any spike, the best first."""
    found = [(data.error(n, spiking=False), n) for n in _flows(data)]
    limit = data.limit
    if not any(error < limit for error, _ in found):
        found += [_refined(data, n, spiking=False) for _, n in sorted(found, key=_by_error)[:4]]
    found.sort(key=_by_error)
    good = [n for error, n in found if error < limit]
    return good or [n for _, n in found[:2]]


def _by_error(pair: tuple[float, SteppedNeuron]) -> float:
    return pair[0]


def _flows(data: Probed) -> Iterator[SteppedNeuron]:
    layer, rest = data.layer, data.quiet.of(0)
    U = {d: data.quiet.of(d) for d in range(1, 6)}
    a = layer.ever

    def response(d: int, size: float) -> NDArray[np.float64]:
        return np.array([1.0] + [(rest[k] - U[d][k]) / size for k in _TELLING[1:]])

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
                replace(plain, decay=ratio, input_shape="averaged", gain=2.0, bias=_bias(rest, ratio))
            )
            bases[-1] = replace(bases[-1], threshold=rest[0] + bases[-1].bias)
    # A linear leak takes the same off whatever V is.
    leak = (small[1] - h[1]) / (1 / 0.45 - 1 / 0.2) / a
    if abs(small[1] - h[1]) > data.limit / 20 and leak * a * a > 0:
        off = (h[1] - small[1]) / (1 / (0.2 * a) - 1 / (0.45 * a))
        keep = h[1] + off / (0.45 * a)
        bases.append(replace(plain, decay=keep, leak=off, bias=0.0, threshold=rest[0]))
    for first, second in _two_decays(h) if abs(h[2] - h[1] ** 2) > data.limit / 50 else ():
        synaptic = replace(plain, decay=first, synapse=Synapse(second))
        b = _bias(rest, first)
        bases.append(replace(synaptic, bias=b, threshold=rest[0] + b))
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
    # An input that is not the first root's alone: 1, d + s, ...
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
        if base.synapse is not None:
            return
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


# --- fits --------------------------------------------------------------------------------------


def parameters(neuron: SteppedNeuron) -> dict[str, float]:
    """Continuous parameters of a neuron that a fit may move, by name."""
    found = {"decay": neuron.decay, "threshold": neuron.threshold}
    if neuron.bias:
        found["bias"] = neuron.bias
    if neuron.leak:
        found["leak"] = neuron.leak
    if np.isfinite(neuron.floor) and neuron.floor:
        found["floor"] = neuron.floor
    if neuron.synapse is not None:
        found["synapse.decay"] = neuron.synapse.decay
    if neuron.adaptation is not None:
        found["adaptation.decay"] = neuron.adaptation.decay
        found["adaptation.jump"] = neuron.adaptation.jump
    return found


def with_parameters(neuron: SteppedNeuron, values: dict[str, float]) -> SteppedNeuron:
    """A neuron with some continuous parameters set; ``"synapse.decay"`` is that of its synapse."""
    for name, value in values.items():
        part, _, field = name.partition(".")
        if field:
            inner = replace(getattr(neuron, part), **{field: float(value)})
            neuron = replace(neuron, **{part: inner})
        else:
            neuron = replace(neuron, **{name: float(value)})
    return neuron


def _refined(
    data: Probed, neuron: SteppedNeuron, more: Sequence[str] = (), *, spiking: bool = True
) -> tuple[float, SteppedNeuron]:
    """A neuron with its continuous parameters fitted, and its error."""
    start = parameters(neuron) | {name: getattr(neuron, name) for name in more}
    names = list(start)
    first = data.layer.first
    scale = [1.0 if "decay" in n or n == "reset_keep" else first for n in names]
    sets = [data.quiet, data.spiking] if spiking else [data.quiet]

    def off(values: NDArray[np.float64]) -> NDArray[np.float64]:
        trial = with_parameters(neuron, dict(zip(names, values * scale, strict=True)))
        return np.concatenate([distances(data.layer, r, trial) for r in sets])

    x0 = np.array(list(start.values())) / scale
    fit = least_squares(off, x0, method="trf", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=20)
    found = with_parameters(neuron, dict(zip(names, fit.x * scale, strict=True)))
    return float(np.abs(fit.fun).max()), found


# --- the spike -------------------------------------------------------------------------------------


def neurons(data: Probed) -> list[tuple[float, SteppedNeuron]]:
    """Neurons with their errors that agree with all readings, the best first."""
    limit = data.limit
    found: list[tuple[float, SteppedNeuron]] = []
    bases = flows(data)
    for base in bases:
        found += [(data.error(n), n) for n in _spiking(data, base)]
    if not any(error < limit for error, _ in found):
        for error, n in sorted(found, key=_by_error)[:6]:
            found.append(_refined(data, n, ("reset_to",)))
    if not any(error < limit for error, _ in found):
        for base in bases[:2]:
            found += _adapting(data, base, limit)
    found.sort(key=_by_error)
    good = [pair for pair in found if pair[0] < limit]
    return good or found[:1]


def _spiking(data: Probed, base: SteppedNeuron) -> Iterator[SteppedNeuron]:
    """Flows with every reset and refractory period that the first readings after a spike allow."""
    F, k = data.layer.first, data.blocked + 1
    low, high = (data.spiking.of(d)[k] for d in (0, 1))
    theta = base.threshold
    for n in _waiting(data, base):
        coefficient, offset = _reset_line(n, k)
        slope = (low - high) / (0.25 * F)
        keep = slope / coefficient if coefficient else 0.0
        keep = next((v for v in (0.0, 1.0) if abs(keep - v) < 1e-3), keep)
        if not 0 <= keep <= 1:
            continue
        V = keep * (1.05 * F + n.bias)
        if n.reset_when == "after-update":
            to = theta - low - n.bias - keep * (1.05 * F + n.bias) * n.decay
            to += (1 - keep) * n.bias if keep != 1 else 0.0
        else:
            to = (theta - low - offset) / coefficient - V if coefficient else 0.0
        tidy = 1e-9 * F if data.rounding < 1e-9 else 20 * data.rounding * F
        for value in dict.fromkeys([0.0 if abs(to) < tidy else to, -keep * theta]):
            yield replace(n, reset_keep=keep, reset_to=value)
            if keep == 1 and n.refractory == 0:
                yield replace(n, reset_keep=keep, reset_to=value, several=True)
    if base.synapse is not None or base.input_shape == "averaged":
        for n in _waiting(data, base):
            yield replace(n, reset_keep=0.0, reset_to=0.0)
            yield replace(n, reset_keep=1.0, reset_to=-theta)


def _waiting(data: Probed, base: SteppedNeuron) -> Iterator[SteppedNeuron]:
    r = data.blocked
    yield replace(base, refractory=r)
    if r:
        yield replace(base, refractory=r, while_refractory="leaks")
        yield replace(base, refractory=r, while_refractory="integrates")
        yield replace(base, refractory=r - 1, reset_when="after-update")
    else:
        yield replace(base, reset_when="after-update")


def _reset_line(n: SteppedNeuron, k: int) -> tuple[float, float]:
    """V at the first step that is free again, as a line in V after the reset."""
    d, r = n.decay, n.refractory
    if n.reset_when == "after-update":
        return d, n.bias
    if n.while_refractory == "held":
        return d, n.bias
    if n.while_refractory == "leaks":
        return d ** (r + 1), n.bias
    return d ** (r + 1), n.bias * sum(d**i for i in range(r + 1))


def _adapting(
    data: Probed, base: SteppedNeuron, limit: float
) -> list[tuple[float, SteppedNeuron]]:
    """Flows with an adaptation, whose decay is what is left when V's own is taken off."""
    d, start = base.decay, data.blocked + 1
    found: list[tuple[float, SteppedNeuron]] = []
    rest, after = data.quiet.of(0), data.spiking.of(0)
    R = np.array([rest[k] - after[start + k] for k in range(9)])
    if base.synapse is not None or not np.isfinite(R).all():
        return found
    left = R[1:] - d * R[:-1]
    if not left[0]:
        return found
    e = float(np.clip(left[1] / left[0], 0, 1))
    for keep in (0.0, 1.0):
        for on in ("threshold", "current"):
            if not 0 < e or e == d:
                continue
            jump = -left[0] / (e - d if on == "threshold" else e) / e**data.blocked
            w = Adaptation(e, jump, on)  # type: ignore[arg-type]
            to = -keep * base.threshold
            n = replace(base, refractory=data.blocked, reset_keep=keep, reset_to=to, adaptation=w)
            found.append(_refined(data, n, ("reset_to",)))
    return found
