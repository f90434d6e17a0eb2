"""Currents off the ties with a grid, and the trains that a perfect neuron answers with."""

from dataclasses import replace

import numpy as np
import pytest

from bio_scnn.crossval.protocol import Capabilities
from bio_scnn.neuron.closed_form import current_for_rate, first_spike_ms
from bio_scnn.neuron.parameters import TABLE_1

NO_REFRACTORY = replace(TABLE_1, t_ref_ms=0.0)
PLAIN = Capabilities(refractory="none", membrane="none")
RATES_HZ = np.array([97.0, 123.0, 151.0, 187.0])  # off the ties with a grid of 0.1 or 1 ms


def grid_isi_ms(current, dt_ms, params=NO_REFRACTORY):
    """The interval of a perfect neuron without refractory period on a grid."""
    return dt_ms * np.ceil(first_spike_ms(current, params) / dt_ms)


def drive(dt_ms, duration_ms=100.0):
    current = current_for_rate(RATES_HZ)
    return current, np.tile(current, (round(duration_ms / dt_ms), 1))


def assert_fires_as_on_grid(trace, current, dt_ms):
    for train, isi in zip(trace.spike_times_ms, grid_isi_ms(current, dt_ms), strict=True):
        assert len(train) == int(100.0 / isi + 1e-9) > 8
        assert np.diff(train) == pytest.approx(isi, abs=1e-9)
        assert train[0] == pytest.approx(isi, abs=1e-9)
