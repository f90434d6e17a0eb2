"""Arrays of a recording, checked before anything is made of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.crossval.identify.flow import Recorded
from bio_scnn.crossval.identify.recorded_forms import without_gaps
from bio_scnn.errors import InputError

_LARGEST = 1e100  # of values, whose squares are summed


def recorded(
    input: ArrayLike, V: ArrayLike | None = None, spikes: ArrayLike | None = None
) -> Recorded:
    """Recording as checked arrays ``(steps, neurons)``.

    Parameters, errors as in `recording.identify_recording`.
    """
    x = _matrix(input, "input")
    if V is None and spikes is None:
        raise InputError("a recording needs V or spikes beside its input")
    given: dict[str, NDArray | None] = {"V": None, "spikes": None}
    for name, values in (("V", V), ("spikes", spikes)):
        if values is None:
            continue
        if name == "V" and np.asarray(values).dtype.kind == "f":
            values = without_gaps(
                np.asarray(values), None if spikes is None else np.asarray(spikes)
            )
        array = _matrix(values, name)
        if array.shape != x.shape:
            raise InputError(f"{name} is of shape {array.shape}, the input of {x.shape}")
        given[name] = array
    fired = given["spikes"]
    if fired is not None and (
        np.any(fired < 0) or np.any(fired > 2**53) or np.any(fired != np.rint(fired))
    ):
        raise InputError("spikes must be whole numbers, 0 or 1 in most steps; columns swapped?")
    if given["V"] is None and fired is not None and not fired.any():
        raise InputError("there are no spikes and no V: nothing tells what the neuron does")
    return Recorded(x, given["V"], None if fired is None else fired.astype(np.int64))


def _matrix(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.dtype == object or array.dtype.kind not in "biuf":
        raise InputError(f"{name} must hold real numbers, not {array.dtype}")
    array = array.astype(np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or len(array) < 3 or not array.shape[1]:
        raise InputError(f"{name} must be (steps,) or (steps, neurons), at least 3 steps")
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0]
        raise InputError(f"{name} is not finite in step {where[0]}")
    if (largest := float(np.abs(array).max())) > _LARGEST:
        raise InputError(f"{name} is as large as {largest:g}; give numbers up to {_LARGEST:g}")
    return array
