"""A neuron: its parameters, its closed form, its exact solution, and its simulation in Brian2.

No other folder of the package imports Brian2.
"""

from bio_scnn.neuron.closed_form import (
    current_for_rate,
    firing_rate,
    first_spike_ms,
    membrane,
    rate_derivative,
    rheobase,
    spike_count,
    spike_times,
)
from bio_scnn.neuron.events import exact_trace, solve
from bio_scnn.neuron.models import (
    AdaptiveLIFParameters,
    CubaLIFParameters,
    IFParameters,
    LIParameters,
    hybrid_system,
)
from bio_scnn.neuron.parameters import NOISE_STD, TABLE_1, LIFParameters
from bio_scnn.neuron.recording import Recording
from bio_scnn.neuron.simulation import simulate
from bio_scnn.neuron.synapse import presynaptic_events
from bio_scnn.neuron.trace import Trace, isi_rate_hz

__all__ = [
    "NOISE_STD",
    "TABLE_1",
    "AdaptiveLIFParameters",
    "CubaLIFParameters",
    "IFParameters",
    "LIFParameters",
    "LIParameters",
    "Recording",
    "Trace",
    "current_for_rate",
    "exact_trace",
    "firing_rate",
    "first_spike_ms",
    "hybrid_system",
    "isi_rate_hz",
    "membrane",
    "presynaptic_events",
    "rate_derivative",
    "rheobase",
    "simulate",
    "solve",
    "spike_count",
    "spike_times",
]
