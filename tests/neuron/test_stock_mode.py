"""The stock mode of `simulate`, against a formula and a recursion on the grid."""

import numpy as np
import pytest
from simulations import BAND, NIGHTLY_TARGETS

from bio_scnn.neuron.closed_form import (
    firing_rate,
    first_spike_ms,
)
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.simulation import simulate


@NIGHTLY_TARGETS
@pytest.mark.parametrize("dt_ms", [0.1, 0.25, 0.5, 1.0])
def test_stock_mode_matches_the_on_grid_oracle(dt_ms, target):
    band = BAND[:: 3 if dt_ms == 0.1 else 1]  # ten thousand steps; 9,999 is a multiple of 3
    recording = simulate(band, duration_ms=1000, dt_ms=dt_ms, mode="stock", target=target)
    steps, refractory = round(1000 / dt_ms), round(TABLE_1.t_ref_ms / dt_ms)

    def oracle(first):
        return np.where(first > steps, 0, 1 + (steps - first) // (first + refractory - 1))

    # At the two ends of the band, 100 and 200 Hz, V meets the threshold on a grid point and
    # rounding alone decides in which step V > V_th. So the formula is compared off the ties, and
    # a recursion that rounds as Brian2's update does is compared everywhere.
    exact = first_spike_ms(band) / dt_ms
    tie = np.abs(exact - np.round(exact)) < 1e-9
    assert tie.sum() == 2
    assert np.sum((recording.count != oracle(np.ceil(exact)))[~tie]) == 0

    V, first, step = np.zeros_like(band), np.zeros(band.shape, int), 0
    decay = np.exp(-dt_ms / (TABLE_1.C_ms * TABLE_1.R))
    while np.any(first == 0):
        step += 1
        V = band * TABLE_1.R - band * TABLE_1.R * decay + V * decay
        first[np.greater(V, TABLE_1.V_th) & (first == 0)] = step
    assert np.sum(recording.count != oracle(first)) == 0
    # And it is not exact: that is what the exact mode is for.
    off = np.max(np.abs(recording.rate_hz() / firing_rate(band) - 1))
    assert off > 5e-3, off


@pytest.mark.parametrize("reset", ["value", "subtract"])
@pytest.mark.parametrize("t_ref_ms", [0, 2])
@pytest.mark.parametrize("synaptic", [False, True])
def test_stock_mode_is_a_loop_over_the_grid(reset, t_ref_ms, synaptic):
    params = LIFParameters(
        V_th=-50,
        V_reset=-60,
        V_rest=-65,
        tau_ms=20,
        R=1,
        t_ref_ms=t_ref_ms,
        tau_syn_ms=20,
        reset=reset,
    )
    currents = np.linspace(10.3, 100.7, 30)
    events = np.zeros((100, 30))
    events[::7] = 5.0
    recording = simulate(
        currents, params, duration_ms=100, mode="stock", record=range(30),
        synaptic_events=events if synaptic else None,
    )  # fmt: skip
    decay = np.exp(-1 / 20)
    for neuron, current in enumerate(currents):
        V, I_syn, free, train = -60.0, 0.0, 0, []
        for step in range(100):
            I_syn += synaptic * events[step, neuron]
            V_inf = -65 + current
            if step >= free:
                V = V_inf + (V - V_inf) * decay + I_syn * decay / 20
            I_syn *= decay
            if V > -50:
                V = -60.0 if reset == "value" else V - 10
                train.append(step)
                free = step + t_ref_ms
        assert recording.spike_trains_ms[neuron] == pytest.approx(train), neuron
    assert recording.count.max() > 20
