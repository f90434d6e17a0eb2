"""Numbers as people write them: simplest one between two bounds, unit of quantised values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.formats import FloatingPoint, FloatName

_MOST_LEVELS = 2.0**20
_DIGITS: dict[FloatName, int] = {"bfloat16": 8, "float16": 11}


def simplest(low: float, high: float) -> float:
    """Number of fewest significant digits between two bounds, both included.

    Parameters
    ----------
    low, high : float
        Finite, `low` not above `high`.

    Returns
    -------
    float
        Of those with equally few digits, the one nearest to the middle.
    """
    if low <= 0 <= high:
        return 0.0
    if low > high or low == high:
        return low
    sign = -1.0 if high < 0 else 1.0
    bottom, top = sorted((abs(low), abs(high)))
    power = int(np.floor(np.log10(top)))
    for digits in range(1, 18):
        places = digits - 1 - power
        first, last = _ceiling(bottom, places), _floor(top, places)
        if first <= last:
            middle = round((bottom + top) / 2 * 10.0**places)
            return sign * float(f"{min(max(middle, first), last)}e{-places}")
    return (low + high) / 2


def _ceiling(x: float, places: int) -> int:
    whole = int(np.ceil(x * 10.0**places - 1))
    return whole if float(f"{whole}e{-places}") >= x else whole + 1


def _floor(x: float, places: int) -> int:
    whole = int(np.floor(x * 10.0**places + 1))
    return whole if float(f"{whole}e{-places}") <= x else whole - 1


_MOST_PARTS = 32
"""Units that lie between the two nearest values, at most."""


def unit_of(values: NDArray[np.float64], levels: float = 2.0**32) -> float | None:
    """Unit of which all values are whole multiples; None if they have none.

    Parameters
    ----------
    values : array
    levels : float
        Multiples of more than this are not taken for quantised.

    Returns
    -------
    float or None
        The largest such unit: a power of two times a whole number, or a small part of the
        smallest distance between two values if all the others are multiples of it.
    """
    distinct = np.unique(np.abs(values))
    distinct = distinct[distinct > 0]
    if len(distinct) < 2:
        return None
    for shift in range(0, 41):
        whole = distinct * 2.0**shift
        if whole[-1] > levels:
            break
        if np.array_equal(whole, np.rint(whole)):
            return float(np.gcd.reduce(whole.astype(np.int64))) / 2.0**shift
    least = float(min(np.diff(distinct).min(), distinct[0]))
    for part in range(1, _MOST_PARTS + 1):
        unit = least / part
        if distinct[-1] > min(levels, 2.0**17) * unit or len(distinct) < 8:
            return None
        for _ in range(3):
            counts = np.rint(distinct / unit)
            unit = float(counts @ distinct / (counts @ counts))
        if np.allclose(distinct / unit, counts, rtol=1e-7, atol=1e-6):
            return unit
    return None


def grid_of(values: NDArray[np.float64]) -> float | None:
    """Unit of values in fixed point: not those of a narrow floating-point format.

    Parameters
    ----------
    values : array

    Returns
    -------
    float or None
        None if they have no unit, or are finer near 0 than a grid is.
    """
    unit = unit_of(values, _MOST_LEVELS)
    if unit is None:
        return None
    levels = float(np.abs(values).max()) / unit
    for name, digits in _DIGITS.items():
        # A grid of more levels has numbers that the format lacks.
        if levels > 2.0**digits and np.array_equal(FloatingPoint(name).product(values), values):
            return None
    return unit
