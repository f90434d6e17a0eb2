"""Adapters around PyTorch modules, factories of modules, and plain functions.

PyTorch is not imported to find out that something is no module of it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import tensor
from bio_scnn.crossval.identify.calls import Call, find_call
from bio_scnn.crossval.identify.copies import reset_of
from bio_scnn.crossval.identify.driving import Session
from bio_scnn.crossval.identify.media import is_module, numpy_array, parameters
from bio_scnn.crossval.protocol import (
    DTYPES,
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


def kind(thing: Any) -> str:
    """Type of a thing in words, for error messages."""
    return repr(thing)[:60] if isinstance(thing, str) else f"a {type(thing).__name__}"


class _Called(Adapter):
    """A layer that is called as it wants to be.

    What takes ``(steps, neurons)`` and gives its spikes first is simply called; anything else is
    driven in the convention that was found.
    """

    _setup: Setup
    _call: Call | None = None
    _session: Session | None = None

    def _find(self, thing: Any, dtype: str, neuron: int = 0) -> Call | None:
        """The convention, if it takes more than a call with the currents of all steps."""
        try:
            found = find_call(thing, dtype=dtype, neuron=neuron)
        except InputError as error:
            self._complaint = str(error)
            return None
        self.remarks = tuple(map(str, found.remarks))
        return found

    def _begin(self, setup: Setup, call: Call | None) -> None:
        """Make the layer anew."""
        self._setup, self._session = setup, None
        if call is None or _is_usual(call):
            return
        medium = call.manner.medium
        if "float" in medium.dtype and medium.dtype in self.capabilities.dtypes:
            medium = replace(medium, dtype=setup.dtype)
        self._session = Session(call.original, replace(call.manner, medium=medium))

    def _driven(self, call: Call, session: Session, current: NDArray[np.float64]) -> Trace:
        found = call.go_on(session, current, others=False)
        shown = self.capabilities.membrane != "none"
        V, label = found.V if shown else None, self.capabilities.spike_label
        return Trace.from_raster(found.spikes, self._setup.dt_ms, V, label=label)

    def _reset(self, session: Session) -> None:
        if not session.reset():
            raise CannotRepresent("a reset: it has no method `reset`")


class _ModuleAdapter(_Called):
    """Run and reset of a PyTorch module, which subclasses build."""

    _module: Any

    def versions(self) -> dict[str, str]:
        return versions("torch")

    def run(self, current: NDArray[np.float64]) -> Trace:
        import torch

        if self._session is not None and self._call is not None:
            return self._driven(self._call, self._session, current)
        own = parameters(self._module)
        # A copy: the module may write to it.
        inputs = tensor(current, self._setup, device=own[0].device if own else None)
        with torch.no_grad():
            answer = self._module(inputs)
        return _trace(answer, current.shape, self._setup, self.capabilities)

    def reset(self) -> None:
        """The module's method ``reset``, if it has one."""
        if self._session is not None:
            return self._reset(self._session)
        reset = reset_of(self._module)
        if reset is None:
            raise CannotRepresent("a reset: the module has no method `reset`")
        reset()
        return None


class ModuleAdapter(_ModuleAdapter):
    """A torch.nn.Module with a neuron and a time step of its own."""

    def __init__(
        self,
        module: Any,
        name: str,
        params: NeuronParameters,
        dt_ms: float,
        capabilities: Capabilities | None,
        neuron: int = 0,
    ):
        self.capabilities = capabilities or _TORCH_DEFAULT
        found = [t.dtype for t in parameters(module) if t.is_floating_point()]
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
        self._call = self._find(self._untouched, self.capabilities.dtypes[0], neuron)
        if self._call is not None:
            self._untouched = self._call.original.fresh()
        else:
            self.trouble = self._complaint

    def build(self, setup: Setup) -> None:
        _refuse_other(setup, self)
        self._begin(setup, self._call)
        if self._session is None:
            self._module = copy.deepcopy(self._untouched)


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
        self._asked = False

    def build(self, setup: Setup) -> None:
        module = self._factory(setup)
        if not is_module(module):
            raise InputError(f"{self.name} gave {kind(module)}; it must give a torch.nn.Module")
        import torch

        self._module = module.to(getattr(torch, setup.dtype))
        if not self._asked:
            self._asked = True
            self._call = self._find(self._module, setup.dtype)
        if self._call is not None:
            if any(remark.code == "training" for remark in self._call.remarks):
                self._module.eval()
            self._call = self._call.of(self._module)
        self._begin(setup, self._call)


class FunctionAdapter(_Called):
    """A function from currents to spikes, with a neuron and a time step of its own.

    Or one step of it, or an object that takes a step.
    """

    def __init__(
        self,
        function: Any,
        name: str,
        params: NeuronParameters,
        dt_ms: float,
        capabilities: Capabilities | None,
        neuron: int = 0,
    ):
        self.capabilities = capabilities or Capabilities(membrane="none")
        self.name, self.params, self.fixed_dt_ms = name, params, dt_ms
        self._function = function
        self._call = self._find(function, self.capabilities.dtypes[0], neuron)
        if self._call is None:
            self.trouble = self._complaint
        elif capabilities is None and self._call.manner.medium.dtype != "float64":
            given = self._call.manner.medium.dtype
            dtypes = (given,) if given in DTYPES else ("float64",)
            self.capabilities = replace(self.capabilities, dtypes=dtypes)

    def build(self, setup: Setup) -> None:
        _refuse_other(setup, self)
        self._begin(setup, self._call)

    def run(self, current: NDArray[np.float64]) -> Trace:
        if self._session is not None and self._call is not None:
            return self._driven(self._call, self._session, current)
        answer = self._function(numpy_array(current, self._setup.dtype))  # a copy: as above
        if is_module(answer) or isinstance(answer, Adapter):
            raise InputError(
                f"{self.name} gave {kind(answer)} for an array of currents; if it is to be "
                "called with a Setup, its argument must be called `setup`"
            )
        return _trace(answer, current.shape, self._setup, self.capabilities)

    def reset(self) -> None:
        """Nothing to do where every call starts anew; else the layer's own reset."""
        if self._session is not None:
            if self._session.manner.stepwise:
                self._reset(self._session)
            else:
                self._session.things.clear()


def _is_usual(call: Call) -> bool:
    """True if it takes ``(steps, neurons)`` in one call, and gives 0 and 1 first."""
    usual = ("plain", "boolean", "several", "membrane", "not finite")
    medium = call.manner.medium
    its_own = "torch" if is_module(call.original.thing) else "numpy"
    return (
        call.plain
        and not call.original.method
        and medium.library == its_own
        and "int" not in medium.dtype
        and call.spikes.path in ("", "0")
        and call.spikes.kind in usual
    )


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
