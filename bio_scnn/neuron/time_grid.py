"""Time step and duration of a simulation, and every rule that they must keep."""

from __future__ import annotations

from typing import Any, NamedTuple

from bio_scnn.errors import InputError
from bio_scnn.neuron.models import NeuronParameters
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.units import to_number

MOST_SPIKES = 100_000
"""Spikes of a neuron in a step, for which more than these would take forever."""


MOST_STEPS = 200_000_000
"""Steps of a simulation, for which more than these would take days."""


class TimeGrid(NamedTuple):
    """Steps of a simulation.

    Attributes
    ----------
    dt_ms : float, ms
    steps : int
    duration_ms : float, ms
    """

    dt_ms: float
    steps: int
    duration_ms: float


def time_grid(duration_ms: Any, dt_ms: Any, mode: str, params: NeuronParameters) -> TimeGrid:
    """The steps that make up a duration, if they suit the neuron.

    Raises
    ------
    InputError
        If the duration, or a LIF's refractory period of a step or more, is not a whole number of
        steps. In stock mode no neuron's refractory period but 0 may be shorter than a step.
    """
    dt = to_number(dt_ms, "dt_ms", "ms")
    duration = to_number(duration_ms, "duration_ms", "ms")
    if dt <= 0 or duration <= 0:
        raise InputError(
            f"dt_ms (={dt:g} ms) and duration_ms (={duration:g} ms) must be greater than 0 ms"
        )
    if not duration / MOST_STEPS <= dt:
        raise InputError(
            f"duration_ms (={duration:g} ms) is over {MOST_STEPS:,} steps of dt_ms (={dt:g} ms): "
            "simulate less, or take a longer step"
        )
    t_ref = getattr(params, "t_ref_ms", 0.0)
    wholes = {"t_ref_ms": t_ref, "duration_ms": duration}
    any_release = not isinstance(params, LIFParameters) or is_long(dt, params)
    if t_ref == 0 or (mode == "exact" and any_release):
        del wholes["t_ref_ms"]
    for name, value in wholes.items():
        if value / dt > 2**53:  # a float of which every step is one
            raise InputError(f"dt_ms (={dt:g} ms) is too short beside {name} (={value:g} ms)")
        whole = round(value / dt)
        if whole < 1 or abs(value / dt - whole) > 1e-9 * whole:
            raise InputError(
                f"{name} (={value:g} ms) must be a whole multiple of dt_ms (={dt:g} ms)"
            )
    return TimeGrid(dt, round(duration / dt), duration)


def is_long(dt_ms: float, params: LIFParameters) -> bool:
    """True if a step is longer than t_ref, so that a neuron may be released within it."""
    return dt_ms > params.t_ref_ms * (1 + 1e-9)
