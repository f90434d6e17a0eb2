"""What the adapters of the PyTorch frameworks share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.protocol import Adapter, CannotRepresent, Setup
from bio_scnn.neuron.trace import Trace


def refuse_refractory(setup: Setup) -> None:
    """For neurons that can fire in every step."""
    if setup.params.t_ref_ms:
        raise CannotRepresent(
            f"a refractory period (t_ref_ms={setup.params.t_ref_ms:g} ms): it has none"
        )


def refuse_reset_value(setup: Setup) -> None:
    """For neurons whose reset potential is their resting potential, 0 in eq. 1."""
    if setup.params.V_reset:
        raise CannotRepresent(
            f"a reset potential (V_reset={setup.params.V_reset:g}) other than the resting "
            "potential 0"
        )


class TorchSteps(Adapter):
    """A neuron that PyTorch users call once per time step, in a loop of their own."""

    setup: Setup

    @abstractmethod
    def step(self, x: Any) -> tuple[Any, Any]:
        """Spikes and V, tensors of ``(neurons,)``, after one step with the input `x`."""

    def scale(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        """The framework's input for a current: ``RI``, where V goes while I is held."""
        return self.setup.params.R * current

    def run(self, current: NDArray[np.float64]) -> Trace:
        import torch

        inputs = torch.as_tensor(self.scale(current), dtype=getattr(torch, self.setup.dtype))
        raster = np.zeros(current.shape, dtype=bool)
        membrane = np.empty(current.shape, dtype=self.setup.dtype)
        with torch.no_grad():
            for n, x in enumerate(inputs):
                spikes, V = self.step(x)
                raster[n], membrane[n] = spikes.numpy() != 0, V.numpy()
        return Trace.from_raster(
            raster, self.setup.dt_ms, membrane, label=self.capabilities.spike_label
        )
