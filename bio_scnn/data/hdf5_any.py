"""HDF5 files as nested tables by whichever reader can: NumPy alone, or h5py for rarer parts."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bio_scnn.data.hdf5 import UnsupportedHDF5, read_hdf5
from bio_scnn.errors import InputError

_UNPACKED, _PACKED_BY = 2**26, 16
"""Bytes that arrays may have in any file, and times its size that they may have in a large one."""

_DEEPEST = 32
"""Groups in groups, as subgraphs are; each of them is two."""


def read_graph_table(path: str | Path) -> dict[str, Any]:
    """Everything below the group 'node' of a NIR file.

    Raises
    ------
    InputError
        If the file is missing, damaged, or not of NIR; if it links to itself or other files.
    """
    path = Path(path)
    try:
        table = read_hdf5(path)
    except UnsupportedHDF5:
        if find_spec("h5py") is None:
            raise
        table = _by_h5py(path)
    if not isinstance(table.get("node"), dict):
        raise InputError(f"{path} is an HDF5 file, but not of NIR: it has no 'node'")
    return table["node"]


def _by_h5py(path: Path) -> dict[str, Any]:
    """The same by h5py."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if not hasattr(file.get("node"), "keys"):
                return {}
            return {"node": _Walk(path).table(file["node"], "node")}
    except InputError:
        raise
    except Exception as error:  # of many kinds, depending on which byte is damaged
        what = "truncated" if "truncated" in str(error) else "not an HDF5 file, or damaged"
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is no readable NIR file: it is {what} ({reason})") from None


class _Walk:
    """A walk over all that hangs on a group, which must be a tree that lies in its file.

    HDF5 files may link in circles, into other files, and to data elsewhere; their arrays may be
    declared to be of any size. NIR needs none of that.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: set[Any] = set()
        self.left = max(_UNPACKED, _PACKED_BY * path.stat().st_size)

    def table(self, group: Any, where: str, depth: int = 1) -> dict[str, Any]:
        """Everything below a group, as nested tables."""
        if depth > _DEEPEST:
            raise InputError(
                f"{self.path}: groups are nested over {_DEEPEST} deep at {where[:60]}"
            )
        return {key: self.item(group, key, f"{where}/{key}", depth) for key in group}

    def item(self, group: Any, key: str, where: str, depth: int) -> Any:
        """One member of a group: a table, or the values of an array."""
        import h5py

        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise InputError(f"{self.path}: {where} is a link to somewhere else; NIR has none")
        item = group[key]
        place = h5py.h5o.get_info(item.id).addr
        if place in self.seen:
            raise InputError(f"{self.path}: {where} is linked more than once; NIR has no links")
        self.seen.add(place)
        if isinstance(item, h5py.Group):
            return self.table(item, where, depth + 1)
        if not isinstance(item, h5py.Dataset):
            raise InputError(f"{self.path}: {where} is neither a group nor an array")
        if item.is_virtual or item.external:
            raise InputError(f"{self.path}: the values of {where} lie in other files")
        self.left -= math.prod(item.shape or ()) * item.dtype.itemsize
        if self.left < 0:
            raise InputError(
                f"{self.path}: {where} is declared as {item.shape}, by far more than a file of "
                f"{self.path.stat().st_size} bytes holds"
            )
        return _value(item[()])


def _value(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
