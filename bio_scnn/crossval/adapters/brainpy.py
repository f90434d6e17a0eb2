"""BrainPy's LIF neuron with a refractory period."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import Framework, quiet_import
from bio_scnn.crossval.protocol import Capabilities, Setup
from bio_scnn.neuron.trace import Trace

_PARAMETERS = ("tau", "R", "V_th", "V_reset", "tau_ref")


class BrainPyLIF(Framework):
    """`brainpy.dyn.LifRef`, its `update` called in a compiled loop over the steps.

    BrainPy's own runner does the same, but compiles for a second whenever a parameter changes.
    Here parameters are arguments of the compiled loop, one per number of neurons and precision.
    """

    name = "brainpy"
    distributions = ("brainpy", "jax", "jaxlib")
    capabilities = Capabilities(
        refractory="steps", spike_label="start", dtypes=("float64", "float32")
    )
    cannot = ("a spike or a release inside a step",)
    expected_failures = MappingProxyType(
        dict.fromkeys(
            (
                "fi_curve",
                "spike_intervals",
                "spiking_membrane",
                "refractory_period",
                "reset_overshoot",
                "step_currents",
                "frozen_noise",
                "other_time_step",
                "other_neuron",
                "as_declared",
            ),
            "refractory while t - t_last_spike <= tau_ref, in floating point: a step "
            "more or less, as the times happen to be rounded",
        )
    )

    def __init__(self) -> None:
        self._layers: dict[tuple[int, str], tuple[Any, Callable]] = {}

    def make(self, setup: Setup) -> None:
        key = setup.neurons, setup.dtype
        with _environment(setup) as brainpy:
            if key not in self._layers:
                self._layers[key] = _layer(brainpy, setup.neurons)
            self._model, self._loop = self._layers[key]
            self._model._V_initializer = brainpy.init.Constant(setup.params.V_reset)
            self._model.reset_state()

    def run(self, current: NDArray[np.float64]) -> Trace:
        setup, p = self.setup, self.setup.params
        values = (p.tau_ms, p.R, p.V_th, p.V_reset, p.t_ref_ms)
        with _environment(setup) as brainpy:
            as_array = brainpy.math.as_jax
            scalars = [as_array(np.asarray(x, setup.dtype)) for x in (*values, setup.dt_ms)]
            drive = as_array(np.asarray(current, setup.dtype))
            state = (self._model.V.value, self._model.t_last_spike.value)
            state, (spikes, V) = self._loop(state, scalars[:-1], scalars[-1], drive)
            self._model.V.value, self._model.t_last_spike.value = state
        return Trace.from_raster(np.asarray(spikes), setup.dt_ms, np.asarray(V), label="start")

    def reset(self) -> None:
        """`reset_state` of the neuron group."""
        with _environment(self.setup):
            self._model.reset_state()


def _layer(brainpy: Any, neurons: int) -> tuple[Any, Callable]:
    """A neuron group, and its compiled loop: state, parameters, dt, currents to state, trace."""
    jax = quiet_import("jax")
    model = brainpy.dyn.LifRef(neurons, method="exp_auto")

    def loop(state: Any, parameters: Any, dt: Any, current: Any) -> Any:
        def step(state: Any, numbered: Any) -> Any:
            number, x = numbered
            model.V.value, model.t_last_spike.value = state
            brainpy.share.save(t=number * dt, dt=dt)
            spike = model.update(x)
            return (model.V.value, model.t_last_spike.value), (spike, model.V.value)

        before = {name: getattr(model, name) for name in _PARAMETERS}
        plain_dt = brainpy.math.get_dt()
        try:
            for name, value in zip(_PARAMETERS, parameters, strict=True):
                setattr(model, name, value)
            steps = jax.numpy.arange(len(current), dtype=dt.dtype)
            return jax.lax.scan(step, state, (steps, current))
        finally:  # what was traced must not outlive the trace
            for name, value in before.items():
                setattr(model, name, value)
            brainpy.share.save(t=0.0, dt=plain_dt)

    return model, jax.jit(loop)


@contextlib.contextmanager
def _environment(setup: Setup) -> Iterator[Any]:
    """BrainPy, set to the precision and the time step; restored after."""
    brainpy = quiet_import("brainpy")
    bm = brainpy.math
    with bm.environment(mode=bm.nonbatching_mode, dt=setup.dt_ms, x64=setup.dtype == "float64"):
        yield brainpy
