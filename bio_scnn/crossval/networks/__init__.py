"""Other implementations' neurons in a trained network: what their errors do to pictures."""

from bio_scnn.crossval.networks.comparison import (
    ExactRun,
    NetworkComparison,
    compare_network,
    exact_run,
)
from bio_scnn.crossval.networks.readout import RatesOf, adapter_rates, with_refractory

__all__ = [
    "ExactRun",
    "NetworkComparison",
    "RatesOf",
    "adapter_rates",
    "compare_network",
    "exact_run",
    "with_refractory",
]
