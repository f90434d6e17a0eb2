"""Base classes of the frameworks' adapters, PyTorch's loop over steps, quiet imports."""

from __future__ import annotations

import contextlib
import importlib
import io
import math
import os
import sys
import warnings
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.crossval.protocol import Adapter, CannotRepresent, Setup
from bio_scnn.neuron.models import hybrid_system
from bio_scnn.neuron.trace import Trace
from bio_scnn.runtime import provenance


class Framework(Adapter):
    """An adapter of installed packages; it refuses what its capabilities and itself rule out.

    Attributes
    ----------
    distributions : tuple of str
        The packages that do the work, as the package index names them.
    resets_to_rest : bool
        The reset potential is the resting potential, 0 in eq. 1, and no other.
    subtracts : bool
        It can be told to subtract ``V_th - V_reset`` instead of resetting.
    setup : Setup
        The layer that was built last.
    """

    counts_from_rest = True
    distributions: tuple[str, ...] = ()
    resets_to_rest: bool = False
    subtracts: bool = False
    setup: Setup

    def versions(self) -> dict[str, str]:
        return provenance.versions(*self.distributions)

    def build(self, setup: Setup) -> None:
        neuron = hybrid_system(setup.params)
        if self.capabilities.refractory == "none" and neuron.t_ref_ms:
            raise CannotRepresent(
                f"a refractory period (t_ref_ms={neuron.t_ref_ms:g} ms): it has none"
            )
        if self.resets_to_rest and (neuron.V_reset or neuron.V_rest):
            raise CannotRepresent(
                f"a reset potential (V_reset={neuron.V_reset:g}) other than the resting potential "
                "0"
            )
        soft = self.subtracts or self.capabilities.reset == "subtract"
        if neuron.reset == "subtract" and not soft:
            raise CannotRepresent("a reset by subtraction: it resets to a value")
        self.setup = setup
        self.make(setup)

    def make(self, setup: Setup) -> None:
        """Make the layer, every neuron at V_reset; nothing where each run makes its own.

        Raises
        ------
        CannotRepresent
            If the framework has no such neuron.
        """


class TorchLayer(Framework):
    """A PyTorch neuron that is called once, with the inputs of all steps."""

    def scale(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        """The framework's input for a current: ``RI``, where V goes while I is held."""
        return self.setup.params.R * current

    @abstractmethod
    def call(self, inputs: Any) -> tuple[Any, Any]:
        """Spikes and V, tensors or arrays of ``(steps, neurons)`` as the inputs are."""

    def run(self, current: NDArray[np.float64]) -> Trace:
        import torch

        with torch.no_grad():
            spikes, V = self.call(tensor(self.scale(current), self.setup))
        return Trace.from_raster(
            np.asarray(spikes),
            self.setup.dt_ms,
            np.asarray(V),
            label=self.capabilities.spike_label,
        )


class TorchSteps(TorchLayer):
    """A PyTorch neuron that its users call once per time step, in a loop of their own."""

    @abstractmethod
    def step(self, x: Any) -> tuple[Any, Any]:
        """Spikes and V, tensors of ``(neurons,)``, after one step with the input `x`."""

    def call(self, inputs: Any) -> tuple[Any, Any]:
        return over_steps(self.step, inputs)


def over_steps(
    step: Callable[[Any], tuple[Any, Any]], inputs: Any
) -> tuple[NDArray[np.bool_], NDArray]:
    """Raster and V of a PyTorch neuron that is called once per time step.

    Parameters
    ----------
    step : callable
        Input to spikes and V, all tensors of one shape.
    inputs : tensor, shape (steps, ...)

    Returns
    -------
    raster : bool array
    membrane : array
        Both of the shape of the inputs, `membrane` of their type.
    """
    import torch

    shape = tuple(inputs.shape)
    raster = np.zeros(shape, dtype=bool)
    membrane = np.empty(shape, dtype=str(inputs.dtype).removeprefix("torch."))
    with torch.no_grad():
        for n, x in enumerate(inputs):
            spikes, V = step(x)
            raster[n], membrane[n] = spikes.numpy() != 0, V.numpy()
    return raster, membrane


def tensor(values: ArrayLike, setup: Setup, device: Any = None) -> Any:
    """A PyTorch tensor of its own memory, of the type that a layer is built with."""
    import torch

    return torch.tensor(values, dtype=getattr(torch, setup.dtype), device=device)


def approach(setup: Setup, tau_ms: float | None = None) -> float:
    """``1 - exp(-dt/tau)``: the part of the way to RI that V goes in a step, by eq. 1."""
    return -math.expm1(-setup.dt_ms / (tau_ms or setup.params.tau_ms))


def quiet_import(name: str, **environment: str) -> Any:
    """Import a framework without its banner, its warnings, and its reading of our arguments.

    Parameters
    ----------
    name : str
    **environment : str
        Variables that are set while it is imported, such as one that silences it.

    Returns
    -------
    module
    """
    if name in sys.modules:
        return sys.modules[name]
    from unittest import mock  # which loads asyncio

    with (
        mock.patch.dict(os.environ, environment),
        mock.patch.object(sys, "argv", sys.argv[:1]),  # NEST and NEURON parse it
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # deprecated NumPy names in packages that are not ours
        return importlib.import_module(name)


def split_by_neuron(
    neuron: ArrayLike, times_ms: ArrayLike, neurons: int
) -> tuple[NDArray[np.float64], ...]:
    """Spike trains, each ascending, of spikes listed in any order.

    Parameters
    ----------
    neuron : (spikes,) array_like of int
        From 0.
    times_ms : (spikes,) array_like, ms
    neurons : int
    """
    neuron = np.asarray(neuron, dtype=np.intp)
    times = np.asarray(times_ms, dtype=np.float64)
    order = np.lexsort((times, neuron))
    splits = np.cumsum(np.bincount(neuron, minlength=neurons))[:-1]
    return tuple(np.split(times[order], splits))
