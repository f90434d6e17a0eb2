"""Currents, spikes and V as files that a program in any language reads and writes.

`adapters.program` runs such a program, `vectors` judges what it left beside stored currents; both
read its answers here. ``docs/exchange-format.md`` is the specification.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.crossval.protocol import Capabilities, Setup
from bio_scnn.errors import InputError
from bio_scnn.neuron.trace import Trace
from bio_scnn.runtime.config import from_table, parse_json

FORMAT, VERSION = "bio_scnn exchange", 1


def setup_table(setup: Setup, steps: int) -> dict[str, Any]:
    """Content of ``setup.json``: no nesting, so that a search for a key finds it.

    Parameters
    ----------
    setup : Setup
    steps : int
    """
    p = setup.params
    times = {
        "dt": setup.dt_ms,
        "tau": p.tau_ms,
        "C": p.C_ms,
        "t_ref": p.t_ref_ms,
        "tau_noise": p.tau_noise_ms,
    }
    return {
        "format": FORMAT,
        "version": VERSION,
        "steps": steps,
        "neurons": setup.neurons,
        **{f"{name}_ms": value for name, value in times.items()},
        # Divided: 0.1 * 0.001 is not the number nearest to 0.0001.
        **{f"{name}_s": value / 1e3 for name, value in times.items()},
        "R": p.R,
        "V_th": p.V_th,
        "V_reset": p.V_reset,
        "noise_std": setup.noise_std,
        "seed": setup.seed,
        "dtype": setup.dtype,
    }


def json_bytes(table: dict[str, Any]) -> bytes:
    """JSON with one entry per line."""
    return (json.dumps(table, indent=1, ensure_ascii=False) + "\n").encode()


def npy_bytes(array: ArrayLike) -> bytes:
    """A NumPy file: C order, little endian, format version 1.0."""
    array = np.asarray(array)
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    data = io.BytesIO()
    np.lib.format.write_array(data, array, version=(1, 0), allow_pickle=False)
    return data.getvalue()


def matrix_csv(array: NDArray[np.float64]) -> bytes:
    """One line per step, one column per neuron, no header; read back, the same bits."""
    return "".join(",".join(map(repr, row)) + "\n" for row in array.tolist()).encode()


def spikes_csv(trains_ms: Iterable[NDArray[np.float64]]) -> bytes:
    """``neuron,time_ms`` with 17 significant digits, neuron by neuron."""
    rows = [f"{i},{t:.17g}\n" for i, train in enumerate(trains_ms) for t in train.tolist()]
    return ("neuron,time_ms\n" + "".join(rows)).encode()


def find(directory: Path, name: str, prefixes: Sequence[str] = ("",)) -> Path | None:
    """The one file of a name, with one of some prefixes, as NumPy file or as CSV.

    Raises
    ------
    InputError
        If there is more than one.
    """
    endings = (".npy", ".csv") if "." not in name else ("",)
    paths = [directory / f"{prefix}{name}{ending}" for prefix in prefixes for ending in endings]
    there = [path for path in paths if path.is_file()]
    if len(there) > 1:
        raise InputError(f"both {there[0].name} and {there[1].name} are there: leave only one")
    return there[0] if there else None


def read_matrix(path: Path, shape: tuple[int, int], what: str) -> NDArray[Any]:
    """An array of numbers ``(steps, neurons)`` from a NumPy file or CSV without a header.

    Raises
    ------
    InputError
        If the file is none, or holds an array of another shape.
    """
    try:
        if path.suffix == ".csv":
            array = np.array([line.split(",") for line in _lines(path)], dtype=np.float64)
        else:
            array = read_npy(path)
    except (ValueError, OSError) as error:
        why = " ".join(str(error).split())[:200]
        raise InputError(f"{path.name} is no array of numbers that can be read ({why})") from None
    if array.dtype.kind not in "biuf":
        raise InputError(f"{path.name} holds {array.dtype}: {what} must be numbers")
    if array.shape != shape:
        raise InputError(
            f"{path.name} has shape {array.shape}: {what} must have (steps, neurons) = {shape}"
        )
    return array


def read_npy(path: Path) -> NDArray[Any]:
    """The array of a NumPy file, once the file is as long as its header says.

    Raises
    ------
    ValueError
        If it is no such file, or a damaged one.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        return npy_array(file, path.stat().st_size)


def npy_array(file: IO[bytes], size: int) -> NDArray[Any]:
    """The array of an open NumPy file of `size` bytes, as `read_npy` reads it."""
    try:
        version = np.lib.format.read_magic(file)
        if version not in _NPY_HEADERS:
            raise ValueError(f"version {version} of the format is not known")
        shape, _, dtype = _NPY_HEADERS[version](file)
        needed, there = math.prod(shape) * dtype.itemsize, size - file.tell()
        if dtype.hasobject or needed != there:
            raise ValueError(f"{there} bytes of values where {shape} of {dtype} was declared")
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, OSError):
        raise
    except Exception as error:  # a header is read as Python, and may be damaged anywhere
        raise ValueError(f"its header is damaged: {error}") from None


_NPY_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_spikes(path: Path, shape: tuple[int, int], dt_ms: float, label: str) -> Trace:
    """Spike trains from a raster or a list of times.

    Parameters
    ----------
    path : Path
        ``.npy``, a raster ``(steps, neurons)``; or ``.csv`` with the header ``neuron,time_ms``.
    shape : (int, int)
        Steps and neurons of the run.
    dt_ms : float, ms
    label : str
        ``Capabilities.spike_label``: how the steps of a raster are dated.

    Raises
    ------
    InputError
        If the file is damaged, or holds spikes that the run cannot have had.
    """
    if path.suffix == ".npy":
        raster = read_matrix(path, shape, "a spike raster")
        if raster.dtype.kind == "f" and not np.isfinite(raster).all():
            raise InputError(f"{path.name} contains NaN or infinity: a raster holds 0 and 1")
        return Trace.from_raster(raster, dt_ms, label="start" if label == "start" else "end")
    try:
        lines = _lines(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read ({error})") from None
    header = lines[0].replace(" ", "").strip('"') if lines else "nothing"
    if header != "neuron,time_ms":
        raise InputError(f"{path.name} begins with {header[:60]!r}, not with 'neuron,time_ms'")
    steps, neurons = shape
    latest = (steps + 0.5) * dt_ms  # float32 may round the end of the run up
    trains: list[list[float]] = [[] for _ in range(neurons)]
    for number, line in enumerate(lines[1:], 2):
        try:
            first, second = line.split(",")
            neuron, time = int(first), float(second)
        except ValueError:
            raise InputError(
                f"{path.name}, line {number}: {line[:60]!r} is not an index and a time"
            ) from None
        if not 0 <= neuron < neurons:
            raise InputError(
                f"{path.name}, line {number}: neuron {neuron}; indices go from 0 to {neurons - 1}"
            )
        if not 0 <= time <= latest:  # false for NaN
            raise InputError(
                f"{path.name}, line {number}: a spike at {time:g} ms; the run has "
                f"{steps * dt_ms:g} ms"
            )
        trains[neuron].append(time)
    return Trace(tuple(np.sort(np.array(train, dtype=np.float64)) for train in trains))


def read_capabilities(path: Path) -> Capabilities:
    """The fields of `Capabilities` from a JSON file; those left out keep their defaults.

    Raises
    ------
    InputError
        If it cannot be read, or holds anything else.
    """
    return from_table(Capabilities, read_json(path), path.name)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, with errors in one line."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    table = parse_json(data, str(path))
    if not isinstance(table, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(table).__name__}")
    return table


def refusal(directory: Path, prefixes: Sequence[str] = ("",)) -> str:
    """Reason of a refusal, from ``cannot.txt``, in one line; empty if there is none."""
    path = find(directory, "cannot.txt", prefixes)
    if path is None:
        return ""
    words = path.read_text(encoding="utf-8", errors="replace").split()
    return " ".join(words)[:500] or "cannot.txt gives no reason"


def _lines(path: Path) -> list[str]:
    """Lines that are not empty; a byte order mark, as spreadsheets write, is no part of them."""
    return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
