"""Values as users give them, with or without units, as plain numbers."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError


def one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of `choices`; `name` is what the message calls it."""
    if not isinstance(value, str) or value not in choices:
        raise InputError(
            f"{name} (={brief(repr(value))}) must be one of {', '.join(map(repr, choices))}"
        )


def to_array(value: Any, name: str, unit: str, *, finite: bool = False) -> NDArray[Any]:
    """Plain floating-point array, in a given unit, of whatever holds real numbers.

    Parameters
    ----------
    value : array_like, tensor or quantity
        Plain numbers are taken to be in `unit` already. Quantities of Brian2, also in lists and
        object arrays, and of other packages are converted. Tensors may be on any device.
    name : str
        What to call the value in an error message.
    unit : {"ms", "Hz", "dimensionless"}
    finite : bool
        Whether NaN and infinity are refused.

    Returns
    -------
    float32 or float64 array of value's shape
        Single precision stays; the array given is returned as it is where nothing has to change.

    Raises
    ------
    InputError
        If it has another dimension, mixes numbers with and without a unit, or does not hold
        real numbers: text, complex numbers, dates, truth values, masked entries.
    """
    try:
        array, _ = _convert(value, name, unit)
    except _NotNumbersError as found:
        raise InputError(
            f"{name} must be an array of real numbers ({unit}), not {found}"
        ) from None
    if finite and not np.isfinite(array).all():
        raise InputError(f"{name} contains NaN or infinity: give finite numbers")
    return array


def to_number(value: Any, name: str, unit: str) -> float:
    """One finite number in the given unit; parameters and errors as `to_array`."""
    try:
        array, _ = _convert(value, name, unit)
        if array.ndim:
            raise _NotNumbersError
    except _NotNumbersError:
        raise InputError(f"{name} (={brief(repr(value))}) must be one number ({unit})") from None
    number = float(array)
    if not math.isfinite(number):
        given = f"{number}" if unit == "dimensionless" else f"{number} {unit}"
        raise InputError(f"{name} (={given}) must be a finite number")
    return number


def to_count(value: Any, name: str) -> int:
    """A whole number of at least 1."""
    try:
        number = operator.index(value)
    except TypeError:
        raise InputError(f"{name} (={brief(repr(value))}) must be a whole number") from None
    if number < 1:
        raise InputError(f"{name} (={number}) must be greater than 0")
    return number


def seed_sequence(seed: int | np.random.SeedSequence | None) -> np.random.SeedSequence:
    """The seed sequence itself, or one made of an integer or of fresh entropy."""
    if isinstance(seed, np.random.SeedSequence):
        return seed
    try:
        return np.random.SeedSequence(None if seed is None else operator.index(seed))
    except (TypeError, ValueError):
        raise InputError(f"seed (={brief(repr(seed))}) must be an integer of at least 0") from None


# Power of time and factor from SI, for each unit a quantity can be asked in.
_UNITS = {"ms": (1, 1e3), "Hz": (-1, 1.0), "dimensionless": (0, 1.0)}

_OTHER_DIMENSIONS = ("length", "mass", "current", "temperature", "mol", "luminosity")

# What an array of another kind holds, by NumPy's letter for it.
_KINDS = {
    "b": "truth values",
    "c": "complex numbers",
    "m": "time spans",
    "M": "dates",
    "S": "bytes",
    "T": "text",
    "U": "text",
    "V": "records",
}


class _NotNumbersError(ValueError):
    """A value that holds no real numbers; the text says what it holds."""


def _convert(value: Any, name: str, unit: str) -> tuple[NDArray[Any], bool]:
    """The numbers as float32 or float64, and whether they carried a unit."""
    if type(value) is np.ndarray and value.dtype.kind == "O":
        value = value.tolist()
    if isinstance(value, list | tuple):
        return _from_sequence(value, name, unit)
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value):
            raise _NotNumbersError("masked entries")
        return _convert(value.data, name, unit)
    # Quantities are recognised without their packages: to import Brian2 takes seconds. Its own
    # have a `dim`, as have tensors, whose `dim` is a method.
    if hasattr(getattr(value, "dim", None), "get_dimension"):
        return _from_brian2(value, name, unit)
    if hasattr(value, "units") or hasattr(value, "unit"):
        return _from_other_quantity(value, name, unit), unit != "dimensionless"
    return _from_array(value, name, unit)


def _from_sequence(
    values: list[Any] | tuple[Any, ...], name: str, unit: str
) -> tuple[NDArray[Any], bool]:
    """An array of the items, which NumPy alone would strip of their units."""
    kinds = set(map(type, values))
    if all(issubclass(k, int | float | np.number) and k is not bool for k in kinds):
        parts: Any = values
        with_unit = False
    else:
        converted = [_convert(item, name, unit) for item in values]
        parts = [array for array, _ in converted]
        with_unit = any(has for _, has in converted)
        if with_unit and not all(has for _, has in converted):
            raise InputError(
                f"{name} mixes numbers with and without a unit: give all of them in {unit}, or "
                "all as quantities"
            )
    try:
        array = np.asarray(parts)
        if array.dtype == object:  # of whole numbers beyond 64 bits
            array = array.astype(np.float64)
    except ValueError:
        raise _NotNumbersError("rows of different lengths") from None
    except OverflowError:
        raise _NotNumbersError("a number beyond the largest float") from None
    return _floating(array), with_unit


def _from_brian2(value: Any, name: str, unit: str) -> tuple[NDArray[Any], bool]:
    power, factor = _UNITS[unit]
    dim = value.dim
    if dim.get_dimension("time") != power or any(map(dim.get_dimension, _OTHER_DIMENSIONS)):
        raise _wrong_unit(value, name, unit)
    # asarray drops the unit and leaves SI base units.
    return _floating(np.asarray(value)) * factor, power != 0


def _from_other_quantity(value: Any, name: str, unit: str) -> NDArray[Any]:
    """Quantity of Pint, Astropy or Quantities: converted by its own method."""
    convert = getattr(value, "to", None) or getattr(value, "rescale", None)
    word = "" if unit == "dimensionless" and hasattr(value, "unit") else unit
    try:
        converted = convert(word)  # type: ignore[misc] # None is not callable: refused as well
        plain = converted.magnitude if hasattr(converted, "magnitude") else converted.value
    except Exception:  # each package has errors of its own
        raise _wrong_unit(value, name, unit) from None
    return _from_array(plain, name, unit)[0]


def _from_array(value: Any, name: str, unit: str) -> tuple[NDArray[Any], bool]:
    """Whatever NumPy makes an array of: numbers, arrays, tensors, tables."""
    try:
        if hasattr(value, "detach"):  # PyTorch, with a gradient or on another device
            value = value.detach().cpu()
            if "bfloat16" in str(value.dtype):  # which NumPy does not have
                value = value.float()
        array = np.asarray(value)
    except Exception as error:  # other packages' conversions raise whatever they like
        raise _NotNumbersError(f"{type(value).__name__} ({brief(str(error))})") from None
    if array.dtype.kind != "O":
        return _floating(array), False
    if array.ndim:
        return _convert(array, name, unit)
    try:
        return np.asarray(float(value)), False
    except OverflowError:
        raise _NotNumbersError("a number beyond the largest float") from None
    except (TypeError, ValueError):
        raise _NotNumbersError("None" if value is None else type(value).__name__) from None


def _floating(array: NDArray[Any]) -> NDArray[Any]:
    dtype = array.dtype
    if dtype == np.float32 or dtype == np.float64:
        return array
    # Half precisions that other packages add to NumPy are of no kind of its own, but can be cast.
    if dtype.kind in "fiu" or (dtype.kind == "V" and np.can_cast(dtype, np.float64)):
        return array.astype(np.float64)
    raise _NotNumbersError(_KINDS.get(dtype.kind, str(dtype)))


def _wrong_unit(value: Any, name: str, unit: str) -> InputError:
    right = f"in {unit}"
    if unit == "dimensionless":
        right = "dimensionless; give plain numbers, in units with V = R I such as mV, nA and Mohm"
    return InputError(f"{name} (={brief(str(value))}) has the wrong unit: it must be {right}")


def brief(text: str) -> str:
    """One line of at most some sixty characters."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "..."
