"""The hybrid network in PyTorch, with the same weights: what a deep-learning user can build on.

PyTorch is optional and imported when `to_torch` is called; the modules are in `_torch_layers`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bio_scnn.errors import InputError
from bio_scnn.network.hybrid import HybridSCNN

if TYPE_CHECKING:
    from torch import Tensor

    from bio_scnn.network._torch_layers import TorchHybrid


def to_torch(
    model: HybridSCNN,
    spiking: Callable[[Tensor], Tensor] | None = None,
    *,
    clip_slope: float = 0.0,
) -> TorchHybrid:
    """Copy of the network as a `torch.nn.Module`; later changes to one do not affect the other.

    Parameters
    ----------
    model : HybridSCNN
        Its weights are copied, in their precision.
    spiking : callable, optional
        Maps input currents, dimensionless, shape ``(N, C, h, w)``, to firing rates in Hz, same
        shape: a `torch.nn.Module` or a function. By default the closed form of the neuron,
        which is differentiable. `SpikeRates` in `bio_scnn.network._torch_layers` reads the rates
        from the spikes of any layer, `NumpyRates` wraps a function of NumPy arrays,
        such as `bio_scnn.crossval.networks.readout.adapter_rates`.
    clip_slope : float
        As in `bio_scnn.network.units.Unit.backward`; 0 gives the exact gradient.

    Returns
    -------
    torch.nn.Module
        Its ``forward`` takes what `bio_scnn.network.network_input` gives, channels first: shape
        ``(N, input_channels, H/fold, W/fold)``; it returns the restored image ``(N, 3, H, W)``.
        Names and shapes in its ``state_dict`` are those of the model's safetensors file.

    Raises
    ------
    InputError
        If PyTorch is not installed, or `spiking` is given for units that are not neurons.

    Examples
    --------
    ::

        network = to_torch(load_model(model_path("inpaint"))[0])
        x = network_input(model.architecture, fill[np.newaxis], mask[np.newaxis])
        restored = network(torch.from_numpy(x).permute(0, 3, 1, 2))

    With the spikes of your own layer, or of an adapter, in place of the closed form::

        to_torch(model, SpikeRates(my_layer, dt_ms=0.1, readout="isi"))
        to_torch(model, NumpyRates(adapter_rates(adapter, model.lif, dt_ms=0.1)))
    """
    try:
        from bio_scnn.network._torch_layers import TorchHybrid
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise InputError("to_torch needs PyTorch, not installed here: pip install torch") from None
    return TorchHybrid(model, spiking, clip_slope)
