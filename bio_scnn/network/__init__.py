"""The hybrid network: a convolution, LIF neurons, and five convolutions that read their rates."""

from bio_scnn.network.architecture import Architecture, init_params, network_input
from bio_scnn.network.checkpoint import config_path, load_model, model_path, save_model
from bio_scnn.network.cnn import ConvLayer
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.nir_export import NIRLossWarning, export_nir
from bio_scnn.network.options import Quality, SpikingOptions, spiking_options
from bio_scnn.network.torch_model import to_torch
from bio_scnn.network.units import UNITS, LIFUnit, OneStepUnit, Rectifier, SpikingResult, Unit

__all__ = [
    "UNITS",
    "Architecture",
    "ConvLayer",
    "HybridSCNN",
    "LIFUnit",
    "NIRLossWarning",
    "OneStepUnit",
    "Quality",
    "Rectifier",
    "SpikingOptions",
    "SpikingResult",
    "Unit",
    "config_path",
    "export_nir",
    "init_params",
    "load_model",
    "model_path",
    "network_input",
    "save_model",
    "spiking_options",
    "to_torch",
]
