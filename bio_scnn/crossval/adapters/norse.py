"""Norse: `LIFBoxCell`, and `LIFRefracCell` with its synapse made to vanish."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

from bio_scnn.crossval.adapters.torch_layers import TorchSteps, refuse_refractory
from bio_scnn.crossval.protocol import CannotRepresent, Capabilities, Setup
from bio_scnn.runtime.provenance import versions


def _norse() -> ModuleType:
    with warnings.catch_warnings():
        # Norse 1.1 compiles its functions with torch.jit when it is imported.
        warnings.filterwarnings("ignore", "`torch.jit.*deprecated", DeprecationWarning)
        import norse.torch
    module: ModuleType = norse.torch
    return module


class Box(TorchSteps):
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

    state: Any

    def versions(self) -> dict[str, str]:
        return versions("norse", "torch")

    def build(self, setup: Setup) -> None:
        refuse_refractory(setup)
        norse, tensor = _norse(), _tensor(setup)
        self.setup = setup
        self.cell = norse.LIFBoxCell(
            norse.LIFBoxParameters(
                tau_mem_inv=tensor(1e3 / setup.params.tau_ms),
                v_leak=tensor(0.0),
                v_th=tensor(setup.params.V_th),
                v_reset=tensor(setup.params.V_reset),
            ),
            dt=setup.dt_ms / 1e3,
        )
        self.reset()

    def step(self, x: Any) -> tuple[Any, Any]:
        spikes, self.state = self.cell(x, self.state)
        return spikes, self.state.v

    def reset(self) -> None:
        """A new state, which is how Norse resets: its cells keep none."""
        self.state = _norse().LIFBoxFeedForwardState(v=_start(self.setup))


class Refractory(TorchSteps):
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

    state: Any

    def versions(self) -> dict[str, str]:
        return versions("norse", "torch")

    def build(self, setup: Setup) -> None:
        steps = round(setup.params.t_ref_ms / setup.dt_ms)
        if abs(steps * setup.dt_ms - setup.params.t_ref_ms) > 1e-9 * setup.dt_ms:
            raise CannotRepresent(
                f"a refractory period (t_ref_ms={setup.params.t_ref_ms:g} ms) that is not a "
                f"whole number of steps (dt_ms={setup.dt_ms:g} ms): rho counts steps"
            )
        norse, tensor = _norse(), _tensor(setup)
        self.setup = setup
        self.cell = norse.LIFRefracCell(
            norse.LIFRefracParameters(
                lif=norse.LIFParameters(
                    tau_syn_inv=tensor(1e3 / setup.dt_ms),
                    tau_mem_inv=tensor(1e3 / setup.params.tau_ms),
                    v_leak=tensor(0.0),
                    v_th=tensor(setup.params.V_th),
                    v_reset=tensor(setup.params.V_reset),
                ),
                rho_reset=tensor(float(steps)),
            ),
            dt=setup.dt_ms / 1e3,
        )
        self.reset()

    def step(self, x: Any) -> tuple[Any, Any]:
        spikes, self.state = self.cell(x, self.state)
        return spikes, self.state.lif.v

    def reset(self) -> None:
        """A new state, which is how Norse resets: its cells keep none."""
        norse, V = _norse(), _start(self.setup)
        lif = norse.LIFFeedForwardState(v=V, i=V.new_zeros(V.shape))
        self.state = norse.LIFRefracFeedForwardState(lif=lif, rho=V.new_zeros(V.shape))


def _tensor(setup: Setup) -> Any:
    import torch

    dtype = getattr(torch, setup.dtype)
    return lambda value: torch.tensor(value, dtype=dtype)


def _start(setup: Setup) -> Any:
    import torch

    return torch.full((setup.neurons,), setup.params.V_reset, dtype=getattr(torch, setup.dtype))
