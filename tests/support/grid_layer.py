"""A layer that is, or differs from, the on-grid oracle: what tests of the suite check."""

from bio_scnn.crossval import Adapter, Capabilities, Trace
from bio_scnn.crossval.oracles.dialects import PERFECT
from bio_scnn.crossval.oracles.grid import grid_trace


class Grid(Adapter):
    """A neuron of `grid`, claimed to be right."""

    name = "grid"

    def __init__(self, neuron=PERFECT, **claims):
        self.neuron = neuron
        self.capabilities = Capabilities(**claims)

    def build(self, setup):
        self.setup = setup

    def run(self, current):
        found = grid_trace(current, self.setup.dt_ms, self.setup.params, self.neuron)
        return Trace.from_raster(found.raster, self.setup.dt_ms, found.membrane)

    def reset(self):
        pass
