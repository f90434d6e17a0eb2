"""Arrays on their way into a layer and out of it: NumPy, PyTorch, JAX; nested answers; layouts."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.formats import FloatingPoint

_DEPTH = 4  # of nested answers and states


@dataclass(frozen=True)
class Medium:
    """Kind of array that a layer is given.

    Attributes
    ----------
    library : {"numpy", "torch", "jax"}
    dtype : str
        Name of a type, as in ``float32``; of an integer type, values are rounded.
    device : object
        PyTorch's device, None elsewhere.
    """

    library: str = "numpy"
    dtype: str = "float64"
    device: Any = None

    def array(self, values: NDArray[np.float64]) -> Any:
        """Array of the library, of its own memory."""
        if "int" in self.dtype:
            values = np.rint(values)
        if self.library == "torch":
            import torch

            return torch.tensor(values, dtype=getattr(torch, self.dtype), device=self.device)
        if self.library == "jax":
            return importlib.import_module("jax.numpy").asarray(values, dtype=self.dtype)
        return numpy_array(values, self.dtype)

    def __str__(self) -> str:
        return f"{self.dtype} {'tensors' if self.library == 'torch' else 'arrays'}"


FLOAT64_ARRAYS = Medium()


def numpy_array(values: NDArray[np.float64], dtype: str) -> NDArray:
    """Array of its own memory; NumPy has no bfloat16, whose numbers come as float32."""
    if dtype == "bfloat16":
        return FloatingPoint("bfloat16").product(values).astype(np.float32)
    return np.array(values, dtype=dtype)


def is_module(thing: Any) -> bool:
    """True for a torch.nn.Module."""
    torch = sys.modules.get("torch")  # whoever has a module has imported it
    return torch is not None and isinstance(thing, torch.nn.Module)


def parameters(thing: Any) -> list[Any]:
    """Parameters and buffers of a torch.nn.Module; none of anything else."""
    if not is_module(thing):
        return []
    kind = sys.modules["torch"].nn.Module  # Rockpool's modules have a method of that name
    return [*kind.parameters(thing), *kind.buffers(thing)]


def is_array(value: Any) -> bool:
    """True for a number, or an array of any library."""
    if isinstance(value, bool | int | float | np.ndarray | np.generic):
        return True
    return hasattr(value, "shape") and hasattr(value, "dtype") and hasattr(value, "__array__")


def to_numpy(value: Any) -> NDArray:
    """Array of a number or an array of any library; NumPy has no bfloat16, it becomes float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if type_name(value) == "bfloat16" else value
    return np.asarray(value)


def type_name(value: Any) -> str:
    """Name of the type of an array's values, as in ``float32``."""
    return str(getattr(value, "dtype", type(value).__name__)).rpartition(".")[2]


def children(value: Any) -> dict[str, Any]:
    """Parts of a nested value by name: of tuples, dicts, dataclasses, and states of any class."""
    if hasattr(value, "_fields"):
        return {str(name): getattr(value, name) for name in value._fields}
    if isinstance(value, Mapping):
        return {str(name): item for name, item in value.items()}
    if isinstance(value, tuple | list):
        return {str(number): item for number, item in enumerate(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    kept = getattr(value, "__dict__", None)
    if isinstance(kept, dict) and not callable(value):
        return {str(name): item for name, item in kept.items() if not name.startswith("_")}
    return {}


def leaves(value: Any, path: str = "", depth: int = _DEPTH) -> dict[str, Any]:
    """Arrays in a nested value by their path, as in ``1.v``; a list over the steps is stacked."""
    if is_array(value):
        return {path: value}
    if isinstance(value, list) and len(value) > 7 and all(map(is_array, value)):
        parts = list(map(to_numpy, value))
        if len({part.shape for part in parts}) == 1:
            return {path: np.stack(parts)}
    if depth == 0:
        return {}
    found: dict[str, Any] = {}
    for name, item in children(value).items():
        found |= leaves(item, f"{path}.{name}" if path else name, depth - 1)
    return found


def hidden(thing: Any) -> dict[str, Any]:
    """Arrays that an object keeps inside, by their path: the state of a stateful layer."""
    if is_module(thing):
        found: dict[str, Any] = {}
        for name, part in sys.modules["torch"].nn.Module.named_modules(thing):
            own = {k: v for k, v in vars(part).items() if not k.startswith("_")}
            own |= vars(part)["_buffers"]
            own |= vars(part).get("_memories") or {}  # SpikingJelly keeps its state there
            found |= leaves(own, name, 2)
        return found
    kept = getattr(getattr(thing, "__self__", thing), "__dict__", {})
    return leaves({k: v for k, v in kept.items() if k != "training"}, "", 2)


@dataclass(frozen=True)
class Layout:
    """Order of the axes of what a layer is given.

    Attributes
    ----------
    axes : str
        A letter for each axis: ``t`` time, ``n`` neurons that are independent (a batch), ``1`` a
        single one, ``w`` the layer's own neurons, whose number is fixed.
    width : int
        Length of the axis ``w``.
    neuron : int
        The one on the axis ``w`` that is meant.
    alone : bool
        The others on the axis ``w`` get 0 instead of the same input.
    """

    axes: str = "tn"
    width: int = 1
    neuron: int = 0
    alone: bool = False

    @property
    def together(self) -> bool:
        """True if several independent neurons fit into one call."""
        return "n" in self.axes

    def shape(self, steps: int, neurons: int) -> tuple[int, ...]:
        """Shape of what a layer is given for so many steps and neurons."""
        sizes = {"t": steps, "n": neurons, "1": 1, "w": self.width}
        return tuple(sizes[axis] for axis in self.axes)

    def arranged(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Array for the layer, of ``(steps, neurons)``; one step if there is no axis of time."""
        ordered = x.T if self._neurons_first else x
        shape = self.shape(*x.shape)
        inner = [1 if axis == "w" else n for axis, n in zip(self.axes, shape, strict=True)]
        full = np.broadcast_to(ordered.reshape(inner), shape)
        if not self.alone:
            return full
        others = [n != self.neuron for n in range(self.width)]
        full = full.copy()
        np.moveaxis(full, self.axes.index("w"), 0)[others] = 0
        return full

    def recovered(self, y: NDArray, steps: int, neurons: int) -> NDArray | None:
        """Array ``(steps, neurons)`` of an answer; None if it has another shape."""
        shape = self.shape(steps, neurons)
        if y.shape != shape:
            if [n for n in y.shape if n != 1] != [n for n in shape if n != 1]:
                return None
            y = y.reshape(shape)
        if "w" in self.axes:
            y = np.take(y, [self.neuron], axis=self.axes.index("w"))
        return y.reshape(neurons, steps).T if self._neurons_first else y.reshape(steps, neurons)

    @property
    def _neurons_first(self) -> bool:
        return 0 <= self.axes.find("n") < self.axes.find("t")

    def __str__(self) -> str:
        words = {"t": "time", "n": "batch", "1": "1", "w": str(self.width)}
        return f"({', '.join(words[axis] for axis in self.axes)}{',' * (len(self.axes) == 1)})"


TIME_FIRST = Layout()
