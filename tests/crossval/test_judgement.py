"""Causes of declared layers with one fault or two, against layers written by hand."""

import math

import numpy as np
import pytest

from bio_scnn import LIFParameters
from bio_scnn.crossval import Capabilities, as_adapter
from bio_scnn.crossval.fault_judgement import with_fault
from bio_scnn.crossval.faults.probes import fault
from bio_scnn.crossval.remedies import remedy
from bio_scnn.crossval.subject import Subject
from bio_scnn.neuron.models import AdaptiveLIFParameters, CubaLIFParameters, IFParameters

DT = 0.5
LIF = LIFParameters(tau_ms=10.0, R=1.0, V_th=1.0, V_reset=0.0, t_ref_ms=1.0)
SOFT = LIFParameters(tau_ms=7.0, R=1.0, V_th=1.0, V_reset=0.0, t_ref_ms=0.0, reset="subtract")
IF = IFParameters(R=0.1, V_th=1.0)
CUBA = CubaLIFParameters(tau_ms=10.0, tau_syn_ms=4.0, t_ref_ms=1.0)
ADAPTIVE = AdaptiveLIFParameters(tau_ms=10.0, tau_w_ms=60.0, b=0.2)


class Layer:
    """The declared neuron, step by step; what is wrong is overridden."""

    refractory, late = None, 0

    def __init__(self, p):
        self.p = p
        self.leaky = hasattr(p, "tau_ms")
        self.d = math.exp(-DT / p.tau_ms) if self.leaky else 1.0
        self.g = p.R * (1 - self.d) if self.leaky else p.R * DT
        self.n = round(p.t_ref_ms / DT) if self.refractory is None else self.refractory

    def update(self, V, x):
        p = self.p
        if isinstance(p, CubaLIFParameters):
            a = math.exp(-DT / p.tau_syn_ms)
            c = p.R * p.tau_syn_ms * (a - self.d) / (p.tau_syn_ms - p.tau_ms)
            V = self.d * V + self.g * x + c * (self.S - x)
            self.S = x + a * (self.S - x)
            return V
        if isinstance(p, AdaptiveLIFParameters):
            q = math.exp(-DT / p.tau_w_ms)
            k = p.R * p.tau_w_ms * (q - self.d) / (p.tau_w_ms - p.tau_ms)
            V = self.d * V + self.g * x - k * self.w
            self.w = q * self.w
            return V
        return self.d * V + self.g * x

    def reset(self, V):
        return V - self.p.V_th if self.p.reset == "subtract" else 0 * V

    def hold(self, old, new):
        return old

    def jump(self, s):
        self.w = self.w + getattr(self.p, "b", 0.0) * s

    def __call__(self, current):
        x = np.asarray(current, float)
        V, left = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        self.S, self.w = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        spikes, shown = np.zeros(x.shape), np.zeros(x.shape)
        for t in range(len(x)):
            new, free = self.update(V, x[t]), left == 0
            s = (new >= self.p.V_th) & free
            V = np.where(s, self.reset(new), np.where(free, new, self.hold(V, new)))
            left = np.where(s, self.n, np.maximum(left - 1, 0))
            self.jump(s)
            spikes[t], shown[t] = s, V
        zero = np.zeros((self.late, x.shape[1]))
        return np.concatenate([zero, spikes])[: len(x)], shown


class Partial(Layer):
    def reset(self, V):
        return 0.35 * V


class Undershoot(Layer):
    def reset(self, V):
        return 0 * V - 0.21


class TooMuch(Layer):
    def reset(self, V):
        return V - 1.15


class Long(Layer):
    refractory = 4


class Leaking(Layer):
    def reset(self, V):
        return 0 * V

    def hold(self, old, new):
        return new


class Late(Layer):
    late = 2


class NoSynapse(Layer):
    def update(self, V, x):
        return self.d * V + self.g * x


class NoAdaptation(Layer):
    def jump(self, s):
        pass


class SetAdaptation(Layer):
    def jump(self, s):
        self.w = np.where(s, self.p.b, self.w)


class SecondOrder(Layer):
    def update(self, V, x):
        h = DT / self.p.tau_ms
        return (1 - h + h * h / 2) * V + (h - h * h / 2) * self.p.R * x


class DeadZone(Layer):
    def update(self, V, x):
        new = super().update(V, x)
        return np.where(np.abs(new - V) < 0.007, V, new)


class FloorAndLate(Layer):
    late = 1

    def update(self, V, x):
        return np.maximum(super().update(V, x), 0)


def subject(layer, params, membrane="after reset"):
    family = {IF: "IF", CUBA: "CubaLIF", ADAPTIVE: "adaptive LIF"}.get(params, "LIF")
    claims = Capabilities(
        refractory="steps" if params.t_ref_ms else "none",
        reset=params.reset,
        membrane=membrane,
        families=(family,),
    )
    run = layer(params)

    def call(current):
        spikes, V = run(current)
        return spikes if membrane == "none" else (spikes, V)

    adapter = as_adapter(call, name="a layer", dt_ms=DT, params=params, capabilities=claims)
    return Subject(adapter, DT)


@pytest.mark.sweep(4)
@pytest.mark.parametrize(
    ("layer", "params", "membrane", "code"),
    [
        (Partial, LIF, "after reset", "reset.partial"),
        (Undershoot, IF, "none", "reset.undershoot"),
        (TooMuch, SOFT, "after reset", "reset.other-step"),
        (Long, CUBA, "after reset", "refractory.steps-off"),
        (Leaking, LIF, "none", "clamp.none"),
        (Late, ADAPTIVE, "after reset", "label.late"),
        (NoSynapse, CUBA, "after reset", "synapse.missing"),
        (NoAdaptation, ADAPTIVE, "none", "adaptation.missing"),
        (SetAdaptation, ADAPTIVE, "after reset", "adaptation.set"),
        (SecondOrder, SOFT, "after reset", "update.rk2"),
        (DeadZone, LIF, "after reset", "bounds.dead-zone"),
    ],
)
def test_a_fault_is_told(layer, params, membrane, code):
    identity = with_fault(subject(layer, params, membrane))
    assert identity.sure
    assert identity.spikes > 100
    assert identity.cause[1] == code
    assert remedy(code) == identity.departures[0].remedy != ""


def test_two_faults_are_told():
    found = fault(subject(FloorAndLate, SOFT))
    assert found.share == 1
    assert set(found.cause.code.split("+")) == {"bounds.zero", "label.late"}


@pytest.mark.parametrize("params", [LIF, SOFT, IF, CUBA, ADAPTIVE], ids=str)
def test_the_declared_neuron_has_no_fault(params):
    assert fault(subject(Layer, params)) is None
    assert with_fault(subject(Layer, params)) is None


@pytest.mark.nightly
@pytest.mark.slow
def test_what_no_fault_explains_gets_no_cause():
    class Erratic(Layer):
        def update(self, V, x):
            self.t = getattr(self, "t", 0) + 1
            return super().update(V, x) + 0.05 * np.sin(self.t**1.7)

        def __call__(self, current):
            self.t = 0
            return super().__call__(current)

    identity = with_fault(subject(Erratic, LIF))
    assert identity.cause == ("", "")
    assert identity.excluded
