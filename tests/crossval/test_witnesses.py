"""NEST and Nengo, which solve for spikes inside the steps themselves, vouch for the reference."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace

import numpy as np
import pytest

from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.crossval.witnesses import DRIVES, WITNESSES, examine, reference
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters

OTHER_NEURON = LIFParameters(V_th=1.5, V_reset=-0.5, t_ref_ms=3, tau_ms=20, C_ms=30)
recording = functools.cache(reference)  # one run of the reference serves both witnesses


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.peer) for name in WITNESSES])
def witness(request):
    if missing := ENTRIES[request.param].missing():
        pytest.skip(f"{' and '.join(missing)} not installed")
    return request.param


@pytest.mark.sweep(3)
@pytest.mark.parametrize(("dt_ms", "drive"), list(itertools.product((0.1, 1.0), DRIVES)))
def test_every_spike_of_the_reference_is_where_the_witness_has_it(witness, dt_ms, drive):
    found = examine(witness, drive, recording(drive, dt_ms))
    assert found.miscounted == 0
    assert found.difference_s < 1e-9
    assert found.neurons == 200
    assert found.spikes > 15_000
    assert (found.refractory_steps > 5_000) == (drive != "constant")


def test_the_witness_agrees_on_a_neuron_with_other_parameters(witness):
    found = examine(
        witness,
        "steps",
        recording("steps", 0.5, neurons=100, seed=1, params=OTHER_NEURON),
        OTHER_NEURON,
    )
    assert found.miscounted == 0
    assert found.difference_s < 1e-9
    assert found.spikes > 2_000


@pytest.mark.parametrize("change", [{"t_ref_ms": 1.1}, {"tau_ms": 40.4, "C_ms": 80.8}])
def test_a_witness_of_another_neuron_contradicts(witness, change):
    found = examine(witness, "constant", recording("constant", 0.1), replace(TABLE_1, **change))
    assert found.miscounted > 100 or found.difference_s > 1e-4


@pytest.mark.peer
def test_the_clock_driven_sibling_of_a_witness_contradicts():
    if ENTRIES["nest-delta"].missing():
        pytest.skip("nest-simulator not installed")
    found = examine("nest-delta", "steps", recording("steps", 0.1))
    assert found.miscounted or found.difference_s > 1e-4


def test_the_kinds_of_current_are_what_they_are_called():
    rng = np.random.default_rng(3)
    made = {name: drive(20_000, 4, 0.1, rng) for name, drive in DRIVES.items()}
    assert not np.diff(made["constant"], axis=0).any()
    assert 100 < np.count_nonzero(np.diff(made["steps"][:, 0])) < 2_000
    for name, std, correlation in (
        ("white noise", 6, 0),
        ("Ornstein-Uhlenbeck noise", 3, np.exp(-1 / TABLE_1.tau_noise_ms)),
    ):
        x = made[name] - made[name].mean(axis=0)
        assert np.sqrt(np.mean(x**2)) == pytest.approx(std, rel=0.15)
        assert np.mean(x[10:] * x[:-10]) / np.mean(x**2) == pytest.approx(correlation, abs=0.05)
