"""Refractory periods counted in floating point: named by the counter that gives all of them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bio_scnn.crossval import Adapter, Capabilities, Trace, check_lif
from bio_scnn.crossval.oracles.counters import counted


class Counting(Adapter):
    """Exact neuron with a refractory counter of its own."""

    name, capabilities = "counting", Capabilities(dtypes=("float64",))

    def __init__(self, way, number):
        self.way, self.number = way, number

    def build(self, setup):
        self.s, self.V = setup, np.full(setup.neurons, setup.params.V_reset)
        self.t = np.full(setup.neurons, 1e9 if self.way == "up" else 0, self.number)

    def free(self):
        if self.way == "up":
            return self.t >= self.number(self.s.params.t_ref_ms)
        return self.t == 0 if self.way == "down-to-zero" else self.t <= 0

    def run(self, current):
        p, dt, spikes = self.s.params, self.number(self.s.dt_ms), []
        keep = math.exp(-self.s.dt_ms / p.tau_ms)
        for now in current:
            new = p.R * now + (self.V - p.R * now) * keep
            self.V = np.where(self.free(), new, self.V)
            fired = self.free() & (self.V >= p.V_th)
            if self.way == "up":
                self.t = np.where(fired, self.number(0), self.t + dt)
            else:
                left = np.where(self.t > 0, self.t - dt, self.number(0))
                self.t = np.where(fired, self.number(p.t_ref_ms), left)
            self.V = np.where(fired, p.V_reset, self.V)
            spikes.append(fired)
        return Trace.from_raster(spikes, self.s.dt_ms)


@pytest.mark.parametrize(
    ("way", "number"),
    [("down", np.float32), ("down-to-zero", np.float64), ("down-to-zero", np.float32)],
)
def test_counter_in_floating_point_is_named(way, number):
    layer = Counting(way, number)
    report = check_lif(layer, checks=["refractory_period"], on_fail=None, explain=False)
    assert report.verdict_code == f"refractory.counted-{way}-{number.__name__}-ms"
    assert f"in {number.__name__}" in report.verdict
    assert "count steps in integers" in str(report)


def test_period_that_is_longer_everywhere_is_no_matter_of_rounding():
    class Longer(Counting):
        def build(self, setup):
            longer = replace(setup.params, t_ref_ms=setup.params.t_ref_ms + setup.dt_ms)
            super().build(replace(setup, params=longer))

    report = check_lif(
        Longer("down-to-zero", np.float32),
        checks=["refractory_period"],
        on_fail=None,
        explain=False,
    )
    assert not report.ok
    assert "counted-" not in report.verdict_code


def test_steps_are_those_of_a_loop():
    left, steps = np.float32(1.0), 0
    while left > 0:
        left, steps = np.float32(left - np.float32(0.1)), steps + 1
    assert counted("down", "float32", "ms", 1.0, 0.1) == steps
    time, steps = 0.0, 0
    while time < 0.001:
        time, steps = time + 0.0001, steps + 1
    assert counted("up", "float64", "s", 1.0, 0.1) == steps
    assert counted("down", "float64", "ms", 0.5, 0.25) == 2
