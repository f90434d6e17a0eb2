"""A plain Brian2 script, as users write it."""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import Framework, split_by_neuron
from bio_scnn.crossval.protocol import Capabilities, Setup
from bio_scnn.neuron._brian2 import brian2_settings
from bio_scnn.neuron.trace import Trace

_EQUATIONS = """
dV/dt = (I - V/R)/C : 1 (unless refractory)
I = I_held(t, i) : 1
"""
_REFRACTORINESS = (
    "the refractory period counts from the start of the step with the spike, and so ends a step "
    "early"
)
_FAILED_BY_REFRACTORINESS = (
    "fi_curve",
    "spike_intervals",
    "spiking_membrane",
    "refractory_period",
    "reset_overshoot",
    "step_currents",
    "frozen_noise",
    "coloured_noise",
    "convergence",
    "other_time_step",
    "other_neuron",
    "as_declared",
)


class StockBrian2(Framework):
    """Equations, `threshold`, `reset` and `refractory`, and nothing else."""

    name = "brian2-stock"
    distributions = ("brian2", "numpy")
    capabilities = Capabilities(refractory="steps", spike_label="start")
    cannot = ("a spike or a release inside a step",)
    expected_failures = MappingProxyType(dict.fromkeys(_FAILED_BY_REFRACTORINESS, _REFRACTORINESS))

    def make(self, setup: Setup) -> None:
        p = setup.params
        with brian2_settings("numpy") as b2:
            ms, clock = b2.ms, b2.Clock(setup.dt_ms * b2.ms, name="stock_clock")
            namespace = {
                "R": p.R,
                "C": p.C_ms * ms,
                "V_th": p.V_th,
                "V_reset": p.V_reset,
            }
            neurons = b2.NeuronGroup(
                setup.neurons,
                _EQUATIONS,
                method="exact",
                threshold="V >= V_th",
                reset="V = V_reset",
                refractory=p.t_ref_ms * ms,
                clock=clock,
                name="stock_neurons",
            )
            neurons.V = p.V_reset
            spikes = b2.SpikeMonitor(neurons, name="stock_spikes")
            potential = b2.StateMonitor(
                neurons, "V", record=True, when="end", clock=clock, name="stock_potential"
            )
            self._network: Any = b2.Network(neurons, spikes, potential)
            self._namespace = namespace
            self._spikes, self._potential = spikes, potential
            self._network.store()

    def run(self, current: NDArray[np.float64]) -> Trace:
        dt = self.setup.dt_ms
        with brian2_settings("numpy") as b2:
            # Brian2 would log that V is not finite, when that is what it is being asked.
            logging.getLogger("brian2").setLevel(logging.ERROR)
            held = b2.TimedArray(current, dt=dt * b2.ms, name="stock_current")
            self._network.run(
                len(current) * dt * b2.ms, namespace={**self._namespace, "I_held": held}
            )
            # In whole steps, because the times in seconds carry the rounding of the clock.
            step = np.rint(np.asarray(self._spikes.t / b2.ms) / dt)
            trains = split_by_neuron(self._spikes.i[:], step * dt, self.setup.neurons)
            return Trace(trains, np.array(self._potential.V[:]).T)

    def reset(self) -> None:
        """`Network.restore`, to what was stored before the first run."""
        with brian2_settings("numpy"):
            self._network.restore()
