"""Candidates for a live layer's neuron, stepped beside it, and the best with tidy numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.display import (
    complexity,
    digits,
    float_format,
    length,
    likeliest_unit,
    tidied,
    tidy,
    unturned,
    with_equality,
)
from bio_scnn.crossval.identify.formats import FLOAT64
from bio_scnn.crossval.identify.hypotheses import Probed, parameters, with_parameters
from bio_scnn.crossval.identify.identification import VShown
from bio_scnn.crossval.identify.shown_V import at_moment, equality_in_V, in_shown_unit, refitted
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step


@dataclass(frozen=True, eq=False)
class Trial:
    """Answer of a layer to the drive that proves its neuron.

    Attributes
    ----------
    data : Probed
    x : (steps, neurons) array
        As the probes count it: `Layer.both` turns and shifts it.
    spikes : (steps, neurons) int array
    V : (steps, neurons) array or None
    """

    data: Probed
    x: NDArray[np.float64]
    spikes: NDArray[np.int64]
    V: NDArray[np.float64] | None

    @property
    def size(self) -> float:
        """Largest size of V; 1 if none is shown."""
        if self.V is None or not np.isfinite(self.V).any():
            return 1.0
        return float(np.abs(self.V[np.isfinite(self.V)]).max()) or 1.0

    @property
    def error(self) -> float:
        """Relative error of the numbers that the critical inputs tell."""
        rounding = self.data.rounding
        return max(20 * rounding, 2e-14) if rounding > 1e-12 else 4e-15


@dataclass(frozen=True, eq=False)
class Candidate:
    """A neuron with what it makes of the validation drive.

    Attributes
    ----------
    neuron : SteppedNeuron
        In the layer's own input, and in the unit of V if that is shown.
    wrong : int
        Spikes that it lacks or has too many.
    V_error : float
        Largest error of V; 0 if none is shown.
    moment : {"after reset", "before reset", "none"}
        With ", a step late" behind it if V is that of the step before.
    V_share : float
        Share of V that it has too.
    """

    neuron: SteppedNeuron
    wrong: int
    V_error: float = 0.0
    moment: VShown = "none"
    V_share: float = 0.0

    @property
    def late(self) -> bool:
        """True if V is that of the step before."""
        return self.moment.endswith("late")


def judged(trial: Trial, neuron: SteppedNeuron) -> Candidate:
    """A neuron of the probes, in the unit of V that is shown, beside the layer."""
    layer = trial.data.layer
    with np.errstate(all="ignore"):
        wrong = int(np.abs(step(neuron, trial.x).spikes - trial.spikes).sum())
        V = trial.V
        shown = None if V is None else in_shown_unit(neuron, trial.x, trial.spikes, V)
    if shown is None:
        lost = 0.0 if trial.V is None else np.inf
        return Candidate(unturned(neuron, layer.sign, layer.shift), wrong, lost)
    return Candidate(
        unturned(shown.neuron, layer.sign, layer.shift), wrong, shown.error, shown.moment
    )


def proved(trial: Trial, n: SteppedNeuron, moment: VShown) -> Candidate:
    """A neuron in the layer's own input and unit, beside the layer."""
    layer = trial.data.layer
    with np.errstate(all="ignore"):
        mine = step(n, layer.sign * trial.x + layer.shift)
        wrong = int(np.abs(mine.spikes - trial.spikes).sum())
        if trial.V is None:
            return Candidate(n, wrong)
        off = np.abs(at_moment(mine, n, moment) - trial.V)
        off = off[np.isfinite(trial.V) | (trial.spikes == 0)]
    off = np.where(np.isfinite(off), off, np.inf)
    share = float((off <= 1e-5 * trial.size).mean())
    return Candidate(n, wrong, float(off.max()), moment, share)


def rank(trial: Trial, c: Candidate) -> tuple[float, ...]:
    """Order of candidates: spikes, V, quirks, and digits of the reset."""
    n = c.neuron
    size = 50 * trial.error * abs(n.threshold)
    written = [n.reset_to] + ([] if n.adaptation is None else [n.adaptation.jump])
    round_off = sum(min(digits(tidied(value, size)), 7) for value in written)
    return (
        1000 * c.wrong // max(int(trial.spikes.sum()), 1),
        _coarse(trial, c),
        complexity(n) + 2.0 * c.late + 0.55 * round_off,
    )


def _coarse(trial: Trial, c: Candidate) -> int:
    """Error of V in steps of two powers of ten; 0 for what rounding does."""
    with np.errstate(all="ignore"):
        power = np.log10(min(c.V_error / trial.size, 1e9) + 1e-9)
    return max(int(power + 7) // 2, 0) if np.isfinite(power) else 99


def finished(trial: Trial, best: Candidate) -> tuple[Candidate, bool]:
    """A candidate with tidy numbers and its format; True if ``>`` or ``>=`` is certain."""
    error, data = trial.error, trial.data
    raw = [best.neuron]
    if trial.V is None:
        # Few bits: what is written down lies nearer than the errors that add up.
        few = [0.1 * data.rounding, 0.4 * data.rounding] if data.rounding > 1e-4 else []
        neat = [likeliest_unit(raw[0], e) for e in (error, 50 * error, *few)]
    else:
        if data.rounding > 1e-12:
            x = data.layer.sign * trial.x + data.layer.shift
            raw.append(refitted(raw[0], x, trial.spikes, trial.V, best.moment))
        neat = [tidy(n, e) for n in raw for e in (error, 30 * error, 1000 * error)]
    form = float_format(data, trial.V)
    trials = []
    for n in dict.fromkeys([*neat, *raw]):
        for f in dict.fromkeys([form, FLOAT64]):
            now, right = with_equality(data, replace(n, number_format=f))
            c = proved(trial, now, best.moment)
            order = (c.wrong, _coarse(trial, c), -right, length(now), c.V_error)
            trials.append((order, c, right > 0))
    _, found, sure = min(trials, key=lambda t: t[0])
    if trial.V is not None and data.rounding > 1e-12:
        found = _shorter(trial, found)
    if not sure and trial.V is not None:
        at = equality_in_V(data, found.neuron)
        if at is not None:
            at_or_above = replace(found.neuron, fires_at_threshold=at)
            return proved(trial, at_or_above, found.moment), True
    return found, sure


def _shorter(trial: Trial, found: Candidate) -> Candidate:
    """The same candidate with each number as short as V allows that is shown."""
    n, names = found.neuron, ["threshold", "reset_to", "gain", "bias", "decay", "start"]
    if n.bias and 0 < n.decay < 1:
        rest = n.bias / (1 - n.decay)
        short = tidied(rest, 100 * trial.error * abs(n.threshold))
        now = proved(trial, replace(n, bias=short * (1 - n.decay)), found.moment)
        if now.wrong <= found.wrong and now.V_error <= 1.2 * found.V_error + 1e-6 * trial.size:
            found, names = now, ["threshold", "reset_to", "gain", "start"]
    for name in (*names, *_parts(found.neuron)):
        value = _value(found.neuron, name)
        unit = value if name == "gain" or "decay" in name else found.neuron.threshold
        for close in (3000, 100, 3):
            error = close * trial.error * abs(unit)
            if "decay" in name:
                error *= 1 - value if value < 1 else 0.0
            short = tidied(value, error)
            if digits(short) >= digits(value):
                break
            trying = with_parameters(found.neuron, {name: short})
            now = proved(trial, trying, found.moment)
            slack = 1e-6 * trial.size
            near = now.V_error <= 1.2 * found.V_error + slack and now.V_share >= found.V_share
            if now.wrong <= found.wrong and near:
                found = now
                break
    return found


def _parts(neuron: SteppedNeuron) -> list[str]:
    """Names of the numbers of a synapse and an adaptation."""
    return [name for name in parameters(neuron) if "." in name]


def _value(neuron: SteppedNeuron, name: str) -> float:
    found: Any = neuron
    for part in name.split("."):
        found = getattr(found, part)
    return float(found)
