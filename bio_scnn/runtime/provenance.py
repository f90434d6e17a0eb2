"""Provenance of a report: machine, versions, date."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from bio_scnn import _version


def machine() -> dict[str, str]:
    """Processor, cores, operating system and Python of this machine."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": _system(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "bio_scnn": _version.__version__,
    }


def now() -> str:
    """Date and time, UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine()


def _system() -> str:
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return platform.platform()
    return f"{name}, {platform.system()} {platform.release()} {platform.machine()}"


def installed_version(distribution: str) -> str:
    """Version of an installed distribution; empty if there is none."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def versions(*distributions: str) -> dict[str, str]:
    """Installed versions by distribution: what `Adapter.versions` returns."""
    return {name: installed_version(name) for name in distributions}
