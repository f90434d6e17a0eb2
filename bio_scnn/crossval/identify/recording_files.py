"""Files of recordings: CSV, npy, npz, and NIR's data, read as input, V and spikes."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.exchange import npy_array, read_npy
from bio_scnn.crossval.identify.recording_tables import read_table, step_of
from bio_scnn.errors import InputError

_MOST_BYTES = 2**31  # that an npz file may unpack to

NAMES = {
    "input": ("input", "x", "i", "in", "current", "stimulus", "drive", "inputs", "i_in", "data"),
    "V": ("v", "vm", "v_m", "voltage", "mem", "membrane", "potential", "vmem", "u", "state"),
    "spikes": ("spike", "spikes", "s", "out", "output", "z", "spk", "spike_out", "outputs"),
}
"""Names of columns and arrays, in small letters."""

Columns = dict[str, NDArray[np.float64]]

_STEP = "dt_ms"
"""Key of the time step beside the columns, while a file is read."""


def read_recording(path: Path, input_path: Path | None = None) -> Columns:
    """Input, V and spikes of a file.

    Parameters
    ----------
    path : Path
        CSV, with a header or with the columns input, V, spike; npy ``(steps, 3)``; npz with
        named arrays. Lines of a CSV that begin with # are comments.
    input_path : Path, optional
        File of the input, if it is not in the first: one column or array.

    Returns
    -------
    dict
        Arrays ``(steps,)`` or ``(steps, neurons)`` under "input", and "V", "spikes" if given.

    Raises
    ------
    InputError
        If a file cannot be read, or columns are missing.
    """
    return _columns_and_step(path, input_path)[0]


def _columns_and_step(path: Path, input_path: Path | None) -> tuple[Columns, float | None]:
    """Columns of a file, and the time step that its column of times has, ms."""
    found = _named(path, only=None if input_path is None else ("V", "spikes"))
    if input_path is not None:
        found |= _named(input_path, only=("input",))
    step = found.pop(_STEP, None)
    if "input" not in found:
        raise InputError(f"{path} has no input: name a column 'input', or give --input FILE")
    if "V" not in found and "spikes" not in found:
        raise InputError(f"{path} has neither V nor spikes: name columns 'V' and 'spike'")
    lengths = {name: len(values) for name, values in found.items()}
    if len(set(lengths.values())) > 1:
        text = ", ".join(f"{name} {n:,}" for name, n in lengths.items())
        raise InputError(f"{path}: lengths differ, in steps: {text}")
    return found, None if step is None else float(step)


TAKEN = "CSV, npy, npz, and NIR's data (.h5, .nir)"


def read_with_step(path: Path, input_path: Path | None = None) -> tuple[Columns, float | None]:
    """Input, V and spikes of a file of any kind, and the time step in ms that it names.

    A column of times tells the step if its name has a unit, as ``time_ms`` or ``t (s)`` has.
    Parameters, errors as in `read_recording`; files ending in .h5, .hdf5 or .nir are NIR's data,
    as ``nir.write_data`` writes them.
    """
    if path.suffix.lower() not in (".h5", ".hdf5", ".nir"):
        return _columns_and_step(path, input_path)
    if input_path is not None:
        raise InputError("--input goes with CSV, npy or npz; NIR's data hold their input")
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    try:
        import nir
    except ModuleNotFoundError:
        raise InputError(
            f"{path}: NIR's data need the package nir, not installed here (pip install nir); "
            f"taken are {TAKEN}"
        ) from None
    if not hasattr(nir, "read_data"):
        raise InputError(
            f"{path}: this nir has no read_data; a newer one has (pip install -U nir)"
        )
    try:
        data = nir.read_data(str(path))
    except Exception as error:  # of many kinds, depending on what the file is
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} holds no data that nir.read_data takes ({reason}); a graph of neurons goes "
            "with --nir"
        ) from None
    return from_nir(data)


def from_nir(data: Any) -> tuple[Columns, float | None]:
    """Arrays of one of NIR's data classes, or of a mapping of names to them.

    Parameters
    ----------
    data : nir.NIRNodeData, nir.NIRGraphData, or mapping
        Observables "input", "v", "spikes" or like names. A graph must hold them in one node, or
        the input in a node called "input".

    Returns
    -------
    columns : dict
        As `read_recording`; samples become neurons.
    dt_ms : float or None
        Time step that the data name, ms; NIR's are in seconds.

    Raises
    ------
    InputError
        If observables are missing.
    """
    observables = _observables(data)
    columns: Columns = {}
    steps = [float(one.dt) for one in observables.values() if hasattr(one, "dt")]
    dt = min(steps) if steps else None
    for name, one in observables.items():
        kind = _kind(name)
        if kind is None or kind in columns:
            continue
        gridded = one
        if hasattr(one, "to_time_gridded"):
            if dt is None:
                raise InputError("events alone have no time step: add data on a grid")
            gridded = one.to_time_gridded(dt)
        array = np.asarray(getattr(gridded, "data", gridded), dtype=np.float64)
        if array.ndim == 3:
            array = np.moveaxis(array, 0, -1).reshape(array.shape[1], -1)
        columns[kind] = array
    if "input" not in columns or len(columns) < 2:
        raise InputError(
            f"the data hold {', '.join(sorted(observables)) or 'nothing'}; an input, and V or "
            "spikes, are needed"
        )
    return columns, None if dt is None else 1000 * dt


def _observables(data: Any) -> dict[str, Any]:
    """Observables by name, of all nodes."""
    if hasattr(data, "nodes"):
        found: dict[str, Any] = {}
        for name, node in data.nodes.items():
            inner = _observables(node)
            if _kind(name) == "input" and len(inner) == 1:
                inner = {"input": next(iter(inner.values()))}
            for key, value in inner.items():
                found.setdefault(key, value)
        return found
    if hasattr(data, "observables"):
        return dict(data.observables)
    if isinstance(data, Mapping):
        return dict(data)
    raise InputError(f"{type(data).__name__} is none of NIR's data classes")


def _kind(name: str) -> str | None:
    clean = name.strip().strip("\"'#").strip().lower()
    clean = clean.split("[")[0].split("(")[0].strip()
    return next((kind for kind, names in NAMES.items() if clean in names), None)


def _named(path: Path, only: tuple[str, ...] | None) -> Columns:
    """Arrays of a file under the names input, V, spikes; by position where it has none."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; a recording is one file: {TAKEN}")
        if path.suffix == ".npz":
            return _by_name(_npz(path), path, only)
        if path.suffix == ".npy":
            return _by_position(read_npy(path), path, only)
        return _csv(path, only)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        if not path.exists():
            raise InputError(f"there is no file {path}") from None
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} cannot be read: {reason}; taken are {TAKEN}") from error


def _npz(path: Path) -> dict[str, NDArray]:
    """Arrays of an npz file, by name."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if (size := sum(member.file_size for member in members)) > _MOST_BYTES:
            raise InputError(
                f"{path}: says it unpacks to {size:,} bytes; up to {_MOST_BYTES:,} are read"
            )
        arrays = {}
        for member in members:
            try:
                with archive.open(member) as file:
                    array = npy_array(file, member.file_size)
            except (NotImplementedError, RuntimeError) as error:  # unknown methods, passwords
                raise ValueError(str(error)) from error
            arrays[member.filename.removesuffix(".npy")] = array
    return arrays


def _csv(path: Path, only: tuple[str, ...] | None) -> Columns:
    header, table = read_table(path)
    if header is None:
        return _by_position(table, path, only)
    return _by_name({name: table[:, k] for k, name in enumerate(header)}, path, only)


def _by_name(named: dict[str, NDArray], path: Path, only: tuple[str, ...] | None) -> Columns:
    found: Columns = {}
    for name, values in named.items():
        is_time, dt_ms = step_of(name, values, path)
        if dt_ms is not None:
            found[_STEP] = np.array(dt_ms)
        kind = None if is_time else _kind(name)
        if kind is not None and (only is None or kind in only):
            if kind in found:
                raise InputError(f"{path} has two columns for {kind}: {', '.join(named)}")
            found[kind] = np.asarray(values)
    if only == ("input",) and not found and len(named) == 1:
        return {"input": np.asarray(next(iter(named.values())))}
    if not found.keys() - {_STEP} or (only == ("input",) and "input" not in found):
        raise InputError(
            f"{path} has {', '.join(named)}; wanted are "
            f"{' and '.join(only or ('input', 'V', 'spike'))}"
        )
    return found


def _by_position(table: NDArray, path: Path, only: tuple[str, ...] | None) -> Columns:
    if only == ("input",):
        return {"input": table if table.ndim == 1 or table.shape[1] == 1 else table[:, 0]}
    wanted = ("input", "V", "spikes") if only is None else only
    if table.ndim != 2 or table.shape[1] != len(wanted):
        if only is not None and table.ndim == 2 and table.shape[1] == 3:
            return dict(zip(("input", "V", "spikes"), table.T, strict=True))
        raise InputError(
            f"{path} has the shape {table.shape} and no names; wanted are the columns "
            f"{', '.join(wanted)}, or a header that says which ones there are"
        )
    return dict(zip(wanted, table.T, strict=True))
