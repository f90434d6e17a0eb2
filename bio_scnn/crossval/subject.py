"""An implementation under test: run on demand, its answers checked for form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.crossval.causes import Cause
from bio_scnn.crossval.expectations import Expectation, expectations
from bio_scnn.crossval.identity import Identity
from bio_scnn.crossval.protocol import (
    Adapter,
    Capabilities,
    Setup,
    family_of,
    time_step,
    without_refractory,
)
from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import current_for_rate
from bio_scnn.neuron.linear import LinearNeuron
from bio_scnn.neuron.models import NeuronParameters, hybrid_system
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace, mean_rate_hz

# Largest error of V, relative to V_th - V_reset or to the largest V, by floating-point type: some
# thousand times its rounding, and still far below what any wrong constant would give.
V_TOLERANCE = {"float64": 1e-9, "float32": 2e-5, "float16": 5e-2}
# Largest error of a spike time that claims to be precise, ms.
TIME_TOLERANCE_MS = {"float64": 1e-6, "float32": 1e-3, "float16": 1.0}


_T = TypeVar("_T")


class Skip(Exception):
    """Raised by a check that has nothing to say about an implementation; the message says why."""


@dataclass(frozen=True)
class Finding:
    """Outcome of a check.

    Attributes
    ----------
    ok : bool
    observed, expected : str
        In words and numbers, with units.
    cause : Cause or None
        Likely cause of a failure, where this check alone can tell.
    values : dict of str to float
        Measured deviations by name, units in the name.
    """

    ok: bool
    observed: str
    expected: str
    cause: Cause | None = None
    values: dict[str, float] = field(default_factory=dict)


class Subject:
    """One implementation, with the neuron and the time step that it is checked with.

    Parameters
    ----------
    adapter : Adapter
    dt_ms : float, ms
    params : LIFParameters or those of another family, optional
        Instead of the adapter's own.
    expected_failures : mapping of str to str, optional
        Checks that are known to fail, with reasons, beyond those that the adapter announces.

    Attributes
    ----------
    params : LIFParameters or those of another family
        Neuron under test; its t_ref_ms is 0 if no refractory period is declared.
    full : as params
        The same with its t_ref_ms.
    neuron : LinearNeuron
        The hybrid system that `params` describe.
    expected : dict of str to Expectation
        Announced failures by check.
    identity : Identity or None
        What neuron it was found to be, if it declares none.

    Raises
    ------
    InputError
        If the adapter does not say what it is in the form of `Adapter`, has another time step, or
        does not declare the neuron's family.
    """

    def __init__(
        self,
        adapter: Adapter,
        dt_ms: float = 0.1,
        params: NeuronParameters | None = None,
        expected_failures: Mapping[str, str] | None = None,
    ):
        dt_ms = time_step(dt_ms)
        _check_form(adapter)
        _check_time_step(adapter, dt_ms)
        params = adapter.params if params is None else params
        _check_family(adapter, params)
        if isinstance(params, LIFParameters) and params.V_rest:
            raise InputError(
                f"V_rest (={params.V_rest:g}) must be 0 to check a layer: count potentials "
                f"from rest, V_th={params.V_th - params.V_rest:g} and "
                f"V_reset={params.V_reset - params.V_rest:g}"
            )
        self.full: Any = params
        if adapter.capabilities.refractory == "none":
            params = without_refractory(params)
        self.adapter = adapter
        # Checks of eq. 1 have LIFParameters: only those run that ask for no closed form otherwise.
        self.params: Any = params
        self.neuron: LinearNeuron = hybrid_system(params)
        self.dt_ms = dt_ms
        self.dtype = adapter.capabilities.dtypes[0]
        self.expected = expectations(adapter, plain=self.plain) | {
            check: Expectation(reason, True) for check, reason in (expected_failures or {}).items()
        }
        self.identity: Identity | None = None
        self._known: dict[Callable[..., Any], Any] = {}

    def once(self, work: Callable[[Subject], _T]) -> _T:
        """Result of a function of this subject, worked out once for all checks that ask."""
        if work not in self._known:
            self._known[work] = work(self)
        found: _T = self._known[work]
        return found

    @property
    def plain(self) -> bool:
        """True for the neuron of eq. 1 and eq. 2, driven by a held current, with a hard reset."""
        lif = isinstance(self.params, LIFParameters) and self.params.reset == "value"
        return lif and self.claims.drive != "impulses"

    @property
    def scale(self) -> float:
        """Size of V: that of threshold or reset, or 1 where both are 0 or missing."""
        marks = self.neuron.V_th, self.neuron.V_reset
        return max((abs(V) for V in marks if np.isfinite(V)), default=0.0) or 1.0

    @property
    def claims(self) -> Capabilities:
        """Claims of the implementation."""
        return self.adapter.capabilities

    def setup(self, neurons: int, **changes: object) -> Setup:
        """A layer of the neuron under test, but for `changes`."""
        default = Setup(self.params, neurons, self.dt_ms, self.dtype)
        return replace(default, **changes)  # type: ignore[arg-type] # fields of Setup by name

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
        # A copy: whatever writes to its input must not change what the oracles are given.
        trace = self.adapter.run(np.array(current, dtype=np.float64))
        return _checked(trace, self.adapter.name, current.shape)

    def tolerance_ms(self, dt_ms: float | None = None) -> float:
        """Error of a spike time or an interval, ms, that is put down to rounding."""
        if self.claims.precise:
            return TIME_TOLERANCE_MS[self.dtype]
        return 1e-3 * (self.dt_ms if dt_ms is None else dt_ms)

    def charging_ms(self, latency_ms: ArrayLike) -> NDArray[np.float64]:
        """Time from V_reset to a spike, ms: the latency, or the whole steps that it takes."""
        latency = np.asarray(latency_ms, dtype=np.float64)
        return latency if self.claims.precise else self.dt_ms * np.ceil(latency / self.dt_ms)

    @property
    def target_rate_hz(self) -> float:
        """150 Hz, or less if the refractory period does not allow that."""
        t_ref = hybrid_system(self.full).t_ref_ms
        return min(150.0, 0.7e3 / t_ref) if t_ref else 150.0

    def rate_at_target(self) -> float:
        """Mean rate, Hz, of a neuron that eq. 1, t_ref included, makes fire at the target rate."""
        rate = self.target_rate_hz
        steps = round(max(500.0, 10e3 / rate) / self.dt_ms)
        current = np.full((steps, 1), current_for_rate(rate, self.full))
        return float(mean_rate_hz(self.run(current))[0])


def _check_form(adapter: Adapter) -> None:
    for name, kind in (
        ("capabilities", Capabilities),
        ("expected_failures", Mapping),
    ):
        value = getattr(adapter, name)
        if not isinstance(value, kind):
            raise InputError(
                f"{adapter.name}: its {name} must be of the type {kind.__name__}, not "
                f"{_kind(value)}"
            )
    if not isinstance(adapter.params, NeuronParameters):
        raise InputError(
            f"{adapter.name}: its params must be of the type LIFParameters, not "
            f"{_kind(adapter.params)}, or those of another family"
        )


def _checked(trace: Trace, name: str, shape: tuple[int, ...]) -> Trace:
    """Trace as arrays, once it has the form of one for currents of a shape."""
    if not isinstance(trace, Trace):
        raise InputError(f"{name}: run must return a Trace, not {_kind(trace)}")
    steps, neurons = shape
    if len(trace.spike_times_ms) != neurons:
        raise InputError(
            f"{name} returned spike trains of {len(trace.spike_times_ms)} neurons; it was given "
            f"currents for {neurons}"
        )
    trains = tuple(np.asarray(train, dtype=np.float64) for train in trace.spike_times_ms)
    for train in trains:
        if train.ndim != 1 or not np.isfinite(train).all() or np.any(np.diff(train) < 0):
            raise InputError(
                f"{name} returned a spike train that is not a list of finite, ascending times"
            )
    if trace.membrane is None:
        return Trace(trains)
    membrane = np.asarray(trace.membrane)
    if membrane.dtype.kind not in "biuf":
        raise InputError(f"{name} returned V of {membrane.dtype}, not of numbers")
    if membrane.shape != (steps, neurons):
        raise InputError(
            f"{name} returned V of shape {membrane.shape}; it must be (steps, neurons) = "
            f"{(steps, neurons)}"
        )
    return Trace(trains, membrane)


def _check_family(adapter: Adapter, params: Any) -> None:
    family = family_of(params)
    # What has one neuron of its own is of its family, whatever it declares.
    declared = {*adapter.capabilities.families, family_of(adapter.params)}
    if family not in declared:
        raise InputError(
            f"{adapter.name} has no {family}: it declares {', '.join(sorted(declared))} "
            "(Capabilities.families)"
        )


def _check_time_step(adapter: Adapter, dt_ms: float) -> None:
    own = adapter.fixed_dt_ms
    if own is not None and abs(dt_ms / own - 1) > 1e-9:
        raise InputError(
            f"{adapter.name} has a time step of {own:g} ms, but shall be checked at {dt_ms:g} ms: "
            f"check it at dt_ms={own:g}, or wrap it as as_adapter(..., dt_ms={dt_ms:g}) if that "
            "is its time step"
        )


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def varied(params: LIFParameters, **changes: Any) -> LIFParameters:
    """Another neuron; the encoder's band, which plays no part here, makes way for a long t_ref."""
    t_ref = changes.get("t_ref_ms", params.t_ref_ms)
    if t_ref * params.rate_max_hz >= 500:
        changes |= {"rate_min_hz": 100 / t_ref, "rate_max_hz": 500 / t_ref}
    if "C_ms" in changes:  # R follows, if it was given before
        changes.setdefault("R", None)
    return replace(params, **changes)
