"""Training in PyTorch: the same network, batches and update as in NumPy, on a CPU or a GPU.

Importing this module needs PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bio_scnn.errors import InputError
from bio_scnn.network.architecture import IMAGE_CHANNELS, RESIDUAL_UNIT, Architecture
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.torch_model import to_torch
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.training._packing import PackedState, Packing
from bio_scnn.training._torch_batches import by_step, torch_batch
from bio_scnn.training.batches import Prepared
from bio_scnn.training.gradients import draw_noise, noise_table
from bio_scnn.training.optimizers import muon_of_stack
from bio_scnn.training.settings import PRECISIONS, Precision, TrainingSettings
from bio_scnn.training.state import TrainingState, descend


class Device(NamedTuple):
    """Device of the tensors, and precision of convolutions and matrix products.

    Weights, their update and everything else are in float64 or, for the other three, float32.
    """

    name: str = "cpu"
    precision: Precision = "float32"

    @property
    def dtype(self) -> torch.dtype:
        return torch.float64 if self.precision == "float64" else torch.float32

    @classmethod
    def named(cls, name: str, precision: str) -> Device:
        """A device, if PyTorch can use it.

        Raises
        ------
        InputError
        """
        try:
            torch.empty(1, device=name)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"PyTorch cannot use device {name!r}: {reason}") from None
        for known in PRECISIONS:
            if known == precision:
                break
        else:
            raise InputError(
                f"precision {precision!r} is unknown; choose from {', '.join(PRECISIONS)}"
            )
        if precision == "tf32" and not name.startswith("cuda"):
            raise InputError(f"precision tf32 is for CUDA devices; the device is {name!r}")
        return cls(name, known)

    def tensor(self, array: Any) -> Tensor:
        """A copy of an array on the device; numbers with a fraction in its precision."""
        tensor = torch.as_tensor(np.ascontiguousarray(array))
        dtype = self.dtype if tensor.is_floating_point() else None
        return tensor.to(self.name, dtype=dtype, copy=True)

    def arithmetic(self) -> AbstractContextManager[Any]:
        """The context that a forward pass runs in."""
        tf32 = self.precision == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32
        if self.precision == "bfloat16":
            return torch.autocast(self.name.partition(":")[0], torch.bfloat16)
        return nullcontext()


def fit_on_torch(
    state: TrainingState,
    source: Iterator[Prepared],
    architecture: Architecture,
    lif: LIFParameters,
    settings: TrainingSettings,
    on_step: Callable[[TrainingState, float], None],
    device: Device,
) -> TrainingState:
    """Train to the last step, as `bio_scnn.training.loop.fit` does.

    Parameters
    ----------
    state : TrainingState
        From `initial_state`, or from a checkpoint, of NumPy arrays.
    source : iterator of Prepared
        The groups of patches from that of ``state.step`` on.
    architecture, lif, settings
    on_step : callable
        Told the new state, of tensors, and the step's loss.
    device : Device

    Returns
    -------
    TrainingState
        Of NumPy arrays.

    Raises
    ------
    FloatingPointError
        If the loss is no longer finite.
    """
    network = to_torch(
        HybridSCNN(architecture, state.params, lif), clip_slope=settings.clip_slope
    ).to(device.name, device.dtype, memory_format=torch.channels_last)
    packing = Packing.of(state.params)
    weights = [network.get_parameter(name) for name in packing.shapes]
    packed = packing.pack(state, device.tensor)
    sizes = device.tensor(np.array(packing.sizes)[:, None, None])
    muon = partial(muon_of_stack, size=sizes)
    features = int(np.prod(architecture.feature_shape(settings.patch, settings.patch)))
    table = torch.from_numpy(noise_table(settings.seed, features)).to(device.name)
    unit = HybridSCNN(architecture, {}, lif).unit
    with closing(by_step(source, settings, state.step, device.tensor)) as steps:
        for step, prepared in steps:
            batch = torch_batch(prepared, architecture, settings, step)
            noise = _noise(architecture, unit, settings, step, table, features)
            with device.arithmetic():
                x = _channels_first(torch_input(architecture, batch.fill, batch.mask))
                restored = network(x, noise).permute(0, 2, 3, 1)
            error = restored.to(device.dtype) - batch.truth
            loss = (batch.weight[..., None] * error**2).sum()
            with torch.no_grad():
                grads = packing.join(
                    dict(zip(packing.shapes, _gradients(loss, weights), strict=True))
                )
                grads = _clipped(grads, settings)
                packed = cast(PackedState, descend(packed, grads, settings, kernel_step=muon))
                for weight, value in zip(
                    weights, packing.split(packed.params).values(), strict=True
                ):
                    weight.copy_(_theirs(value))
            value = loss.item()
            if not np.isfinite(value):
                raise FloatingPointError(f"the loss is {value} at step {step}")
            on_step(packed, value)
    return packed.as_arrays()


def _gradients(loss: Tensor, weights: list[nn.Parameter]) -> list[Tensor]:
    """The loss's gradients, kernels in our layout."""
    with torch.enable_grad():
        return [_ours(g) for g in torch.autograd.grad(loss, weights)]


class TorchForward:
    """A network on a device, with the forward pass that `ValidationSet.scores` asks for.

    Parameters
    ----------
    model : HybridSCNN
        Its weights are copied.
    device : Device
    """

    def __init__(self, model: HybridSCNN, device: Device):
        network = to_torch(model).to(device.name, device.dtype)
        self._network = network.to(memory_format=torch.channels_last)
        self._device, self._noise_std = device, model.unit.noise_std(0.0)

    def forward(self, fill: NDArray, mask: NDArray, *, rng: np.random.Generator) -> NDArray:
        """Restored images ``(N, H, W, 3)``, as `HybridSCNN.forward` gives them."""
        network, tensor = self._network, self._device.tensor
        with torch.no_grad(), self._device.arithmetic():
            x = torch_input(network.architecture, tensor(fill), tensor(mask))
            x = _channels_first(x)
            noise = None
            if self._noise_std:
                n, height, width, _ = fill.shape
                shape = (n, *network.architecture.feature_shape(height, width))
                noise = _channels_first(tensor(self._noise_std * rng.standard_normal(shape)))
            return network(x, noise).permute(0, 2, 3, 1).double().cpu().numpy()


def torch_input(architecture: Architecture, fill: Tensor, mask: Tensor) -> Tensor:
    """Input of the network, ``(N, h, w, C)``, as `bio_scnn.network.network_input` makes it."""
    first, *others = fill.split(IMAGE_CHANNELS, dim=-1)
    planes = [first - 0.5, mask[..., None].to(fill.dtype)]
    planes += [(other - first) * (1 / RESIDUAL_UNIT) for other in others]
    stacked = torch.cat(planes, dim=-1)
    n, height, width, channels = stacked.shape
    k = architecture.fold
    folded = stacked.reshape(n, height // k, k, width // k, k, channels)
    return folded.permute(0, 1, 3, 2, 4, 5).reshape(n, height // k, width // k, -1)


def _noise(
    architecture: Architecture,
    unit: Any,
    settings: TrainingSettings,
    step: int,
    table: Tensor,
    features: int,
) -> Tensor | None:
    """The noise on a batch's features that its shards would be given."""
    images = settings.batch
    parts = min(settings.shards, images)
    std, start = np.zeros(images), np.zeros(images, int)
    for part in range(parts):
        own = slice(part, None, parts)
        draw = draw_noise(unit, settings, step, part, len(std[own]), features)
        if draw is None:
            return None
        std[own], start[own] = draw
    shape = architecture.feature_shape(settings.patch, settings.patch)
    noise = torch.stack([table[first : first + features] for first in start.tolist()])
    scale = torch.from_numpy(std.astype(np.float32)).to(table.device)
    return _channels_first((noise * scale[:, None]).reshape(images, *shape))


def _clipped(grads: dict[str, Tensor], settings: TrainingSettings) -> dict[str, Tensor]:
    """Gradients of limited norm, as `bio_scnn.training.state.clipped`, without waiting for it."""
    if not settings.clip_norm:
        return grads
    norm = torch.stack([(g * g).sum() for g in grads.values()]).sum().sqrt()
    scale = settings.clip_norm / norm.clamp_min(settings.clip_norm)
    return {name: scale * g for name, g in grads.items()}


def _channels_first(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2)


def _ours(weight: Tensor) -> Tensor:
    """A kernel of PyTorch's layout in ours, ``(k, k, C_in, C_out)``; a bias as it is."""
    return weight.permute(2, 3, 1, 0) if weight.ndim == 4 else weight


def _theirs(weight: Tensor) -> Tensor:
    """A kernel of our layout in PyTorch's, ``(C_out, C_in, k, k)``; a bias as it is."""
    return weight.permute(3, 2, 0, 1) if weight.ndim == 4 else weight
