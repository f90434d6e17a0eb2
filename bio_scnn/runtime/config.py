"""Frozen dataclasses to and from plain tables, as TOML and JSON hold them.

Whatever a file holds, what is wrong with it is one line: also tables nested beyond what Python
follows, and numbers of thousands of digits.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bio_scnn.errors import InputError

T = TypeVar("T")

_LARGEST_WHOLE = 2**63 - 1


def from_table(cls: type[T], table: dict[str, Any], where: str) -> T:
    """Build a dataclass, with nested dataclasses and tuples of them, from a table.

    Parameters
    ----------
    cls : dataclass type
    table : dict
    where : str
        What the table is, for messages: a file and a section.

    Raises
    ------
    InputError
        On an unknown name or a value of the wrong type.
    """
    if not isinstance(table, dict):
        raise InputError(f"{where}: expected a table of settings, got {shown(table)}")
    hints = typing.get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type] # T is a dataclass
    for name in table:
        if name not in known:
            raise InputError(
                f"{where}: unknown setting {shown(name)}; known are {', '.join(known)}"
            )
    values = {n: _convert(hints[n], v, f"{where}: {n}") for n, v in table.items()}
    try:
        return cls(**values)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except TypeError as error:  # a setting without a default is missing
        raise InputError(f"{where}: {error}") from None


def _meant(hints: tuple[Any, ...], value: Any) -> Any:
    """The one of several dataclasses that has just the names of a table; else the first type."""
    for hint in hints:
        if not (dataclasses.is_dataclass(hint) and isinstance(value, dict)):
            continue
        if {field.name for field in dataclasses.fields(hint)} == value.keys():
            return hint
    return hints[0]


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):  # "X or not given"
        return None if value is None else _convert(_meant(args, value), value, where)
    if origin is typing.Literal:
        if isinstance(value, str) and value in args:
            return value
        raise InputError(f"{where} is {shown(value)}; choose from {', '.join(map(repr, args))}")
    if origin is tuple and isinstance(value, list | tuple):
        if args[-1] is Ellipsis:
            return tuple(_convert(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
        if len(value) == len(args):
            return tuple(_convert(a, v, where) for a, v in zip(args, value, strict=True))
    if origin is dict and isinstance(value, dict):
        return {k: _convert(args[1], v, f"{where}.{k}") for k, v in value.items()}
    if dataclasses.is_dataclass(hint):
        return from_table(hint, value, where)  # type: ignore[arg-type] # a type, not an instance
    if isinstance(value, int) and abs(value) > _LARGEST_WHOLE:
        raise InputError(f"{where} is {shown(value)}; whole numbers may have up to 64 bits")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if (
        isinstance(hint, type)
        and isinstance(value, hint)
        and isinstance(value, bool) <= (hint is bool)
    ):
        return value
    raise InputError(f"{where} is {shown(value)}; expected {getattr(hint, '__name__', hint)}")


def to_table(settings: Any) -> dict[str, Any]:
    """Table of a dataclass, the inverse of `from_table`; unset settings are left out."""
    return dataclasses.asdict(
        settings, dict_factory=lambda items: {k: v for k, v in items if v is not None}
    )


def shown(value: Any) -> str:
    """A value as a message shows it: in one line of bounded length."""
    try:
        text = " ".join(repr(value).split())
    except (ValueError, RecursionError):  # of a number of many digits, of a nest of many levels
        kind = type(value).__name__
        return f"a number of {value.bit_length()} bits" if isinstance(value, int) else f"a {kind}"
    return shorter(text)


def shorter(text: str, most: int = 120) -> str:
    """The text, cut off where a message would have no end."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def parse_json(text: str | bytes, where: str) -> Any:
    """Parsed JSON text, with errors in one line.

    Parameters
    ----------
    text : str or bytes
    where : str
        What the text is, for messages.

    Raises
    ------
    InputError
        If it is no JSON, is nested beyond what Python follows, or has a number of too many digits.
    """
    return _parsed(json.loads, text, where, "JSON")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file, with errors in one line.

    Raises
    ------
    InputError
        If the file cannot be read; else as `parse_json`.
    """
    if path.exists() and not path.is_file():  # as a pipe, which might never end
        raise InputError(f"cannot read {path}: it is not a file")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise InputError(f"{path} is not valid TOML: {error}") from None
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', error)}") from None
    table: dict[str, Any] = _parsed(tomllib.loads, text, str(path), "TOML")
    return table


def _parsed(parse: Callable[[Any], Any], text: str | bytes, where: str, language: str) -> Any:
    try:
        return parse(text)
    except RecursionError:
        raise InputError(f"{where} is not valid {language}: it is nested too deeply") from None
    except ValueError as error:
        if "set_int_max_str_digits" in str(error):
            why = "a number has thousands of digits"
        else:
            why = " ".join(str(error).split())[:200]
        raise InputError(f"{where} is not valid {language}: {why}") from None
