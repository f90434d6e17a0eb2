"""An adapter as the checks see it: run on demand, its answers checked for form."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.protocol import Adapter, Capabilities, Setup, Trace
from bio_scnn.errors import InputError
from bio_scnn.fi_curve import current_for_rate
from bio_scnn.table1 import LIFParameters

# Largest error of V, relative to V_th - V_reset or to the largest V, by floating-point type: some
# thousand times its rounding, and still far below what any wrong constant would give.
V_TOLERANCE = {"float64": 1e-9, "float32": 2e-5, "float16": 5e-2}
# Largest error of a spike time that claims to be precise, ms.
TIME_TOLERANCE_MS = {"float64": 1e-6, "float32": 1e-3, "float16": 1.0}


class Skip(Exception):
    """Raised by a check that has nothing to say about an implementation; the message says why."""


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes
    ----------
    ok : bool
    observed, expected : str
        In words and numbers, with units.
    cause : str
        Likely cause of a failure, where this check alone can tell.
    values : dict of str to float
        Measured deviations by name, units in the name.
    """

    ok: bool
    observed: str
    expected: str
    cause: str = ""
    values: dict[str, float] = field(default_factory=dict)


class Subject:
    """One implementation, with the neuron and the time step that it is checked with.

    Parameters
    ----------
    adapter : Adapter
    dt_ms : float, ms
    params : LIFParameters, optional
        Instead of the adapter's own.
    """

    def __init__(self, adapter: Adapter, dt_ms: float = 0.1, params: LIFParameters | None = None):
        params = adapter.params if params is None else params
        if adapter.capabilities.refractory == "none":
            params = replace(params, t_ref_ms=0.0)
        self.adapter = adapter
        self.params = params
        self.dt_ms = dt_ms
        self.dtype = adapter.capabilities.dtypes[0]
        self.shared: dict[str, Any] = {}  # what is worked out once and used by several checks

    @property
    def claims(self) -> Capabilities:
        """What the implementation declares."""
        return self.adapter.capabilities

    def setup(self, neurons: int, **changes: object) -> Setup:
        """A layer of the neuron under test, but for `changes`."""
        default = Setup(self.params, neurons, self.dt_ms, self.dtype)
        return replace(default, **changes)  # type: ignore[arg-type]

    def run(self, current: NDArray, **changes: object) -> Trace:
        """Build a layer and drive it with ``(steps, neurons)`` currents.

        Parameters
        ----------
        current : (steps, neurons) array, dimensionless
        **changes
            Fields of `Setup` that differ from the neuron under test.

        Raises
        ------
        CannotRepresent
            If the implementation has no such neuron.
        InputError
            If what it returns has not the form of a `Trace`.
        """
        current = np.asarray(current, dtype=np.float64)
        self.adapter.build(self.setup(current.shape[1], **changes))
        return self.trace(current)

    def trace(self, current: NDArray) -> Trace:
        """Drive the layer that is built, and check the form of its answer."""
        trace = self.adapter.run(np.asarray(current, dtype=np.float64))
        steps, neurons = current.shape
        if len(trace.spike_times_ms) != neurons:
            raise InputError(
                f"{self.adapter.name} returned spike trains of {len(trace.spike_times_ms)} "
                f"neurons; it was given currents for {neurons}"
            )
        trains = tuple(np.asarray(train, dtype=np.float64) for train in trace.spike_times_ms)
        for train in trains:
            if train.ndim != 1 or not np.isfinite(train).all() or np.any(np.diff(train) < 0):
                raise InputError(
                    f"{self.adapter.name} returned a spike train that is not a list of finite, "
                    "ascending times"
                )
        membrane = None if trace.membrane is None else np.asarray(trace.membrane)
        if membrane is not None and membrane.shape != (steps, neurons):
            raise InputError(
                f"{self.adapter.name} returned V of shape {membrane.shape}; it must be (steps, "
                f"neurons) = {(steps, neurons)}"
            )
        return Trace(trains, membrane)

    def rate_at_150_hz(self) -> float:
        """Mean rate, Hz, of a neuron that eq. 1 makes fire at 150 Hz, with the full t_ref."""
        steps = round(500 / self.dt_ms)
        reference = self.adapter.params  # with its refractory period, which may not be there
        current = np.full((steps, 1), current_for_rate(150.0, reference))
        return mean_rate_hz(self.run(current))[0]


def varied(params: LIFParameters, **changes: float) -> LIFParameters:
    """Another neuron; the encoder's band, which plays no part here, makes way for a long t_ref."""
    t_ref = changes.get("t_ref_ms", params.t_ref_ms)
    if t_ref * params.rate_max_hz >= 500:
        changes |= {"rate_min_hz": 100 / t_ref, "rate_max_hz": 500 / t_ref}
    return replace(params, **changes)


def mean_rate_hz(trace: Trace) -> NDArray[np.float64]:
    """Rate from the mean inter-spike interval of each neuron; 0 with fewer than two spikes."""
    return np.array(
        [
            1e3 * (len(t) - 1) / (t[-1] - t[0]) if len(t) > 1 and t[-1] > t[0] else 0.0
            for t in trace.spike_times_ms
        ]
    )
