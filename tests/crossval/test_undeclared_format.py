"""Layers in fixed point that declare a neuron, and no format: what is rounded, or no cause."""

import numpy as np
import pytest

from bio_scnn import LIFParameters
from bio_scnn.crossval import Capabilities, as_adapter, check_lif
from bio_scnn.crossval.identify.numbers import grid_of
from bio_scnn.neuron.models import IFParameters

SCALED = LIFParameters(tau_ms=20.0, R=1.0, V_th=1.0, t_ref_ms=2.0)
SHIFTED = LIFParameters(tau_ms=16.0, R=1.0, V_th=1.0, t_ref_ms=0.0)
WHOLE = LIFParameters.from_decay(0.9, 1.0, V_th=400.0)
COUNTS = IFParameters(V_th=64.0, t_ref_ms=2.0)


def circuit(update, threshold, *, unit=1.0, wait=0, strict=False):
    """A layer whose V, in whole units, is updated from V and the rounded input."""

    def run(x):
        V, left = np.zeros((2, x.shape[1]), np.int64)
        spikes, seen = np.zeros(x.shape), np.zeros(x.shape)
        for n, given in enumerate(np.rint(x / unit).astype(np.int64)):
            V = np.where(left > 0, V, update(V, given))
            spikes[n] = (left == 0) & (V > threshold if strict else V >= threshold)
            V = np.where(spikes[n] > 0, 0, V)
            left = np.where(spikes[n] > 0, wait, np.maximum(left - 1, 0))
            seen[n] = V * unit
        return spikes, seen

    return run


def judged(run, params, **claims):
    family = "IF" if params is COUNTS else "LIF"
    refractory = "steps" if params.t_ref_ms else "none"
    claims = Capabilities(refractory=refractory, families=(family,), **claims)
    adapter = as_adapter(run, params=params, capabilities=claims, dt_ms=1.0)
    checks = ["subthreshold_membrane", "refractory_period", "as_declared"]
    return check_lif(adapter, dt_ms=1.0, checks=checks, on_fail=None)


@pytest.mark.sweep(3)
@pytest.mark.parametrize(
    ("run", "params", "code"),
    [
        (
            circuit(lambda V, x: (V * 244 >> 8) + (x * 12 >> 8), 4096, unit=2**-12, wait=2),
            SCALED,
            "format.decay+format.fixed-point",
        ),
        (
            circuit(lambda V, x: (V * 240 + x * 16) >> 8, 1024, unit=2**-10),
            SHIFTED,
            "update.forward-euler+format.fixed-point",
        ),
        (circuit(lambda V, x: V + x, 64, wait=1), COUNTS, "refractory.one-step-short"),
    ],
)
def test_only_what_differs_is_told(run, params, code):
    report = judged(run, params)
    assert not report.ok
    assert report.verdict_code == code


def test_a_threshold_that_no_drive_tells_apart_is_no_fault():
    even = circuit(lambda V, x: (V >> 1) * 0 + 2 * x, 40, strict=True)
    params = LIFParameters.from_decay(0.5, 1.0, gain=2.0, V_th=41.0)
    report = judged(even, params)
    assert not report.ok
    assert "threshold" not in report.verdict_code


def test_an_unknown_leak_gets_no_cause_but_what_was_excluded():
    quadratic = circuit(lambda V, x: np.clip(V - (V * np.abs(V) >> 12) + x, -2000, 2000), 400)
    report = judged(quadratic, WHOLE)
    assert not report.ok
    assert report.verdict == ""
    assert [r.cause for r in report.results] == ["", "", ""]
    screen = " ".join(str(report).split())
    assert "it works in fixed point" in screen
    assert "none has its spikes" in screen


def test_products_rounded_at_random_explain_why_neurons_differ():
    def run(x):
        rng = np.random.default_rng(3)
        V, spikes, seen = np.zeros(x.shape[1]), np.zeros(x.shape), np.zeros(x.shape)
        for n, given in enumerate(np.rint(x)):
            V = np.floor(15 / 16 * V + rng.random(V.shape)) + given
            spikes[n] = V >= 150
            V = seen[n] = np.where(spikes[n] > 0, 0, V)
        return spikes, seen

    params = LIFParameters.from_decay(15 / 16, 1.0, V_th=150.0)
    claims = Capabilities(refractory="none")
    adapter = as_adapter(run, params=params, capabilities=claims, dt_ms=1.0)
    found = check_lif(adapter, dt_ms=1.0, checks=["permutation", "fi_curve"], on_fail=None)
    assert found.verdict_code == "format.stochastic"
    shown = as_adapter(
        lambda current: run(current)[0],
        params=params,
        capabilities=Capabilities(refractory="none", membrane="none"),
        dt_ms=1.0,
    )
    hidden = check_lif(shown, dt_ms=1.0, checks=["permutation", "fi_curve"], on_fail=None)
    assert "noise that is the same in every run" in hidden.verdict
    assert not any(r.cause_code.startswith("constant.") for r in hidden.results)


def test_a_grid_is_no_narrow_float():
    rng = np.random.default_rng(0)
    grid = rng.integers(-100, 128, 500) / 128
    assert grid_of(grid) == 1 / 128
    floats = rng.normal(0, 1, 500).astype(np.float32)
    bits = (floats.view(np.uint32) & 0xFFFF0000).view(np.float32).astype(np.float64)  # bfloat16
    assert grid_of(bits) is None
    assert grid_of(floats.astype(np.float64)) is None
