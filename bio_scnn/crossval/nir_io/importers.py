"""LIF nodes of NIR graphs in the frameworks, by the frameworks' own import functions.

A graph of one node, with as many neurons as are asked for, is built from the node's parameters,
handed to the framework, and driven. An import that fails, or a neuron that is not the file's, is
a finding about that framework. Sinabs is not among them: it pins a version of nir whose LIF has
no v_reset.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from abc import abstractmethod
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import Framework, over_steps, quiet_import, tensor
from bio_scnn.crossval.nir_io.neuron import NIRNeuron
from bio_scnn.crossval.protocol import (
    CannotRepresent,
    Capabilities,
    Setup,
    without_refractory,
)
from bio_scnn.neuron.models import LIParameters
from bio_scnn.neuron.trace import Trace


class NIRImportFailed(ImportError):
    """A framework's import function refused a valid node, or broke on it.

    An `ImportError`, because nothing can be checked then: one line says it, not one per check.
    """


class NIRAdapter(Framework):
    """A LIF node as a framework imports it.

    Attributes
    ----------
    framework : str
        The package, as it is named in the index.
    kinds : tuple of str
        Types of nodes that it imports.
    """

    framework: str = ""
    kinds: tuple[str, ...] = ("LIF",)

    def __init__(self, neuron: NIRNeuron, label: str):
        self.neuron, self.params = neuron, neuron.params
        if neuron.kind != "LIF":  # V is found in other places, if at all
            self.capabilities = replace(
                type(self).capabilities, families=(neuron.kind,), membrane="none"
            )
            self.expected_failures = {
                check: reason
                for check, reason in type(self).expected_failures.items()
                if check != "as_declared"  # where such neurons are run at one time step
            }
        self._imported_at = 0.0
        self.name = f"{label} in {self.framework}"

    def build(self, setup: Setup) -> None:
        given = without_refractory(self.params)
        if setup.params != given:
            raise CannotRepresent(
                "other parameters than the file's, or a refractory period: NIR has none"
            )
        self.setup = setup
        graph = self.neuron.graph(setup.neurons)
        # snntorch prints every parameter; norse and rockpool call what nirtorch gives up.
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "nirtorch.load is being", DeprecationWarning)
            try:
                self.load(graph)
                self._imported_at = setup.dt_ms
            except ModuleNotFoundError:
                raise
            except Exception as error:
                if self._imported_at not in (0.0, setup.dt_ms):
                    raise CannotRepresent(
                        f"dt = {setup.dt_ms:g} ms: {self.framework} imports this "
                        f"{self.neuron.kind} at {self._imported_at:g} ms ({error})"
                    ) from error
                p = self.params
                tau = f"tau = {p.tau_ms:g} ms, " if hasattr(p, "tau_ms") else ""
                raise NIRImportFailed(
                    f"{self.framework} cannot import this {self.neuron.kind} ({tau}r = "
                    f"{self.neuron.r:g}): {type(error).__name__}: {error}"
                ) from error

    @abstractmethod
    def load(self, graph: Any) -> None:
        """Import the graph."""

    @abstractmethod
    def drive(self, current: NDArray[np.float64]) -> tuple[NDArray, NDArray | None]:
        """Spikes ``(steps, neurons)``, and the framework's V; from the initial state."""

    def run(self, current: NDArray[np.float64]) -> Trace:
        spikes, membrane = self.drive(current)
        if self.capabilities.membrane == "none":
            membrane = None
        if isinstance(self.params, LIParameters):  # whose output is V
            return Trace.from_raster(np.zeros(current.shape), self.setup.dt_ms, spikes)
        if membrane is not None:
            membrane = membrane.astype(np.float64) - self.neuron.v_leak
        return Trace.from_raster(spikes, self.setup.dt_ms, membrane)


class _Torch(NIRAdapter):
    """A PyTorch module that is called once per step."""

    def drive(self, current: NDArray[np.float64]) -> tuple[NDArray, NDArray | None]:
        self.restart()
        raster, membrane = over_steps(self.step, tensor(current, self.setup)[:, None])
        return raster[:, 0], membrane[:, 0]

    def restart(self) -> None:
        """Forget the state; where the caller keeps it, that is all there is to do."""
        self.state: Any = None

    def reset(self) -> None:
        self.restart()

    @abstractmethod
    def step(self, held: Any) -> tuple[Any, Any]:
        """Spikes and V, ``(1, neurons)``, after one step."""


class Norse(_Torch):
    """`norse.torch.from_nir`, told the time step."""

    framework = "norse"
    kinds = ("LIF", "IF", "CubaLIF")
    distributions = ("norse", "nir", "nirtorch", "torch")
    capabilities = Capabilities(
        refractory="none",
        integrator="forward Euler",
        fires_at_threshold=False,
        dtypes=("float32",),  # it converts the parameters
    )
    cannot = ("a refractory period",)

    def load(self, graph: Any) -> None:
        dt = self.setup.dt_ms / 1e3
        # Its warning goes through logging.warning, which would set up logging for the process.
        self.module = quiet_import("norse.torch").from_nir(graph, ignore_warnings=True, dt=dt)

    def step(self, held: Any) -> tuple[Any, Any]:
        spikes, self.state = self.module(held, self.state)
        if self.neuron.kind != "LIF":
            return spikes, spikes  # V is not asked for
        return spikes, self.state.state["lif"][0].v


class SnnTorch(_Torch):
    """`snntorch.import_nir.import_from_nir`, which assumes dt = 0.1 ms.

    It divides the threshold by ``r dt/tau`` instead of scaling the input; V is read as a fraction
    of that threshold.
    """

    framework = "snntorch"
    # An IF becomes a Leaky with beta = 0.9 that cannot be called as a part of the graph.
    kinds = ("LIF", "CubaLIF")
    distributions = ("snntorch", "nir", "nirtorch", "torch")
    capabilities = Capabilities(
        refractory="none",
        integrator="forward Euler",
        fires_at_threshold=False,
        dtypes=("float32",),  # it converts the parameters
    )
    cannot = ("a refractory period", "a time step other than 0.1 ms")
    expected_failures = MappingProxyType(
        dict.fromkeys(
            ("convergence", "other_time_step", "single_precision", "as_declared"),
            "its import function assumes dt = 0.1 ms",
        )
    )

    def load(self, graph: Any) -> None:
        module = quiet_import("snntorch.import_nir")
        self.module = module.import_from_nir(graph)
        self.layer = self.module.lif

    def restart(self) -> None:
        import torch

        # `reset_mem` leaves zeros of float32; the state takes the input's shape and type.
        self.layer.reset_mem()
        self.layer.mem = torch.zeros(0)
        if hasattr(self.layer, "syn"):
            self.layer.syn = torch.zeros(0)

    def step(self, held: Any) -> tuple[Any, Any]:
        spikes, _ = self.module(held)
        if self.neuron.kind != "LIF":
            return spikes, spikes
        scale = float(self.params.V_th + self.neuron.v_leak) / self.layer.threshold
        return spikes, self.layer.mem * scale


class SpikingJelly(_Torch):
    """`spikingjelly.activation_based.nir_exchange.import_from_nir`, told the time step."""

    framework = "spikingjelly"
    kinds = ("LIF", "IF", "CubaLIF")
    distributions = ("spikingjelly", "nir", "nirtorch", "torch")
    capabilities = Capabilities(refractory="none", integrator="forward Euler")
    cannot = ("a refractory period", "a resistance other than 1 and tau/dt")

    def load(self, graph: Any) -> None:
        import torch

        module = quiet_import("spikingjelly.activation_based.nir_exchange")
        dtype = getattr(torch, self.setup.dtype)
        self.module = module.import_from_nir(graph, dt=self.setup.dt_ms / 1e3, dtype=dtype)

    def step(self, held: Any) -> tuple[Any, Any]:
        spikes, self.state = self.module(held, self.state)
        return spikes, self.state["lif"][0] if self.neuron.kind == "LIF" else spikes


class Spyx(NIRAdapter):
    """`spyx.nir.from_nir`, told the time step."""

    framework = "spyx"
    kinds = ("LIF", "IF", "CubaLIF")
    distributions = ("spyx", "nir", "jax", "flax")
    capabilities = Capabilities(
        refractory="none",
        reset="subtract",
        integrator="forward Euler",
        fires_at_threshold=False,
        membrane="none",
        dtypes=("float32",),
    )
    cannot = ("a refractory period", "a reset to a value: it subtracts the threshold")

    def load(self, graph: Any) -> None:
        self.graph = graph
        self._outputs(np.zeros((1, self.setup.neurons)))  # it imports and runs in one call

    def drive(self, current: NDArray[np.float64]) -> tuple[NDArray, NDArray | None]:
        with contextlib.redirect_stdout(io.StringIO()):
            return self._outputs(current), None

    def _outputs(self, current: NDArray[np.float64]) -> NDArray:
        module = quiet_import("spyx.nir")
        inputs = np.asarray(current[:, None], dtype=np.float32)
        _, outputs = module.from_nir(self.graph, inputs, dt=self.setup.dt_ms / 1e3)
        return np.asarray(outputs)[:, 0]

    def reset(self) -> None:
        """Nothing to do: every run starts anew."""


class Rockpool(NIRAdapter):
    """`rockpool.nn.modules.torch.nir.from_nir`."""

    framework = "rockpool"
    kinds = ("LIF", "LI", "CubaLIF")
    distributions = ("rockpool", "nir", "nirtorch", "torch")
    capabilities = Capabilities(
        refractory="none", reset="subtract", membrane="none", dtypes=("float32",)
    )
    cannot = ("a refractory period", "a reset to a value: it subtracts the threshold")

    def load(self, graph: Any) -> None:
        self.module = quiet_import("rockpool.nn.modules.torch.nir").from_nir(graph)

    def drive(self, current: NDArray[np.float64]) -> tuple[NDArray, NDArray | None]:
        import torch

        with torch.no_grad():
            output = self.module(torch.as_tensor(current, dtype=torch.float32)[None])
        if isinstance(self.params, LIParameters):
            return output[0].numpy().reshape(current.shape), None
        # It counts: after a large current several spikes may fall into one step.
        return output[0].numpy().reshape(current.shape) > 0, None

    def reset(self) -> None:
        """A LIF keeps no state from one call to the next; others are imported anew."""
        self.build(self.setup)


IMPORTERS: tuple[type[NIRAdapter], ...] = (
    SnnTorch,
    Norse,
    SpikingJelly,
    Spyx,
    Rockpool,
)
