"""What a simulation leaves behind: spike counts, first and last spikes, traces, firing rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_scnn.neuron.units import one_of


@dataclass(frozen=True, eq=False)
class Recording:
    """What `simulate` returns.

    Attributes
    ----------
    count : (neurons,) int64 array
        Spikes in (0, duration].
    first_spike_ms, last_spike_ms : (neurons,) array, ms
        NaN where the neuron did not fire.
    record : tuple of int
        The recorded neurons; the next three follow its order.
    spike_trains_ms : tuple of (spikes,) arrays, ms
    t_ms : (steps + 1,) array, ms
        The sample instants k dt, from 0 to the duration.
    membrane : (len(record), steps + 1) array, dimensionless
        V at `t_ms`, continuous from the right: V_reset from a spike until the release.
    current : (len(record), steps) array, dimensionless
        The total current I just after the start of each step: input, noise and synapses.
    duration_ms, dt_ms : float, ms
    mode : {"exact", "stock"}
    target : {"numpy", "cython"}
        The code generation target that ran.
    """

    count: NDArray[np.int64]
    first_spike_ms: NDArray[np.float64]
    last_spike_ms: NDArray[np.float64]
    record: tuple[int, ...]
    spike_trains_ms: tuple[NDArray[np.float64], ...]
    t_ms: NDArray[np.float64]
    membrane: NDArray[np.float64]
    current: NDArray[np.float64]
    duration_ms: float
    dt_ms: float
    mode: str
    target: str

    @property
    def total_spikes(self) -> int:
        """Spikes of all neurons together."""
        return int(self.count.sum())

    def rate_hz(self, readout: str = "isi") -> NDArray[np.float64]:
        """Firing rate of every neuron.

        Parameters
        ----------
        readout : {"isi", "count"}
            ``"isi"`` is the inverse of the mean inter-spike interval, exact from two spikes on.
            ``"count"`` is spikes per duration, in levels of 1/duration.

        Returns
        -------
        (neurons,) array, Hz
            With ``"isi"``, 0 for no spike and NaN for a single one: one spike shows no interval,
            and either a rate of 0 or a guess would be wrong. Simulate longer to avoid it.

        Raises
        ------
        InputError
            If `readout` is another word.
        """
        one_of("readout", readout, ("isi", "count"))
        if readout == "count":
            return self.count / (self.duration_ms * 1e-3)
        rate = np.where(self.count == 0, 0.0, np.nan)
        elapsed = self.last_spike_ms - self.first_spike_ms
        return np.divide(1e3 * (self.count - 1), elapsed, out=rate, where=self.count > 1)
