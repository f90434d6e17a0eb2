"""LIF neurons with one deliberate error each, to measure what a conformance suite finds.

Every class of `BROKEN` declares what an author who does not know of the error would declare. The
first sentence of its docstring is the error; `truth` are the codes of causes that state it
correctly. `GOOD` are correct neurons of different style.

Numbers such as "snnTorch #416" are issues and pull requests of the project in question, where the
error, or one very much like it, was reported.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.protocol import Adapter, CannotRepresent, Capabilities, Setup
from bio_scnn.neuron.trace import Trace

OTHERS = ("neurons.coupled", "neurons.position")


def whole_steps(t_ref_ms: float, dt_ms: float) -> int:
    """The refractory period in steps."""
    steps = round(t_ref_ms / dt_ms)
    if abs(steps * dt_ms - t_ref_ms) > 1e-9 * dt_ms:
        raise CannotRepresent(f"t_ref = {t_ref_ms:g} ms is not a whole number of {dt_ms:g} ms")
    return steps


# Correct neurons


class GridNeuron(Adapter):
    """The exact exponential, and a countdown of refractory steps, in float64.

    Its parts are methods so that a broken neuron can differ in one of them.
    """

    name = "grid neuron"
    works_in: str | None = None  # a type other than the one asked for
    truth: tuple[str, ...] = ()

    def build(self, setup: Setup) -> None:
        self.setup = setup
        self.dtype = np.dtype(self.works_in or setup.dtype)
        self.decay, self.gain = self.coefficients()
        self.clamp = self.refractory_steps(setup.params.t_ref_ms, setup.dt_ms)
        self.start()

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        return math.exp(-x), -p.R * math.expm1(-x)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return whole_steps(t_ref_ms, dt_ms)

    def start(self) -> None:
        neurons = self.setup.neurons
        self.V = np.full(neurons, self.setup.params.V_reset, self.dtype)
        self.left = np.zeros(neurons, int)  # refractory steps still to come

    def reset(self) -> None:
        self.start()

    def run(self, current: NDArray[np.float64]) -> Trace:
        raster = np.zeros(current.shape, int)
        membrane = np.empty(current.shape, self.dtype)
        # Inf and NaN in a current are the caller's business and stay in their neuron.
        with np.errstate(invalid="ignore", over="ignore"):
            for n, I in enumerate(self.seen(current).astype(self.dtype)):  # noqa: E741 - as in eq. 1
                raster[n] = self.step(I)
                membrane[n] = self.recorded()
        return self.trace(raster, membrane)

    def seen(self, current: NDArray) -> NDArray:
        return current

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        free = self.left == 0
        self.left[~free] -= 1
        self.V[free] = self.advanced(I)[free]
        fired = free & self.crosses()
        self.peak = self.V.copy()
        self.restart(fired)
        self.left[fired] = self.clamp
        return fired

    def advanced(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        return self.decay * self.V + self.gain * I

    def crosses(self) -> NDArray:
        return self.V >= self.setup.params.V_th

    def restart(self, fired: NDArray) -> None:
        self.V[fired] = self.setup.params.V_reset

    def recorded(self) -> NDArray:
        return self.V

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        return Trace.from_raster(raster, self.setup.dt_ms, membrane)


class Float32Neuron(Adapter):
    """Single precision throughout, and honest about it; relaxes V towards its asymptote."""

    name = "float32 neuron"
    capabilities = Capabilities(dtypes=("float32",))
    truth: tuple[str, ...] = ()

    def build(self, setup: Setup) -> None:
        self.setup = setup
        p = setup.params
        self.k = np.float32(-np.expm1(-setup.dt_ms / p.tau_ms))
        self.pause = whole_steps(p.t_ref_ms, setup.dt_ms)
        self.reset()

    def reset(self) -> None:
        self.now = 0
        self.V = np.full(self.setup.neurons, self.setup.params.V_reset, np.float32)
        self.released = np.zeros(self.setup.neurons, int)  # first step it may move in

    def run(self, current: NDArray[np.float64]) -> Trace:
        p = self.setup.params
        spikes, membrane = [], []
        with np.errstate(invalid="ignore", over="ignore"):
            for V_inf in (p.R * current).astype(np.float32):
                moves = self.now >= self.released
                self.V = np.where(moves, self.V + self.k * (V_inf - self.V), self.V)
                fired = moves & (self.V >= np.float32(p.V_th))
                self.V = np.where(fired, np.float32(p.V_reset), self.V)
                self.now += 1
                self.released[fired] = self.now + self.pause
                spikes.append(fired)
                membrane.append(self.V)
        return Trace.from_raster(spikes, self.setup.dt_ms, membrane)


class NoRefractoryNeuron(Adapter):
    """No refractory period; dates spikes to the start of the step and shows V before the reset."""

    name = "neuron without refractory period"
    capabilities = Capabilities(refractory="none", spike_label="start", membrane="before reset")
    truth: tuple[str, ...] = ()

    def build(self, setup: Setup) -> None:
        if setup.params.t_ref_ms:
            raise CannotRepresent("no refractory period")
        self.setup = setup
        self.reset()

    def reset(self) -> None:
        self.V = np.full(self.setup.neurons, self.setup.params.V_reset)

    def run(self, current: NDArray[np.float64]) -> Trace:
        p = self.setup.params
        beta = np.exp(-self.setup.dt_ms / p.tau_ms)
        membrane = np.empty(current.shape)
        with np.errstate(invalid="ignore"):
            for n, x in enumerate((1 - beta) * p.R * current):
                membrane[n] = beta * self.V + x
                self.V = np.where(membrane[n] >= p.V_th, p.V_reset, membrane[n])
        return Trace.from_raster(membrane >= p.V_th, self.setup.dt_ms, membrane, label="start")


# Integrator


class ForwardEuler(GridNeuron):
    """Forward Euler instead of the exponential.

    The usual layer of a deep-learning framework.
    """

    name = "forward Euler"
    truth = ("update.forward-euler",)

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        return 1 - x, p.R * x


class SpikesOnlyEuler(ForwardEuler):
    """Forward Euler instead of the exponential, in a layer that returns nothing but spikes."""

    name = "spikes only"
    capabilities = Capabilities(membrane="none")

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        return Trace.from_raster(raster, self.setup.dt_ms)


class BackwardEuler(GridNeuron):
    """Backward Euler instead of the exponential.

    NEURON's default.
    """

    name = "backward Euler"
    truth = ("update.backward-euler",)

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        return 1 / (1 + x), p.R * x / (1 + x)


class CrankNicolson(GridNeuron):
    """Crank-Nicolson instead of the exponential.

    NEURON with ``secondorder = 1``; V is off by some 1e-6 at dt = 0.1 ms.
    """

    name = "Crank-Nicolson"
    truth = ("update.crank-nicolson",)

    def coefficients(self) -> tuple[float, float]:
        p, half = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms / 2
        return (1 - half) / (1 + half), 2 * p.R * half / (1 + half)


class EulerDecayExactGain(GridNeuron):
    """Gain mismatch: decay 1 - dt/tau, but an input gain of 1 - exp(-dt/tau)."""

    name = "Euler decay, exact gain"
    truth = ("update.euler-decay-exact-gain",)

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        return 1 - x, -p.R * math.expm1(-x)


class ExactDecayEulerGain(GridNeuron):
    """Gain mismatch: decay exp(-dt/tau), but an input gain of dt/tau."""

    name = "exact decay, Euler gain"
    truth = ("update.exact-decay-euler-gain",)

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        return math.exp(-x), p.R * x


class LeakMissing(GridNeuron):
    """No leak: V integrates the input and decays not at all.

    An integrate-and-fire neuron, decay factor 1, where the leaky one was meant.
    """

    name = "beta 1"
    truth = ("update.no-leak-exact-gain",)

    def coefficients(self) -> tuple[float, float]:
        return 1.0, super().coefficients()[1]


class NoMemory(GridNeuron):
    """No memory: V is RI of the same step, whatever it was before.

    A neuron imported with the decay factor 0; snnTorch #416, #452.
    """

    name = "beta 0"
    truth = ("update.no-memory",)

    def coefficients(self) -> tuple[float, float]:
        return 0.0, self.setup.params.R


# Parameters and units


class _WrongTau(GridNeuron):
    def tau_ms(self) -> float:
        raise NotImplementedError  # each subclass has its own

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.tau_ms()
        return math.exp(-x), -p.R * math.expm1(-x)


class TauSecondsAsMs(_WrongTau):
    """Tau is 1000 times too short: its value in seconds is taken as milliseconds."""

    name = "tau in s read as ms"
    truth = ("update.tau-1000-times-short",)

    def tau_ms(self) -> float:
        return self.setup.params.tau_ms / 1e3


class TauMsAsSeconds(_WrongTau):
    """Tau is 1000 times too long: its value in milliseconds is taken as seconds."""

    name = "tau in ms read as s"
    truth = ("update.tau-1000-times-long",)

    def tau_ms(self) -> float:
        return self.setup.params.tau_ms * 1e3


class TauFromC(_WrongTau):
    """C is taken for tau: the membrane is too slow by a factor of 2 (80 ms)."""

    name = "C for tau"
    truth = ("update.C-for-tau",)

    def tau_ms(self) -> float:
        return self.setup.params.C_ms


class TauTimesDt(_WrongTau):
    """Tau was multiplied by dt (in seconds) on export, so that dt drops out: exp(-1/tau).

    norse #411.
    """

    name = "exported tau * dt"
    truth = ("update.tau-times-dt",)

    def tau_ms(self) -> float:
        return self.setup.params.tau_ms * self.setup.dt_ms * 1e-3


class _FixedDt(GridNeuron):
    fixed_ms: float

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.fixed_ms / self.setup.params.tau_ms
        return math.exp(-x), -p.R * math.expm1(-x)


class DtFixedAtTenthMs(_FixedDt):
    """The membrane uses a hard-coded dt of 0.1 ms whatever the time step is.

    snnTorch's NIR import, 1e-4 s.
    """

    name = "dt 1e-4"
    fixed_ms = 0.1
    truth = ("update.dt-0.1-ms",)


class DtFixedAtOneMs(_FixedDt):
    """The membrane uses a hard-coded dt of 1 ms whatever the time step is."""

    name = "dt 1e-3"
    fixed_ms = 1.0
    truth = ("update.dt-1-ms",)


class CachedCoefficients(GridNeuron):
    """Decay and gain are cached: a layer built with another tau or dt keeps those of the first."""

    name = "cached coefficients"
    truth = ("ignored.dt", "ignored.tau-R")

    def coefficients(self) -> tuple[float, float]:
        if not hasattr(self, "decay"):
            self.decay, self.gain = super().coefficients()
        return self.decay, self.gain


class RIgnored(GridNeuron):
    """R is ignored: the input is I, not RI.

    norse's NIR import.
    """

    name = "R = 1"
    truth = ("update.R-ignored",)

    def coefficients(self) -> tuple[float, float]:
        decay, gain = super().coefficients()
        return decay, gain / self.setup.params.R


class InputScaledTwice(GridNeuron):
    """The input is scaled by dt/tau twice."""

    name = "input scaled twice"
    truth = ("update.input-scaled-twice",)

    def coefficients(self) -> tuple[float, float]:
        decay, gain = super().coefficients()
        return decay, gain * self.setup.dt_ms / self.setup.params.tau_ms


class InputUnscaled(GridNeuron):
    """The input is not scaled by the time step: RI is added to V at every step.

    The ``beta V + x`` of snnTorch's Leaky, fed with a current.
    """

    name = "input not scaled"
    truth = ("update.input-unscaled",)

    def coefficients(self) -> tuple[float, float]:
        return super().coefficients()[0], self.setup.params.R


class ThresholdHardCoded(GridNeuron):
    """The threshold is 1 whatever V_th is."""

    name = "threshold 1"
    truth = ("ignored.V_th",)

    def crosses(self) -> NDArray:
        return self.V >= 1.0


# Refractory period


class RefractoryOneShort(GridNeuron):
    """The refractory period is one step too short: t_ref - dt.

    The spike's own step is counted. BindsNET #137; a stock Brian2 script.
    """

    name = "t_ref - dt"
    truth = ("refractory.one-step-short",)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return max(whole_steps(t_ref_ms, dt_ms) - 1, 0)


class RefractoryOneLong(GridNeuron):
    """The refractory period is one step too long: t_ref + dt, and dt without one.

    The countdown is tested before it is decremented.
    """

    name = "t_ref + dt"
    truth = ("refractory.one-step-long",)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return whole_steps(t_ref_ms, dt_ms) + 1


class RefractoryIgnored(GridNeuron):
    """The refractory period is ignored: there is none."""

    name = "t_ref ignored"
    truth = ("refractory.none",)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return 0


class RefractoryCountedInMs(GridNeuron):
    """The refractory period is taken as a number of steps: right only if dt is 1 ms.

    1 ms at dt = 0.1 ms lasts one step, 0.1 ms.
    """

    name = "t_ref in steps of 1 ms"
    truth = ("refractory.counted-in-ms", "refractory.counted-in-ms-truncated")

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return int(t_ref_ms)


class RefractoryTruncated(GridNeuron):
    """int(t_ref/dt) truncates: a refractory period of 0.3 ms is 2 steps of 0.1 ms, not 3."""

    name = "int(t_ref / dt)"
    truth = ("refractory.truncated",)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return int(t_ref_ms / dt_ms)


class RefractoryClock(GridNeuron):
    """The refractory period is now and then one step off, by rounding of t - t_last > t_ref.

    Brian2 #943 and #949, fixed in 2.1.3; brainpy 2.8.
    """

    name = "t - t_last"
    truth = ("refractory.rounded-clock", "intervals.carried-over")

    def start(self) -> None:
        super().start()
        self.t = 0.0
        self.t_last = np.full(self.setup.neurons, -np.inf)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        self.t += self.setup.dt_ms
        free = self.t - self.t_last > self.setup.params.t_ref_ms
        self.V[free] = self.advanced(I)[free]
        fired = free & self.crosses()
        self.restart(fired)
        self.t_last[fired] = self.t
        return fired


class HiddenStep(GridNeuron):
    """A hidden refractory step after every spike of a neuron said to have no refractory period.

    snnTorch's Lapicque with the reset 'zero'.
    """

    name = "hidden step"
    capabilities = Capabilities(refractory="none")
    truth = ("refractory.hidden-step",)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return 1


class AtLeastOneStep(GridNeuron):
    """A refractory period of 0 acts as one step: it is never shorter than dt.

    Nengo #1427 is about the same range.
    """

    name = "max(1, steps)"
    truth = ("refractory.at-least-one-step",)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return max(whole_steps(t_ref_ms, dt_ms), 1)


class StartsRefractory(GridNeuron):
    """The neuron starts refractory, as if it had fired at t = 0."""

    name = "t_last = 0"
    truth = ("start.refractory",)

    def start(self) -> None:
        super().start()
        self.left[:] = self.clamp


class IntegratesWhileRefractory(GridNeuron):
    """V is not clamped during the refractory period: it integrates, only spikes are suppressed.

    Both readings of the term are in BindsNET #76.
    """

    name = "not clamped"
    truth = ("clamp.none",)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        self.V = self.advanced(I)
        fired = (self.left == 0) & self.crosses()
        self.left[self.left > 0] -= 1
        self.restart(fired)
        self.left[fired] = self.clamp
        return fired


class SharedCountdown(GridNeuron):
    """One refractory countdown is shared by the layer: a spike of any neuron stops them all.

    A static variable in a C port.
    """

    name = "static countdown"
    truth = OTHERS

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        fired = super().step(I)
        if fired.any():
            self.left[:] = self.clamp
            self.restart(np.ones_like(fired))
        return fired


# Threshold and reset


class StrictThreshold(GridNeuron):
    """V has to exceed the threshold: > instead of >=.

    snnTorch and norse.
    """

    name = ">"
    truth = ("threshold.exceeded",)

    def crosses(self) -> NDArray:
        return self.V > self.setup.params.V_th


class ThresholdOnPreviousV(GridNeuron):
    """The threshold is tested on the V of the step before: spikes come one step late.

    spyx 1.0.
    """

    name = "previous V"
    truth = ("late.test",)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        fired = (self.left == 0) & self.crosses()
        free = (self.left == 0) & ~fired
        self.left[self.left > 0] -= 1
        self.V[free] = self.advanced(I)[free]
        self.restart(fired)
        self.left[fired] = self.clamp
        return fired


class ThresholdNoise(GridNeuron):
    """The threshold is noisy: drawn anew at each step, from a seeded generator.

    A stochastic layer left in its training mode.
    """

    name = "escape noise"
    truth = ("intervals.noisy",)

    def start(self) -> None:
        super().start()
        self.rng = np.random.default_rng(self.setup.seed)

    def crosses(self) -> NDArray:
        noise = 0.02 * self.rng.standard_normal(self.V.shape)
        return self.V >= self.setup.params.V_th + noise


class UnseededJitter(GridNeuron):
    """Not deterministic: thresholds have 1 % jitter drawn from an unseeded generator."""

    name = "unseeded"
    truth = ("random.unseeded",)

    def start(self) -> None:
        super().start()
        rng = np.random.default_rng()
        self.jitter = 1 + 0.01 * rng.standard_normal(self.setup.neurons)

    def crosses(self) -> NDArray:
        return self.V >= self.setup.params.V_th * self.jitter


class Adaptation(GridNeuron):
    """Spike-frequency adaptation: each spike raises the threshold, which decays in 100 ms.

    An adaptive neuron (ALIF, DiehlAndCook) where the plain one was meant.
    """

    name = "adaptive threshold"
    truth = ("adaptation.threshold",)

    def start(self) -> None:
        super().start()
        self.theta = np.zeros(self.setup.neurons)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        self.theta *= math.exp(-self.setup.dt_ms / 100)
        fired = super().step(I)
        self.theta[fired] += 0.02
        return fired

    def crosses(self) -> NDArray:
        return self.V >= self.setup.params.V_th + self.theta


class DelayedReset(GridNeuron):
    """The reset is delayed: it comes one step after the spike.

    snnTorch's default ``reset_delay=True``; #364.
    """

    name = "delayed reset"
    truth = ("late.reset",)

    def start(self) -> None:
        super().start()
        self.pending = np.zeros(self.setup.neurons, bool)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        free = (self.left == 0) & ~self.pending
        self.left[self.left > 0] -= 1
        self.V[free] = self.advanced(I)[free]
        fired = free & self.crosses()
        self.restart(self.pending)
        self.left[self.pending] = self.clamp
        self.pending = fired
        return fired


class SubtractReset(GridNeuron):
    """Reset by subtraction of V_th - V_reset, declared as a reset to V_reset.

    The default of snnTorch, sinabs and rockpool; snnTorch #379.
    """

    name = "soft reset"
    truth = ("reset.subtract",)

    def restart(self, fired: NDArray) -> None:
        p = self.setup.params
        self.V[fired] -= p.V_th - p.V_reset


class ResetToZero(GridNeuron):
    """V is reset to 0 although V_reset is something else.

    A multiplication of V by 1 - spike; the NIR export in snnTorch #384 has no v_reset.
    """

    name = "reset to 0"
    truth = ("reset.zero",)

    def restart(self, fired: NDArray) -> None:
        self.V[fired] = 0.0


class ResetAddedEveryStep(GridNeuron):
    """V_reset is added to V at every step, not only at the reset.

    sinabs 3.1.3, ``MembraneReset(-0.5)``.
    """

    name = "V = V (1 - s) + V_reset"
    truth = ("offset.V_reset",)

    def advanced(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        return super().advanced(I) + self.setup.params.V_reset


class FloorAtZero(GridNeuron):
    """V is clamped at 0 from below.

    Nengo's default ``min_voltage=0``.
    """

    name = "min_voltage 0"
    truth = ("bounds.zero",)

    def advanced(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        return np.maximum(super().advanced(I), 0)


class MultipleSpikes(GridNeuron):
    """Several spikes per step: floor(V/V_th) of them at a strong current, refractory or not.

    The default of sinabs and rockpool.
    """

    name = "multi-spike"
    truth = ("spikes.several-per-step",)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        fired = super().step(I)
        p = self.setup.params
        spikes = np.floor((self.peak - p.V_reset) / (p.V_th - p.V_reset))
        return np.where(fired, np.minimum(spikes, 100), 0).astype(int)


# Input


class CurrentClipped(GridNeuron):
    """The current is clipped to [0, 1].

    An input that is taken to be a pixel.
    """

    name = "clip(I, 0, 1)"
    truth = ("input.clipped",)

    def seen(self, current: NDArray) -> NDArray:
        return np.clip(current, 0, 1)


class CurrentRectified(GridNeuron):
    """Negative currents are rectified to 0.

    A ReLU before the layer.
    """

    name = "relu(I)"
    truth = ("input.rectified",)

    def seen(self, current: NDArray) -> NDArray:
        return np.maximum(current, 0)


class InputDelayed(GridNeuron):
    """The input is delayed by one step."""

    name = "input one step late"
    truth = ("input.delayed",)

    def seen(self, current: NDArray) -> NDArray:
        return np.concatenate([np.zeros_like(current[:1]), current[:-1]])


class CurrentOfFirstStep(GridNeuron):
    """The current of the first step is used throughout: changes of the input are ignored.

    A layer that was written for still images.
    """

    name = "static input"
    truth = ("input.first",)

    def seen(self, current: NDArray) -> NDArray:
        return np.broadcast_to(current[:1], current.shape)


class InputAveraged(GridNeuron):
    """The input is averaged over two neighbouring steps, which takes variance from a noise."""

    name = "averaged input"
    truth = ("input.averaged",)

    def seen(self, current: NDArray) -> NDArray:
        return (current + np.concatenate([current[:1], current[:-1]])) / 2


class SqrtDtDeviation(GridNeuron):
    """Noise has a biased variance: the deviation of I from its mean is scaled by sqrt(dt), not dt.

    Euler-Maruyama applied to a noise that is coloured already.
    """

    name = "Euler-Maruyama"
    truth = ("input.variance-biased",)

    def seen(self, current: NDArray) -> NDArray:
        mean = current.mean(axis=0)
        return mean + (current - mean) / math.sqrt(self.setup.dt_ms)


# State, neurons next to each other, randomness


class ResetDoesNothing(GridNeuron):
    """State survives: reset() does nothing."""

    name = "empty reset"
    truth = ("state.reset",)

    def reset(self) -> None:
        """Nothing, and that is the error."""


class ResetKeepsCountdown(GridNeuron):
    """reset() is incomplete: it forgets the refractory countdown."""

    name = "reset of V only"
    truth = ("state.reset",)

    def reset(self) -> None:
        self.V[:] = self.setup.params.V_reset


class BuildKeepsV(GridNeuron):
    """State survives: build() keeps the V of a layer of the same size."""

    name = "buffer reused"
    truth = ("state.build",)

    def build(self, setup: Setup) -> None:
        old = getattr(self, "V", None)
        super().build(setup)
        if old is not None and len(old) == setup.neurons:
            self.V = old


class RandomInitialV(GridNeuron):
    """The initial V is random, between V_reset and V_th.

    Nengo's default.
    """

    name = "random V(0)"
    truth = ("start.random",)

    def start(self) -> None:
        super().start()
        p, rng = self.setup.params, np.random.default_rng(self.setup.seed)
        self.V[:] = rng.uniform(p.V_reset, p.V_th, self.setup.neurons)


class NeighbourReset(GridNeuron):
    """A spike also resets the next neuron: the slice of the reset is one too wide."""

    name = "wide slice"
    truth = OTHERS

    def restart(self, fired: NDArray) -> None:
        wide = fired.copy()
        wide[1:] |= fired[:-1]
        super().restart(wide)


class LateralInhibition(GridNeuron):
    """Neurons inhibit each other: a spike lowers V of the other neurons in the layer.

    A winner-take-all option left on.
    """

    name = "winner takes all"
    truth = OTHERS

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        fired = super().step(I)
        self.V[(self.left == 0) & ~fired] -= 0.05 * fired.mean()
        return fired


class VectorBody(GridNeuron):
    """Results depend on the number of neurons: blocks of eight use forward Euler, the rest exp.

    A vectorised loop with a faster function than its scalar remainder.
    """

    name = "SIMD body"
    truth = OTHERS

    def advanced(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        V = super().advanced(I)
        body = len(V) // 8 * 8
        V[:body] = (1 - x) * self.V[:body] + x * p.R * I[:body]
        return V


class PermutedSpikes(GridNeuron):
    """Spikes are reported for the wrong neurons in layers of more than 10.

    Neurons are sorted by their names, and "10" comes before "2".
    """

    name = "sorted names"
    truth = ("neurons.mixed-up",)

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        order = sorted(range(raster.shape[1]), key=str)
        return super().trace(raster[:, order], membrane)


class NaNSpreads(GridNeuron):
    """NaN in the current of one neuron spreads to all.

    A matrix product with the identity.
    """

    name = "identity weights"
    truth = ("input.non-finite-spreads",)

    def seen(self, current: NDArray) -> NDArray:
        return current + 0 * current.sum(axis=1, keepdims=True)


class LostSpikes(GridNeuron):
    """Spikes are lost if more than 16 neurons fire in a step: the event queue is full."""

    name = "event queue of 16"
    truth = OTHERS

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        reported = super().step(I)
        reported[np.flatnonzero(reported)[16:]] = False
        return reported


# What is reported, and in which precision


class LabelsStart(GridNeuron):
    """Spikes are dated to the start of the step, and declared to be at its end."""

    name = "label start"
    truth = ("label.early",)

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        return Trace.from_raster(raster, self.setup.dt_ms, membrane, label="start")


class LabelsEnd(GridNeuron):
    """Spikes are dated to the end of the step, and declared to be at its start."""

    name = "label end"
    capabilities = Capabilities(spike_label="start")
    # Spikes alone cannot tell a late label from a late input.
    truth = ("label.late", "input.delayed")


class ShowsVBeforeReset(GridNeuron):
    """V is recorded before the reset, and declared to be after it."""

    name = "V before reset"
    truth = ("membrane.shown-before-reset",)

    def recorded(self) -> NDArray:
        return self.peak


class Float32Times(GridNeuron):
    """Spike times drift: the clock accumulates dt in float32.

    V is in float64, as declared.
    """

    name = "t += dt"
    truth = ("clock.float32",)

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        dt = np.full(len(raster), self.setup.dt_ms, np.float32)
        ends = np.cumsum(dt, dtype=np.float32).astype(np.float64)
        return Trace(tuple(ends[column > 0] for column in raster.T), membrane)


class Float32Membrane(GridNeuron):
    """V is in float32, and declared to be in float64."""

    name = "V in float32"
    works_in = "float32"
    truth = ("membrane.float32",)

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        return super().trace(raster, membrane.astype(np.float64))


class Float16Membrane(Float32Membrane):
    """V is in float16, and declared to be in float64."""

    name = "V in float16"
    works_in = "float16"
    truth = ("membrane.float16",)


def _broken() -> tuple[type[GridNeuron], ...]:
    found = []
    for thing in globals().values():
        if isinstance(thing, type) and issubclass(thing, GridNeuron) and thing.truth:
            found.append(thing)
    return tuple(found)


GOOD: tuple[type[Adapter], ...] = (GridNeuron, Float32Neuron, NoRefractoryNeuron)
BROKEN: tuple[type[Adapter], ...] = _broken()
