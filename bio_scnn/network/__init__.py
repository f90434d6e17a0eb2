"""The hybrid network: features fire as neurons, and five convolution layers read their rates."""

from bio_scnn.network.architecture import Architecture, init_params, network_input
from bio_scnn.network.checkpoint import load_model, model_path, save_model
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.options import SpikingOptions, spiking_options
from bio_scnn.network.torch_model import to_torch

__all__ = [
    "Architecture",
    "HybridSCNN",
    "SpikingOptions",
    "init_params",
    "load_model",
    "model_path",
    "network_input",
    "save_model",
    "spiking_options",
    "to_torch",
]
