"""Small simulations with known spike counts, before a code generation target is trusted."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Literal

import numpy as np

from bio_scnn.neuron._brian2_equations import Kind
from bio_scnn.neuron._brian2_linear import LinearKind
from bio_scnn.neuron._brian2_network import Job, run
from bio_scnn.neuron.hybrid_system import NO_ARRIVALS, on_grid
from bio_scnn.neuron.hybrid_system import run as solve
from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.neuron.time_grid import TimeGrid


@functools.cache
def canary(
    target: str, kind: Kind | LinearKind, reset: Literal["value", "subtract"]
) -> str | None:
    """Simulate a few neurons with known spike counts; once per process, target and model.

    Brian2 can skip a code block that fails to translate without saying so.

    Returns
    -------
    str or None
        What is wrong.
    """
    if isinstance(kind, LinearKind):
        job, expected = _usual_job(kind)
    else:
        job, expected = _table_1_job(kind, reset)
    try:
        count = run(target, job).count
    except Exception as error:
        return f"a small simulation failed: {str(error.__cause__ or error).splitlines()[0]}"
    if count.tolist() == expected:
        return None
    return f"a small simulation gave the spike counts {count.tolist()} instead of {expected}"


def _table_1_job(kind: Kind, reset: Literal["value", "subtract"]) -> tuple[Job, list[int]]:
    """Three LIF neurons of Table 1, and their spike counts by the closed form."""
    params = replace(TABLE_1, reset=reset)
    expected = [0, 2, 4 if kind.mode == "exact" else 5]
    grid = TimeGrid(1.0, 25, 25.0)
    if kind.long_step and kind.mode == "exact":
        grid = TimeGrid(5.0, 5, 25.0)
    elif kind.long_step:
        params = replace(params, t_ref_ms=0)
    current = np.array([1.9, 10.0, 20.0])
    events = None
    if kind.synaptic:  # a fourth neuron is lifted over the threshold by its synapse alone
        current = np.append(current, 0.0)
        events = np.zeros((grid.steps, 4))
        events[0, 3] = 20.0
        expected = [*expected, 4]
    return Job(current, events, params, grid, kind), expected


def _usual_job(kind: LinearKind) -> tuple[Job, list[int]]:
    """Four neurons of another kind, and their spike counts by the event-driven solution."""
    grid = TimeGrid(1.0, 25, 25.0)
    current, received = np.array([0.0, 8.3, 17.7, 0.9]), NO_ARRIVALS
    events = np.zeros((grid.steps, 4)) if kind.synaptic else None
    held, neuron = np.tile(current, (grid.steps, 1)), kind.neuron
    if kind.mode == "stock":  # which counts t_ref from the start of the spike's step
        spikes = on_grid(replace(neuron, t_ref_ms=0.0), held, grid.dt_ms).spike_times_ms
        return Job(current, events, neuron, grid, kind), [len(train) for train in spikes]
    if events is not None:
        events[0, 3] = 20.0
        received = np.array([[0.0, 3.0, 20.0]])
    spikes = solve(neuron, held, grid.dt_ms, events=received).spike_times_ms
    return Job(current, events, neuron, grid, kind), [len(train) for train in spikes]
