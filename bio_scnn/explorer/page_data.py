"""Numbers of a window of neurons, as the page's script reads them."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.explorer.window import Window
from bio_scnn.network.units import LIFUnit
from bio_scnn.neuron.parameters import LIFParameters

LEVELS = 2**16 - 1


def window_data(window: Window, params: LIFParameters) -> dict[str, Any]:
    """Numbers that the page's script reads, ready for JSON.

    Arrays over neurons are in the order of ``window.current.ravel()``; traces follow each other,
    neuron by neuron.
    """
    recording = window.recording
    counts = [len(train) for train in recording.spike_trains_ms]
    # NumPy's concatenate wants at least one array.
    spikes = np.concatenate([np.empty(0), *recording.spike_trains_ms])
    V_range = value_range(recording.membrane, params.V_reset, params.V_th)
    data: dict[str, Any] = {
        "top": window.top,
        "left": window.left,
        "fold": window.fold,
        "rows": window.z.shape[0],
        "columns": window.z.shape[1],
        "maps": window.maps.tolist(),
        "V_th": params.V_th,
        "V_reset": params.V_reset,
        "t_ref": params.t_ref_ms,
        "tau": params.tau_ms,
        "R": params.R,
        "band": LIFUnit(params).band,
        "rates": [params.rate_min_hz, params.rate_max_hz],
        "dt": recording.dt_ms,
        "duration": recording.duration_ms,
        "steps": len(recording.t_ms) - 1,
        "noise": window.noise_std,
        "missing": base64_of(window.missing, "<u2"),
        "z": base64_of(window.z, "<f4"),
        "current": base64_of(window.current, "<f8"),
        "counts": base64_of(np.array(counts), "<u4"),
        "spikes": base64_of(spikes, "<f8"),
        "V_range": V_range,
        "V": base64_of(to_levels(recording.membrane, *V_range), "<u2"),
    }
    if window.noise_std:
        data["I_range"] = value_range(recording.current, *LIFUnit(params).band)
        data["I"] = base64_of(to_levels(recording.current, *data["I_range"]), "<u2")
    else:
        data["deviation_V"] = base64_of(window.deviation_V, "<f4")
        data["deviation_ms"] = base64_of(window.deviation_ms, "<f4")
    return data


def to_levels(values: NDArray, low: float, high: float) -> NDArray[np.uint16]:
    """Round values in [low, high] to `LEVELS` equal steps."""
    return np.rint((values - low) * (LEVELS / (high - low))).astype(np.uint16)


def base64_of(values: NDArray, dtype: str) -> str:
    """Base64 of an array, raveled, in a little-endian type."""
    return base64.b64encode(np.ascontiguousarray(values, dtype).tobytes()).decode()


def value_range(values: NDArray, low: float, high: float) -> list[float]:
    """Lowest and highest of the values and of two more, so that these can be drawn as well."""
    return [min(low, float(values.min())), max(high, float(values.max()))]
