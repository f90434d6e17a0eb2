"""Where the shipped models are."""

from __future__ import annotations

from pathlib import Path

from bio_scnn.errors import InputError

_PACKAGE = Path(__file__).resolve().parent
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
    """Path of the configuration that trained a shipped model; otherwise as `model_path`."""
    return _find(name, ".toml")


def _find(name: str, suffix: str) -> Path:
    if Path(name).suffix or Path(name).name != name:
        return Path(name)
    for folder in _FOLDERS:
        if (path := folder / f"{name}{suffix}").is_file():
            return path
    shipped = sorted({path.stem for folder in _FOLDERS for path in folder.glob(f"*{suffix}")})
    choice = f"choose from {', '.join(shipped)}, or give" if shipped else "give"
    raise InputError(f"there is no shipped model {name!r}; {choice} a file")
