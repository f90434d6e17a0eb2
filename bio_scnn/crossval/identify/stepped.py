"""The stepped neuron: any layer's neuron as code writes it, ``V <- decay V + gain x + bias``.

It has no time constant and no time step. `readings` tells what it is in terms of eq. 1; here it is
what a program does from one step to the next, each quirk a field. Every identification ends in one
of these, and whatever is claimed of a layer is shown by stepping it beside the layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.crossval.identify.cleared_steps import cleared_steps
from bio_scnn.crossval.identify.constants import with_clear_ties, with_constants_rounded
from bio_scnn.crossval.identify.currents import InputShape, Synapse, shaped, shifted, through
from bio_scnn.crossval.identify.formats import FLOAT64, FixedPoint, FloatingPoint, NumberFormat
from bio_scnn.crossval.identify.plain_steps import is_plain, plain_steps
from bio_scnn.crossval.identify.reset import fired, reset
from bio_scnn.crossval.identify.within_step import run_within_steps

WhileRefractory = Literal["held", "leaks", "integrates"]
ResetMoment = Literal["same-step", "next-step", "after-update"]
AdaptsOn = Literal["current", "threshold"]
Subtracted = Literal["no", "tested", "raised"]


@dataclass(frozen=True)
class Adaptation:
    """Adaptation: ``w <- decay w``, and ``w += jump`` at each spike.

    Attributes
    ----------
    decay : float
        What is left of w after a step.
    jump : float
        What a spike adds, in units of V.
    on : {"current", "threshold"}
        w is subtracted from the drive of V, or added to the threshold.
    subtracted : {"no", "tested", "raised"}
        What the reset takes off besides: nothing; w as it was when V was tested, so that the
        whole adapted threshold is subtracted; or w as it is after the jump.
    """

    decay: float
    jump: float
    on: AdaptsOn = "current"
    subtracted: Subtracted = "no"


@dataclass(frozen=True)
class SteppedNeuron:
    """A neuron as a program steps it; the defaults are ``V <- 0.9 V + x``, reset to 0 at 1.

    A step: the input, through its delay and the synapse; the update of V; the threshold; the
    reset.

    Attributes
    ----------
    decay, gain, bias : float
        Of ``V <- decay V + gain x + bias``.
    leak : float
        Linear leak: V moves towards 0 by this much a step, and not past it.
    threshold : float
    fires_at_threshold : bool
        ``V >= threshold``, or ``V > threshold``.
    reset_keep, reset_to : float
        A spike makes ``V <- reset_keep V + reset_to``: (0, V_reset) is the reset to a value,
        (1, -threshold) the subtraction, anything between a partial reset.
    reset_when : {"same-step", "next-step", "after-update"}
        In the step of the spike; at the beginning of the next; or at the end of the next update,
        in place of the update's result or on top of it.
    tested : {"new", "old", "reduced"}
        The threshold is tested on V after the update of the step; before it; or after it, less
        what a reset subtracts where V had stayed above the threshold in spite of its last reset.
    crossing : {"grid", "within-step"}
        Spikes at the ends of steps; or at the moment within a step at which V crosses, from where
        it goes on from the reset, with the drive held over the step. `refractory` is a time then,
        and need not be whole; V is reset to a value, and bounded from below at most; an
        adaptation is one of the current.
    refractory : int, steps
        Steps after the one of a spike in which it cannot fire.
    while_refractory : {"held", "leaks", "integrates"}
        V stays as it is; decays without input, to where its bias takes it; or goes on, and only
        the spikes are suppressed.
    start : float
        V before the first step.
    synapse : Synapse or None
    adaptation : Adaptation or None
    input_delay, spike_delay : int, steps
        By how much later the input acts, and the spike is reported, than in the same step.
    input_shape : {"as-given", "averaged", "rectified", "clipped"}
        Values as they come; the mean of this step's and the last one's; negative ones as 0;
        those outside [0, 1] as its bounds.
    dead_input : float
        Inputs of this size and smaller count as 0.
    dead_change : float
        Changes of V of this size and smaller are left out.
    input_low, input_high : float
        Bounds of the input: what lies beyond is taken as the bound.
    floor, ceiling : float
        Bounds of V after the update.
    several : bool
        Reports ``floor(V / threshold)`` spikes a step, and subtracts each.
    spike_size : float or None
        With `several`: one more spike for each so much of V above the threshold, if not for each
        threshold.
    most_spikes : float
        Bound of their number in a step.
    number_format : FixedPoint or FloatingPoint
    """

    decay: float = 0.9
    gain: float = 1.0
    bias: float = 0.0
    leak: float = 0.0
    threshold: float = 1.0
    fires_at_threshold: bool = True
    reset_keep: float = 0.0
    reset_to: float = 0.0
    reset_when: ResetMoment = "same-step"
    tested: Literal["new", "old", "reduced"] = "new"
    crossing: Literal["grid", "within-step"] = "grid"
    refractory: float = 0
    while_refractory: WhileRefractory = "held"
    start: float = 0.0
    synapse: Synapse | None = None
    adaptation: Adaptation | None = None
    input_delay: int = 0
    spike_delay: int = 0
    input_shape: InputShape = "as-given"
    dead_input: float = 0.0
    dead_change: float = 0.0
    input_low: float = -np.inf
    input_high: float = np.inf
    floor: float = -np.inf
    ceiling: float = np.inf
    several: bool = False
    spike_size: float | None = None
    most_spikes: float = np.inf
    number_format: NumberFormat = FLOAT64

    @property
    def subtracts(self) -> bool:
        """True if a spike subtracts from V instead of setting it."""
        return self.reset_keep == 1.0


@dataclass(frozen=True, eq=False)
class Stepped:
    """Spikes and V of a stepped neuron.

    Attributes
    ----------
    spikes : (steps, neurons) int array
        Spikes reported in each step.
    V, V_before : (steps, neurons) float64 array
        At the end of each step, after and before the reset.
    drive : (steps, neurons) float64 array
        What was added to V: ``gain x + bias``, or the synaptic current in place of x.
    margin : (steps, neurons) float64 array
        By how much the V that is tested lies above the threshold; minus infinity while a neuron
        is refractory.
    """

    spikes: NDArray[np.int64]
    V: NDArray[np.float64]
    V_before: NDArray[np.float64]
    drive: NDArray[np.float64]
    margin: NDArray[np.float64]


def step(neuron: SteppedNeuron, x: ArrayLike, rng: np.random.Generator | None = None) -> Stepped:
    """Run a stepped neuron.

    Parameters
    ----------
    neuron : SteppedNeuron
    x : (steps, neurons) array
        Input of each step.
    rng : numpy Generator, optional
        For stochastic rounding.

    Returns
    -------
    Stepped
    """
    form, x = neuron.number_format, np.asarray(x, dtype=np.float64)
    if isinstance(form, FloatingPoint) and form.name != "float64":
        x, neuron = form.product(x), with_constants_rounded(neuron, form)
    if isinstance(form, FixedPoint):
        x, neuron = form.taken(x), with_clear_ties(neuron, form)
    if neuron.input_low > -np.inf or neuron.input_high < np.inf:
        x = np.clip(x, neuron.input_low, neuron.input_high)
    if neuron.dead_input:
        x = np.where(np.abs(x) > neuron.dead_input, x, 0.0)
    x = shifted(shaped(x, neuron.input_shape), neuron.input_delay)
    if neuron.synapse is not None and neuron.synapse.cleared:
        counts, *rest = cleared_steps(neuron, x, rng)
        return Stepped(shifted(counts, neuron.spike_delay), *rest)
    drive = form.drive(neuron.gain * through(neuron.synapse, x, form))
    if neuron.bias:
        drive = drive + neuron.bias
        drive = drive if isinstance(form, FixedPoint) else form.total(drive)
    if neuron.crossing == "within-step":
        return _within_steps(neuron, drive)
    if is_plain(neuron):
        counts, V_end, unreset, margin = plain_steps(neuron, drive, rng)
        return Stepped(shifted(counts, neuron.spike_delay), V_end, unreset, drive, margin)
    V, left = np.full(x.shape[1], float(neuron.start)), np.zeros(x.shape[1])
    w, off = np.zeros_like(V), np.zeros_like(V)
    pending = np.zeros(V.shape, dtype=int)
    spikes = np.zeros(x.shape, dtype=np.int64)
    after, before, margin = np.empty(x.shape), np.empty(x.shape), np.empty(x.shape)
    late = neuron.reset_when != "same-step"
    # In fixed point what is subtracted later is part of the sum that the word bounds.
    in_sum = neuron.reset_when == "after-update" and neuron.subtracts
    in_sum = in_sum and isinstance(form, FixedPoint)
    for n, d in enumerate(drive):
        if neuron.reset_when == "next-step":
            V = reset(neuron, V, pending, off)
        threshold = neuron.threshold + (w if _moves_threshold(neuron) else 0.0)
        free = left == 0
        old = V
        d = d - (w if _takes_current(neuron) else 0.0)
        V = _updated(neuron, V, d + neuron.reset_to * pending if in_sum else d, free, rng)
        if neuron.reset_when == "after-update" and not in_sum:
            V = reset(neuron, V, pending, off)
        before[n] = V
        tested = old if neuron.tested == "old" else V
        if neuron.tested == "reduced":
            tested = V + neuron.reset_to * fired(neuron, old, threshold)
        now = fired(neuron, tested, threshold) * free
        margin[n] = np.where(free, tested - threshold, -np.inf)
        if neuron.adaptation is not None:
            old, w = w, neuron.adaptation.decay * w + neuron.adaptation.jump * now
            off = {"no": 0 * w, "tested": old, "raised": w}[neuron.adaptation.subtracted]
        if not late:
            V = reset(neuron, V, now, off)
        pending = now
        left = np.where(now > 0, neuron.refractory, np.maximum(left - 1, 0))
        spikes[n], after[n] = now, V
    return Stepped(shifted(spikes, neuron.spike_delay), after, before, drive, margin)


def _within_steps(neuron: SteppedNeuron, drive: NDArray[np.float64]) -> Stepped:
    """Run of a neuron whose spikes lie within steps."""
    where = (neuron.decay, neuron.threshold, neuron.reset_to, neuron.refractory, neuron.start)
    a = neuron.adaptation
    adapts = (0.0, 0.0) if a is None else (a.decay, a.jump)
    counts, V_end, unreset = run_within_steps(drive, *where, neuron.floor, adapts)
    spikes = shifted(counts, neuron.spike_delay)
    return Stepped(spikes, V_end, V_end, drive, unreset - neuron.threshold)


def _moves_threshold(neuron: SteppedNeuron) -> bool:
    return neuron.adaptation is not None and neuron.adaptation.on == "threshold"


def _takes_current(neuron: SteppedNeuron) -> bool:
    return neuron.adaptation is not None and neuron.adaptation.on == "current"


def _updated(
    neuron: SteppedNeuron,
    V: NDArray,
    drive: NDArray,
    free: NDArray[np.bool_],
    rng: np.random.Generator | None = None,
) -> NDArray[np.float64]:
    """V after the update of a step, before threshold and reset."""
    form = neuron.number_format
    decayed = form.decayed(neuron.decay, V, rng)
    if neuron.leak:
        decayed = np.sign(decayed) * np.maximum(np.abs(decayed) - neuron.leak, 0)
    joint = isinstance(form, FixedPoint) and form.joint
    new = form.total(form.product(neuron.decay * V + drive) if joint else decayed + drive)
    if neuron.dead_change:
        new = np.where(np.abs(new - V) > neuron.dead_change, new, V)
    if neuron.floor > -np.inf or neuron.ceiling < np.inf:
        new = np.clip(new, neuron.floor, neuron.ceiling)
    if neuron.while_refractory == "integrates" or free.all():
        return new
    if neuron.while_refractory == "leaks":
        return np.where(free, new, form.total(decayed + neuron.bias) if neuron.bias else decayed)
    return np.where(free, new, V)
