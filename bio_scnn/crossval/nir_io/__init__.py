"""NIR files: what LIF neurons they hold, who can run them, and `export_nir` to write one.

NIR is the exchange format of spiking networks: an HDF5 file with a graph of nodes. What a file's
LIF nodes say is listed, and each framework that can import them is checked against it.

References
----------
J. E. Pedersen et al., "Neuromorphic intermediate representation: A unified instruction set for
interoperable brain-inspired computing", Nature Communications 15, 8122, 2024.
"""

from bio_scnn.crossval.nir_io.neuron import NIRNeuron
from bio_scnn.crossval.nir_io.reading import MAX_DISTINCT, describe, import_nir, nir_adapters
from bio_scnn.network.nir_export import NIRLossWarning, export_nir

__all__ = [
    "MAX_DISTINCT",
    "NIRLossWarning",
    "NIRNeuron",
    "describe",
    "export_nir",
    "import_nir",
    "nir_adapters",
]
