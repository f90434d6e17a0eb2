"""Values as users give them, with or without units, as plain numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bio_scnn.errors import InputError


def one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of `choices`; `name` is what the message calls it."""
    if value not in choices:
        raise InputError(f"{name} (={value!r}) must be one of {', '.join(map(repr, choices))}")


# Power of time and factor from SI, for each unit a quantity can be asked in.
_UNITS = {"ms": (1, 1e3), "Hz": (-1, 1.0), "dimensionless": (0, 1.0)}

_OTHER_DIMENSIONS = ("length", "mass", "current", "temperature", "mol", "luminosity")


def strip_unit(value: Any, name: str, unit: str) -> Any:
    """Plain number(s) in the given unit.

    Parameters
    ----------
    value : array_like or Quantity
        Plain numbers are taken to be in `unit` already and are returned as they are.
    name : str
        What to call the value in an error message.
    unit : {"ms", "Hz", "dimensionless"}

    Returns
    -------
    array_like
        Without a unit.

    Raises
    ------
    InputError
        If it is a Brian2 quantity of another dimension.
    """
    # Brian2 quantities are ndarrays with a `dim`. Importing brian2 to recognise them would make
    # every `import bio_scnn` take seconds.
    dim = getattr(value, "dim", None)
    if dim is None:
        return value
    power, factor = _UNITS[unit]
    if dim.get_dimension("time") != power or any(map(dim.get_dimension, _OTHER_DIMENSIONS)):
        raise InputError(f"{name} (={value}) has the wrong unit: it must be in {unit}")
    return np.asarray(value) * factor  # asarray drops the unit and leaves SI base units


def to_number(value: Any, name: str, unit: str) -> float:
    """One finite number in the given unit; parameters and errors as `strip_unit`."""
    try:
        if isinstance(value, str | bytes | bool):
            raise TypeError
        number = float(strip_unit(value, name, unit))
    except TypeError:
        raise InputError(f"{name} (={value!r}) must be one number ({unit})") from None
    if not math.isfinite(number):
        raise InputError(f"{name} (={number} {unit}) must be a finite number")
    return number
