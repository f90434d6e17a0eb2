"""Time step and duration of a simulation, checked."""

from __future__ import annotations

from typing import Any

from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.units import to_number


def time_grid(
    duration_ms: Any,
    dt_ms: Any,
    mode: str,
    params: LIFParameters,
    shortest_isi_ms: float | None = None,
) -> tuple[float, float, int]:
    """dt and duration in ms, and the number of steps that they make.

    Steps of the exact mode may be longer than t_ref where the shortest interval between spikes
    is known, up to that.
    """
    dt = to_number(dt_ms, "dt_ms", "ms")
    duration = to_number(duration_ms, "duration_ms", "ms")
    if dt <= 0 or duration <= 0:
        raise InputError(
            f"dt_ms (={dt:g} ms) and duration_ms (={duration:g} ms) must be greater than 0 ms"
        )
    wholes = {"t_ref_ms": params.t_ref_ms, "duration_ms": duration}
    if mode == "exact" and dt > params.tau_ms * (1 + 1e-9):
        raise InputError(
            f"dt_ms (={dt:g} ms) must not exceed tau_ms (={params.tau_ms:g} ms) in exact mode"
        )
    if mode == "exact" and is_long(dt, params):
        if shortest_isi_ms is None:
            raise InputError(
                f"dt_ms (={dt:g} ms) must not exceed t_ref_ms (={params.t_ref_ms:g} ms) in exact "
                "mode where the drive may change"
            )
        if dt > shortest_isi_ms * (1 + 1e-9):
            raise InputError(
                f"dt_ms (={dt:g} ms) must not exceed the shortest interval between spikes "
                f"({shortest_isi_ms:.6g} ms) in exact mode"
            )
        del wholes["t_ref_ms"]
    for name, value in wholes.items():
        whole = round(value / dt)
        if whole < 1 or abs(value / dt - whole) > 1e-9 * whole:
            raise InputError(
                f"{name} (={value:g} ms) must be a whole multiple of dt_ms (={dt:g} ms)"
            )
    return dt, duration, round(duration / dt)


def is_long(dt_ms: float, params: LIFParameters) -> bool:
    """Whether a step is longer than t_ref."""
    return dt_ms > params.t_ref_ms * (1 + 1e-9)
