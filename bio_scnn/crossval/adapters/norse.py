"""Norse: `LIFBoxCell`, `LIFCell`, and `LIFRefracCell` with its synapse made to vanish."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import TorchSteps, quiet_import, tensor
from bio_scnn.crossval.protocol import CannotRepresent, Capabilities, Setup
from bio_scnn.neuron.models import CubaLIFParameters


class _Cell(TorchSteps):
    """A cell that keeps no state: it is passed along, and a new one is how Norse resets."""

    distributions = ("norse", "torch")

    cell: Any
    state: Any

    def make(self, setup: Setup) -> None:
        # Norse 1.1 compiles its functions with torch.jit, which is deprecated, when imported.
        norse = quiet_import("norse.torch")
        p = setup.params
        membrane = {
            "tau_mem_inv": tensor(1e3 / p.tau_ms, setup),
            "v_leak": tensor(0.0, setup),
            "v_th": tensor(p.V_th, setup),
            "v_reset": tensor(p.V_reset, setup),
        }
        self.cell = self.cell_of(norse, membrane, setup)
        self.reset()

    @abstractmethod
    def cell_of(self, norse: Any, membrane: dict[str, Any], setup: Setup) -> Any:
        """The cell, of parameters that all its kinds have."""

    def start(self) -> Any:
        """V before the first step."""
        return tensor(np.full(self.setup.neurons, self.setup.params.V_reset), self.setup)


class Box(_Cell):
    """``LIFBoxCell``: ``V += dt/tau (RI - V)``, then ``V > threshold``.

    The inverse time constant is 1/tau, as Norse's documentation has it. (One of
    ``(1 - exp(-dt/tau))/dt`` would make Euler's step exact, but nobody is told so.)
    """

    name = "norse"
    capabilities = Capabilities(
        refractory="none",
        integrator="forward Euler",
        fires_at_threshold=False,
        dtypes=("float64", "float32"),
    )
    cannot = ("a refractory period (see norse-refractory)",)

    def cell_of(self, norse: Any, membrane: dict[str, Any], setup: Setup) -> Any:
        return norse.LIFBoxCell(norse.LIFBoxParameters(**membrane), dt=setup.dt_ms / 1e3)

    def step(self, x: Any) -> tuple[Any, Any]:
        spikes, self.state = self.cell(x, self.state)
        return spikes, self.state.v

    def reset(self) -> None:
        """A new state."""
        self.state = quiet_import("norse.torch").LIFBoxFeedForwardState(v=self.start())


class Synaptic(_Cell):
    """``LIFCell``: ``i += x``, ``V += dt/tau (i - V)``, ``i -= dt/tau_syn i``, ``V > threshold``.

    A CubaLIF by Euler's method; its input jumps onto the synaptic current, ``w R dt/tau_syn`` of
    the current that is held over a step.
    """

    name = "norse-synaptic"
    params = CubaLIFParameters(tau_ms=20, tau_syn_ms=5)
    capabilities = Capabilities(
        refractory="none",
        integrator="forward Euler",
        fires_at_threshold=False,
        dtypes=("float64", "float32"),
        families=("CubaLIF",),
        order="second first",
    )
    cannot = ("a refractory period",)

    def scale(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        p = self.setup.params
        return p.R * p.w * self.setup.dt_ms / p.tau_syn_ms * current

    def cell_of(self, norse: Any, membrane: dict[str, Any], setup: Setup) -> Any:
        membrane["v_leak"] = tensor(setup.params.V_rest, setup)
        tau_syn_inv = tensor(1e3 / setup.params.tau_syn_ms, setup)
        parameters = norse.LIFParameters(tau_syn_inv=tau_syn_inv, **membrane)
        return norse.LIFCell(parameters, dt=setup.dt_ms / 1e3)

    def step(self, x: Any) -> tuple[Any, Any]:
        spikes, self.state = self.cell(x, self.state)
        return spikes, self.state.v

    def reset(self) -> None:
        """A new state."""
        V = self.start()
        self.state = quiet_import("norse.torch").LIFFeedForwardState(v=V, i=V.new_zeros(V.shape))


class Refractory(_Cell):
    """``LIFRefracCell``: as ``LIFBoxCell``, but V stands still for ``rho_reset`` steps.

    Its synaptic current is what remains of the input after a step, ``1 - dt/tau_syn``: nothing
    with ``tau_syn_inv = 1/dt``, so that the input is the current.
    """

    name = "norse-refractory"
    capabilities = Capabilities(
        refractory="steps",
        integrator="forward Euler",
        fires_at_threshold=False,
        dtypes=("float64", "float32"),
    )
    cannot = ("a refractory period that is not a whole number of steps",)

    def cell_of(self, norse: Any, membrane: dict[str, Any], setup: Setup) -> Any:
        steps = round(setup.params.t_ref_ms / setup.dt_ms)
        if abs(steps * setup.dt_ms - setup.params.t_ref_ms) > 1e-9 * setup.dt_ms:
            raise CannotRepresent(
                f"a refractory period (t_ref_ms={setup.params.t_ref_ms:g} ms) that is not a "
                f"whole number of steps (dt_ms={setup.dt_ms:g} ms): rho counts steps"
            )
        tau_syn_inv = tensor(1e3 / setup.dt_ms, setup)
        parameters = norse.LIFRefracParameters(
            lif=norse.LIFParameters(tau_syn_inv=tau_syn_inv, **membrane),
            rho_reset=tensor(float(steps), setup),
        )
        return norse.LIFRefracCell(parameters, dt=setup.dt_ms / 1e3)

    def step(self, x: Any) -> tuple[Any, Any]:
        spikes, self.state = self.cell(x, self.state)
        return spikes, self.state.lif.v

    def reset(self) -> None:
        """A new state."""
        norse, V = quiet_import("norse.torch"), self.start()
        lif = norse.LIFFeedForwardState(v=V, i=V.new_zeros(V.shape))
        self.state = norse.LIFRefracFeedForwardState(lif=lif, rho=V.new_zeros(V.shape))
