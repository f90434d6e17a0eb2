"""Continuous time and a dialect's grid beside each other: spike counts of every node over dt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.nir.continuous import run_continuous
from bio_scnn.nir.dialects import Dialect
from bio_scnn.nir.graph import Graph
from bio_scnn.nir.running import Activity, run_grid

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Beside:
    """A graph's activity in continuous time and at several time steps of a dialect.

    Attributes
    ----------
    exact : Activity or None
        None if it has no run in continuous time.
    grids : mapping of float to Activity
        By time step in ms.
    refused : str
        Why it has none.
    """

    exact: Activity | None
    grids: Mapping[float, Activity]
    refused: str = ""

    def error(self, node: str, dt_ms: float) -> float:
        """Spikes too many and too few of a node's neurons, divided by their exact number."""
        if self.exact is None:
            return np.nan
        wanted, found = self.exact.spikes[node].sum(0), self.grids[dt_ms].spikes[node].sum(0)
        wrong, total = float(np.abs(found - wanted).sum()), float(wanted.sum())
        return wrong / total if total else (np.inf if wrong else 0.0)

    def agrees(self, node: str, dt_ms: float) -> bool:
        """True if the same neuron of a node fires most; the first one, if several do."""
        if self.exact is None:
            return False
        exact, grid = self.exact.spikes[node].sum(0), self.grids[dt_ms].spikes[node].sum(0)
        return bool(np.argmax(exact) == np.argmax(grid))


def beside(
    graph: Graph,
    inputs: Mapping[str, Array],
    dialect: Dialect,
    *,
    dts_ms: Sequence[float] = (),
    held: bool = False,
) -> Beside:
    """Run a graph in continuous time, and on a dialect's grid at several time steps.

    Parameters
    ----------
    graph : Graph
    inputs : mapping of str to (steps, *shape) array
        Spikes, or currents that are held; steps of the dialect's dt.
    dialect : Dialect
    dts_ms : sequence of float, ms
        Time steps; each is taken as the nearest whole part of the dialect's dt, which is the
        first one by default. A spike keeps the area that it has at the dialect's dt.
    held : bool
        The inputs are currents.

    Returns
    -------
    Beside
    """
    kinds, dt = graph.kinds(), dialect.dt_ms
    area = dialect.area_ms(kinds)
    how: Any = {"held": held, "area_s": area / 1e3, "reset": dialect.reset}
    exact, refused = None, ""
    try:
        exact = run_continuous(graph, inputs, dt, **how)
    except InputError as error:  # of continuous time alone: the grid may be run
        refused = str(error)
    grids = {}
    for wanted in dts_ms or (dt, dt / 2, dt / 4):
        parts = max(1, round(dt / wanted))
        finer = replace(dialect, dt_ms=dt / parts, spike_area_ms=area)
        as_held = held or not dialect.takes_impulses(kinds)
        given = {name: divided(x, parts, held=held, as_held=as_held) for name, x in inputs.items()}
        grids[finer.dt_ms] = run_grid(graph, given, finer)
    return Beside(exact, grids, refused)


def divided(x: Array, parts: int, *, held: bool, as_held: bool) -> Array:
    """Input of steps that are divided into parts: a current in all, a spike in the first one."""
    if held:
        return np.repeat(x, parts, axis=0)
    finer = np.zeros((len(x) * parts, *x.shape[1:]))
    finer[::parts] = x * (parts if as_held else 1)
    return finer
