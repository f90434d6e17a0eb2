"""Exact solutions and test vectors that many tests of the suite share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bio_scnn.crossval.checks import membrane, others
from bio_scnn.crossval.oracles import right
from bio_scnn.crossval.report import portrait
from bio_scnn.crossval.vectors import export_vectors
from bio_scnn.neuron.events import exact_trace
from bio_scnn.neuron.models import NeuronParameters
from bio_scnn.neuron.trace import Trace


def once(solve: Callable[..., Trace]) -> Callable[..., Trace]:
    """An exact solution that is computed once for each layer; nobody can change what is kept."""
    found: dict[tuple, Trace] = {}

    def solved(current: np.ndarray, dt_ms: float, params: NeuronParameters) -> Trace:
        key = (
            np.ascontiguousarray(current).tobytes(),
            current.shape,
            current.dtype,
            dt_ms,
            params,
        )
        if key not in found:
            trace = solve(current, dt_ms, params)
            for array in (*trace.spike_times_ms, trace.membrane, *trace.variables.values()):
                array.flags.writeable = False
            found[key] = trace
        return found[key]

    return solved


@pytest.fixture(scope="session", autouse=True)
def exact_solutions_once():
    """Layers are compared with one exact solution, which the suite works out anew for each."""
    solved = once(exact_trace)
    with pytest.MonkeyPatch.context() as patch:
        for module in (membrane, others, portrait, right):
            patch.setattr(module, "exact_trace", solved)
        yield


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Vectors for Table 1, never written to."""
    return export_vectors(tmp_path_factory.mktemp("vectors") / "table 1")


@pytest.fixture
def vectors(exported, tmp_path):
    """A copy of them to be answered."""
    return Path(shutil.copytree(exported, tmp_path / "vectors"))
