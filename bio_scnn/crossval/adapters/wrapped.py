"""Adapters around PyTorch modules, factories of modules, and plain functions.

PyTorch is not imported to find out that something is no module of it.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import tensor
from bio_scnn.crossval.protocol import (
    Adapter,
    CannotRepresent,
    Capabilities,
    Setup,
    without_refractory,
)
from bio_scnn.errors import InputError
from bio_scnn.neuron.models import LIParameters, NeuronParameters
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace
from bio_scnn.runtime.provenance import versions

_NEURON = ("tau_ms", "R", "V_th", "V_reset", "t_ref_ms")
_TORCH_DEFAULT = Capabilities(membrane="none", dtypes=("float32",))


def is_module(thing: Any) -> bool:
    """True for a torch.nn.Module."""
    torch = sys.modules.get("torch")  # whoever has a module has imported it
    return torch is not None and isinstance(thing, torch.nn.Module)


def kind(thing: Any) -> str:
    """Type of a thing in words, for error messages."""
    return repr(thing)[:60] if isinstance(thing, str) else f"a {type(thing).__name__}"


class _ModuleAdapter(Adapter):
    """Run and reset of a PyTorch module, which subclasses build."""

    _setup: Setup
    _module: Any

    def versions(self) -> dict[str, str]:
        return versions("torch")

    def run(self, current: NDArray[np.float64]) -> Trace:
        import torch

        own = _tensors(self._module)
        # A copy: the module may write to it.
        inputs = tensor(current, self._setup, device=own[0].device if own else None)
        with torch.no_grad():
            answer = self._module(inputs)
        return _trace(answer, current.shape, self._setup, self.capabilities)

    def reset(self) -> None:
        """The module's method ``reset``, if it has one."""
        reset = getattr(self._module, "reset", None)
        if not callable(reset):
            raise CannotRepresent("a reset: the module has no method `reset`")
        reset()


class ModuleAdapter(_ModuleAdapter):
    """A torch.nn.Module with a neuron and a time step of its own."""

    def __init__(
        self,
        module: Any,
        name: str,
        params: NeuronParameters,
        dt_ms: float,
        capabilities: Capabilities | None,
    ):
        self.capabilities = capabilities or _TORCH_DEFAULT
        found = [t.dtype for t in _tensors(module) if t.is_floating_point()]
        if found:
            dtype = str(found[0]).removeprefix("torch.")
            self.capabilities = replace(self.capabilities, dtypes=(dtype,))
        self.name, self.params, self.fixed_dt_ms = name, params, dt_ms
        try:
            self._untouched = copy.deepcopy(module)
        except RuntimeError as error:  # tensors that belong to a graph, mostly
            raise InputError(
                f"{name} cannot be copied ({error}): give it before it was run, or a factory"
            ) from None

    def build(self, setup: Setup) -> None:
        _refuse_other(setup, self)
        self._setup, self._module = setup, copy.deepcopy(self._untouched)


class FactoryAdapter(_ModuleAdapter):
    """A callable that makes a torch.nn.Module for each neuron and time step."""

    def __init__(
        self,
        factory: Callable[[Setup], Any],
        name: str,
        params: NeuronParameters,
        capabilities: Capabilities | None,
    ):
        self.capabilities = capabilities or _TORCH_DEFAULT
        self.name, self.params, self._factory = name, params, factory

    def build(self, setup: Setup) -> None:
        module = self._factory(setup)
        if not is_module(module):
            raise InputError(f"{self.name} gave {kind(module)}; it must give a torch.nn.Module")
        import torch

        self._setup, self._module = setup, module.to(getattr(torch, setup.dtype))


class FunctionAdapter(Adapter):
    """A function from currents to spikes, with a neuron and a time step of its own."""

    def __init__(
        self,
        function: Callable[[NDArray], Any],
        name: str,
        params: NeuronParameters,
        dt_ms: float,
        capabilities: Capabilities | None,
    ):
        self.capabilities = capabilities or Capabilities(membrane="none")
        self.name, self.params, self.fixed_dt_ms = name, params, dt_ms
        self._function = function

    def build(self, setup: Setup) -> None:
        _refuse_other(setup, self)
        self._setup = setup

    def run(self, current: NDArray[np.float64]) -> Trace:
        answer = self._function(current.astype(self._setup.dtype))  # a copy: as above
        if is_module(answer) or isinstance(answer, Adapter):
            raise InputError(
                f"{self.name} gave {kind(answer)} for an array of currents; if it is to be "
                "called with a Setup, its argument must be called `setup`"
            )
        return _trace(answer, current.shape, self._setup, self.capabilities)

    def reset(self) -> None:
        """Nothing to do: every call starts anew."""


def _tensors(module: Any) -> tuple[Any, ...]:
    return (*module.parameters(), *module.buffers())


def _refuse_other(setup: Setup, adapter: Adapter) -> None:
    params, claims = adapter.params, adapter.capabilities
    if claims.refractory == "none":
        params = without_refractory(params)
    lif = isinstance(params, LIFParameters)
    for field in _NEURON if lif else [f.name for f in fields(params) if f.name != "reset"]:
        own, asked = getattr(params, field), getattr(setup.params, field)
        if own != asked:
            raise CannotRepresent(f"another neuron: its {field} is {own:g}, not {asked:g}")
    if setup.dt_ms != adapter.fixed_dt_ms:
        raise CannotRepresent(
            f"another time step: it is {adapter.fixed_dt_ms:g} ms, not {setup.dt_ms:g} ms"
        )
    if setup.dtype not in claims.dtypes:
        raise CannotRepresent(f"{setup.dtype}: it is {' or '.join(claims.dtypes)}")


def _trace(answer: Any, shape: tuple[int, ...], setup: Setup, claims: Capabilities) -> Trace:
    """The trace of an answer: spikes, or a tuple of spikes, perhaps V, and whatever else."""
    if isinstance(setup.params, LIParameters):  # whose output is V: it never fires
        parts = [_array(part) for part in answer[:2]] if isinstance(answer, tuple) else []
        shown = next((x for x in parts if x.any()), parts[-1]) if parts else _array(answer)
        return Trace.from_raster(np.zeros(shape), setup.dt_ms, shown)
    spikes, V = answer, None
    if isinstance(answer, tuple):
        if not answer:
            raise InputError("an empty tuple came back; its first item must be the spikes")
        spikes = answer[0]
        if claims.membrane != "none" and len(answer) > 1:
            V = _array(answer[1])
    if spikes is None:
        raise InputError("None came back: is a `return` missing? It must be the spikes")
    raster = _array(spikes)
    if raster.shape != shape:
        raise InputError(
            f"spikes of shape {raster.shape} came back; they must have the shape of the currents, "
            f"(steps, neurons) = {shape}"
        )
    return Trace.from_raster(raster, setup.dt_ms, V, label=claims.spike_label)


def _array(values: Any) -> NDArray:
    if hasattr(values, "detach"):  # a tensor, perhaps on another device or in half precision
        values = values.detach().cpu()
        values = values.double() if values.is_floating_point() else values
    return np.asarray(values)
