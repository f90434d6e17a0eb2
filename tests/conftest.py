"""Fixtures of several modules."""

import importlib
import sys
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ROOT / "benchmarks", ROOT / "figures", ROOT / "docs"


@pytest.fixture(scope="module")
def scripts():
    """Import a script by its bare name, as scripts do; many set matplotlib's style."""
    names = {path.stem for folder in FOLDERS for path in folder.glob("*.py")} - {"__main__"}
    with pytest.MonkeyPatch.context() as patch, matplotlib.rc_context():
        for folder in FOLDERS:
            patch.syspath_prepend(folder)
        for name in names:
            patch.delitem(sys.modules, name, raising=False)
        yield importlib.import_module
        for name in names:
            sys.modules.pop(name, None)
