"""Mutations of valid files and tables, each drawn from a seeded generator."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator

import numpy as np

RAW = {"<DEEP>": "[" * 50_000 + "]" * 50_000, "<LONG>": "9" * 5000, "<1e400>": "1e400"}
"""Texts that stand in JSON and TOML where no Python value can."""

VALUES = (
    None, True, "", "x", "\x1b[31m", [], {}, [[1]], 0, -1, 1, 3, 7, 65, 10**6, 10**12, 2**63,
    -(10**18), 10**400, 0.0, -0.5, 0.5, 1e-300, 1e38, 1e300, float("nan"), float("inf"),
    "../../etc/passwd", "a" * 100_000, *RAW,
)  # fmt: skip
"""Values that replace a valid one."""


def one_of(rng: np.random.Generator, choices):
    return choices[int(rng.integers(len(choices)))]


def bytes_mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with some flipped, cut off, repeated, replaced or added."""
    changed = bytearray(data)
    place = int(rng.integers(len(data)))
    if rng.random() < 0.5:  # headers are small, and most can go wrong in them
        place = int(rng.integers(min(len(data), 1500)))
    match int(rng.integers(6)):
        case 0 | 1:
            changed[place] ^= 1 << int(rng.integers(8))
        case 2:
            del changed[place:]
        case 3:
            changed[place : place + 8] = bytes(rng.integers(0, 256, 8, dtype=np.uint8))
        case 4:
            changed[place : place + 8] = b"\xff" * 8
        case _:
            changed[place:place] = changed[: int(rng.integers(1, 200))]
    return bytes(changed)


def places(table, path=()) -> Iterator[tuple]:
    """Paths to everything in nested tables and lists."""
    items = table.items() if isinstance(table, dict) else enumerate(table)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def table_mutated(table, rng: np.random.Generator):
    """A copy of nested tables with a value replaced, missing, doubled, or of another name."""
    changed = copy.deepcopy(table)
    path = one_of(rng, list(places(changed)))
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    key = path[-1]
    match int(rng.integers(8)):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
        case 1:
            holder.extend(holder * 3)
        case _:
            holder[key] = one_of(rng, VALUES)
    return changed


def json_of(table) -> str:
    """The table as JSON, with the texts of `RAW` where their names stand."""
    text = json.dumps(table)
    for name, raw in RAW.items():
        text = text.replace(json.dumps(name), raw)
    return text


def array_mutated(array: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """An array of other values, another shape or another type; None for none."""
    changed = np.array(array)
    match int(rng.integers(7)):
        case 0:
            return None
        case 1:
            return changed[..., :-1]
        case 2:
            return changed.astype(one_of(rng, (np.float16, np.int8, np.uint64, np.bool_)))
        case 3:
            return changed[np.newaxis]
        case 4:
            return changed[:0]
        case _:
            if changed.dtype.kind == "f" and changed.size:
                changed.flat[0] = one_of(rng, (np.nan, np.inf, -1e38, 1e38, 1e20, -1.0))
            return changed
