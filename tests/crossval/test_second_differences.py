"""Differences of neurons with a synapse or an adaptation from the declared ones."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bio_scnn.crossval import Capabilities, as_adapter, check_lif
from bio_scnn.crossval.identify.differences import differences
from bio_scnn.crossval.oracles.family import grid_oracle
from bio_scnn.neuron.models import AdaptiveLIFParameters, CubaLIFParameters

CUBA = CubaLIFParameters(tau_ms=20, tau_syn_ms=5, R=2, w=0.5, t_ref_ms=2)
ALIF = AdaptiveLIFParameters(tau_ms=20, tau_w_ms=100, b=0.2, t_ref_ms=2)


def codes(found, params):
    right = grid_oracle(params, 1.0)
    return {d.cause.code: d.cause.text for d in differences(found, params, 1.0, right=right)}


@pytest.mark.parametrize("params", [CUBA, ALIF])
def test_a_neuron_does_not_differ_from_itself(params):
    assert codes(grid_oracle(params, 1.0), params) == {}
    # Its second variable may be taken before its decay in the step, or after it.
    assert codes(grid_oracle(params, 1.0, fresh=False), params) == {}


@pytest.mark.parametrize(
    ("params", "changes", "code", "times"),
    [
        (CUBA, {"tau_syn_ms": 6}, "constant.tau", 1.2),
        (CUBA, {"tau_ms": 18}, "constant.tau", 0.9),
        (CUBA, {"w": 0.25}, "constant.gain", 0.5),
        (CUBA, {"V_th": 1.5}, "constant.threshold", 1.5),
        (ALIF, {"tau_w_ms": 80}, "constant.tau", 0.8),
        (ALIF, {"b": 0.3}, "adaptation.strength", 1.5),
    ],
)
def test_a_wrong_constant_is_named(params, changes, code, times):
    found = codes(grid_oracle(replace(params, **changes), 1.0), params)
    if "V_th" in changes:  # V is not seen: the unit of V is chosen, and the gain differs instead
        code, times = "constant.gain", 1 / times
    assert code in found
    number = float(found[code].split("acts as ")[1].split()[0])
    assert number == pytest.approx(times, rel=2e-3)


def test_a_missing_variable_is_named():
    assert set(codes(replace(grid_oracle(ALIF, 1.0), adaptation=None), ALIF)) == {
        "adaptation.missing"
    }
    without = replace(grid_oracle(CUBA, 1.0), synapse=None)
    without = replace(without, gain=0.5 * without.gain)  # w
    assert set(codes(without, CUBA)) == {"synapse.missing"}


def test_a_synapse_in_whole_numbers_with_half_the_threshold():
    def layer(x):
        S, V = np.zeros(x.shape[1], int), np.zeros(x.shape[1], int)
        spikes, shown = [], []
        for row in x:
            S = np.trunc(S * 3584 / 4096).astype(int) + 64 * np.trunc(row).astype(int)
            V = np.trunc(V * 3900 / 4096).astype(int) + S
            spikes.append(V > 3200)
            V = np.where(spikes[-1], 0, V)
            shown.append(V)
        return np.array(spikes).astype(int), np.array(shown)

    decay, left = 3900 / 4096, 3584 / 4096
    params = CubaLIFParameters(
        tau_ms=-1 / math.log(decay),
        tau_syn_ms=-1 / math.log(left),
        R=64 / (1 - decay) / (1 - left),
        V_th=6400,
        t_ref_ms=0,
    )
    claims = Capabilities(families=("CubaLIF",), fires_at_threshold=False)
    adapter = as_adapter(layer, params=params, dt_ms=1.0, capabilities=claims)
    report = check_lif(adapter, dt_ms=1.0, on_fail=None)
    assert report.verdict_code == "constant.threshold"
    assert "0.500 times" in report.verdict
