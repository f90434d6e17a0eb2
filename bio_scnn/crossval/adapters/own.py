"""This project's own engines: the reference in Brian2, and the closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import Framework
from bio_scnn.crossval.protocol import FAMILIES, CannotRepresent, Capabilities, Setup
from bio_scnn.errors import InputError
from bio_scnn.neuron.events import exact_trace
from bio_scnn.neuron.simulation import simulate
from bio_scnn.neuron.time_grid import time_grid
from bio_scnn.neuron.trace import Trace


class Exact(Framework):
    """`bio_scnn.simulate` in its exact mode."""

    name = "exact"
    subtracts = True
    distributions = ("bio_scnn", "brian2")
    capabilities = Capabilities(
        refractory="steps",
        precise=True,
        spike_label="exact",
        own_noise=True,
        families=tuple(FAMILIES),
    )
    cannot = ("a LIF's refractory period longer than dt that is not a whole number of steps",)

    def make(self, setup: Setup) -> None:
        try:
            time_grid(setup.dt_ms, setup.dt_ms, "exact", setup.params)
        except InputError as error:
            raise CannotRepresent(str(error)) from None

    def run(self, current: NDArray[np.float64]) -> Trace:
        setup = self.setup
        recording = simulate(
            current,
            setup.params,
            duration_ms=len(current) * setup.dt_ms,
            dt_ms=setup.dt_ms,
            noise_std=setup.noise_std,
            seed=setup.seed,
            record=range(setup.neurons),
        )
        return Trace(recording.spike_trains_ms, recording.membrane[:, 1:].T)

    def reset(self) -> None:
        """Nothing to do: every run starts anew."""


class ClosedForm(Framework):
    """The event-driven solution of eq. 1, or another family, between changes of the current."""

    name = "closed-form"
    subtracts = True
    distributions = ("bio_scnn", "numpy")
    capabilities = Capabilities(
        refractory="time", precise=True, spike_label="exact", families=tuple(FAMILIES)
    )

    def run(self, current: NDArray[np.float64]) -> Trace:
        return exact_trace(current, self.setup.dt_ms, self.setup.params)

    def reset(self) -> None:
        """Nothing to do: every run starts anew."""
