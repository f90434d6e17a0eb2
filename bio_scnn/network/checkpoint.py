"""Weights on disk: safetensors, with what they are and how they came to be inside.

Kernels are stored as PyTorch's ``Conv2d`` wants them, ``(C_out, C_in, k, k)``, so that the file
opens directly in the usual deep-learning tools; in memory they are ``(k, k, C_in, C_out)``.

Two checksums stand in a file: ``sha256`` of the weights, by which a model is known, and
``sha256_metadata`` of everything else. Files from before the second still load; that of their
architecture and neuron must then be what their description says they were trained as.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from bio_scnn.errors import InputError
from bio_scnn.network.architecture import Architecture, param_shapes
from bio_scnn.network.cnn import Params
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.runtime.config import from_table, parse_json, shorter, to_table
from bio_scnn.runtime.files import write_whole

FORMAT = "bio_scnn.model.1"

LARGEST_WEIGHT = 1e9
"""Size of a weight that no training comes near; products of a few larger ones overflow."""

_TENSORS, _METADATA = "sha256", "sha256_metadata"


def digest(tensors: Params) -> str:
    """SHA-256 over names, shapes and values, in the order of the names."""
    sha = hashlib.sha256()
    for name in sorted(tensors):
        value = np.ascontiguousarray(tensors[name])
        sha.update(f"{name}{value.shape}{value.dtype.str}".encode())
        sha.update(value.tobytes())
    return sha.hexdigest()


def metadata_digest(metadata: Mapping[str, str]) -> str:
    """SHA-256 over the names and texts of the metadata, but for its own, in order."""
    items = sorted((key, text) for key, text in metadata.items() if key != _METADATA)
    return hashlib.sha256(json.dumps(items).encode()).hexdigest()


def save_tensors(path: Path, tensors: Params, metadata: Mapping[str, str]) -> None:
    """Write tensors and metadata, with a checksum of either."""
    contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    texts = dict(metadata) | {_TENSORS: digest(contiguous)}
    write_whole(path, save(contiguous, texts | {_METADATA: metadata_digest(texts)}))


def load_tensors(path: Path, expected_format: str) -> tuple[Params, dict[str, str]]:
    """Read tensors and metadata back, and check format and checksum.

    Raises
    ------
    InputError
        If the file is missing, unreadable, of another format, or damaged.
    """
    try:
        there = path.is_file()
    except OSError:  # as for a name that is too long
        there = False
    if not there:
        raise InputError(f"there is no file {shorter(str(path), 400)}")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            names = list(file.keys())  # the open file itself cannot be iterated over
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a readable safetensors file: {error}") from None
    if metadata.get("format") != expected_format:
        raise InputError(
            f"{path} has the format {metadata.get('format')!r}; expected {expected_format!r}"
        )
    if metadata.get(_TENSORS) != digest(tensors):
        raise InputError(f"{path} is damaged: its checksum does not match its weights")
    if metadata.get(_METADATA, metadata_digest(metadata)) != metadata_digest(metadata):
        raise InputError(f"{path} is damaged: its checksum does not match its description")
    return tensors, metadata


def save_model(path: Path, model: HybridSCNN, about: Mapping[str, Any]) -> None:
    """Store a model and a description of it.

    Parameters
    ----------
    path : Path
    model : HybridSCNN
    about : mapping
        Anything JSON can hold: configuration, versions, data, metrics.
    """
    tensors = {
        name: value.transpose(3, 2, 0, 1) if value.ndim == 4 else value
        for name, value in model.params.items()
    }
    metadata = {
        "format": FORMAT,
        "architecture": json.dumps(to_table(model.architecture)),
        "lif": json.dumps(to_table(model.lif)),
        "about": json.dumps(dict(about)),
    }
    save_tensors(path, tensors, metadata)


def load_model(path: Path) -> tuple[HybridSCNN, dict[str, Any]]:
    """Load what `save_model` stored.

    Returns
    -------
    model : HybridSCNN
    about : dict
        The stored description, and the weights' ``sha256``.

    Raises
    ------
    InputError
        If the file is not such a model.
    """
    tensors, metadata = load_tensors(path, FORMAT)
    tables = {}
    for key in ("architecture", "lif", "about"):
        if key not in metadata:
            raise InputError(f"{path} lacks a valid description of its model: {key}")
        tables[key] = parse_json(metadata[key], f"{path}, {key},")
    about = tables["about"]
    if not isinstance(about, dict):
        raise InputError(f"{path} lacks a valid description of its model: about is no table")
    architecture = from_table(Architecture, tables["architecture"], f"{path}, architecture")
    lif = from_table(LIFParameters, tables["lif"], f"{path}, lif")
    if architecture.neurons == "lif" and lif.rate_max_hz >= lif.rate_limit_hz:
        raise InputError(
            f"{path}, lif: rate_max_hz (={lif.rate_max_hz:g} Hz) must be below 1/t_ref "
            f"(={lif.rate_limit_hz:g} Hz), which no neuron reaches"
        )
    if _METADATA not in metadata:
        _check_description(path, about, architecture, lif)
    params = {
        name: np.ascontiguousarray(value.transpose(2, 3, 1, 0)) if value.ndim == 4 else value
        for name, value in tensors.items()
    }
    check_params(params, param_shapes(architecture), str(path))
    return HybridSCNN(architecture, params, lif), about | {"sha256": metadata[_TENSORS]}


def check_params(params: Params, expected: Mapping[str, tuple[int, ...]], where: str) -> None:
    """Refuse weights that do not fit an architecture, or that no number can be computed with.

    Parameters
    ----------
    params : dict of arrays
    expected : mapping of str to tuple of int
        Shapes, as `bio_scnn.network.architecture.param_shapes` says.
    where : str
        What the weights are, for messages.

    Raises
    ------
    InputError
        Names the weights.
    """
    found = {name: value.shape for name, value in params.items()}
    if found != expected:
        wrong = sorted(
            n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n)
        )
        few = ", ".join(wrong[:8]) + f" and {len(wrong) - 8} others" * (len(wrong) > 8)
        raise InputError(f"{where}: weights that do not fit the architecture: {shorter(few)}")
    for name, value in params.items():
        if value.dtype.kind != "f" or not np.isfinite(value).all():
            raise InputError(f"{where}: {name} must hold finite floats, not {value.dtype} or NaN")
        if (largest := float(np.abs(value).max())) > LARGEST_WEIGHT:
            raise InputError(
                f"{where}: {name} holds a weight of {largest:.2g}; with weights beyond "
                f"{LARGEST_WEIGHT:g} nothing can be computed"
            )


def _check_description(
    path: Path, about: Mapping[str, Any], architecture: Architecture, lif: LIFParameters
) -> None:
    """Refuse an architecture or a neuron other than the description says was trained."""
    config = about.get("config")
    trained = config if isinstance(config, dict) else {}
    for name, settings in (("architecture", architecture), ("lif", lif)):
        if name not in trained:
            continue
        told = from_table(type(settings), trained[name], f"{path}, about: config: {name}")
        if told != settings:
            raise InputError(
                f"{path} is damaged: its {name} is not the one that its description says was "
                "trained"
            )


_LONGEST_NAME = 100  # of a shipped model; file systems refuse to look for much longer ones

_PACKAGE = Path(__file__).resolve().parent.parent

# In an installed package, and in a checkout.
_FOLDERS = (_PACKAGE / "models", _PACKAGE.parent / "models")


def model_path(name: str) -> Path:
    """Path of a shipped model by its name, or of a model file by its path.

    Parameters
    ----------
    name : str
        Such as ``inpaint``; anything with a suffix or a folder is taken as a path.

    Raises
    ------
    InputError
        If there is no such model.
    """
    return _find(name, ".safetensors")


def config_path(name: str) -> Path:
    """Path of a configuration, by the name of a shipped model or by its own path."""
    return _find(name, ".toml")


def _find(name: str, suffix: str) -> Path:
    if Path(name).suffix or Path(name).name != name or len(name) > _LONGEST_NAME:
        return Path(name)
    for folder in _FOLDERS:
        if (path := folder / f"{name}{suffix}").is_file():
            return path
    shipped = sorted({path.stem for folder in _FOLDERS for path in folder.glob(f"*{suffix}")})
    if suffix != ".toml" and any((folder / f"{name}.toml").is_file() for folder in _FOLDERS):
        raise InputError(
            f"the weights of {name!r} are in a checkout only; choose from {', '.join(shipped)}, "
            "or give a file"
        )
    choice = f"choose from {', '.join(shipped)}, or give" if shipped else "give"
    raise InputError(f"there is no shipped model {name!r}; {choice} a file")
