"""Packages that importers need: told where they are missing or too old, and kept quiet."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from nir_graphs import lif

from bio_scnn.errors import InputError
from bio_scnn.nir import build_graph, importers
from bio_scnn.nir.departures import depart

HERE = {"norse": "1.1.0", "nir": "1.0.8", "nirtorch": "2.6", "spyx": "1.0.0"}


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("norse", {"norse": ""}, "norse is not installed here: pip install norse"),
        ("norse", {"nirtorch": ""}, "nirtorch is not installed"),
        ("norse", {"nir": "1.0.4"}, r"nir 1\.0\.4 is too old here: pip install --no-deps"),
        ("norse", {"nir": "1.0"}, "too old"),
        ("unknown", {}, "known are norse, snntorch"),
    ],
)
def test_what_is_missing_is_said_and_not_blamed_on_the_importer(name, changes, words, monkeypatch):
    monkeypatch.setattr(importers, "installed_version", lambda p: {**HERE, **changes}.get(p, ""))
    with pytest.raises(InputError, match=words):
        importers.importer_of(name)
    graph = build_graph(lif())
    found = depart(graph, {graph.inputs[0]: np.ones((3, 1))}, name)
    assert re.search(words, found.refused)
    assert str(found).startswith(f"{name}: ")
    assert "agree" not in str(found)


@pytest.mark.parametrize(
    ("name", "changes"), [("norse", {}), ("norse", {"nir": "1.1rc1"}), ("spyx", {"nirtorch": ""})]
)
def test_what_is_there_is_taken(name, changes, monkeypatch):
    monkeypatch.setattr(importers, "installed_version", lambda p: {**HERE, **changes}.get(p, ""))
    assert importers.importer_of(name).name == name


def test_programs_that_a_framework_starts_print_nothing(capfd):
    """As a package that calls pip when it is imported: its lines would spoil --json."""
    loud = [sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr)"]
    with importers._quietly():
        subprocess.run(loud, check=True)
        print("mine")
    assert capfd.readouterr() == ("", "")
    subprocess.run(loud, check=True)
    os.write(1, b"still there\n")
    assert capfd.readouterr() == ("out\nstill there\n", "err\n")
