"""Correct neurons of different style, which the broken ones are made from."""

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
