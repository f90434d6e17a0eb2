"""Trials: a neuron stepped on the input of a recording, beside its V and spikes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.display import complexity
from bio_scnn.crossval.identify.flow import Recorded
from bio_scnn.crossval.identify.formats import FixedPoint, FloatingPoint, FloatName
from bio_scnn.crossval.identify.identification import VShown
from bio_scnn.crossval.identify.numbers import simplest
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step

Values = NDArray[np.float64]

CLOSE = 1e-5
"""Difference of V, relative to the largest V, up to which it counts as explained."""

LATE = ", a step late"
A_STEP_LATE: dict[VShown, VShown] = {
    "after reset": "after reset, a step late",
    "before reset": "before reset, a step late",
}
"""V one step later than in the step that it is of."""


@dataclass(frozen=True)
class Trial:
    """Neuron stepped on the recording's input, and how far off it is.

    Attributes
    ----------
    neuron : SteppedNeuron
    where : {"after reset", "before reset", "none"}
        With ", a step late" behind it if V is that of the step before.
    wrong : int
        Spikes lacking or too many.
    error : float
        Largest error of V.
    explained : float
        Share of V within `CLOSE`.
    threshold : (float, float)
        Bounds of the threshold.
    noise : float
        Standard deviation of white noise in the V that is shown; 0 if there is none.
    """

    neuron: SteppedNeuron
    where: VShown
    wrong: int
    error: float
    explained: float
    threshold: tuple[float, float] = (np.nan, np.nan)
    noise: float = 0.0

    def rank(self, scale: float) -> tuple[float, ...]:
        """Spikes, share of V, error of V: equal for trials that explain the data equally."""
        error = round(np.log10(self.error / scale + 1e-9)) if self.error < np.inf else 99
        return (self.wrong, -round(self.explained, 3), error)

    def order(self, scale: float) -> tuple[float, ...]:
        """Sorts trials: those that explain more first, and of equal ones the simple."""
        form = self.neuron.number_format
        quirks = complexity(self.neuron) + 2.0 * self.where.endswith(LATE)
        if isinstance(form, FixedPoint):
            quirks += (form.word is not None) + 0.1 * (not form.dead_zone)
        return (*self.rank(scale), quirks)


def v_shown(before: Values, after: Values, start: Values, where: str) -> Values:
    """V as it is shown, from V before and after the resets, and before the first step."""
    shown = before if where.startswith("before") else after
    if where.endswith(LATE):
        shown = np.concatenate([start[np.newaxis], shown[:-1]])
    return shown


def compared(data: Recorded, neuron: SteppedNeuron, where: VShown, noise: float = 0.0) -> Trial:
    """Neuron stepped on the recording's input, beside its V, with its noise, and spikes."""
    with np.errstate(over="ignore", invalid="ignore"):
        run = step(neuron, data.x)
    wrong = 0 if data.spikes is None else int(np.abs(run.spikes - data.spikes).sum())
    if data.V is None:
        return Trial(neuron, "none", wrong, 0.0, 1.0)
    start = np.full(data.x.shape[1], float(neuron.start))
    error = np.abs(v_shown(run.V_before, run.V, start, where) - data.V)
    error = np.where(np.isfinite(error), error, np.inf)
    slack = max(_slack(data, neuron), _largest(data.V.size) * noise)
    explained = float((error <= slack).mean())
    return Trial(neuron, where, wrong, float(error.max()), explained, noise=noise)


def _largest(draws: int) -> float:
    """Size that one of so many standard normal draws hardly ever exceeds (once in 1,000 runs)."""
    return float(np.sqrt(2 * np.log(1e3 * draws)))


def _slack(data: Recorded, neuron: SteppedNeuron) -> float:
    """Error of V up to which it counts as explained."""
    if isinstance(neuron.number_format, FixedPoint):
        return 1e-6 * neuron.number_format.unit
    return max(CLOSE * data.scale, data.rounding)


def with_round_threshold(data: Recorded, trial: Trial) -> Trial:
    """The same trial with the roundest threshold that makes the same spikes.

    Where a spike is reported late, V that made it is known from the neuron alone.
    """
    n, known = trial.neuron, np.isfinite(trial.threshold).all()
    grid = n.crossing == "grid" and n.tested == "new" and n.adaptation is None
    exact = trial.wrong == 0 and trial.explained == 1.0
    usual = not (n.subtracts or n.several or isinstance(n.number_format, FixedPoint))
    if not (exact and grid and usual) or (known and trial.threshold[0] < trial.threshold[1]):
        return trial
    run = step(replace(n, spike_delay=0), data.x)
    fired = run.spikes > 0
    free = (run.margin > -np.inf) & ~fired
    if not fired.any() or not free.any():
        return trial
    low, high = float(run.V_before[free].max()), float(run.V_before[fired].min())
    if not low < high:
        return trial
    short = replace(n, threshold=simplest(low, high), fires_at_threshold=True)
    again = replace(compared(data, short, trial.where, trial.noise), threshold=(low, high))
    return again if again.rank(data.scale) <= trial.rank(data.scale) else trial


def started(data: Recorded, neuron: SteppedNeuron, tolerance: float) -> SteppedNeuron:
    """The same neuron, with V before the first step so that it has V after it."""
    assert data.V is not None
    first = compared_first(data, neuron)
    if first <= 4 * tolerance or data.fired()[0].any() or neuron.decay == 0:
        return neuron
    drive = step(replace(neuron, threshold=np.inf), data.x[:1]).drive[0]
    start = float(np.median((data.V[0] - drive) / neuron.decay))
    form = neuron.number_format
    if isinstance(form, FixedPoint):
        start = float(np.rint(start / form.unit) * form.unit)
    return replace(neuron, start=simplest(start - tolerance, start + tolerance))


def compared_first(data: Recorded, neuron: SteppedNeuron) -> float:
    """Error of V in the first step, of a neuron that starts at its `start`."""
    assert data.V is not None
    run = step(replace(neuron, threshold=np.inf), data.x[:1])
    return float(np.abs(run.V - data.V[:1]).max())


def polished(data: Recorded, trial: Trial) -> Trial:
    """The same trial with rounder numbers and the format of its numbers, if no worse."""
    bounds = trial.threshold
    best = trial if np.isfinite(trial.error) else compared(data, trial.neuron, trial.where)
    form = trial.neuron.number_format
    if isinstance(form, FixedPoint) or (form.name != "float64" and not best.error):
        return replace(best, threshold=bounds)
    names: list[FloatName] = ["float64"]
    assert data.V is not None
    if np.array_equal(data.V, data.V.astype(np.float32)):
        names += ["float32", "bfloat16"]
    for close in (3e-3, 3e-4, 3e-5, 3e-6, 3e-7, 3e-8):
        rounder = _rounder(trial.neuron, close)
        for name in names:
            rounded = replace(rounder, number_format=FloatingPoint(name))
            now = compared(data, rounded, trial.where)
            gain = 0.5 if FloatingPoint(name) != best.neuron.number_format else 1.0
            near = now.error <= gain * best.error + 1e-12 * data.scale
            if now.wrong <= best.wrong and (near or now.error <= data.rounding):
                best = now
        if best.neuron.decay == rounder.decay and best.wrong == 0:
            break
    return replace(best, threshold=bounds)


def _rounder(neuron: SteppedNeuron, close: float) -> SteppedNeuron:
    """The same neuron with the numbers of fewest digits within a relative distance."""
    changed: dict[str, Any] = {}
    unit = max(abs(neuron.threshold) if np.isfinite(neuron.threshold) else 0, abs(neuron.gain))
    for name in ("decay", "gain", "bias", "reset_to", "start"):
        value = getattr(neuron, name)
        room = close * (unit if name in ("bias", "reset_to", "start") else abs(value))
        if name == "decay":
            room = close * (1 - value) if 0 < value < 1 - 1e-9 else close * value
        changed[name] = simplest(value - room, value + room)
    if neuron.subtracts and np.isclose(neuron.threshold, -neuron.reset_to, rtol=close):
        changed["threshold"] = -changed["reset_to"]
    return replace(neuron, **changed)
