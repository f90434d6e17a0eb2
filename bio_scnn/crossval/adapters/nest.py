"""NEST's integrate-and-fire neurons, on the time grid and with precise spike times."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import Framework, approach, quiet_import, split_by_neuron
from bio_scnn.crossval.protocol import CannotRepresent, Capabilities, Setup
from bio_scnn.neuron.models import CubaLIFParameters
from bio_scnn.neuron.trace import Trace

# A step current generator takes effect one step after the time that its amplitude is set for, and
# its connection adds the shortest delay there is, one step; time 0 cannot be set at all.
_LATENCY = 2
_ROUNDED = "a refractory period that is not a whole number of steps: it is rounded up"


class _Nest(Framework):
    """A model whose parameters are those of eq. 1, driven by one step current generator each.

    NEST has one network per process: building a layer deletes whatever network there was.
    """

    distributions = ("nest-simulator",)
    model: str
    receptor = 0  # of the current: the membrane itself

    def make(self, setup: Setup) -> None:
        with _kernel(setup) as nest:
            self._neurons(nest)  # NEST says here what it cannot represent

    def run(self, current: NDArray[np.float64]) -> Trace:
        # The generators depend on the currents, so the network is made here, and anew.
        setup, dt = self.setup, self.setup.dt_ms
        steps, neurons = current.shape
        with _kernel(setup) as nest:
            layer = self._neurons(nest)
            first = layer[0].global_id
            generators = _generators(nest, self.scale(current), dt)
            syn = {"delay": dt, "receptor_type": self.receptor}
            nest.Connect(generators, layer, "one_to_one", syn)
            spikes = nest.Create("spike_recorder", params={"time_in_steps": True})
            voltmeter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": dt})
            nest.Connect(layer, spikes, syn_spec={"delay": dt})
            nest.Connect(voltmeter, layer, syn_spec={"delay": dt})

            layer.I_e = setup.params.V_reset / setup.params.R  # V stays where it is
            nest.Simulate(_LATENCY * dt)
            layer.I_e = 0.0
            layer.V_m = setup.params.V_reset
            nest.Simulate((steps + 1) * dt)  # what happens in a step is recorded in the next
            fired, sampled = spikes.events, voltmeter.events
        step = fired["times"] - _LATENCY
        times = step * dt - fired.get("offsets", 0.0)
        kept = step <= steps
        membrane = np.empty((steps, neurons))
        row = np.rint(sampled["times"] / dt).astype(int) - _LATENCY - 1
        inside = (row >= 0) & (row < steps)
        membrane[row[inside], sampled["senders"][inside] - first] = sampled["V_m"][inside]
        return Trace(
            split_by_neuron(fired["senders"][kept] - first, times[kept], neurons), membrane
        )

    def scale(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        """Amplitudes of the generators for a current."""
        return current

    def own_parameters(self) -> dict[str, float]:
        """Parameters of the model beside those of eq. 1."""
        return {}

    def _neurons(self, nest: Any) -> Any:
        p = self.setup.params
        # mV, pF, pA and ms: with V in mV and I in pA, R is in GOhm and C in pF.
        parameters = {
            "E_L": 0.0,
            "C_m": p.tau_ms / p.R,
            "tau_m": p.tau_ms,
            "V_th": p.V_th,
            "V_reset": p.V_reset,
            "V_m": p.V_reset,
            "t_ref": p.t_ref_ms,
            **self.own_parameters(),
        }
        try:
            return nest.Create(self.model, self.setup.neurons, params=parameters)
        except nest.NESTError as error:
            raise CannotRepresent(f"NEST: {error}") from error


class NestDelta(_Nest):
    """`iaf_psc_delta`: thresholds and refractory periods in whole steps."""

    name = "nest-delta"
    model = "iaf_psc_delta"
    capabilities = Capabilities(refractory="steps")
    cannot = ("a spike or a release inside a step", _ROUNDED)


class NestExp(_Nest):
    """`iaf_psc_exp`, whose synaptic currents stay at 0."""

    name = "nest-exp"
    model = "iaf_psc_exp"
    capabilities = Capabilities(refractory="steps")
    cannot = ("a spike or a release inside a step", _ROUNDED)


class NestExpSynaptic(_Nest):
    """`iaf_psc_exp` behind its exponential synapse, a CubaLIF: the exact flow between jumps.

    A current to receptor 1 makes the synaptic current jump at the end of each step, by
    ``1 - exp(-dt/tau_syn)`` of it: `scale` turns that into the charge of the step, ``w I
    dt/tau_syn``. V of a step takes the synaptic current as it decays from the step before.

    References
    ----------
    NEST's `iaf_psc_exp`, https://nest-simulator.readthedocs.io: exact integration after
    S. Rotter and M. Diesmann, Biol. Cybern. 81, 381 (1999).
    """

    name = "nest-exp-synaptic"
    model = "iaf_psc_exp"
    receptor = 1
    params = CubaLIFParameters(tau_ms=20, tau_syn_ms=5, t_ref_ms=2)
    capabilities = Capabilities(
        refractory="steps", drive="impulses", families=("CubaLIF",), order="flow"
    )
    cannot = ("a spike or a release inside a step", _ROUNDED)

    def scale(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        """Amplitudes that make the charge of a step jump onto the synaptic current."""
        p, dt = self.setup.params, self.setup.dt_ms
        return p.w * dt / p.tau_syn_ms / approach(self.setup, p.tau_syn_ms) * current

    def own_parameters(self) -> dict[str, float]:
        """The time constant of the excitatory synapse, which takes either sign."""
        return {"tau_syn_ex": self.setup.params.tau_syn_ms}


class NestDeltaPrecise(_Nest):
    """`iaf_psc_delta_ps`: crossings and releases inside the steps, solved for exactly."""

    name = "nest-delta-ps"
    model = "iaf_psc_delta_ps"
    capabilities = Capabilities(refractory="steps", precise=True, spike_label="exact")
    cannot = ("no refractory period, or one shorter than dt", _ROUNDED)


def _generators(nest: Any, current: NDArray[np.float64], dt: float) -> Any:
    generators = nest.Create("step_current_generator", current.shape[1])
    for generator, train in zip(generators, current.T, strict=True):
        changes = np.flatnonzero(np.diff(train, prepend=np.nan) != 0)
        generator.set(amplitude_times=(changes + 1) * dt, amplitude_values=train[changes])
    return generators


@contextlib.contextmanager
def _kernel(setup: Setup) -> Iterator[Any]:
    """NEST with an empty network and the time step set; it leaves its messages as they were."""
    nest = quiet_import("nest", PYNEST_QUIET="1")
    verbosity = nest.verbosity
    try:
        nest.ResetKernel()
        nest.verbosity = nest.VerbosityLevel.ERROR
        # Time is counted in tics, and a step has to be a whole number of them.
        step = Fraction(setup.dt_ms).limit_denominator(10**6)
        if step != Fraction(1, 10):
            tics = math.lcm(1000, step.denominator)
            nest.set(tics_per_ms=tics, resolution=setup.dt_ms)
        yield nest
    finally:
        nest.ResetKernel()
        nest.verbosity = verbosity
