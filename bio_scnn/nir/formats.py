"""Number formats of a grid run: a NumPy type and a rounding to the numbers that code has."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError

Array = NDArray[Any]


@dataclass(frozen=True)
class NumberFormat:
    """A number format.

    Attributes
    ----------
    dtype : numpy scalar type
        In which NumPy computes.
    rounded : callable
        Rounds an array of that type to the format, after every operation.
    """

    dtype: type[np.floating[Any]]
    rounded: Callable[[Array], Array]


def number_format(name: str) -> NumberFormat:
    """A format by name: "float64", "float32", "bfloat16", or "Qm.n".

    Raises
    ------
    InputError
        If there is no such format.
    """
    if name in ("float64", "float32"):
        return NumberFormat(np.float64 if name == "float64" else np.float32, lambda x: x)
    if name == "bfloat16":
        return NumberFormat(np.float32, _bfloat16)
    if (found := re.fullmatch(r"Q(\d{1,2})\.(\d{1,2})", name)) and sum(
        bits := tuple(map(int, found.groups()))
    ) <= 48:
        whole, fraction = bits
        unit, low, high = 2.0**-fraction, -(2.0**whole), 2.0**whole - 2.0**-fraction
        return NumberFormat(np.float64, lambda x: np.clip(np.rint(x / unit) * unit, low, high))
    raise InputError(
        f"number_format (={name!r}) must be float64, float32, bfloat16, or Qm.n with at most 48 "
        "bits, as Q7.8"
    )


def _bfloat16(x: Array) -> Array:
    """Nearest numbers with 8 significant bits, ties to even."""
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    up = 0x7FFF + ((bits >> 16) & 1)
    rounded = ((bits + up) & np.uint32(0xFFFF0000)).view(np.float32)
    return np.where(np.isfinite(x), rounded, x).astype(np.float32)
