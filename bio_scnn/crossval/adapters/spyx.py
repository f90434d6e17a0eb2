"""Spyx's LIF layer, in JAX."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import Framework, quiet_import
from bio_scnn.crossval.protocol import Capabilities, Setup
from bio_scnn.neuron.trace import Trace


class SpyxLIF(Framework):
    """`spyx.nn.LIF` with a fixed beta, in a compiled loop over the steps.

    ``beta = exp(-dt/tau)`` and the input ``RI (1 - beta)`` make the update of V that of eq. 1.
    """

    name = "spyx"
    distributions = ("spyx", "jax", "jaxlib")
    resets_to_rest = True
    capabilities = Capabilities(
        refractory="none",
        reset="subtract",
        fires_at_threshold=False,
        membrane="before reset",
        dtypes=("float64", "float32"),
    )
    cannot = (
        "a refractory period",
        "a reset to a value: V_th is subtracted",
        "V_reset other than 0",
        "a spike in the step in which V crosses the threshold: it comes one step later",
    )

    expected_failures = MappingProxyType(
        dict.fromkeys(
            ("first_spike", "as_declared"),
            "fires on the V of the step before: spike and subtraction come a step late",
        )
    )

    def __init__(self) -> None:
        self._loop: Callable | None = None
        self._V: Any = None

    def make(self, setup: Setup) -> None:
        if self._loop is None:
            self._loop = _compiled_loop()
        self.reset()

    def run(self, current: NDArray[np.float64]) -> Trace:
        assert self._loop is not None
        setup, p = self.setup, self.setup.params
        beta = np.exp(-setup.dt_ms / p.tau_ms)
        x = (p.R * -np.expm1(-setup.dt_ms / p.tau_ms) * current).astype(setup.dtype)
        with _precision(setup):
            self._V, (spikes, V) = self._loop(
                self._V, np.asarray(beta, setup.dtype), np.asarray(p.V_th, setup.dtype), x
            )
        return Trace.from_raster(np.asarray(spikes), setup.dt_ms, np.asarray(V))

    def reset(self) -> None:
        """V anew from `initial_state`."""
        spyx = quiet_import("spyx")
        flax = quiet_import("flax.nnx")
        with _precision(self.setup):
            layer = spyx.nn.LIF((self.setup.neurons,), beta=0.5, rngs=flax.Rngs(0))
            self._V = layer.initial_state(1)[0]


def _compiled_loop() -> Callable:
    """State, beta, threshold and inputs to state and (spikes, V); compiled once per shape."""
    spyx, jax, flax = quiet_import("spyx"), quiet_import("jax"), quiet_import("flax.nnx")

    def loop(V: Any, beta: Any, threshold: Any, inputs: Any) -> Any:
        layer = spyx.nn.LIF(V.shape, beta=beta, threshold=threshold, rngs=flax.Rngs(0))

        def step(V: Any, x: Any) -> Any:
            spikes, V = layer(x, V)
            return V, (spikes, V)

        return jax.lax.scan(step, V, inputs)

    return jax.jit(loop)


def _precision(setup: Setup) -> Any:
    return quiet_import("jax").enable_x64(setup.dtype == "float64")
