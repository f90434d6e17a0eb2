"""Neurons of any family on a time grid: the right IF, LI, CubaLIF or adaptive LIF of a layer.

Eq. 1 on a grid is one thing: V is exact at the ends of the steps. A neuron with a second variable
may be stepped in several ways that all deserve the name of its integrator: both variables at once
by the exact flow, or one after the other, the synapse before the membrane or after it. Each way is
a `Reading`; a layer is held to the one that it agrees with best, and to that alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.stepped import Adaptation, AdaptsOn, SteppedNeuron, Synapse, step
from bio_scnn.crossval.oracles.dialects import UPDATE_OF, UPDATES
from bio_scnn.crossval.oracles.grid import GridTrace
from bio_scnn.crossval.protocol import Capabilities, family_of
from bio_scnn.neuron.hybrid_system import HybridSystem
from bio_scnn.neuron.models import CubaLIFParameters, NeuronParameters, hybrid_system


@dataclass(frozen=True, eq=False)
class Reading:
    """A way to step a family's neuron.

    Attributes
    ----------
    name : str
        In words, for reports.
    run : callable
        From parameters, dt in ms and currents ``(steps, neurons)`` to a `GridTrace`.
    order : str
        As `Capabilities.order`.
    """

    name: str
    run: Callable[[NeuronParameters, float, NDArray[np.float64]], GridTrace]
    order: str


_WITH_SECOND = {"CubaLIF": "synapse", "adaptive LIF": "adaptation"}


def readings(params: NeuronParameters, claims: Capabilities) -> list[Reading]:
    """The ways in which a layer with these claims may step a neuron, the best first.

    Parameters
    ----------
    params : LIFParameters or those of another family
    claims : Capabilities
        Integrator, drive, order of two variables, and ``>`` or ``>=`` at the threshold.
    """
    every = _every_reading(params, claims)
    if claims.order == "open" or family_of(params) not in _WITH_SECOND:
        return every
    declared = [r for r in every if r.order == claims.order]
    return declared or every  # an integrator that has no exact flow


def _every_reading(params: NeuronParameters, claims: Capabilities) -> list[Reading]:
    """The ways of all orders of two variables."""
    family, impulses = family_of(params), claims.drive == "impulses"
    found = []
    if claims.integrator in ("exact", "adaptive") and not impulses:
        name = (
            "both variables by the exact flow"
            if family in _WITH_SECOND
            else "exact at the ends of the steps"
        )
        found.append(Reading(f"{family}, {name}", exact_on_grid, "flow"))

    if claims.integrator == "exact" and impulses and family == "CubaLIF":
        name = "both variables by the exact flow between impulses"
        found.append(Reading(f"{family}, {name}", _between_impulses(claims), "flow"))

    def stepped(name: str, *, fresh: bool = True, second_update: str = "") -> Reading:
        def run(p: NeuronParameters, dt_ms: float, current: NDArray) -> GridTrace:
            neuron = grid_oracle(
                p,
                dt_ms,
                integrator=claims.integrator,
                second_update=second_update,
                impulses=impulses,
                fresh=fresh,
            )
            neuron = replace(neuron, fires_at_threshold=claims.fires_at_threshold)
            with np.errstate(over="ignore", invalid="ignore"):  # Euler's method may be unstable
                ran = step(neuron, current)
            return GridTrace(ran.spikes > 0, ran.V, ran.V_before)

        how = "" if claims.integrator == "exact" else f", {claims.integrator}"
        if second_update:
            how += f" of V, and an {second_update} decay of the other"
        order = "second first" if fresh else "membrane first"
        return Reading(f"{family}, {name}{how}" + ", driven by impulses" * impulses, run, order)

    other = _WITH_SECOND.get(family)
    if other is None:
        return found or [stepped("stepped")]
    # By another integrator than the exact one, V alone may be stepped.
    for update in [""] if claims.integrator == "exact" else ["", "exact"]:
        found += [
            stepped(f"the {other}, then the membrane", second_update=update),
            stepped(
                f"the membrane by the {other} of the step before",
                fresh=False,
                second_update=update,
            ),
        ]
    return found


def _between_impulses(claims: Capabilities) -> Callable[..., GridTrace]:
    """Runner of a CubaLIF whose synaptic current jumps at the ends of steps, and decays in them.

    V after a step has what it had and what the current of its beginning gave it by its decay.
    """

    def run(p: CubaLIFParameters, dt_ms: float, current: NDArray) -> GridTrace:
        neuron = grid_oracle(p, dt_ms, impulses=True, fresh=False)
        assert neuron.synapse is not None
        unit = np.array([[0.0], [1.0]])  # of the synaptic current, alone for a step
        gain = float(hybrid_system(p).flow(unit, np.zeros(1), np.full(1, dt_ms))[0, 0])
        rest = float(hybrid_system(p).flow(0 * unit, np.zeros(1), np.full(1, dt_ms))[0, 0])
        neuron = replace(neuron, gain=gain - rest, fires_at_threshold=claims.fires_at_threshold)
        ran = step(neuron, current)
        return GridTrace(ran.spikes > 0, ran.V, ran.V_before)

    return run


def grid_oracle(
    params: NeuronParameters,
    dt_ms: float,
    *,
    integrator: str = "exact",
    second_update: str = "",
    impulses: bool = False,
    fresh: bool = True,
) -> SteppedNeuron:
    """Stepped neuron of a family, its decays exp(-dt/tau) or those of another integrator.

    Parameters
    ----------
    params : LIFParameters or those of another family
    dt_ms : float, ms
    integrator : str
        As `Capabilities.integrator`.
    second_update : str
        The same for the synapse or the adaptation; by default as V.
    impulses : bool
        The charge of a step's current comes at once, at its end.
    fresh : bool
        The membrane takes the synaptic current, or the adaptation, as it is after the decay of
        the same step, not of the one before.

    Returns
    -------
    SteppedNeuron
        Its input is the current.
    """
    neuron = hybrid_system(params)

    def filtered(tau_ms: float, name: str) -> tuple[float, float]:
        """Decay of a step, and the weight of what is held over it."""
        if np.isinf(tau_ms):
            return 1.0, dt_ms
        update = UPDATES[UPDATE_OF[name]]
        decay, gain = update(dt_ms, SimpleNamespace(tau_ms=tau_ms))  # type: ignore[arg-type] # reads nothing else
        return decay, gain

    decay, share = filtered(neuron.tau_ms, integrator)
    at_once = dt_ms if np.isinf(neuron.tau_ms) else dt_ms / neuron.tau_ms
    synapse = adaptation = None
    gain = neuron.R * (at_once if impulses else share)
    for x in neuron.currents:
        left, taken = filtered(x.tau_ms, second_update or integrator)
        if x.weight is not None:
            taken = dt_ms / x.tau_ms if impulses else taken
            synapse = Synapse(left, x.weight * taken, fresh)
            gain = neuron.R * share
        elif x.at_spike:
            jump = x.at_spike * (1.0 if x.on_threshold else neuron.R * share)
            on: AdaptsOn = "threshold" if x.on_threshold else "current"
            adaptation = Adaptation(left, jump * left if fresh else jump, on)
    soft = neuron.reset == "subtract"
    return SteppedNeuron(
        decay=decay,
        gain=gain,
        bias=0.0 if np.isinf(neuron.tau_ms) else share * neuron.V_rest,
        threshold=neuron.V_th,
        reset_keep=float(soft),
        reset_to=neuron.V_reset - neuron.V_th if soft else neuron.V_reset,
        refractory=round(neuron.t_ref_ms / dt_ms),
        start=neuron.V_reset,
        synapse=synapse,
        adaptation=adaptation,
    )


def exact_on_grid(params: NeuronParameters, dt_ms: float, current: NDArray) -> GridTrace:
    """Trace of a neuron whose state is exact at the ends of the steps, where it may fire."""
    neuron = hybrid_system(params)
    state, left = neuron.start(current.shape[1]), np.zeros(current.shape[1], dtype=np.int64)
    time, hold = np.full(current.shape[1], dt_ms), round(neuron.t_ref_ms / dt_ms)
    raster = np.zeros(current.shape, dtype=bool)
    after, before = np.empty(current.shape), np.empty(current.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        for n, drive in enumerate(current):
            state, before[n], raster[n] = _step(neuron, state, left == 0, drive, time)
            after[n] = state[0]
            left = np.where(raster[n], hold, np.maximum(left - 1, 0))
    return GridTrace(raster, after, before)


def _step(
    neuron: HybridSystem, state: NDArray, free: NDArray, drive: NDArray, time: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """State after a step, V before the reset, and who fired."""
    state = np.where(free, neuron.flow(state, drive, time), neuron.hold(state, drive, time))
    margin, V = neuron.margin(state), state[0]
    fires = free & (margin >= 0)
    return np.where(fires, neuron.jump(state, margin), state), V, fires
