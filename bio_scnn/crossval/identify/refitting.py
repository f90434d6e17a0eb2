"""A neuron's numbers fitted to all of V at once, where V is written roughly or is noisy.

A regression from step to step takes rounding and noise of V for a part of the update. Here V is
followed from one recorded spike to the next. For one decay it is linear in the gain, the bias, the
start and what a reset adds, so that only the decay is searched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.flow import Recorded
from bio_scnn.crossval.identify.formats import FLOAT64, FixedPoint
from bio_scnn.crossval.identify.numbers import simplest
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step
from bio_scnn.crossval.identify.trial import Trial, compared, v_shown

Array = NDArray[np.float64]

NAMES = ("gain", "bias", "start", "reset_to")
_LAGS, _SIGMAS = 5, 4.5
_ROUNDS, _ROUND = 8, (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5)
_LOUDEST = 0.2
"""Noise, relative to the spread of V, above which the neuron explains too little of V."""

_UNLIKELY = 12.0
"""Growth of the sum of squares, over their mean, that chance does not make."""


@dataclass(frozen=True, eq=False)
class _Fit:
    """Numbers fitted to V, and what they leave of it."""

    neuron: SteppedNeuron
    left: Array

    @property
    def rms(self) -> float:
        """Root of the mean square of what is left."""
        return float(np.sqrt(np.mean(self.left**2)))


def can_be_refitted(neuron: SteppedNeuron) -> bool:
    """True of a neuron whose V is linear in its numbers between spikes that are known."""
    return (
        0 < neuron.decay < 1
        and neuron.gain != 0
        and neuron.adaptation is None
        and not neuron.leak
        and not neuron.several
        and neuron.crossing == "grid"
        and neuron.reset_when == "same-step"
        and neuron.floor == -np.inf
        and neuron.ceiling == np.inf
        and not (neuron.synapse and neuron.synapse.cleared)
        and not isinstance(neuron.number_format, FixedPoint)
    )


def refitted(data: Recorded, trial: Trial) -> Trial:
    """The same trial with its numbers fitted to all of V, and written with few digits.

    If what is left of V is white, the trial has its standard deviation as noise.

    Parameters
    ----------
    data : Recorded
        With V.
    trial : Trial

    Returns
    -------
    Trial
        The given one where its neuron cannot be refitted.
    """
    n = trial.neuron
    if data.V is None or not can_be_refitted(n):
        return trial
    task = _Task(data, replace(n, number_format=FLOAT64), trial.where)
    best = task.best()
    loud = best.rms > _LOUDEST * float(np.std(data.V))
    noise = best.rms if best.rms > data.rounding and not loud and task.is_white(best) else 0.0
    again = []
    for fit in (task.shorter(best), best):
        neuron, bounds = task.with_threshold(fit.neuron)
        again.append(replace(compared(data, neuron, trial.where, noise), threshold=bounds))
    return min(again, key=lambda t: t.rank(data.scale))


@dataclass(frozen=True, eq=False)
class _Task:
    """A recording, a kind of neuron, and where V is shown."""

    data: Recorded
    kind: SteppedNeuron
    where: str

    @property
    def free(self) -> list[str]:
        """Numbers that V tells: the bias if there is one, the reset if there is a spike."""
        resets = self.data.fired().any() and not self.where.endswith("late")
        return ["gain", "bias", *["start"] * bool(self.kind.start), *["reset_to"] * bool(resets)]

    def best(self) -> _Fit:
        """Fit with the decay that leaves the least; without a bias that V does not ask for."""
        free = self.free
        with_bias = self._over_decays(free)
        without = self._over_decays([name for name in free if name != "bias"])
        asked = self.data.x.size * ((without.rms / max(with_bias.rms, 1e-300)) ** 2 - 1)
        return with_bias if asked > _UNLIKELY else without

    def _over_decays(self, free: list[str]) -> _Fit:
        """Fit with the decay that leaves the least, on grids that close in."""
        kind = self.kind if "bias" in free else replace(self.kind, bias=0.0)
        at, width = np.log(1 / kind.decay - 1), 0.3
        for _ in range(_ROUNDS):
            fits = self.fits(kind, 1 / (1 + np.exp(at + width * np.linspace(-1, 1, 9))), free)
            best = min(fits, key=lambda fit: fit.rms)
            at, width = np.log(1 / best.neuron.decay - 1), width / 4
        return best

    def fits(self, kind: SteppedNeuron, decays: Array, free: list[str]) -> list[_Fit]:
        """Least squares of the free numbers for each decay, with the others as they are."""
        assert self.data.V is not None
        found = []
        for decay, answers in zip(decays, self._answers(decays), strict=True):
            fixed = [k for k, name in enumerate(NAMES) if name not in free]
            y = self.data.V.ravel() - sum(getattr(kind, NAMES[k]) * answers[k] for k in fixed)
            A = answers[[NAMES.index(name) for name in free]].T
            size = np.maximum(np.abs(A).max(axis=0, initial=0), 1e-300)
            values = np.linalg.lstsq(A / size, y, rcond=None)[0] / size
            numbers: dict[str, Any] = dict(zip(free, map(float, values), strict=True))
            fitted = replace(kind, decay=float(decay), **numbers)
            found.append(_Fit(fitted, y - A @ values))
        return found

    def _answers(self, decays: Array) -> Array:
        """V for each of `NAMES` being 1 and the others 0, ``(decays, 4, values of V)``."""
        x, kind = self.data.x, self.kind
        silent = replace(kind, gain=1.0, bias=0.0, threshold=np.inf, start=0.0)
        drive = step(silent, x).drive
        push = np.zeros((len(x), 4, x.shape[1]))
        push[:, 0], push[:, 1] = drive, 1.0
        start = np.zeros((len(decays), 4, x.shape[1]))
        start[:, 2] = 1.0
        keep = decays[:, None, None]
        V, left = start, np.zeros(x.shape[1])
        before, after = np.empty((2, len(x), *start.shape))
        for k, spikes in enumerate(self.fired):
            new = keep * V + push[k]
            if left.any():
                if kind.while_refractory == "held":
                    new = np.where(left == 0, new, V)
                elif kind.while_refractory == "leaks":
                    drift = push[k].copy()
                    drift[0] = 0.0
                    new = np.where(left == 0, new, keep * V + drift)
                left = np.maximum(left - 1, 0)
            before[k] = V = new
            if spikes.any():
                reset = kind.reset_keep * V
                reset[:, 3] += 1
                V = np.where(spikes, reset, V)
                left = np.where(spikes, kind.refractory, left)
            after[k] = V
        shown = v_shown(before, after, start, self.where)
        return np.moveaxis(shown, 0, 2).reshape(len(decays), 4, -1)

    @property
    def fired(self) -> NDArray[np.bool_]:
        """Spikes in the steps in which V was above the threshold."""
        return self.data.moments(self.kind.spike_delay) > 0

    def is_white(self, fit: _Fit) -> bool:
        """True if what is left of V has no memory, and nothing of the input in it."""
        left = fit.left.reshape(self.data.x.shape)
        x = self.data.x - self.data.x.mean(axis=0)
        bound = _SIGMAS / np.sqrt(max(left.size - _LAGS, 1))
        for lag in range(1, _LAGS + 1):
            if abs(_correlation(left[lag:], left[:-lag])) > bound:
                return False
        return all(abs(_correlation(left[lag:], x[: len(x) - lag])) <= bound for lag in range(3))

    def shorter(self, fit: _Fit) -> _Fit:
        """The same fit with numbers of few digits, one after the other, if it leaves no more."""
        rounded = self.data.rounding
        # Until all numbers are short, least squares may leave a little more than rounding does.
        most = 1.1 * max(float(np.abs(fit.left).max()), rounded) if rounded else np.inf
        for place, name in enumerate(names := ("decay", *NAMES)):
            value = getattr(fit.neuron, name)
            unit = abs(value) if name in ("decay", "gain") else self.data.scale
            free = [n for n in self.free if n in names[place + 1 :]]
            free = [n for n in free if n != "bias" or fit.neuron.bias]
            for close in _ROUND if value else ():
                room = close * (1 - value if name == "decay" else unit)
                short: dict[str, Any] = {name: simplest(value - room, value + room)}
                kind = replace(fit.neuron, **short)
                now = self.fits(kind, np.array([kind.decay]), free)[0]
                more = self.data.x.size * ((now.rms / max(fit.rms, 1e-300)) ** 2 - 1)
                if more < _UNLIKELY and float(np.abs(now.left).max()) <= most:
                    fit = now
                    break
        return fit

    def with_threshold(self, neuron: SteppedNeuron) -> tuple[SteppedNeuron, tuple[float, float]]:
        """The same neuron with a threshold between V that fired and V that did not; its bounds."""
        if not self.data.fired().any():
            return neuron, (np.nan, np.nan)
        numbers = np.array([getattr(neuron, name) for name in NAMES])
        answers = replace(self, kind=neuron, where="before reset")._answers(
            np.array([neuron.decay])
        )[0]
        V = (numbers @ answers).reshape(self.data.x.shape)
        waits = np.zeros(V.shape, dtype=bool)
        for k in range(1, int(neuron.refractory) + 1):
            waits[k:] |= self.fired[:-k]
        low = float(V[~self.fired & ~waits].max(initial=-np.inf))
        high = float(V[self.fired].min())
        if low >= high:
            return neuron, (low, high)
        threshold = -neuron.reset_to if neuron.subtracts else simplest(low, high)
        if not low <= threshold <= high:
            threshold = simplest(low, high)
        return replace(neuron, threshold=threshold), (low, high)


def _correlation(a: Array, b: Array) -> float:
    """Correlation of two arrays about zero."""
    size = np.sqrt(float((a * a).sum()) * float((b * b).sum()))
    return float((a * b).sum()) / size if size else 0.0
