"""Text tables of recordings: CSV with comments, a header or none, and a time column."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError

_TIME = re.compile(
    r"\W*(?:t|time|times|timestamp)(?:[\s_]*[\[(]?[\s_]*(?P<unit>s|sec|seconds?|ms|milliseconds?|"
    r"us|\u00b5s|\u03bcs|microseconds?)[\])]?)?\W*",
    re.IGNORECASE,
)
_MS = (("micro", 1e-3), ("m", 1.0), ("s", 1e3))  # by how units begin; all others are micro
_UNEVEN = 1e-3
"""Difference between time steps, relative to one, up to which they are equal."""


def read_table(path: Path) -> tuple[list[str] | None, NDArray[np.float64]]:
    """Header, if there is one, and numbers of a text table.

    Parameters
    ----------
    path : Path
        Cells separated by commas, semicolons, tabs or blanks. Lines that begin with # are
        comments; the last one before the numbers is the header if it names as many columns.

    Returns
    -------
    header : list of str, or None
    table : (rows, columns) float64 array

    Raises
    ------
    InputError
        If the file is empty, rows differ in length, or a cell is no number.
    """
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    kept = [(k, line) for k, line in enumerate(lines, 1) if line.strip()]
    rows = [(k, line) for k, line in kept if not line.lstrip().startswith("#")]
    if not rows:
        raise InputError(f"{path} is empty" if not kept else f"{path} has comments and no rows")
    mark = next((m for m in (",", ";", "\t") if m in rows[0][1]), None)
    cells = [(k, _cells(line, mark)) for k, line in rows]
    header = None
    if any(_number(cell) is None for cell in cells[0][1]):
        header, cells = cells[0][1], cells[1:]
        if not cells:
            raise InputError(f"{path} has a header and no rows")
    else:
        above = [line.lstrip("# \t") for k, line in kept if k < rows[0][0]]
        if above and len(names := _cells(above[-1], mark)) == len(cells[0][1]):
            header = names
    width = len(header or cells[0][1])
    table = np.empty((len(cells), width))
    for place, (k, row) in zip(table, cells, strict=True):
        if len(row) != width:
            raise InputError(f"{path}: line {k} has {len(row)} columns, the first row {width}")
        for n, cell in enumerate(row):
            value = _number(cell)
            if value is None:
                raise InputError(f"{path}: line {k} has {cell.strip()[:30]!r}, which is no number")
            place[n] = value
    return header, table


def _cells(line: str, mark: str | None) -> list[str]:
    return line.split() if mark is None else next(csv.reader([line], delimiter=mark))


def _number(cell: str) -> float | None:
    """Number in a cell, with true and false as 1 and 0; None if it is none."""
    clean = cell.strip().lower()
    if clean in ("true", "false"):
        return float(clean == "true")
    try:
        return float(clean)
    except ValueError:
        return None


def step_of(name: str, values: NDArray, path: Path) -> tuple[bool, float | None]:
    """Time step of a column of times.

    Parameters
    ----------
    name : str
        Its name, with a unit in it or none: ``time_ms``, ``t (s)``, ``time``.
    values : array
    path : Path
        For messages.

    Returns
    -------
    is_time : bool
        The name is one of a time.
    dt_ms : float or None, ms
        None if the name has no unit, or it is no time.

    Raises
    ------
    InputError
        If it is a time with a unit, and steps differ.
    """
    found = _TIME.fullmatch(name.strip().strip("\"'"))
    if found is None:
        return False, None
    unit = found["unit"]
    if unit is None or np.ndim(values) != 1 or len(values) < 2:
        return True, None
    steps = np.diff(np.asarray(values, dtype=np.float64))
    dt = float(values[-1] - values[0]) / len(steps)
    if not (np.isfinite(steps).all() and dt > 0 and np.abs(steps - dt).max() <= _UNEVEN * dt):
        raise InputError(
            f"{path}: the steps of {name.strip()} are {steps.min():g} to {steps.max():g}; a "
            "recording needs one time step"
        )
    ms = next((ms for start, ms in _MS if unit.lower().startswith(start)), 1e-3)
    return True, float(f"{dt * ms:.6g}")
