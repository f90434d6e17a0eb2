"""Firing rates of an adapter's neurons, as a function of their currents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.protocol import Adapter
from bio_scnn.crossval.subject import Subject
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.trace import mean_rate_hz

RatesOf = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Currents, dimensionless, ``(neurons,)`` to firing rates in Hz, ``(neurons,)``."""


def adapter_rates(
    adapter: Adapter,
    params: LIFParameters = TABLE_1,
    *,
    dt_ms: float = 0.1,
    duration_ms: float = 50.0,
    readout: Literal["isi", "count"] = "isi",
    together: int = 4096,
    progress: Callable[[float], None] | None = None,
) -> RatesOf:
    """An adapter's neurons as the function that `networks.compare_network` takes.

    Parameters
    ----------
    adapter : Adapter
    params : LIFParameters
        The network's neuron; its refractory period is left out where the adapter declares none.
    dt_ms, duration_ms : float, ms
    readout : {"isi", "count"}
        Rate from the mean inter-spike interval, or the number of spikes over the duration, which
        is biased low.
    together : int
        Neurons that are run at once; bounds the memory of their currents.
    progress : callable, optional
        Told the fraction of the neurons done.

    Returns
    -------
    callable

    Raises
    ------
    InputError
        If an argument cannot be used.
    """
    if readout not in ("isi", "count"):
        raise InputError(f"readout {readout!r} is unknown; choose from isi, count")
    if not (np.isfinite(duration_ms) and duration_ms > 0 and np.isfinite(dt_ms) and dt_ms > 0):
        raise InputError(
            f"duration_ms (={duration_ms:g} ms) and dt_ms (={dt_ms:g} ms) must be greater than 0"
        )
    subject = Subject(adapter, dt_ms, params)
    steps = max(1, round(duration_ms / dt_ms))

    def rates_of(current: NDArray[np.float64]) -> NDArray[np.float64]:
        rates = np.empty(len(current))
        for start in range(0, len(current), together):
            part = slice(start, start + together)
            trace = subject.run(np.tile(current[part], (steps, 1)))
            if readout == "isi":
                rates[part] = mean_rate_hz(trace)
            else:
                counts = [len(train) for train in trace.spike_times_ms]
                rates[part] = np.array(counts) * (1e3 / (steps * dt_ms))
            if progress is not None:
                progress(min(1.0, part.stop / len(current)))
        return rates

    return rates_of


def with_refractory(rate_hz: NDArray[np.float64], t_ref_ms: float) -> NDArray[np.float64]:
    """Firing rates corrected for a refractory period that the neurons lacked.

    Each interval becomes `t_ref_ms` longer.

    For constant currents that is what a refractory period does; silent neurons stay silent.
    """
    return rate_hz / (1 + rate_hz * t_ref_ms / 1e3)
