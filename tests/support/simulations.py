"""Neurons, currents and an event-driven solution for tests of `simulate`."""

import os
import shutil

import numpy as np
import pytest

from bio_scnn.neuron.closed_form import current_for_rate
from bio_scnn.neuron.parameters import LIFParameters

TOLERANCE_MS = 1e-9  # 1e-12 s
NEEDS_COMPILER = pytest.mark.skipif(
    shutil.which(os.environ.get("CC", "cc").split()[0]) is None, reason="no C compiler"
)
TARGETS = pytest.mark.parametrize(
    "target", ["numpy", pytest.param("cython", marks=[NEEDS_COMPILER, pytest.mark.slow])]
)
# Compiled variants of which a faster relative is run: the sweep at 50 digits, for one.
NIGHTLY_TARGETS = pytest.mark.parametrize(
    "target",
    [
        "numpy",
        pytest.param("cython", marks=[NEEDS_COMPILER, pytest.mark.slow, pytest.mark.nightly]),
    ],
)
BAND = np.linspace(current_for_rate(100.0), current_for_rate(200.0), 10_000)
OTHER = LIFParameters(
    V_th=0.7,
    V_reset=-0.4,
    t_ref_ms=2.0,
    tau_ms=13.0,
    C_ms=30.0,
    rate_max_hz=300.0,
    tau_syn_ms=5.0,
    tau_noise_ms=3.0,
)


def event_driven(current, dt_ms, params):
    """Spike times, ms, of one neuron: from event to event, blind to the grid in between."""
    V, free_from, spikes = params.V_reset, 0.0, []
    for step, I in enumerate(current):  # noqa: E741 - the symbol of eq. 1
        now, end = step * dt_ms, (step + 1) * dt_ms
        while free_from < end:
            now = max(now, free_from)
            V_inf = params.R * I
            if V_inf > params.V_th:
                crossing = now + params.tau_ms * np.log((V_inf - V) / (V_inf - params.V_th))
                if crossing <= end:
                    spikes.append(crossing)
                    V, free_from = params.V_reset, crossing + params.t_ref_ms
                    continue
            V = V_inf + (V - V_inf) * np.exp(-(end - now) / params.tau_ms)
            break
    return np.array(spikes)
