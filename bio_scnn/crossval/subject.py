"""An implementation under test: run on demand, its answers checked for form."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.crossval.causes import Cause, cause
from bio_scnn.crossval.expectations import Expectation, expectations
from bio_scnn.crossval.form import check_family, check_form, check_time_step, checked_trace
from bio_scnn.crossval.identity import Identity
from bio_scnn.crossval.oracles.dialects import UPDATE_OF, UPDATES
from bio_scnn.crossval.oracles.precision import TIME_TOLERANCE_MS, rounding_error
from bio_scnn.crossval.oracles.start import (
    lead_to_reset,
    start_matters,
    starts_at_rest,
    without_first_step,
)
from bio_scnn.crossval.protocol import (
    Adapter,
    CannotRepresent,
    Capabilities,
    Setup,
    time_step,
    without_refractory,
)
from bio_scnn.crossval.variants import from_rest, trace_from_rest, varied, zero_of
from bio_scnn.neuron.closed_form import current_for_rate
from bio_scnn.neuron.linear import LinearNeuron
from bio_scnn.neuron.models import NeuronParameters, hybrid_system
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace, mean_rate_hz

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
    rest : float
        V_rest as it was declared: `params` and V are counted from it.
    neuron : LinearNeuron
        The hybrid system that `params` describe.
    expected : dict of str to Expectation
        Announced failures by check.
    identity, explained : Identity or None, bool
        What neuron it was found to be; causes of failures are looked for.

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
        check_form(adapter)
        check_time_step(adapter, dt_ms)
        params = adapter.params if params is None else params
        check_family(adapter, params)
        self.rest = zero_of(params)
        params = from_rest(params, self.rest)
        self.full: Any = params
        if adapter.capabilities.refractory == "none":
            params = without_refractory(params)
        self.adapter = adapter
        # Checks of eq. 1 have LIFParameters: only those run that ask for no closed form otherwise.
        self.params: Any = params
        self.neuron: LinearNeuron = hybrid_system(params)
        self.dt_ms = dt_ms
        self.dtype = adapter.capabilities.dtypes[0]
        if self.claims.reset == "subtract" and not self.plain:
            self._subtract()
        # By name: those that somebody announced, not those that follow from what is declared.
        self.announced = {*adapter.expected_failures, *(expected_failures or {})}
        self.expected = expectations(adapter, plain=self.plain) | {
            check: Expectation(reason, True) for check, reason in (expected_failures or {}).items()
        }
        self.identity: Identity | None = None
        self.explained = True
        self._known: dict[Callable[..., Any], Any] = {}
        self._lead, self._dt_ms = 0.0, dt_ms

    def once(self, work: Callable[[Subject], _T]) -> _T:
        """Result of a function of this subject, worked out once for all checks that ask."""
        if not self.knows(work):
            self._known[work] = work(self)
        result: _T = self._known[work]
        return result

    def knows(self, work: Callable[[Subject], Any]) -> bool:
        """True if the result of a function was worked out before."""
        return work in self._known

    @property
    def plain(self) -> bool:
        """True for the neuron of eq. 1 and eq. 2, driven by a held current, with a hard reset.

        Its integrator must relax as eq. 1 does: Euler's method with dt >= tau does not.
        """
        lif = isinstance(self.params, LIFParameters) and self.params.reset == "value"
        return lif and self.claims.drive != "impulses" and self.relaxes

    @property
    def relaxes(self) -> bool:
        """False if the declared integrator overshoots the RI that V relaxes to, or forgets V."""
        lif = isinstance(self.params, LIFParameters)
        return not lif or self._decay(self.params, self.dt_ms) > 0

    def _subtract(self) -> None:
        """Take the soft reset that is declared: nothing but eq. 1 has a difference to announce."""
        if isinstance(self.params, LIFParameters):
            self.params = replace(self.params, reset="subtract")
            self.full = replace(self.full, reset="subtract")
            self.neuron = hybrid_system(self.params)

    def _decay(self, params: LIFParameters, dt_ms: float) -> float:
        """Factor of V over a step by the declared integrator."""
        return UPDATES[UPDATE_OF[self.claims.integrator]](dt_ms, params)[0]

    def in_steps(
        self, params: LIFParameters | None = None, dt_ms: float | None = None
    ) -> LIFParameters:
        """Neuron of eq. 1 whose exact steps are those of a neuron with the declared integrator.

        The methods that may be declared are ``V <- a V + (1 - a) RI`` with their own a; that is
        eq. 1 with ``tau = -dt/ln(a)``. All closed forms hold for it at the ends of the steps.

        Raises
        ------
        CannotRepresent
            If a is not greater than 0, as forward Euler's with dt >= tau.
        """
        params = self.params if params is None else params
        dt_ms = self.dt_ms if dt_ms is None else dt_ms
        if UPDATE_OF[self.claims.integrator] == "exact":
            return params
        decay = self._decay(params, dt_ms)
        if decay <= 0:
            raise CannotRepresent(
                f"{self.claims.integrator} does not relax as eq. 1 does with dt = {dt_ms:g} ms "
                f"and tau = {params.tau_ms:g} ms"
            )
        tau = -dt_ms / math.log(decay)
        return varied(params, tau_ms=tau, C_ms=tau / params.R)

    @property
    def rounding(self) -> float:
        """Error of V by the declared precision, as a share of the way from V_reset to V_th."""
        V_th, V_reset, tau = self.neuron.V_th, self.neuron.V_reset, self.neuron.tau_ms
        largest = self.scale / (V_th - V_reset) if np.isfinite(V_th) else 1.0
        steps = tau / self.dt_ms if np.isfinite(tau) else 1 / self.dt_ms
        return largest * float(rounding_error(self.dtype, steps))

    @property
    def scale(self) -> float:
        """Size of V as it is shown: of threshold or reset, or 1 where both are 0 or missing."""
        marks = self.neuron.V_th, self.neuron.V_reset
        return max((abs(V + self.rest) for V in marks if np.isfinite(V)), default=0.0) or 1.0

    @property
    def claims(self) -> Capabilities:
        """Claims of the implementation."""
        return self.adapter.capabilities

    def setup(self, neurons: int, **changes: Any) -> Setup:
        """A layer of the neuron under test, but for `changes`."""
        return replace(Setup(self.params, neurons, self.dt_ms, self.dtype), **changes)

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
        setup = self.setup(current.shape[1], **changes)
        at_rest = start_matters(setup.params) and self.once(starts_at_rest)
        self._lead = lead_to_reset(setup, self.claims) if at_rest else 0.0
        self.build(setup)
        self._dt_ms = setup.dt_ms
        return self.trace(current)

    def build(self, setup: Setup) -> None:
        """Make the layer anew, with potentials as its adapter counts them."""
        rest = 0.0 if self.adapter.counts_from_rest else self.rest
        self.adapter.build(replace(setup, params=from_rest(setup.params, -rest)))

    def answer(self, current: NDArray) -> Trace:
        """Answer of the layer to a current, its form checked, V counted from V_rest."""
        trace = checked_trace(self.adapter.run(current), self.adapter.name, current.shape)
        return trace_from_rest(trace, 0.0 if self.adapter.counts_from_rest else self.rest)

    def trace(self, current: NDArray) -> Trace:
        """Drive the layer that is built, and check the form of its answer.

        One that starts at 0 and not at V_reset is first brought there, in a step of its own.
        """
        given = np.array(current, dtype=np.float64)  # a copy: a layer may write to its input
        if self._lead:
            given = np.concatenate([np.full_like(given[:1], self._lead), given])
        trace = self.answer(given)
        return without_first_step(trace, self._dt_ms) if self._lead else trace

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on what was found, and allowed for, while the layer was driven."""
        rest = f"potentials are counted from {self.rest:g}, where V rests"
        led = f"{cause('start.zero').text}: each drive begins with a step that brings it there"
        return (rest,) * bool(self.rest) + (led,) * bool(self._known.get(starts_at_rest))

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
        """150 Hz, or what the refractory period and the time constant allow."""
        t_ref, tau = hybrid_system(self.full).t_ref_ms, self.neuron.tau_ms
        # Slower than this, rounding decides.
        least = 1e3 / (t_ref + 4 * tau)
        return max(min(150.0, 0.7e3 / t_ref) if t_ref else 150.0, least)

    def rate_at_target(self) -> float:
        """Mean rate, Hz, of a neuron that eq. 1, t_ref included, makes fire at the target rate."""
        rate = self.target_rate_hz
        steps = round(max(500.0, 10e3 / rate) / self.dt_ms)
        current = np.full((steps, 1), current_for_rate(rate, self.full))
        return float(mean_rate_hz(self.run(current))[0])
