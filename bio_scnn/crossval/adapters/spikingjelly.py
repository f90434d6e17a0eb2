"""SpikingJelly: `LIFNode`, `ParametricLIFNode` and `IFNode` in single-step mode."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import TorchSteps, approach, tensor
from bio_scnn.crossval.protocol import CannotRepresent, Capabilities, Setup
from bio_scnn.neuron.models import IFParameters


class LIFNode(TorchSteps):
    """``V += (x + V_reset - V)/tau'``, then ``V >= threshold``.

    ``tau' = 1/(1 - exp(-dt/tau))`` makes this the solution of eq. 1 over a step; its tau is a
    number without a unit, and dt/tau would be Euler's step. V_reset is also where the neuron
    rests, so the input is ``RI - V_reset``.
    """

    name = "spikingjelly"
    distributions = ("spikingjelly", "torch")
    capabilities = Capabilities(refractory="none", dtypes=("float64", "float32"))
    cannot = ("a refractory period",)

    def make(self, setup: Setup) -> None:
        from spikingjelly.activation_based import neuron

        self.node = self.node_of(neuron, setup)

    def node_of(self, neuron: Any, setup: Setup) -> Any:
        """The node, of parameters that make it eq. 1."""
        p = setup.params
        return neuron.LIFNode(tau=1 / approach(setup), v_threshold=p.V_th, v_reset=p.V_reset)

    def scale(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.setup.params.R * current - self.setup.params.V_reset

    def step(self, x: Any) -> tuple[Any, Any]:
        spikes = self.node(x)
        return spikes, self.node.v

    def reset(self) -> None:
        """`functional.reset_net`."""
        from spikingjelly.activation_based import functional

        functional.reset_net(self.node)


class ParametricLIF(LIFNode):
    """``ParametricLIFNode``: as ``LIFNode``, but 1/tau' is the sigmoid of a trained number."""

    name = "spikingjelly-plif"

    def node_of(self, neuron: Any, setup: Setup) -> Any:
        p, kept = setup.params, 1 - approach(setup)
        node = neuron.ParametricLIFNode(v_threshold=p.V_th, v_reset=p.V_reset)
        # As it is made, the number is rounded to float32.
        node.w.data = tensor(math.log(approach(setup) / kept), setup)
        return node


class IFNode(LIFNode):
    """``V += x``, then ``V >= threshold``; V is set to V_reset, or the threshold is subtracted.

    The input is ``R I dt``: what an IF neuron gains in a step.
    """

    name = "spikingjelly-if"
    subtracts = True
    params = IFParameters(R=0.05)
    capabilities = Capabilities(refractory="none", dtypes=("float64", "float32"), families=("IF",))

    def node_of(self, neuron: Any, setup: Setup) -> Any:
        p = setup.params
        if p.reset == "subtract" and p.V_reset:
            raise CannotRepresent(f"subtraction of V_th - V_reset with V_reset={p.V_reset:g}")
        v_reset = None if p.reset == "subtract" else p.V_reset
        return neuron.IFNode(v_threshold=p.V_th, v_reset=v_reset)

    def scale(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.setup.params.R * self.setup.dt_ms * current
