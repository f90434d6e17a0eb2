"""Test vectors, exported once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bio_scnn.crossval.vectors import export_vectors


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Vectors for Table 1, never written to."""
    return export_vectors(tmp_path_factory.mktemp("vectors") / "table 1")


@pytest.fixture
def vectors(exported, tmp_path):
    """A copy of them to be answered."""
    return Path(shutil.copytree(exported, tmp_path / "vectors"))
