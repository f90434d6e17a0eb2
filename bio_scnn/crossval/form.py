"""Form of an implementation and of its answers: what a check may rely on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bio_scnn.crossval.protocol import Adapter, Capabilities, family_of
from bio_scnn.errors import InputError
from bio_scnn.neuron.models import NeuronParameters
from bio_scnn.neuron.trace import Trace


def check_form(adapter: Adapter) -> None:
    """Refuse an adapter that does not say what it is in the form of `Adapter`."""
    for name, kind in (
        ("capabilities", Capabilities),
        ("expected_failures", Mapping),
    ):
        value = getattr(adapter, name)
        if not isinstance(value, kind):
            raise InputError(
                f"{adapter.name}: its {name} must be of the type {kind.__name__}, not "
                f"{_kind(value)}"
            )
    if not isinstance(adapter.params, NeuronParameters):
        raise InputError(
            f"{adapter.name}: its params must be of the type LIFParameters, not "
            f"{_kind(adapter.params)}, or those of another family"
        )


def checked_trace(trace: Trace, name: str, shape: tuple[int, ...]) -> Trace:
    """Trace as arrays, once it has the form of one for currents of a shape."""
    if not isinstance(trace, Trace):
        raise InputError(f"{name}: run must return a Trace, not {_kind(trace)}")
    steps, neurons = shape
    if len(trace.spike_times_ms) != neurons:
        raise InputError(
            f"{name} returned spike trains of {len(trace.spike_times_ms)} neurons; it was given "
            f"currents for {neurons}"
        )
    trains = tuple(np.asarray(train, dtype=np.float64) for train in trace.spike_times_ms)
    for train in trains:
        if train.ndim != 1 or not np.isfinite(train).all() or np.any(np.diff(train) < 0):
            raise InputError(
                f"{name} returned a spike train that is not a list of finite, ascending times"
            )
    if trace.membrane is None:
        return Trace(trains)
    membrane = np.asarray(trace.membrane)
    if membrane.dtype.kind not in "biuf":
        raise InputError(f"{name} returned V of {membrane.dtype}, not of numbers")
    if membrane.shape != (steps, neurons):
        raise InputError(
            f"{name} returned V of shape {membrane.shape}; it must be (steps, neurons) = "
            f"{(steps, neurons)}"
        )
    return Trace(trains, membrane)


def check_family(adapter: Adapter, params: Any) -> None:
    """Refuse the parameters of a family that an adapter does not declare."""
    family = family_of(params)
    # What has one neuron of its own is of its family, whatever it declares.
    declared = {*adapter.capabilities.families, family_of(adapter.params)}
    if family not in declared:
        raise InputError(
            f"{adapter.name} has no {family}: it declares {', '.join(sorted(declared))} "
            "(Capabilities.families)"
        )


def check_time_step(adapter: Adapter, dt_ms: float) -> None:
    """Refuse a time step that an adapter does not have."""
    own = adapter.fixed_dt_ms
    if own is not None and abs(dt_ms / own - 1) > 1e-9:
        raise InputError(
            f"{adapter.name} has a time step of {own:g} ms, but shall be checked at {dt_ms:g} ms: "
            f"check it at dt_ms={own:g}, or wrap it as as_adapter(..., dt_ms={dt_ms:g}) if that "
            "is its time step"
        )


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
