"""Deviation of recorded neurons from the closed form of eq. 1, in double precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.neuron.closed_form import first_spike_ms, membrane, spike_count
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.simulation import Recording

# V jumps at a spike. Of a sample this close to one, rounding decides on which side it lies.
COINCIDENCE_MS = 1e-9


def membrane_deviation(
    recording: Recording, current: NDArray[np.float64], params: LIFParameters
) -> NDArray[np.float64]:
    """Largest distance, for each recorded neuron, of V from the graph of the closed form.

    Parameters
    ----------
    recording : Recording
        Every neuron recorded, in order.
    current : (neurons,) array, dimensionless
    params : LIFParameters

    Returns
    -------
    (neurons,) array, dimensionless
        At the sample instants. Where one of these coincides with a spike to `COINCIDENCE_MS`,
        V may stand at either end of its jump.
    """
    constant = current[:, np.newaxis]
    simulated = recording.membrane
    error = np.abs(simulated - membrane(recording.t_ms, constant, params))
    latency = first_spike_ms(constant, params)
    phase = np.mod(recording.t_ms, latency + params.t_ref_ms)
    ends = np.minimum(np.abs(simulated - params.V_th), np.abs(simulated - params.V_reset))
    at_a_spike = np.abs(phase - latency) < COINCIDENCE_MS
    return np.where(at_a_spike, np.minimum(error, ends), error).max(axis=1)


def spike_deviation_ms(
    recording: Recording, current: NDArray[np.float64], params: LIFParameters
) -> NDArray[np.float64]:
    """Largest distance, for each recorded neuron, of a spike from the closed form's.

    A spike that only one of them has is as far off as the end of the simulation is from it.
    Arguments as for `membrane_deviation`.

    Returns
    -------
    (neurons,) array, ms
    """
    count = spike_count(current, recording.duration_ms, params)
    most = max(int(count.max()), int(recording.count.max()), 1)
    index = np.arange(most)
    latency = first_spike_ms(current, params)[:, np.newaxis]
    exact = np.full((len(current), most), recording.duration_ms)
    np.copyto(exact, latency + index * (latency + params.t_ref_ms), where=index < count[:, None])
    found = np.full_like(exact, recording.duration_ms)
    for row, train in zip(found, recording.spike_trains_ms, strict=True):
        row[: len(train)] = train
    return np.abs(found - exact).max(axis=1)
