"""Nengo's LIF neurons: spikes and releases inside the steps."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import (
    Framework,
    approach,
    quiet_import,
    split_by_neuron,
)
from bio_scnn.crossval.protocol import CannotRepresent, Capabilities, Setup
from bio_scnn.neuron.models import AdaptiveLIFParameters
from bio_scnn.neuron.trace import Trace


class NengoLIF(Framework):
    """`nengo.LIF` in a `nengo.Simulator`, its currents fed to the neurons directly.

    Nengo fixes threshold and reset at 1 and 0; the gain and the bias that each of its neurons has
    bring any others there: ``v = (V - V_reset)/(V_th - V_reset)`` obeys eq. 1 with the current
    ``(RI - V_reset)/(V_th - V_reset)``. Two defaults are changed, the random V at the start
    and the clipping of V at 0.
    """

    name = "nengo"
    distributions = ("nengo", "numpy")
    capabilities = Capabilities(
        refractory="time", precise=True, fires_at_threshold=False, spike_label="exact"
    )
    cannot = (
        "a refractory period shorter than dt: what is left of the step with the spike is lost",
    )

    _close: Callable[[], object] = staticmethod(lambda: None)

    def make(self, setup: Setup) -> None:
        p = setup.params
        if p.t_ref_ms < setup.dt_ms * (1 - 1e-9):
            # Nengo's issue 1427: it accepts this, and fires on the time grid.
            raise CannotRepresent(
                f"a refractory period (t_ref_ms={p.t_ref_ms:g} ms) shorter than dt "
                f"({setup.dt_ms:g} ms): what is left of the step with the spike would be lost"
            )
        nengo = quiet_import("nengo")
        jump = p.V_th - p.V_reset
        self._held = held = [np.zeros((1, setup.neurons))]
        neuron_type = self.neuron_type(
            nengo,
            tau_rc=p.tau_ms * 1e-3,
            tau_ref=p.t_ref_ms * 1e-3,
            min_voltage=-np.inf,
            initial_state={"voltage": nengo.dists.Choice([0.0])},
        )
        dt = setup.dt_ms * 1e-3
        network = nengo.Network(seed=setup.seed, add_to_container=False)
        with network, np.errstate(all="ignore"), warnings.catch_warnings():
            # For its decoders, which are not used here, Nengo asks for the rates at input 1.
            warnings.filterwarnings("ignore", "Non-finite values detected in `max_rates`")
            neurons = nengo.Ensemble(
                setup.neurons,
                dimensions=1,
                neuron_type=neuron_type,
                gain=np.full(setup.neurons, p.R / jump),
                bias=np.full(setup.neurons, -p.V_reset / jump),
            ).neurons
            drive = nengo.Node(lambda t: held[0][round(t / dt) - 1])
            nengo.Connection(drive, neurons, synapse=None)
            self._probes = [
                nengo.Probe(neurons, kind) for kind in ("output", "voltage", "refractory_time")
            ]
            # There are no decoders to be cached, in a folder of the user and under a lock.
            model = nengo.builder.Model(dt=dt, decoder_cache=nengo.cache.NoDecoderCache())
            self._simulator: Any = nengo.Simulator(
                network, model=model, progress_bar=False, optimize=False
            )
        self._close()
        self._close = weakref.finalize(self, self._simulator.close)  # or Nengo warns of a leak

    def neuron_type(self, nengo: Any, **parameters: Any) -> Any:
        """Nengo's neuron type, of parameters that both have."""
        return nengo.LIF(**parameters)

    def run(self, current: NDArray[np.float64]) -> Trace:
        self._held[0] = current
        setup, p = self.setup, self.setup.params
        self._simulator.run_steps(len(current), progress_bar=False)
        output, v, refractory = (self._simulator.data[probe] for probe in self._probes)
        neuron, step = np.nonzero(output.T)
        # From the start of the step that a spike is in, a neuron is refractory until its end.
        inside_ms = 1e3 * refractory[step, neuron] - p.t_ref_ms
        return Trace(
            split_by_neuron(neuron, step * setup.dt_ms + inside_ms, setup.neurons),
            p.V_reset + (p.V_th - p.V_reset) * v,
        )

    def reset(self) -> None:
        """`Simulator.reset`."""
        self._simulator.reset()


class NengoAdaptiveLIF(NengoLIF):
    """`nengo.AdaptiveLIF`: a LIF with a current ``n`` that each spike raises.

    ``n`` is held over a step, and stepped at its end by Euler's method, ``n += dt/tau_n (inc_n
    output - n)``, where a spike's output is 1/dt. With ``tau_n = dt/(1 - exp(-dt/tau_w))`` it
    decays by ``exp(-dt/tau_w)`` in a step, and with ``inc_n = tau_n b R/(V_th - V_reset)`` a spike
    adds b. The spike times are exact for such a current.

    References
    ----------
    Nengo's `AdaptiveLIF`, https://www.nengo.ai/nengo/frontend-api.html, after G. La Camera et al.,
    Neural Comput. 16, 2101 (2004).
    """

    name = "nengo-adaptive"
    params = AdaptiveLIFParameters(tau_ms=20.0, tau_w_ms=100.0, b=0.1, t_ref_ms=2.0)
    capabilities = Capabilities(
        refractory="time",
        precise=True,
        fires_at_threshold=False,
        spike_label="exact",
        families=("adaptive LIF",),
        order="membrane first",
    )

    def neuron_type(self, nengo: Any, **parameters: Any) -> Any:
        """The adaptive LIF, with its adaptation in Nengo's unit of current."""
        p = self.setup.params
        tau_n = self.setup.dt_ms * 1e-3 / approach(self.setup, p.tau_w_ms)
        if p.b < 0:
            raise CannotRepresent(f"a negative adaptation (b={p.b:g})")
        jump = p.b * p.R / (p.V_th - p.V_reset)
        return nengo.AdaptiveLIF(tau_n=tau_n, inc_n=tau_n * jump, **parameters)
