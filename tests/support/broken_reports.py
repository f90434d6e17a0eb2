"""Broken neurons: what is reported, and in which precision."""

from __future__ import annotations

import numpy as np
from correct_neurons import GridNeuron
from numpy.typing import NDArray

from bio_scnn.crossval.protocol import Capabilities
from bio_scnn.neuron.trace import Trace


class LabelsStart(GridNeuron):
    """Spikes are dated to the start of the step, and declared to be at its end."""

    name = "label start"
    truth = ("label.early",)

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        return Trace.from_raster(raster, self.setup.dt_ms, membrane, label="start")


class LabelsEnd(GridNeuron):
    """Spikes are dated to the end of the step, and declared to be at its start."""

    name = "label end"
    capabilities = Capabilities(spike_label="start")
    # Spikes alone cannot tell a late label from a late input.
    truth = ("label.late", "input.delayed")


class ShowsVBeforeReset(GridNeuron):
    """V is recorded before the reset, and declared to be after it."""

    name = "V before reset"
    truth = ("membrane.shown-before-reset",)

    def recorded(self) -> NDArray:
        return self.peak


class Float32Times(GridNeuron):
    """Spike times drift: the clock accumulates dt in float32.

    V is in float64, as declared.
    """

    name = "t += dt"
    truth = ("clock.float32",)

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        dt = np.full(len(raster), self.setup.dt_ms, np.float32)
        ends = np.cumsum(dt, dtype=np.float32).astype(np.float64)
        return Trace(tuple(ends[column > 0] for column in raster.T), membrane)


class Float32Membrane(GridNeuron):
    """V is in float32, and declared to be in float64."""

    name = "V in float32"
    works_in = "float32"
    truth = ("membrane.float32",)

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        return super().trace(raster, membrane.astype(np.float64))


class Float16Membrane(Float32Membrane):
    """V is in float16, and declared to be in float64."""

    name = "V in float16"
    works_in = "float16"
    truth = ("membrane.float16",)
