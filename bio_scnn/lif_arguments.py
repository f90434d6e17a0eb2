"""Checks of the arguments of a simulation: each returns what it checked, in its plain form."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError
from .table1 import LIFParameters, strip_unit, to_number


def one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of `choices`; `name` is what the message calls it."""
    if value not in choices:
        raise InputError(f"{name} (={value!r}) must be one of {', '.join(map(repr, choices))}")


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


def drive(values: ArrayLike, name: str) -> NDArray[Any]:
    """A (neurons,) or (steps, neurons) array; float32 stays as it is, to save memory."""
    values = strip_unit(values, name, "dimensionless")
    try:
        array = np.asarray(values)
        if array.dtype not in (np.float32, np.float64):
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be an array of real numbers") from None
    if array.ndim not in (1, 2) or array.size == 0:
        raise InputError(
            f"{name} (shape {array.shape}) must have shape (neurons,) or (steps, neurons)"
        )
    if not np.isfinite(array).all():
        raise InputError(f"{name} contains NaN or infinity: give finite numbers")
    return array


def neuron_indices(record: Sequence[int], neurons: int) -> tuple[int, ...]:
    """Indices of neurons as plain integers, in the order given."""
    try:
        indices = tuple(operator.index(index) for index in record)
    except TypeError:
        raise InputError(f"record (={record!r}) must be a sequence of neuron indices") from None
    for index in indices:
        if not 0 <= index < neurons:
            raise InputError(f"record contains {index}: indices go from 0 to {neurons - 1}")
    return indices


def seed_sequence(seed: int | np.random.SeedSequence | None) -> np.random.SeedSequence:
    """The seed sequence itself, or one made of an integer or of fresh entropy."""
    if isinstance(seed, np.random.SeedSequence):
        return seed
    try:
        return np.random.SeedSequence(None if seed is None else operator.index(seed))
    except (TypeError, ValueError):
        raise InputError(f"seed (={seed!r}) must be an integer of at least 0") from None
