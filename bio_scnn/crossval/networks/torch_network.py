"""The network in PyTorch, whole, beside the one with every spike simulated."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from bio_scnn.crossval.networks.comparison import ExactRun, Run
from bio_scnn.errors import InputError
from bio_scnn.network.units import LIFUnit

if TYPE_CHECKING:
    from torch import Tensor

    from bio_scnn.training.on_torch import Device

PREFIX = "torch:"


def device_of(name: str) -> Device:
    """The device that a name such as ``torch:cpu`` or ``torch:cuda:tf32`` stands for.

    Raises
    ------
    InputError
        If PyTorch or the device is not there, or the precision is unknown.
    """
    try:
        from bio_scnn.training.on_torch import Device
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise InputError(f"{name} needs PyTorch: pip install torch") from None
    device, _, precision = name.removeprefix(PREFIX).partition(":")
    return Device.named(device, precision or "float32")


def run_on_device(exact: ExactRun, device: Device) -> Run:
    """Run the network of an exact run in PyTorch, with rates by the closed form.

    Everything is computed on the device, from the same input.
    """
    import torch

    from bio_scnn.network.torch_model import to_torch

    model = exact.model.astype(np.float64 if device.precision == "float64" else np.float32)
    network = to_torch(model).to(device.name, memory_format=torch.channels_last)
    x = device.tensor(exact.x).permute(2, 0, 1)[None]

    def forward() -> tuple[Tensor, Tensor, dict[str, Tensor], Tensor]:
        layers: dict[str, Tensor] = {}
        with torch.no_grad(), device.arithmetic():
            z = network.features(x)
            rates = network.rates(z)
            restored = network.compose(x, network.cnn(rates, layers))
        return z, rates, layers, restored

    forward()  # kernels are chosen and compiled the first time
    started = time.perf_counter()
    z, rates, layers, restored = forward()
    result = array(restored)
    seconds = time.perf_counter() - started
    return Run(
        array(z)[0],
        LIFUnit(model.lif).rate_hz(array(rates)[0]),
        {name: array(value) for name, value in layers.items()},
        np.clip(result[0], 0, 1),
        seconds,
    )


def array(images: Tensor) -> np.ndarray:
    """Images ``(N, C, H, W)`` of a device as a float64 array ``(N, H, W, C)``."""
    return images.permute(0, 2, 3, 1).double().cpu().numpy()
