"""Recordings: the neuron that explains an input, V and spikes, without its source."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.crossval.identify.adapting import adapting
from bio_scnn.crossval.identify.events import with_events
from bio_scnn.crossval.identify.explained import MOST_ALTERNATIVES, summary
from bio_scnn.crossval.identify.flow import Flow, Recorded, flows, synaptic_flows
from bio_scnn.crossval.identify.formats import FixedPoint, FloatingPoint
from bio_scnn.crossval.identify.identification import Identification
from bio_scnn.crossval.identify.numbers import simplest, unit_of
from bio_scnn.crossval.identify.off_grid import off_grid
from bio_scnn.crossval.identify.quantised import quantised
from bio_scnn.crossval.identify.spikes_only import from_spikes
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step
from bio_scnn.errors import InputError

LONG, MOST_NEURONS = 2000, 8
"""Steps and neurons that a neuron is searched in; it is checked on all of them."""

CLOSE = 1e-5
"""Difference of V, relative to the largest V, up to which it counts as explained."""


@dataclass(frozen=True)
class Trial:
    """Neuron stepped on the recording's input, and how far off it is.

    Attributes
    ----------
    neuron : SteppedNeuron
    where : {"after reset", "before reset", "none"}
    wrong : int
        Spikes lacking or too many.
    error : float
        Largest error of V.
    explained : float
        Share of V within `CLOSE`.
    threshold : (float, float)
        Bounds of the threshold.
    """

    neuron: SteppedNeuron
    where: str
    wrong: int
    error: float
    explained: float
    threshold: tuple[float, float] = (np.nan, np.nan)

    def rank(self, scale: float) -> tuple[float, ...]:
        """Sorts trials: spikes, share of V, error of V, then simplicity."""
        error = round(np.log10(self.error / scale + 1e-9)) if self.error < np.inf else 99
        return (self.wrong, -round(self.explained, 3), error)


def identify_recording(
    input: ArrayLike,  # the word of the files
    V: ArrayLike | None = None,
    spikes: ArrayLike | None = None,
    *,
    dt_ms: float | None = None,
) -> Identification:
    """Neuron that explains a recording.

    Parameters
    ----------
    input : (steps,) or (steps, neurons) array
        Input of each step, in any unit.
    V : array of that shape, optional
        Membrane potential in any unit, at the end of each step.
    spikes : array of that shape, optional
        Spikes in each step. Without them the neuron is identified up to its threshold.
    dt_ms : float, optional, ms
        Time step; without it times are in steps.

    Returns
    -------
    Identification
        Its neuron has been stepped on the same input; the errors are those of that.

    Raises
    ------
    InputError
        If shapes differ, a value is not finite, or neither V nor spikes are given.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.tile([1.0, 0.0, 0.5], 20)
    >>> V, trace, spikes = 0.0, [], []
    >>> for now in x:
    ...     V = 0.75 * V + now
    ...     spikes.append(V >= 1.5)
    ...     V = 0.0 if spikes[-1] else V
    ...     trace.append(V)
    >>> found = identify_recording(x, trace, spikes)
    >>> found.neuron.decay, found.spikes_wrong
    (0.75, 0)
    """
    data = recorded(input, V, spikes)
    part = excerpt(data)
    if data.V is None:
        return from_spikes(part, data, dt_ms)
    if np.ptp(data.V) == 0 and data.fired().any():
        found = from_spikes(part, data, dt_ms)
        return replace(found, remarks=("V is constant, and tells nothing", *found.remarks))
    trials, tried = _trials(part)
    if part is not data:
        again = [compared(data, t.neuron, t.where) for t in trials[: 2 + MOST_ALTERNATIVES]]
        trials = [replace(a, threshold=t.threshold) for a, t in zip(again, trials, strict=False)]
        trials.sort(key=lambda t: t.rank(data.scale))
    return summary(data, trials, tried, dt_ms)


def excerpt(data: Recorded) -> Recorded:
    """Beginning of a long recording, with spikes in it, to search in; the rest only checks."""
    steps, columns = data.x.shape
    wide = slice(0, MOST_NEURONS)
    fired = np.flatnonzero(data.fired()[:, wide].any(axis=1))
    long = LONG if len(fired) < 8 else max(LONG, int(fired[7]) + 50)
    if steps <= long and columns <= MOST_NEURONS:
        return data
    return Recorded(
        data.x[:long, wide],
        None if data.V is None else data.V[:long, wide],
        None if data.spikes is None else data.spikes[:long, wide],
    )


def recorded(
    input: ArrayLike, V: ArrayLike | None = None, spikes: ArrayLike | None = None
) -> Recorded:
    """Recording as checked arrays ``(steps, neurons)``.

    Parameters, errors as in `identify_recording`.
    """
    x = _matrix(input, "input")
    if V is None and spikes is None:
        raise InputError("a recording needs V or spikes beside its input")
    given: dict[str, NDArray | None] = {"V": None, "spikes": None}
    for name, values in (("V", V), ("spikes", spikes)):
        if values is None:
            continue
        array = _matrix(values, name)
        if array.shape != x.shape:
            raise InputError(f"{name} is of shape {array.shape}, the input of {x.shape}")
        given[name] = array
    fired = given["spikes"]
    if fired is not None and (np.any(fired < 0) or np.any(fired != np.rint(fired))):
        raise InputError("spikes must be whole numbers, 0 or 1 in most steps; columns swapped?")
    if given["V"] is None and fired is not None and not fired.any():
        raise InputError("there are no spikes and no V: nothing tells what the neuron does")
    return Recorded(x, given["V"], None if fired is None else fired.astype(np.int64))


def _matrix(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.dtype == object or array.dtype.kind not in "biuf":
        raise InputError(f"{name} must hold real numbers, not {array.dtype}")
    array = array.astype(np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or len(array) < 3 or not array.shape[1]:
        raise InputError(f"{name} must be (steps,) or (steps, neurons), at least 3 steps")
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0]
        raise InputError(f"{name} is not finite in step {where[0]}")
    return array


def compared(data: Recorded, neuron: SteppedNeuron, where: str) -> Trial:
    """Neuron stepped on the recording's input, beside its V and spikes."""
    with np.errstate(over="ignore", invalid="ignore"):
        run = step(neuron, data.x)
    wrong = 0 if data.spikes is None else int(np.abs(run.spikes - data.spikes).sum())
    if data.V is None:
        return Trial(neuron, "none", wrong, 0.0, 1.0)
    shown = run.V_before if where == "before reset" else run.V
    error = np.abs(shown - data.V)
    error = np.where(np.isfinite(error), error, np.inf)
    slack = _slack(data, neuron)
    return Trial(neuron, where, wrong, float(error.max()), float((error <= slack).mean()))


def _slack(data: Recorded, neuron: SteppedNeuron) -> float:
    """Error of V up to which it counts as explained."""
    if isinstance(neuron.number_format, FixedPoint):
        return 1e-6 * neuron.number_format.unit
    return CLOSE * data.scale


def _trials(data: Recorded) -> tuple[list[Trial], list[Flow]]:
    """Neurons stepped beside the recording, best first, and the flows that were tried."""
    assert data.V is not None
    tried = flows(data)
    unit = unit_of(data.V)
    trials: list[Trial] = []

    def best() -> list[Trial]:
        return sorted(trials, key=lambda t: t.rank(data.scale))

    for flow in _different(tried)[:4]:
        trials += _of_flow(data, flow, unit)
        if _settled(best(), data):
            return best(), tried
    for neuron in adapting(data, tried) + off_grid(data, tried):
        trials += _of_neuron(data, neuron, 1e-7 * data.scale)
        if _settled(best(), data):
            break
    if not _settled(best(), data):
        behind = synaptic_flows(data)
        tried = tried + behind[:1]
        for flow in _different(behind)[:2]:
            trials += _of_flow(data, flow, unit)
            if _settled(best(), data):
                break
    return best(), tried


def _different(found: list[Flow]) -> list[Flow]:
    """Flows of different shapes, the best of each."""
    kinds: dict[tuple, Flow] = {}
    for f in found:
        n = f.neuron
        fresh = n.synapse and n.synapse.fresh
        kind = (n.input_delay, n.input_shape, bool(n.leak), n.bias != 0, fresh)
        kinds.setdefault(kind, f)
    return list(kinds.values())


def _settled(trials: list[Trial], data: Recorded) -> bool:
    return bool(trials) and trials[0].wrong == 0 and trials[0].explained == 1.0


def _of_flow(data: Recorded, flow: Flow, unit: float | None) -> list[Trial]:
    """Trials of one flow: in fixed point where V is quantised, and in floating point."""
    trials: list[Trial] = []
    if unit is not None:
        for neuron in quantised(data, flow, unit):
            trials += _of_neuron(data, neuron, unit / 1e4)
        if trials and min(t.wrong for t in trials) == 0:
            return trials
    tolerance = max(3 * flow.residual, 1e-9 * data.scale)
    return trials + _of_neuron(data, flow.neuron, tolerance)


def _of_neuron(data: Recorded, neuron: SteppedNeuron, tolerance: float) -> list[Trial]:
    """Trials of one flow with each reset, threshold and refractory period that agree with V."""
    neuron = started(data, neuron, tolerance)
    if not data.fired().any():
        return [
            _polished(data, Trial(replace(neuron, threshold=np.inf), "after reset", 0, np.inf, 0))
        ]
    if neuron.crossing == "within-step":
        return [compared(data, neuron, "after reset")]
    shown = with_events(data, neuron, tolerance)
    if not shown:
        return []
    least = shown[0].misfit
    trials = []
    for s in [s for s in shown if s.misfit <= least + 0.25][:5]:
        raw = replace(compared(data, s.neuron, s.where), threshold=s.threshold)
        good = raw.wrong <= 0.1 * data.fired().sum() and raw.explained > 0.5
        trials.append(_polished(data, raw) if good else raw)
    return trials


def started(data: Recorded, neuron: SteppedNeuron, tolerance: float) -> SteppedNeuron:
    """The same neuron, with V before the first step so that it has V after it."""
    assert data.V is not None
    first = compared_first(data, neuron)
    if first <= 4 * tolerance or data.fired()[0].any() or neuron.decay == 0:
        return neuron
    drive = step(replace(neuron, threshold=np.inf), data.x[:1]).drive[0]
    start = float(np.median((data.V[0] - drive) / neuron.decay))
    return replace(neuron, start=simplest(start - tolerance, start + tolerance))


def compared_first(data: Recorded, neuron: SteppedNeuron) -> float:
    """Error of V in the first step, of a neuron that starts at its `start`."""
    assert data.V is not None
    run = step(replace(neuron, threshold=np.inf), data.x[:1])
    return float(np.abs(run.V - data.V[:1]).max())


def _polished(data: Recorded, trial: Trial) -> Trial:
    """The same trial with rounder numbers and the format of its numbers, if no worse."""
    bounds = trial.threshold
    best = trial if np.isfinite(trial.error) else compared(data, trial.neuron, trial.where)
    if isinstance(trial.neuron.number_format, FixedPoint):
        return replace(best, threshold=bounds)
    names = ["float64"]
    assert data.V is not None
    if np.array_equal(data.V, data.V.astype(np.float32)):
        names += ["float32", "bfloat16"]
    for close in (3e-3, 3e-4, 3e-5, 3e-6, 3e-7, 3e-8):
        rounder = _rounder(trial.neuron, close)
        for name in names:
            form = FloatingPoint(name)  # type: ignore[arg-type]
            now = compared(data, replace(rounder, number_format=form), trial.where)
            gain = 0.5 if name != best.neuron.number_format.name else 1.0  # type: ignore[union-attr]
            if now.wrong <= best.wrong and now.error <= gain * best.error + 1e-12 * data.scale:
                best = now
        if best.neuron.decay == rounder.decay and best.wrong == 0:
            break
    return replace(best, threshold=bounds)


def _rounder(neuron: SteppedNeuron, close: float) -> SteppedNeuron:
    """The same neuron with the numbers of fewest digits within a relative distance."""
    changed = {}
    unit = max(abs(neuron.threshold) if np.isfinite(neuron.threshold) else 0, abs(neuron.gain))
    for name in ("decay", "gain", "bias", "reset_to", "start"):
        value = getattr(neuron, name)
        room = close * (unit if name in ("bias", "reset_to", "start") else abs(value))
        if name == "decay":
            room = close * (1 - value) if 0 < value < 1 else close * value
        changed[name] = simplest(value - room, value + room)
    if neuron.subtracts and np.isclose(neuron.threshold, -neuron.reset_to, rtol=close):
        changed["threshold"] = -changed["reset_to"]
    return replace(neuron, **changed)
