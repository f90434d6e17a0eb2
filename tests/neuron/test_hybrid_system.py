"""Neurons solved from event to event: layers, grids, neurons that are wrong, and arguments."""

import dataclasses

import numpy as np
import pytest
from fifty_digits import agree
from neuron_cases import KINDS, random_case

from bio_scnn.crossval.oracles.grid import grid_trace
from bio_scnn.errors import InputError
from bio_scnn.neuron.events import solve
from bio_scnn.neuron.hybrid_system import on_grid, run
from bio_scnn.neuron.linear import LinearNeuron
from bio_scnn.neuron.models import (
    AdaptiveLIFParameters,
    CubaLIFParameters,
    IFParameters,
    LIParameters,
    hybrid_system,
)
from bio_scnn.neuron.parameters import LIFParameters

RESETS = pytest.mark.parametrize("reset", ["value", "subtract"])


@pytest.mark.parametrize("kind", KINDS)
def test_neurons_of_a_layer_are_independent(kind):
    case = random_case(np.random.default_rng(7), kind, 40)
    rng = np.random.default_rng(8)
    current = case.current * rng.uniform(-1, 3, (40, 6))
    span = 40 * case.dt_ms
    rows = np.column_stack(
        [rng.uniform(0, span, 50), rng.integers(0, 6, 50), rng.normal(0, 1, 50)]
    )
    size = np.abs(case.current).max() + 1
    rows[:, 2] *= size
    layer = solve(case.params, current, dt_ms=case.dt_ms, events=rows)
    for i in range(6):
        own = rows[rows[:, 1] == i] * [1, 0, 1]
        alone = solve(case.params, current[:, i], dt_ms=case.dt_ms, events=own)
        np.testing.assert_array_equal(layer.spike_times_ms[i], alone.spike_times_ms[0])
        np.testing.assert_array_equal(layer.membrane[:, i], alone.membrane[:, 0])


@RESETS
@pytest.mark.parametrize("t_ref_ms", [0.0, 2.0])
def test_exact_steps_on_a_grid_are_those_of_the_grids_oracle(reset, t_ref_ms):
    p = LIFParameters(tau_ms=7, R=2, V_reset=-0.5, t_ref_ms=t_ref_ms, reset=reset)
    current = np.random.default_rng(3).normal(0.6, 1, (500, 20))
    trace = on_grid(hybrid_system(p), current, 1.0)
    neuron = dataclasses.replace(grid_trace.__defaults__[0], reset=reset)
    right = grid_trace(current, 1.0, p, neuron)
    assert right.raster.sum() > 500
    for i, times in enumerate(trace.spike_times_ms):
        np.testing.assert_array_equal(times, 1.0 + np.flatnonzero(right.raster[:, i]))
    np.testing.assert_allclose(trace.membrane, right.membrane, rtol=0, atol=1e-13)


def test_a_finer_grid_tends_to_the_exact_neuron():
    p = CubaLIFParameters(tau_ms=10, tau_syn_ms=4, R=2, t_ref_ms=1)
    exact = solve(p, [1.0] * 200, dt_ms=0.5)
    grid = on_grid(hybrid_system(p), np.ones((5_000, 1)), 0.02)
    assert len(exact.spike_times_ms[0]) > 8
    late = grid.spike_times_ms[0] - exact.spike_times_ms[0]
    assert (late >= 0).all()
    assert late[0] < 0.02


class NoHold(LinearNeuron):
    """V goes on while it should be held."""

    def hold(self, state, current, time_ms):
        after = super().hold(state, current, time_ms)
        after[0] = self._V(state[0], *self._drive(state, current), time_ms)
        return after


class WrongJump(LinearNeuron):
    """The reset misses by 1e-9 of the jump."""

    def jump(self, state, excess):
        after = super().jump(state, excess)
        after[0] += 1e-9 * (self.V_th - self.V_reset)
        return after


class FrozenCurrents(LinearNeuron):
    """Currents stay where they are while V is held."""

    def hold(self, state, current, time_ms):
        return state.copy()

    def flow(self, state, current, time_ms):
        after = super().hold(state, current, time_ms)
        after[0] = self._V(state[0], *self._drive(state, current), time_ms)
        return after


@pytest.mark.parametrize("wrong", [LinearNeuron, NoHold, WrongJump, FrozenCurrents])
def test_a_wrong_jump_or_hold_is_noticed(wrong):
    p = CubaLIFParameters(tau_ms=10, tau_syn_ms=30, R=3, t_ref_ms=2)
    right = hybrid_system(p)
    values = {f.name: getattr(right, f.name) for f in dataclasses.fields(right)}
    current = np.full((60, 1), 1.5)
    trace = run(wrong(**values), current, 1.0)
    given = trace.spike_times_ms[0], trace.membrane[:, 0], p, current[:, 0], 1.0
    if wrong is LinearNeuron:
        assert agree(*given).spikes > 4
    else:
        with pytest.raises(AssertionError, match=r"spikes instead of|off by"):
            agree(*given)


# --- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dt_ms": 0}, r"dt_ms \(=0 ms\) must be greater"),
        ({"current": [[[1.0]]]}, r"current \(shape \(1, 1, 1\)\)"),
        ({"current": []}, "must have shape"),
        ({"current": [np.nan]}, "current contains NaN"),
        ({"current": ["a"]}, "current must be an array of real numbers"),
        ({"impulses": [1.0, 2.0]}, "impulses .* must have rows"),
        ({"impulses": [(2.0, 0, 1.0)]}, r"impulses has a time \(=2 ms\) outside the run"),
        ({"events": [(0.0, 1, 1.0)]}, r"events has a neuron \(=1\) that is no index from 0 to 0"),
        ({"current": [1e300]}, "fire over 100,000 times in a step"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        solve(IFParameters(), **({"current": [1.0, 1.0], "dt_ms": 1} | arguments))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: IFParameters(V_th=0), r"V_reset \(=0\) must be below V_th \(=0\)"),
        (lambda: LIParameters(tau_ms=0), r"tau_ms \(=0 ms\) must be greater than 0 ms"),
        (lambda: CubaLIFParameters(tau_ms=1, tau_syn_ms=np.inf), "must be a finite number"),
        (lambda: AdaptiveLIFParameters(tau_ms=1, tau_w_ms=1, b="x"), "b .* must be one number"),
        (lambda: IFParameters(t_ref_ms=-1), "must be at least 0 ms"),
        (lambda: IFParameters(R=0), r"R \(=0\) must be greater than 0"),
        (lambda: IFParameters(reset="zero"), r"reset \(='zero'\) must be one of"),
    ],
)
def test_parameters_are_checked(make, message):
    with pytest.raises(InputError, match=message):
        make()
