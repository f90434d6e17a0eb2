"""No false alarm: correct layers of all kinds of neurons pass, and slightly wrong ones do not."""

import math
from dataclasses import replace

import numpy as np
import pytest
from correct_layers import Layer, drawn

from bio_scnn.crossval import Adapter, Capabilities, Trace, as_adapter, check_lif
from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.precision import EPSILON
from bio_scnn.neuron.parameters import LIFParameters

QUICK = {
    "decay 0.1": Layer(1.0, 2.3, 1.0, 1.0, 0.0, 0),
    "decay 0.999, millivolts": Layer(0.1, 1e-3, 10.0, 20.0, 0.0, 20, membrane="before reset"),
    "volts, V_reset below 0": Layer(0.05, 5e-3, 0.04, 0.02, -0.01, 15),
    "starts at 0, not at V_reset": Layer(1.0, 0.1, 1.0, 1.0, -0.2, 2, starts_at="0"),
    "the same, spikes only": Layer(1.0, 0.1, 1.0, 1.0, 0.4, 2, starts_at="0", membrane="none"),
    "forward Euler, tau of 2 steps": Layer(
        1.0, 0.5, 1.0, 1.0, 0.0, 0, integrator="forward Euler", membrane="none"
    ),
    "forward Euler, tau below dt": Layer(0.1, 1.3, 2.0, 1.0, 0.0, 3, integrator="forward Euler"),
    "backward Euler, 20 refractory steps": Layer(
        0.5, 0.2, 250.0, 20.0, 5.0, 20, integrator="backward Euler"
    ),
    "Crank-Nicolson, above the threshold only": Layer(
        0.5, 0.4, 1.0, 1e4, 0.0, 1, integrator="Crank-Nicolson", fires_at_threshold=False
    ),
    "soft reset": Layer(1.0, 0.7, 2.0, 1.0, 0.0, 0, reset="subtract"),
    "float32, decay 0.25": Layer(
        1.0, -math.log(0.25), 1.0, 1.0, 0.0, 0, dtype="float32", membrane="none"
    ),
    "bfloat16": Layer(1.0, 0.2, 1.0, 1.0, 0.0, 2, dtype="bfloat16"),
    "float16": Layer(0.5, 0.1, 2.0, 20.0, 0.0, 1, dtype="float16"),
}


def checked(layer, *, checks=None, explain=True):
    adapter = as_adapter(
        lambda current: layer(current),
        name="a layer",
        dt_ms=layer.dt_ms,
        params=layer.params,
        capabilities=layer.claims,
    )
    return check_lif(adapter, dt_ms=layer.dt_ms, checks=checks, on_fail=None, explain=explain)


def surprises(report):
    return [r for r in report.results if r.status in ("failed", "error", "xpass")]


@pytest.mark.sweep(4)
@pytest.mark.parametrize("name", QUICK)
def test_a_correct_layer_raises_no_alarm(name):
    report = checked(QUICK[name])
    assert surprises(report) == []
    assert report.count("passed") >= 12
    assert ("V starts at 0" in " ".join(report.remarks)) == (QUICK[name].starts_at == "0")


@pytest.mark.slow
@pytest.mark.sweep(5)
@pytest.mark.parametrize("seed", range(25))
def test_a_correct_layer_drawn_at_random_raises_no_alarm(seed):
    report = checked(drawn(seed))
    assert surprises(report) == []
    assert report.count("passed") >= 8


# Checks of which one finds what is wrong.
FINDS = {"stretch": ["as_declared", "frozen_noise"], "more": ["as_declared", "fi_curve"]}
SHARP = [name for name, layer in QUICK.items() if layer.dtype in ("float64", "float32")]


@pytest.mark.sweep(3)
@pytest.mark.parametrize("name", SHARP)
def test_a_time_constant_that_is_3_percent_off_is_found(name):
    wrong = replace(QUICK[name], stretch=1.03)
    assert not checked(wrong, checks=FINDS["stretch"], explain=False).ok


@pytest.mark.sweep(2)
@pytest.mark.parametrize("name", QUICK)
def test_a_refractory_step_more_is_found(name):
    assert not checked(replace(QUICK[name], more=1), checks=FINDS["more"], explain=False).ok


@pytest.mark.slow
@pytest.mark.sweep(3)
@pytest.mark.parametrize("wrong", [{"stretch": 1.03}, {"more": 1}], ids=["tau", "t_ref"])
@pytest.mark.parametrize("seed", range(8))
def test_wrong_layers_drawn_at_random_are_found(seed, wrong):
    layer = drawn(seed)
    if layer.dtype in ("bfloat16", "float16") and ("stretch" in wrong or layer.reset != "value"):
        pytest.skip("rounding hides it")
    (kind,) = wrong
    assert not checked(replace(layer, **wrong), checks=FINDS[kind], explain=False).ok


def test_a_declared_integrator_is_held_to_its_own_steps():
    """A wrong gain of a declared Euler layer is a failure, not one that was announced."""
    layer = QUICK["forward Euler, tau of 2 steps"]
    report = check_lif(
        as_adapter(
            lambda current: layer(1.05 * current),
            dt_ms=1.0,
            params=layer.params,
            capabilities=layer.claims,
        ),
        dt_ms=1.0,
        on_fail=None,
        explain=False,
    )
    failed = {r.check for r in report.results if r.status == "failed"}
    assert {"step_currents", "frozen_noise", "coloured_noise", "as_declared"} <= failed


def test_above_the_threshold_only_and_in_other_units_is_no_surprise():
    """Volts times 1e3: the unit lifts V an ulp above V_th, where nothing more can be told."""

    class Volts(Adapter):
        name = "volts"
        capabilities = Capabilities(refractory="none", membrane="none", fires_at_threshold=False)

        def build(self, setup):
            self.setup = setup

        def run(self, current):
            p, dt = self.setup.params, self.setup.dt_ms
            keep = np.exp(-dt * 1e-3 / (p.tau_ms * 1e-3))
            V, spikes = np.full(current.shape[1], p.V_reset * 1e-3), np.zeros(current.shape)
            for n, x in enumerate(current):
                RI = (p.R * 1e6) * (x * 1e-3 / 1e6)
                V = RI + (V - RI) * keep
                spikes[n] = V > p.V_th * 1e-3
                V = np.where(spikes[n], p.V_reset * 1e-3, V)
            return Trace.from_raster(spikes, dt)

    report = check_lif(Volts(), on_fail=None)
    assert surprises(report) == []
    assert report.count("passed") >= 15


@pytest.mark.parametrize("h", [1e-3, 0.1, 2.3, 40.0])
@pytest.mark.parametrize("dtype", EPSILON)
def test_the_longest_charge_is_one_that_rounding_leaves_alone(dtype, h):
    """V under its current, one step before the crossing and after it, by hand."""
    p = LIFParameters(tau_ms=1 / h, C_ms=1 / h, t_ref_ms=0)
    steps = drives.longest_charge(p, 1.0, dtype)
    latency = float(drives.crossing_ms(p, 1.0, steps))
    assert steps - 1 < latency < steps
    V_inf = 1 / (1 - math.exp(-latency * h))
    after, before = (V_inf * -math.expm1(-n * h) for n in (steps, steps - 1))
    near = 2 * EPSILON[dtype] * min(steps, 1 / h)
    assert after - 1 > near
    assert before < 1 - (near if steps > 1 else 0)
    if h < 1:
        assert steps > (1 if dtype in ("float16", "bfloat16") else 0.9 / h) - 1e-9
