"""One Brian2 network: built from the strings of `lif_model`, run, read out and forgotten."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.neuron import _brian2 as codegen
from bio_scnn.neuron import _brian2_equations as lif_model
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters

_LONG_AGO_S = -1e4


@dataclass(frozen=True, eq=False)
class Result:
    """What one network gave: `Recording` explains the fields, V and I are its traces."""

    count: NDArray[np.int64]
    first_ms: NDArray[np.float64]
    last_ms: NDArray[np.float64]
    trains_ms: list[list[float]]
    V: NDArray[np.float64]
    I: NDArray[np.float64]  # noqa: E741 - the symbol of eq. 1


def run(target: str, *args: Any, **kwargs: Any) -> Result:
    """`_run_network`, with its arguments, on a target; nothing is left of the network after."""
    with codegen.brian2_settings(target) as brian2:
        return _run_network(brian2, *args, **kwargs)


def _run_network(
    b2: Any,
    current: NDArray[Any],
    events: NDArray[Any] | None,
    params: LIFParameters,
    dt_ms: float,
    steps: int,
    *,
    mode: str,
    long_step: bool = False,
    noise_std: float = 0.0,
    rng: np.random.Generator | None = None,
    record: Sequence[int] = (),
    report: Callable[[float], None] | None = None,
    share: tuple[float, float] = (0.0, 1.0),
) -> Result:
    """Build one Brian2 network, run it, read it out.

    Parameters
    ----------
    b2 : module
        Brian2, set up by `codegen.brian2_settings`.
    current, events, params, dt_ms, steps, mode, long_step, noise_std, record
        As `bio_scnn.neuron.simulation.simulate` has checked them.
    rng : numpy.random.Generator, optional
        Of the noise, which is left out without it.
    report : callable, optional
        Called after every step with the fraction done.
    share : (float, float)
        That fraction before and after this network, one of several.
    """
    model = lif_model.model(mode, events is not None, long_step)
    neurons = current.shape[-1]
    ms = b2.ms
    # Constants go by name: a literal would be compiled in, and every new value recompiled.
    # The fixed names of the objects serve the same end.
    constants = {
        "V_th": params.V_th,
        "V_reset": params.V_reset,
        "t_ref": params.t_ref_ms * ms,
        "tau": params.tau_ms * ms,
        "C": params.C_ms * ms,
        "R": params.R,
        "tau_syn": params.tau_syn_ms * ms,
        "kappa": (1 / params.tau_ms - 1 / params.tau_syn_ms) / ms,
    }
    clock = b2.Clock(dt_ms * ms, name="bio_scnn_clock")
    checks = {event: check for event, check in lif_model.EVENT_CHECKS.items() if event in model}
    group = b2.NeuronGroup(
        neurons,
        model["equations"],
        method="exact",
        threshold=model["threshold"],
        reset=model["reset"],
        refractory=False if long_step else "t_ref",
        events=dict(checks),  # Brian2 adds its own to the dictionary
        namespace=constants,
        clock=clock,
        name="bio_scnn_lif",
    )
    # Both belong between the state update and the threshold. Release first: it sets V.
    for order, event in enumerate(checks):
        group.set_event_schedule(event, when="after_groups", order=2 * order)
        group.run_on_event(event, model[event], when="after_groups", order=2 * order + 1)
    state = {
        name: group.variables[name].get_value()
        for name in ("V", "count", "first_spike", "last_spike")
    }
    state["V"][:] = params.V_reset
    state["last_spike"][:] = _LONG_AGO_S
    drive = group.variables["I" if events is None else "I_ext"].get_value()
    drive[:] = current if current.ndim == 1 else current[0]
    I_syn = None if events is None else group.variables["I_syn"].get_value()

    rows = np.array(record, dtype=np.intp)
    samples_V = np.empty((len(record), steps + 1))
    samples_I = np.empty((len(record), steps))
    trains: list[list[float]] = [[] for _ in record]
    seen = np.zeros(len(record), dtype=int)
    step = 0
    noise: NDArray[np.float64] | None = None
    if noise_std and rng is not None:
        noise = np.asarray(rng.standard_normal(neurons))
        keep = math.exp(-dt_ms / params.tau_noise_ms)
        renew = math.sqrt(-math.expm1(-2 * dt_ms / params.tau_noise_ms))

    def before_step() -> None:
        if current.ndim == 2 or noise is not None:
            drive[:] = current if current.ndim == 1 else current[step]
        if noise is not None and rng is not None:
            drive[:] += noise_std * noise
            noise[:] = keep * noise + renew * rng.standard_normal(neurons)
        if I_syn is not None and events is not None:
            I_syn[:] += events[step]
        samples_V[:, step] = state["V"][rows]
        samples_I[:, step] = drive[rows] if I_syn is None else drive[rows] + I_syn[rows]

    def after_step() -> None:
        nonlocal step
        step += 1
        for row in np.flatnonzero(state["count"][rows] != seen):
            trains[row].append(1e3 * float(state["last_spike"][rows[row]]))
            seen[row] += 1
        if report is not None:
            report(share[0] + (share[1] - share[0]) * step / steps)

    network = b2.Network(group)
    if current.ndim == 2 or noise_std or events is not None or len(record):
        network.add(b2.NetworkOperation(before_step, clock=clock, when="start"))
    if len(record) or report is not None or len(network.objects) > 1:
        network.add(b2.NetworkOperation(after_step, clock=clock, when="end"))
    network.run(steps * dt_ms * ms, namespace={})
    if int(clock.variables["timestep"].get_value().item()) != steps:
        raise RuntimeError("Brian2 stopped before the end of the simulation")

    samples_V[:, steps] = state["V"][rows]
    silent = state["count"] == 0
    return Result(
        count=state["count"].astype(np.int64),
        first_ms=np.where(silent, np.nan, 1e3 * state["first_spike"]),
        last_ms=np.where(silent, np.nan, 1e3 * state["last_spike"]),
        trains_ms=trains,
        V=samples_V,
        I=samples_I,
    )


@functools.cache
def canary(target: str, mode: str, synaptic: bool, long_step: bool) -> str | None:
    """Simulate three neurons with known spike counts; once per process, target and model.

    Brian2 can skip a code block that fails to translate without saying so.

    Returns
    -------
    str or None
        What is wrong.
    """
    expected = {"exact": [0, 2, 4], "stock": [0, 2, 5]}[mode]
    current = np.array([1.9, 10.0, 20.0])
    events = None
    if synaptic:  # a fourth neuron is lifted over the threshold by its synapse alone
        current = np.append(current, 0.0)
        events = np.zeros((25, 4))
        events[0, 3] = 20.0
        expected = [*expected, 4]
    try:
        dt, steps = (5.0, 5) if long_step else (1.0, 25)
        count = run(
            target, current, events, TABLE_1, dt, steps, mode=mode, long_step=long_step
        ).count
    except Exception as error:
        return f"a small simulation failed: {str(error.__cause__ or error).splitlines()[0]}"
    if count.tolist() == expected:
        return None
    return f"a small simulation gave the spike counts {count.tolist()} instead of {expected}"
