"""Stored test vectors, read back: their manifest, and their cases."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from bio_scnn.crossval import exchange
from bio_scnn.crossval.vectors.judge import Golden
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import LIFParameters, checked
from bio_scnn.neuron.trace import Trace
from bio_scnn.runtime.config import from_table, shown

FORMAT, VERSION = "bio_scnn test vectors", 1

_LARGEST = 1e100  # of a current or resistance, whose product must still be a number
_MOST_HELD = 2**31  # steps


def verified(directory: Path) -> dict[str, Any]:
    """The manifest of a folder, once every file is what it says.

    Raises
    ------
    InputError
        Names the file that is missing, changed, or outside the folder.
    """
    path = directory / "manifest.json"
    if not path.is_file():
        raise InputError(f"{directory} holds no manifest.json: it is no folder of test vectors")
    manifest = exchange.read_json(path)
    if manifest.get("format") != FORMAT or manifest.get("version") != VERSION:
        raise InputError(
            f"{path}: expected {FORMAT!r} version {VERSION}, got {shown(manifest.get('format'))} "
            f"version {shown(manifest.get('version'))}"
        )
    for key in ("generated_by", "cases", "sha256"):
        if not isinstance(manifest.get(key), dict) or not manifest[key]:
            raise InputError(f"{path} is damaged: it lacks {key!r}")
    for name in [*manifest["sha256"], *manifest["cases"]]:
        _check_inside(directory, name)
    for name, digest in manifest["sha256"].items():
        if not (directory / name).is_file():
            raise InputError(f"{directory / name}: cannot be read (it is not there, or no file)")
        try:
            data = (directory / name).read_bytes()
        except OSError as error:
            raise InputError(f"{directory / name}: cannot be read ({error.strerror})") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise InputError(
                f"{directory / name} has changed since it was exported: export the vectors again"
            )
    return manifest


def _check_inside(directory: Path, name: str) -> None:
    """Refuse a name in a manifest that leads out of its folder."""
    path, root = Path(name), directory.resolve()
    plain = not path.is_absolute() and ".." not in path.parts and "\0" not in name
    if not (plain and (directory / path).resolve().is_relative_to(root)):
        raise InputError(
            f"{directory / 'manifest.json'} names {shown(name)}, which lies outside its folder"
        )


def golden_case(directory: Path, manifest: dict[str, Any], name: str) -> Golden:
    """A case of a manifest, read from its files.

    Raises
    ------
    InputError
        If a file, or what the manifest says of it, is damaged.
    """
    table, folder = manifest["cases"][name], directory / name
    try:
        params = from_table(LIFParameters, table["params"], "manifest.json")
        shape = (int(table["steps"]), int(table["neurons"]))
        current = exchange.read_matrix(folder / "current.npy", shape, "the current")
        membrane = exchange.read_matrix(folder / "exact_membrane.npy", shape, "V")
        rows = exchange.read_npy(folder / "exact_spikes.npy")
        if rows.shape != (len(rows), 2) or rows.dtype.kind != "f":
            raise InputError("exact_spikes.npy must hold a neuron and a time in each row")
        for file, values in {"current": current, "exact_membrane": membrane}.items():
            if not np.isfinite(values).all() or float(np.abs(values).max(initial=0)) > _LARGEST:
                raise InputError(f"{file}.npy holds values that are not finite, or too large")
        dt_ms = checked(table["dt_ms"], "dt_ms")
        if params.t_ref_ms / dt_ms > _MOST_HELD or params.R > _LARGEST:
            raise InputError(
                f"t_ref_ms (={params.t_ref_ms:g} ms) or R (={params.R:g}) is too large"
            )
        trains = tuple(rows[rows[:, 0] == i, 1] for i in range(shape[1]))
        return Golden(
            name,
            folder,
            params,
            dt_ms,
            current,
            Trace(trains, membrane),
            int(table["grid_spikes"]),
        )
    except (KeyError, TypeError, ValueError, OSError, IndexError, OverflowError) as error:
        if isinstance(error, InputError):
            raise InputError(f"{folder}: {error}") from None
        raise InputError(f"{directory / 'manifest.json'} is damaged: case {name}") from None
