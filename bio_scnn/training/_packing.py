"""A network's weights packed into two tensors. Importing this module needs PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from bio_scnn.training.optimizers import muon_size
from bio_scnn.training.state import TrainingState


@dataclass(frozen=True)
class Packing:
    """A network's weights in two tensors, so that a step of the optimizer is a few operations.

    Kernels are matrices, of a row for each weight of a window and a column for each channel,
    turned if they are wider than high, and padded with zeros to one size. Biases lie one after
    the other.

    Attributes
    ----------
    shapes : dict of tuple
        Shape of each array, by name.
    """

    shapes: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Packing:
        return cls({name: tuple(value.shape) for name, value in params.items()})

    @property
    def matrices(self) -> dict[str, tuple[int, int]]:
        """Rows and columns of each kernel, before it is turned."""
        kernels = {name: shape for name, shape in self.shapes.items() if len(shape) > 1}
        return {name: (math.prod(shape[:-1]), shape[-1]) for name, shape in kernels.items()}

    @property
    def sizes(self) -> list[float]:
        """Factor of a step of Muon for each kernel."""
        return [muon_size(matrix) for matrix in self.matrices.values()]

    def join(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The two tensors of arrays of these shapes."""
        matrices = self.matrices
        rows, columns = (max(op(m) for m in matrices.values()) for op in (max, min))
        biases = [value for name, value in values.items() if name not in matrices]
        stack = biases[0].new_zeros(len(matrices), rows, columns)
        for part, (name, (high, wide)) in zip(stack, matrices.items(), strict=True):
            own = part[: max(high, wide), : min(high, wide)]
            (own.mT if wide > high else own).copy_(values[name].reshape(high, wide))
        return {"kernels": stack, "biases": torch.cat(biases)}

    def split(self, joined: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Arrays of these shapes, as views of the two tensors."""
        stack = iter(joined["kernels"])
        lengths = [shape[0] for shape in self.shapes.values() if len(shape) == 1]
        biases = iter(joined["biases"].split(lengths))
        found = {}
        for name, shape in self.shapes.items():
            if name in (matrices := self.matrices):
                high, wide = matrices[name]
                own = next(stack)[: max(high, wide), : min(high, wide)]
                found[name] = (own.mT if wide > high else own).reshape(shape)
            else:
                found[name] = next(biases)
        return found

    def pack(self, state: TrainingState, tensor: Callable[[Any], Tensor]) -> PackedState:
        """A state as tensors, each array made one by a function."""
        parts = (state.params, state.m, state.v, state.ema)
        tensors = [{name: tensor(value) for name, value in part.items()} for part in parts]
        params, m, v, ema = (cast(Any, self.join(part)) for part in tensors)
        return PackedState(state.step, params, m, v, ema, self)


@dataclass(frozen=True)
class PackedState(TrainingState):
    """State of a training in packed tensors."""

    packing: Packing

    def as_arrays(self) -> TrainingState:
        parts: list[Any] = [self.params, self.m, self.v, self.ema]
        split = [self.packing.split(part) for part in parts]
        arrays = [{name: v.cpu().numpy().copy() for name, v in part.items()} for part in split]
        return TrainingState(self.step, *arrays)
