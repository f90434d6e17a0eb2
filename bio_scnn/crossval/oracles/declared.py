"""The neuron that an implementation declares, as an implementation: what it would show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.diagnosis import claimed_neuron
from bio_scnn.crossval.oracles.grid import grid_trace
from bio_scnn.crossval.protocol import Adapter, CannotRepresent, Setup
from bio_scnn.crossval.subject import Finding, Skip, Subject
from bio_scnn.neuron.trace import Trace


class _Declared(Adapter):
    """The declared neuron on its grid, in float64."""

    name = "the declared neuron"

    def __init__(self, subject: Subject):
        self.capabilities = replace(subject.claims, spike_label="end")
        self.params = subject.full
        self._setup = subject.setup(1)

    def build(self, setup: Setup) -> None:
        self._setup = setup

    def run(self, current: NDArray[np.float64]) -> Trace:
        setup = self._setup
        with np.errstate(over="ignore", invalid="ignore"):
            found = grid_trace(
                current, setup.dt_ms, setup.params, claimed_neuron(self.capabilities)
            )
        V = {"after reset": found.membrane, "before reset": found.before_reset}
        return Trace.from_raster(
            found.raster, setup.dt_ms, V.get(self.capabilities.membrane), label="end"
        )


def does_not_show(name: str, check: Callable[[Subject], Finding], subject: Subject) -> bool:
    """True if the declared neuron itself would pass a check that its difference should fail."""
    claims = subject.claims
    on_grid = subject.plain and not claims.precise and claims.integrator != "adaptive"
    if name in subject.announced or not on_grid:
        return False
    if not claims.deterministic or claims.drive != "current":
        return False
    try:
        return check(Subject(_Declared(subject), subject.dt_ms, subject.params)).ok
    except (Skip, CannotRepresent):
        return True
