"""Old names of modules that have moved: importing one warns, and hands on the new module's names.

They serve code that was written before the package had wings, and go with version 0.2.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "checkpoint": "network.checkpoint",
    "crossval.events": "neuron.events",
    "crossval.grid": "crossval.oracles.grid",
    "crossval.wrap": "crossval.resolve",
    "datasets": "data.datasets",
    "encoding": "network.units",
    "fi_curve": "neuron.closed_form",
    "fills": "network.fills",
    "images": "data.images",
    "layers": "network.conv2d",
    "lif": "neuron.simulation",
    "masks": "data.masks",
    "metrics": "restoration.metrics",
    "model": "network.hybrid",
    "model_files": "network.checkpoint",
    "recording": "neuron.recording",
    "sampler": "data.sampler",
    "synapse": "neuron.synapse",
    "table1": "neuron.parameters",
    "torch_model": "network.torch_model",
}
"""Old name to new one, without the package's."""


class Moved(MetaPathFinder, Loader):
    """Finder and loader of the old names."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, rest = name.partition(".")
        return ModuleSpec(name, self) if package == "bio_scnn" and rest in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        new = f"bio_scnn.{MOVED[module.__name__.partition('.')[2]]}"
        warnings.warn(
            f"{module.__name__} is {new} now; the old name goes with version 0.2",
            DeprecationWarning,
            stacklevel=2,
        )
        there = importlib.import_module(new)
        module.__dict__["__getattr__"] = lambda name: getattr(there, name)


def keep_old_names() -> None:
    """Let old names be imported; again and again does no harm."""
    if not any(isinstance(finder, Moved) for finder in sys.meta_path):
        sys.meta_path.append(Moved())
