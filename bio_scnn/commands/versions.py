"""Versions of everything that results and speed depend on: ``--version``."""

from __future__ import annotations

import importlib.metadata
import re
from typing import Any

from bio_scnn._version import __version__
from bio_scnn.runtime.provenance import installed_version, machine


def versions_text() -> str:
    """Version of bio_scnn, then a line for each package, the BLAS, Python and the machine."""
    here = machine()
    rows = {
        "python": here["python"],
        "system": here["system"],
        "processor": f"{here['processor']}, {here['cores']} cores",
        "BLAS": "; ".join(map(_blas, _libraries())) or "unknown",
    }
    for needed in (True, False):
        rows |= {name: found for name in _names(needed) if (found := installed_version(name))}
    width = max(map(len, rows)) + 2
    return "\n".join(
        [f"bio_scnn {__version__}", *(f"  {name:{width}}{what}" for name, what in rows.items())]
    )


def _names(needed: bool) -> list[str]:
    """Packages that bio_scnn needs, or those of its extras without developers' tools."""
    try:
        lines = importlib.metadata.requires("bio-scnn") or []
    except importlib.metadata.PackageNotFoundError:  # not installed, only on the path
        lines = ["brian2", "numpy", "scipy"]
    names = []
    for line in lines:
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        if (extra is None) == needed and not (extra and extra[1] in ("dev", "docs")):
            names.append(re.split(r"[^\w.-]", line)[0])
    return sorted(set(names) - {"bio-scnn", "bio_scnn"}, key=str.lower)


def _libraries() -> list[dict[str, Any]]:
    import numpy  # noqa: F401 # loads the BLAS
    import scipy.linalg  # noqa: F401 # may have one of its own
    import threadpoolctl

    libraries = threadpoolctl.threadpool_info()
    distinct = {_blas(found): found for found in libraries if found["user_api"] == "blas"}
    return list(distinct.values())


def _blas(library: dict[str, Any]) -> str:
    kernels = library.get("architecture")
    return (
        f"{library['internal_api']} {library['version']}"
        f"{f', {kernels} kernels' if kernels else ''}, {library['num_threads']} threads"
    )
