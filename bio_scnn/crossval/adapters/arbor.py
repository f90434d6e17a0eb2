"""Arbor's LIF cell, which takes events and no current."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import Framework, quiet_import, split_by_neuron
from bio_scnn.crossval.protocol import Capabilities, Setup
from bio_scnn.neuron.trace import Trace

# An event that comes just when a refractory period ends stands for the current of a step in which
# the cell was refractory, yet Arbor adds it. So refractory periods end this part of a step later.
_LATER = 1e-6


class ArborLIF(Framework):
    """`arbor.lif_cell`; what a current adds in a step arrives as one event at the step's end.

    The weight ``C R I (1 - exp(-dt/tau))`` makes V at the ends of the steps that of eq. 1.
    """

    name = "arbor"
    distributions = ("arbor",)
    capabilities = Capabilities(refractory="steps", drive="events")
    cannot = (
        "a current: one event per step stands in for it",
        "weights of more than single precision",
    )
    expected_failures = MappingProxyType(
        {"state_reset": "simulation.reset leaves V of LIF cells as it is, and takes no samples"}
    )

    def make(self, setup: Setup) -> None:
        arbor = quiet_import("arbor")
        self._simulation: Any = arbor.simulation(_recipe(arbor, setup, None))
        # Not `all`, which keeps only spikes that travel to other processes.
        self._simulation.record(arbor.spike_recording.local)

    def run(self, current: NDArray[np.float64]) -> Trace:
        arbor = quiet_import("arbor")
        setup, simulation = self.setup, self._simulation
        ms, dt = arbor.units.ms, setup.dt_ms
        steps, neurons = current.shape
        ends = np.arange(1, steps + 1) * dt
        simulation.update(_recipe(arbor, setup, current))
        schedule = arbor.explicit_schedule([float(t) * ms for t in ends])
        handles = [simulation.sample((gid, "V"), schedule) for gid in range(neurons)]
        simulation.run((steps + 0.5) * dt * ms, dt * ms)
        spikes = simulation.spikes()
        membrane = [simulation.samples(handle)[0][0][:, 1] for handle in handles]
        for handle in handles:
            simulation.remove_sampler(handle)
        trains = split_by_neuron(spikes["source"]["gid"], spikes["time"], neurons)
        whole = all(len(V) == steps for V in membrane)  # which they are not after a reset
        return Trace(trains, np.array(membrane).T if whole else None)

    def reset(self) -> None:
        """`simulation.reset`."""
        self._simulation.reset()


def _recipe(arbor: Any, setup: Setup, current: NDArray[np.float64] | None) -> Any:
    """The description of the cells, and of the events that stand in for their currents."""
    p, units = setup.params, arbor.units
    # mV, pF and ms; a weight in fC is mV times pF.
    weight = -p.C_ms * p.R * np.expm1(-setup.dt_ms / p.tau_ms)

    class Recipe(arbor.recipe):
        def num_cells(self) -> int:
            return setup.neurons

        def cell_kind(self, gid: int) -> Any:
            return arbor.cell_kind.lif

        def cell_description(self, gid: int) -> Any:
            return arbor.lif_cell(
                "source",
                "target",
                tau_m=p.tau_ms * units.ms,
                V_th=p.V_th * units.mV,
                C_m=p.C_ms * units.pF,
                E_L=0.0 * units.mV,
                E_R=p.V_reset * units.mV,
                V_m=p.V_reset * units.mV,
                t_ref=(p.t_ref_ms + _LATER * setup.dt_ms) * units.ms,
            )

        def event_generators(self, gid: int) -> list[Any]:
            if current is None:
                return []
            # A generator has one weight, so there is one for each value of the current.
            values, which = np.unique(current[:, gid], return_inverse=True)
            ends = np.arange(1, len(current) + 1) * setup.dt_ms
            return [
                arbor.event_generator(
                    arbor.cell_local_label("target"),
                    float(value * weight),
                    arbor.explicit_schedule([float(t) * units.ms for t in ends[which == number]]),
                )
                for number, value in enumerate(values)
            ]

        def probes(self, gid: int) -> list[Any]:
            return [arbor.lif_probe_voltage("V")]

    return Recipe()
