"""Hypotheses about a probed layer: stepped neurons, held against its critical inputs.

V is in units of the input here: an input 1 moves V by 1 in the step in which it first acts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy  # whose parts load when they are first used
from numpy.typing import NDArray

from bio_scnn.crossval.identify.probing import Layer, Readings, least_impulse, read
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step

REACH = 16.0
_NEVER = 1200  # steps
TELLING = (*range(0, 11), 13, 17, 24, 36, 56, 80)


@dataclass(frozen=True, eq=False)
class Probed:
    """A layer with its readings, before any spike and after.

    Attributes
    ----------
    layer : Layer
    quiet, spiking : Readings
    blocked : int, steps
        After a spike, in which no input makes it fire; infinite if none ever does again.
    several : float
        One more spike in a step for each input of this size; 0 if there is one at most.
    most_spikes : float
        Most spikes that it gives in a step.
    rounding : float
        Relative error of the readings: what two neurons that are the same may differ by.
    """

    layer: Layer
    quiet: Readings
    spiking: Readings
    blocked: float
    rounding: float
    several: float = 0.0
    most_spikes: float = np.inf

    @property
    def limit(self) -> float:
        """Error below which a neuron agrees with all readings."""
        return min(max(500 * self.rounding, 1e-10), max(30 * self.rounding, 1e-4), 0.1)

    def error(self, neuron: SteppedNeuron, *, spiking: bool = True) -> float:
        """Largest distance of a neuron's V from its threshold under the critical inputs."""
        sets = [self.quiet, self.spiking] if spiking else [self.quiet]
        return max(float(np.abs(distances(self.layer, r, neuron)).max()) for r in sets)


def distances(
    layer: Layer, readings: Readings, neuron: SteppedNeuron, *, raw: bool = False
) -> NDArray[np.float64]:
    """Distances of V from the threshold under the critical inputs, in units of `Layer.first`.

    They vanish for the right neuron. Where the layer cannot be made to fire, or fires anyhow, a
    neuron is off by 1 if it differs; with `raw` all are as they come.
    """
    reach = REACH * layer.first
    probes = np.clip(readings.critical, -reach, reach)
    columns = np.arange(len(probes))
    x = readings.drives[:, readings.drive].copy()
    x[readings.at, columns] += probes
    row = readings.at + layer.latency - neuron.spike_delay
    with np.errstate(all="ignore"):
        margin = step(neuron, x[: row.max() + 1]).margin[row, columns] / layer.first
    if raw:
        return margin
    margin = np.nan_to_num(margin, nan=1.0, posinf=1.0, neginf=-1.0)
    never, always = readings.critical == np.inf, readings.critical == -np.inf
    margin = np.clip(margin, -1, 1)
    margin = np.where(never, margin > 1e-3, margin)
    return np.where(always, margin < -1e-3, margin)


# --- readings ------------------------------------------------------------------------------------


def probed(layer: Layer) -> Probed:
    """Readings that tell the neuron of a layer."""
    a = layer.ever
    steps = max(TELLING) + layer.latency + 2
    quiet = np.zeros((steps, 7))
    quiet[0, 1:6] = 0.45 * a, 0.2 * a, -a, 0.45 * a, -40 * a
    quiet[1, 4] = -1.2 * a
    quiet[:5, 6] = 0.15 * a * np.array([1, -0.5, 0.7, 1, -2.0])
    probes = [(d, k) for d in range(quiet.shape[1]) for k in TELLING]
    calm = _before_spikes(read(layer, quiet, probes, REACH), layer.latency)
    blocked = _blocked(layer)
    if blocked == _NEVER:
        return Probed(layer, calm, calm, np.inf, _rounding(calm))
    after = _after_spikes(layer, blocked)
    return Probed(layer, calm, after, blocked, _rounding(calm), *_several(layer))


def _before_spikes(readings: Readings, latency: int) -> Readings:
    """Readings without those after a spike: a slow current may turn and make one."""
    fired = np.cumsum(readings.spikes, axis=0) > 0
    last = np.minimum(readings.at + latency, len(fired) - 1)
    return readings.only(~fired[last, readings.drive])


def _several(layer: Layer) -> tuple[float, float]:
    """Input that makes one more spike in a step, 0 if none does, and the most spikes."""
    sizes = layer.first * 2.0 ** np.arange(1, 16)
    x = np.zeros((layer.latency + 1, len(sizes)))
    x[0] = sizes
    counts = layer.fire(x).max(axis=0)
    if counts.max() <= 1:
        return 0.0, np.inf
    enough = float(sizes[(counts > 1).argmax()])
    second = least_impulse(layer, enough, layer.latency + 1, spikes=2)
    bounded = counts[-1] == counts[-4]
    return second - layer.first, float(counts[-1]) if bounded else np.inf


def _blocked(layer: Layer) -> int:
    """Steps after a spike in which no input makes a layer fire."""
    for most in (24, 150, _NEVER):
        k = np.arange(1, most + 1)
        x = np.zeros((most + layer.latency + 1, most))
        x[0] = 1.05 * layer.first
        x[k, k - 1] += REACH * layer.first
        free = layer.fire(x)[k + layer.latency, k - 1] > 0
        if free.any():
            return int(free.argmax())
    return _NEVER


def _after_spikes(layer: Layer, blocked: int) -> Readings:
    a, F = layer.ever, layer.first
    again = blocked + 1
    # After a long refractory period the whole waits; the steps that tell come after it.
    steps = 2 * again + max(TELLING) + layer.latency + 2
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
        late = [start + k for k in TELLING if d != 3 or k < 3]
        probes += [(d, k) for k in late if k < steps - layer.latency - 1]
    return read(layer, drives, probes, REACH)


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
        if (second := neuron.synapse.second) is not None:
            found["synapse.second.decay"] = second.decay
            if not second.behind:
                found["synapse.second.gain"] = second.gain
    if neuron.adaptation is not None:
        found["adaptation.decay"] = neuron.adaptation.decay
        found["adaptation.jump"] = neuron.adaptation.jump
    return found


def with_parameters(neuron: SteppedNeuron, values: dict[str, float]) -> SteppedNeuron:
    """A neuron with some continuous parameters set; ``"synapse.decay"`` is that of its synapse."""
    for name, value in values.items():
        neuron = _with(neuron, name.split("."), float(value))
    return neuron


def _with(thing: Any, path: list[str], value: float) -> Any:
    """A dataclass with a number set that lies at the end of a path of fields."""
    if len(path) > 1:
        return replace(thing, **{path[0]: _with(getattr(thing, path[0]), path[1:], value)})
    return replace(thing, **{path[0]: value})


def refined(
    data: Probed, neuron: SteppedNeuron, more: Sequence[str] = (), *, spiking: bool = True
) -> tuple[float, SteppedNeuron]:
    """A neuron with its continuous parameters fitted, and its error."""
    start = parameters(neuron) | {name: getattr(neuron, name) for name in more}
    sets = [data.quiet, data.spiking] if spiking else [data.quiet]
    return _fitted(data.layer, neuron, start, sets)


def refined_spike(
    data: Probed, neuron: SteppedNeuron, more: Sequence[str]
) -> tuple[float, SteppedNeuron]:
    """A neuron with what follows its spikes fitted, its adaptation and `more`, and its error."""
    start = {n: value for n, value in parameters(neuron).items() if n.startswith("adaptation")}
    start |= {name: getattr(neuron, name) for name in more}
    found = _fitted(data.layer, neuron, start, [data.spiking])[1]
    return data.error(found), found


def _fitted(
    layer: Layer, neuron: SteppedNeuron, start: dict[str, float], sets: list[Readings]
) -> tuple[float, SteppedNeuron]:
    """A neuron with some parameters fitted to readings, and its largest error there."""
    names = list(start)
    free = ("decay", "reset_keep", "refractory", "second.gain")
    scale = [1.0 if n.endswith(free) else layer.first for n in names]

    def off(values: NDArray[np.float64]) -> NDArray[np.float64]:
        trial = with_parameters(neuron, dict(zip(names, values * scale, strict=True)))
        return np.concatenate([distances(layer, r, trial) for r in sets])

    x0 = np.array(list(start.values())) / scale
    fit = scipy.optimize.least_squares(
        off, x0, method="trf", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=20
    )
    found = with_parameters(neuron, dict(zip(names, fit.x * scale, strict=True)))
    return float(np.abs(fit.fun).max()), found


def by_error(pair: tuple[float, SteppedNeuron]) -> float:
    """Error of a neuron that comes with it: what such pairs are sorted by."""
    return pair[0]
