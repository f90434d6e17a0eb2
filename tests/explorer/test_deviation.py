"""Deviations of recorded neurons from the closed form are found."""

from dataclasses import replace

import numpy as np
import pytest

from bio_scnn import TABLE_1
from bio_scnn.explorer.deviation import membrane_deviation, spike_deviation_ms
from bio_scnn.neuron.simulation import simulate


def test_deviations_are_found():
    current = np.array([9.93, 12.3, 21.0])
    recording = simulate(current, duration_ms=30, dt_ms=0.5, record=range(3))

    def found(**changes):
        changed = replace(recording, **changes)
        return (
            membrane_deviation(changed, current, TABLE_1),
            spike_deviation_ms(changed, current, TABLE_1),
        )

    V, ms = found()
    assert max(V.max(), ms.max()) < 1e-11
    wrong = recording.membrane.copy()
    wrong[1, 7] += 1e-6
    assert found(membrane=wrong)[0] == pytest.approx([0, 1e-6, 0], abs=1e-10)
    trains = list(recording.spike_trains_ms)
    trains[2] = trains[2] + 1e-6
    assert found(spike_trains_ms=tuple(trains))[1] == pytest.approx([0, 0, 1e-6], abs=1e-10)
    trains[2] = recording.spike_trains_ms[2][:-1]
    fewer = replace(recording, count=recording.count - [0, 0, 1], spike_trains_ms=tuple(trains))
    missed = 30 - recording.spike_trains_ms[2][-1]
    assert spike_deviation_ms(fewer, current, TABLE_1)[2] == pytest.approx(missed)
    # The neuron that fires at 200 Hz does so on the grid, where either end of the jump is right.
    on_grid = simulate([firing := 21.01666389], duration_ms=25, dt_ms=0.5, record=[0])
    assert membrane_deviation(on_grid, np.array([firing]), TABLE_1).max() < 1e-8
