"""Protocol of an implementation of the LIF neuron that is to be checked.

An adapter builds a layer of uncoupled neurons, drives it with currents that are held over each
time step, and says when it fired and, if it can, what V was. It declares what it claims to be, so
that a neuron without a refractory period is not blamed for having none. Ten lines are enough::

    class MyLayer(Adapter):
        name = "my layer"
        capabilities = Capabilities(refractory="none")

        def build(self, setup):
            self.setup, self.V = setup, np.zeros(setup.neurons)

        def run(self, current):
            p, dt, raster = self.setup.params, self.setup.dt_ms, []
            for I in current:
                self.V += dt / p.tau_ms * (p.R * I - self.V)
                raster.append(self.V >= p.V_th)
                self.V[raster[-1]] = p.V_reset
            return Trace.from_raster(raster, dt)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.families import FAMILIES as FAMILIES
from bio_scnn.crossval.families import family_of as family_of
from bio_scnn.crossval.families import without_refractory as without_refractory
from bio_scnn.crossval.q_format import FixedPointNeuron
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.neuron.trace import SpikeLabel, Trace
from bio_scnn.neuron.units import to_number

DTYPES = ("float64", "float32", "float16", "bfloat16")
"""Floating-point types that there are tolerances for."""


def time_step(dt_ms: Any) -> float:
    """Time step as a number, ms.

    Raises
    ------
    InputError
        If it is none, or not greater than 0.
    """
    number = to_number(dt_ms, "dt_ms", "ms")
    if number <= 0:
        raise InputError(f"dt_ms (={number:g} ms) must be greater than 0 ms")
    return number


def whole_steps(span_ms: float, dt_ms: float) -> int | None:
    """Number of steps that a time makes on a grid; None if it is no whole number."""
    steps = round(span_ms / dt_ms)
    return steps if abs(span_ms / dt_ms - steps) <= 1e-6 else None


class CannotRepresent(Exception):
    """Error of `Adapter.build`: it cannot represent the neuron. The message gives the reason."""


@dataclass(frozen=True)
class Setup:
    """Description of the layer that an adapter builds.

    Attributes
    ----------
    params : LIFParameters or those of another of `FAMILIES`
        Eq. 1 and eq. 2: tau_ms, R, V_th, V_reset and t_ref_ms, which may be 0. Other families
        only where ``Capabilities.families`` has them.
    neurons : int
    dt_ms : float, ms
    dtype : str
        One of the declared ``Capabilities.dtypes``.
    seed : int
        For implementations that draw random numbers.
    noise_std : float, dimensionless
        Standard deviation of an Ornstein-Uhlenbeck current with correlation time
        ``params.tau_noise_ms`` that the implementation itself adds. It is 0 unless
        ``Capabilities.own_noise`` is declared.
    """

    params: Any = TABLE_1  # of the families that an adapter declares, which knows them
    neurons: int = 1
    dt_ms: float = 0.1
    dtype: str = "float64"
    seed: int = 0
    noise_std: float = 0.0


@dataclass(frozen=True)
class Capabilities:
    """Declared properties of an implementation; by default a clock-driven neuron of eq. 1 and 2.

    If a check fails because of a declared difference from eq. 1 or eq. 2, this is an expected
    failure. Every other failure is unexpected.

    Attributes
    ----------
    refractory : {"steps", "time", "none"}
        A whole number of steps, any time, or no refractory period at all.
    reset : {"value", "subtract"}
        V is set to V_reset, or V_th - V_reset is subtracted from it.
    integrator : {"exact", "forward Euler", "backward Euler", "Crank-Nicolson", "adaptive"}
        How V gets across a step of constant current; ``"exact"`` is ``exp(-dt/tau)``.
    precise : bool
        Spikes are found inside the steps.
    fires_at_threshold : bool
        At ``V == V_th`` exactly, as eq. 2 wants it, or only above.
    spike_label : {"end", "start", "exact"}
        What the reported time of a spike is: end or start of the step in which V crossed the
        threshold, or the crossing itself.
    membrane : {"after reset", "before reset", "none"}
        Whether V at the end of a step with a spike shows the reset; "none" if there is no V.
    dtypes : tuple of str
        Floating-point types it can be built with, the best first, out of `DTYPES`.
    drive : {"current", "events", "impulses"}
        ``"current"``: it takes a current that is held over each step. ``"events"``: one synaptic
        event in each step takes the place of the current. ``"impulses"``: the charge of a step is
        added at its end, as in ``V <- decay V + x`` with ``x = I dt R/tau``; the layer is then
        compared with this equation.
    own_noise : bool
        Can add an Ornstein-Uhlenbeck current itself (`Setup.noise_std`).
    deterministic : bool
        The same setup and currents give the same spikes.
    families : tuple of str
        Neurons it can be built as, out of `FAMILIES`.
    order : {"open", "flow", "second first", "membrane first"}
        Order in which a step updates the two variables of a CubaLIF or adaptive LIF: both
        exactly (``"flow"``); the synaptic current or the adaptation first, and the membrane with
        its new value; or the membrane first, with the old value. With "open", the order of the
        layer is found and reported.
    fixed_point : FixedPointNeuron or None
        Q-format of a layer in fixed point. The layer is compared bit for bit with a neuron in this
        format, and may differ from eq. 1 by as much as this neuron does.

    Raises
    ------
    InputError
        If a value is none of these.
    """

    refractory: Literal["steps", "time", "none"] = "steps"
    reset: Literal["value", "subtract"] = "value"
    integrator: Literal[
        "exact", "forward Euler", "backward Euler", "Crank-Nicolson", "adaptive"
    ] = "exact"
    precise: bool = False
    fires_at_threshold: bool = True
    spike_label: SpikeLabel = "end"
    membrane: Literal["after reset", "before reset", "none"] = "after reset"
    dtypes: tuple[str, ...] = ("float64",)
    drive: Literal["current", "events", "impulses"] = "current"
    own_noise: bool = False
    deterministic: bool = True
    families: tuple[str, ...] = ("LIF",)
    order: Literal["open", "flow", "second first", "membrane first"] = "open"
    fixed_point: FixedPointNeuron | None = None

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            value: Any = getattr(self, name)
            if name in _CHECKED:
                _CHECKED[name](value)
                if isinstance(value, list):  # as good as a tuple
                    object.__setattr__(self, name, tuple(value))
                continue
            allowed = get_args(hint) if get_origin(hint) is Literal else (False, True)
            if not isinstance(value, type(allowed[0])) or value not in allowed:
                choices = ", ".join(map(repr, allowed))
                raise InputError(f"Capabilities: {name} is {value!r}; choose from {choices}")


def _check_dtypes(dtypes: Any) -> None:
    if not isinstance(dtypes, tuple | list) or not dtypes:
        raise InputError(
            f"Capabilities: dtypes is {dtypes!r}; it must be a tuple, the best first, as "
            f"({DTYPES[0]!r},)"
        )
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise InputError(
                f"Capabilities: dtypes has {dtype!r}; choose from {', '.join(map(repr, DTYPES))}"
            )


def _check_families(families: Any) -> None:
    if not isinstance(families, tuple | list) or not families or set(families) - set(FAMILIES):
        raise InputError(
            f"Capabilities: families is {families!r}; it must be a tuple of some of "
            f"{', '.join(map(repr, FAMILIES))}"
        )


def _check_format(form: Any) -> None:
    if not isinstance(form, FixedPointNeuron | None):
        raise InputError(
            f"Capabilities: fixed_point is {form!r}; it must be a FixedPointNeuron or None"
        )


_CHECKED = {"dtypes": _check_dtypes, "families": _check_families, "fixed_point": _check_format}


class Adapter(ABC):
    """One implementation under test: subclass it, or let `as_adapter` wrap what you have.

    Attributes
    ----------
    name : str
        Name in reports.
    capabilities : Capabilities
    params : LIFParameters or those of another of `FAMILIES`
        Neuron that is checked; Table 1 unless the implementation has its own.
    cannot : tuple of str
        Parts of eq. 1, eq. 2 and Table 1 that the implementation cannot represent, in words.
    expected_failures : mapping of str to str
        Checks that are known to fail, with reasons, beyond what `capabilities` declare.
    fixed_dt_ms : float or None, ms
        The time step, if it has only one; checking it at another is an error.
    remarks : tuple of str
        Wrong use of the layer that was found and corrected, in sentences.
    trouble : str
        Reason that it cannot be run at all; empty if it can.
    declared : bool
        Whether the intended neuron is declared. If not, the layer is identified first.
    off_equation : str
        The neuron in words, if it is not one of eq. 1; the checks of eq. 1 are then left out.
    counts_from_rest : bool
        Potentials are relative to V_rest, in the parameters and in the V that it returns.
    """

    name: str = "unnamed"
    capabilities: Capabilities = Capabilities()
    params: Any = TABLE_1
    cannot: tuple[str, ...] = ()
    expected_failures: Mapping[str, str] = MappingProxyType({})
    fixed_dt_ms: float | None = None
    remarks: tuple[str, ...] = ()
    trouble: str = ""
    declared: bool = True
    off_equation: str = ""
    counts_from_rest: bool = False

    def versions(self) -> dict[str, str]:
        """Versions of the packages that do the work, by name."""
        return {}

    @abstractmethod
    def build(self, setup: Setup) -> None:
        """Make the layer anew, every neuron at V_reset and not refractory.

        Raises
        ------
        CannotRepresent
            If the implementation has no such neuron.
        """

    @abstractmethod
    def run(self, current: NDArray[np.float64]) -> Trace:
        """Drive the layer, just built or reset, with ``(steps, neurons)`` currents.

        ``current[n]`` is held over [n dt, (n + 1) dt).
        """

    def reset(self) -> None:
        """Bring the layer back to how `build` left it, by the implementation's own means."""
        raise CannotRepresent(f"{self.name} has no reset of its own")
