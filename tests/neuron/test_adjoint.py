"""The event-driven adjoint against finite differences of the event-driven run."""

from dataclasses import replace

import numpy as np
import pytest

from bio_scnn import InputError, LIFParameters
from bio_scnn.neuron.adjoint import spike_gradients
from bio_scnn.neuron.hybrid_system import run
from bio_scnn.neuron.models import hybrid_system

DT = 0.5
PARAMS = LIFParameters(
    tau_ms=11, R=1.3, V_th=0.9, V_reset=-0.2, V_rest=0.1, t_ref_ms=1.7, rate_max_hz=200
)


def loss(params, current):
    """Sum of cos(t / 7 ms) of all spikes, and the spike times."""
    times = run(hybrid_system(params), current, DT).spike_times_ms
    return sum(float(np.cos(train / 7).sum()) for train in times), times


def central(f, h):
    """Derivative at 0 by the five-point formula."""
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


@pytest.fixture(scope="module")
def drive():
    rng = np.random.default_rng(8)
    inputs = (rng.random((120, 5)) < 0.5).astype(float)
    weights = rng.uniform(0.2, 1.1, (5, 3))
    return inputs, weights


@pytest.mark.parametrize("reset", ["value", "subtract"])
@pytest.mark.parametrize("t_ref_ms", [0.0, 1.7])
def test_gradients_are_those_of_finite_differences(drive, reset, t_ref_ms):
    inputs, weights = drive
    params = replace(PARAMS, reset=reset, t_ref_ms=t_ref_ms)
    current = inputs @ weights
    _, times = loss(params, current)
    assert min(map(len, times)) > 3
    found = spike_gradients(params, current, DT, times, [-np.sin(t / 7) / 7 for t in times])

    def close(value, f, h):
        assert value == pytest.approx(central(f, h), rel=1e-6, abs=1e-8)

    of_weights = inputs.T @ found.current
    for i, j in ((0, 0), (3, 1), (4, 2)):
        change = np.zeros(weights.shape)
        change[i, j] = 1
        close(
            of_weights[i, j],
            lambda h, change=change: loss(params, inputs @ (weights + h * change))[0],
            1e-5,
        )
    for n, j in ((0, 0), (17, 1), (60, 2)):
        step = np.zeros(current.shape)
        step[n, j] = 1
        close(found.current[n, j], lambda h, step=step: loss(params, current + h * step)[0], 1e-5)
    for name in ("tau_ms", "R", "V_th", "V_reset", *(["t_ref_ms"] if t_ref_ms else [])):
        start = getattr(params, name)
        held = {"tau_ms": params.tau_ms, "R": params.R}

        def moved(h, name=name, start=start, held=held):
            values = held | {name: start + h}
            values["C_ms"] = values["tau_ms"] / values["R"]
            return loss(replace(params, **values), current)[0]

        close(getattr(found, name).sum(), moved, 1e-5)


def test_a_spike_moves_the_ones_after_it():
    current = np.full((100, 1), 2.0)
    _, times = loss(PARAMS, current)
    last = [np.eye(len(times[0]))[-1]]
    found = spike_gradients(PARAMS, current, DT, times, last)
    # Each interval depends on the current alike, so the last time on the first step's, too.
    assert found.current[0, 0] < 0
    interval = times[0][1] - times[0][0]
    assert found.t_ref_ms[0] == pytest.approx(len(times[0]) - 1)
    assert interval > PARAMS.t_ref_ms


def test_no_gradient_without_spikes_and_bad_input_is_told():
    silent = spike_gradients(PARAMS, np.zeros((10, 1)), DT, [[]], [[]])
    assert not silent.current.any()
    assert not silent.tau_ms.any()
    with pytest.raises(InputError, match="1 spikes and 2 slopes"):
        spike_gradients(PARAMS, np.ones((10, 1)), DT, [[1.0]], [[1.0, 2.0]])
    with pytest.raises(InputError, match="outside the 5 ms"):
        spike_gradients(PARAMS, np.ones((10, 1)), DT, [[6.0]], [[1.0]])
    with pytest.raises(InputError, match="must be"):
        spike_gradients(PARAMS, np.ones((10, 2)), DT, [[6.0]], [[1.0]])
