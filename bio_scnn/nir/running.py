"""Runs of NIR graphs: `run`, in continuous time or on a dialect's grid, and their activity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron.units import to_number
from bio_scnn.nir.dialects import Dialect, dialect_of
from bio_scnn.nir.graph import NEURONS, Graph
from bio_scnn.nir.grid import GridRun
from bio_scnn.nir.open_points import open_points
from bio_scnn.nir.reading import read_graph

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Activity:
    """Activity of every node in a run.

    Attributes
    ----------
    mode : str
        "continuous", or the dialect's name.
    dt_ms : float, ms
        Time step of the grid; in continuous time, the distance of the samples of V.
    spikes : mapping of str to (steps, ...) array
        Spikes of each node that fires, per step. In continuous time those in (n dt, (n + 1) dt];
        the first step also has those at 0.
    V : mapping of str to (steps, ...) array
        V of each node that has one, at the ends of the steps.
    outputs : mapping of str to (steps, ...) array
        On a grid, what each node puts out. In continuous time only of nodes that put out spikes
        or V.
    times_ms : mapping of str to (spikes,) array, ms
        In continuous time: exact times of each node's spikes, ascending.
    who : mapping of str to (spikes,) int array
        The neurons of these spikes, numbered in flat order.
    rounds : mapping of str to (spikes,) int array
        What made these spikes: 0 if V crossed the threshold by itself, n if an impulse of the n-th
        round within the instant did. Rounds above 1 occur in loops only.
    open : tuple of str
        Points that the file leaves open, and what this run decided for each.
    """

    mode: str
    dt_ms: float
    spikes: Mapping[str, Array]
    V: Mapping[str, Array]
    outputs: Mapping[str, Array]
    times_ms: Mapping[str, Array] = field(default_factory=dict)
    who: Mapping[str, Array] = field(default_factory=dict)
    rounds: Mapping[str, Array] = field(default_factory=dict)
    open: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Spikes of each node."""
        return {name: int(raster.sum()) for name, raster in self.spikes.items()}


def run(
    graph: Any,
    spikes_or_currents: ArrayLike | Mapping[str, ArrayLike],
    *,
    dialect: str | Dialect | None = None,
    dt_ms: float | None = None,
    held: bool = False,
    spike_area_s: float | None = None,
    reset: str = "value",
) -> Activity:
    """Run a NIR graph: in continuous time, or on the time grid of a dialect.

    Parameters
    ----------
    graph : str, Path, Graph, or nir.NIRGraph
        The network; a path is that of a NIR file.
    spikes_or_currents : (steps, ...) array_like, or mapping of str to such
        Input of each step; of several Input nodes by name.
    dialect : str or Dialect, optional
        By name of `DIALECTS`, as "norse". None: continuous time, without any time step.
    dt_ms : float or Quantity, ms
        Length of a step of the input, and with a dialect its time step; None: the dialect's own,
        0.1 ms in continuous time.
    held : bool
        In continuous time: the input is a current, held over each step; else it is spikes,
        impulses at the starts of the steps, with their number or size.
    spike_area_s : float, s, optional
        In continuous time: area of a spike. NIR's is a delta function of area 1 s; frameworks that
        add a value once per step mean dt. By default the area that the file's gains suggest
        (`open` says it), or 1.
    reset : {"value", "subtract"}
        In continuous time.

    Returns
    -------
    Activity

    Raises
    ------
    InputError
        If the file or an argument cannot be used; in continuous time also if the graph has a
        loop without end, or a V that drives other neurons.

    Examples
    --------
    >>> from bio_scnn.nir import build_graph, run
    >>> lif = {"type": "LIF", "tau": [0.02], "r": [1.0], "v_leak": [0.0], "v_threshold": [1.0]}
    >>> found = run(build_graph(lif), [[2.0]] * 500, dt_ms=0.1, held=True)
    >>> found.times_ms["node"].round(6)
    array([13.862944, 27.725887, 41.588831])
    """
    graph = read_graph(graph)
    inputs = given_inputs(graph, spikes_or_currents)
    if dialect is None:
        from bio_scnn.nir.continuous import run_continuous

        step = 0.1 if dt_ms is None else to_number(dt_ms, "dt_ms", "ms")
        if step <= 0:
            raise InputError(f"dt_ms (={step:g} ms) must be greater than 0 ms")
        area = None
        if spike_area_s is not None:
            area = to_number(spike_area_s, "spike_area_s", "dimensionless")
        return run_continuous(graph, inputs, step, held=held, area_s=area, reset=reset)
    d = dialect_of(dialect, None if dt_ms is None else to_number(dt_ms, "dt_ms", "ms"))
    return run_grid(graph, inputs, d)


def run_grid(graph: Graph, inputs: Mapping[str, Array], dialect: Dialect) -> Activity:
    """A checked graph on a dialect's grid; see `run`."""
    machine = GridRun(graph, dialect)
    steps = len(next(iter(inputs.values())))
    form = machine.form.dtype
    outputs = {n: np.zeros((steps, *node.output_shape), form) for n, node in graph.nodes.items()}
    V = {n: outputs[n].copy() for n, node in graph.nodes.items() if node.kind in NEURONS}
    for n in range(steps):
        shown = machine.step({name: x[n] for name, x in inputs.items()})
        for name, y in shown.items():
            outputs[name][n] = y
        for name, cell in machine.cells.items():
            V[name][n] = cell.V
    spikes = {name: outputs[name] for name in V if graph.nodes[name].fires}
    said = open_points(graph, dialect)
    return Activity(dialect.name, dialect.dt_ms, spikes, V, outputs, open=said)


def given_inputs(graph: Graph, given: Any) -> dict[str, Array]:
    """Inputs by the Input nodes' names, checked.

    Raises
    ------
    InputError
        If one is missing, has another shape or length, or is not finite.
    """
    table = given if isinstance(given, Mapping) else {graph.the_input().name: given}
    if unknown := set(table) - set(graph.inputs):
        raise InputError(
            f"{graph.name} has no input {min(unknown)!r}; its inputs: {', '.join(graph.inputs)}"
        )
    found: dict[str, Array] = {}
    for name in graph.inputs:
        if name not in table:
            raise InputError(f"the input {name!r} is missing")
        shape = graph.nodes[name].input_shape
        try:
            array = np.asarray(table[name], dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError(f"the input {name!r} must hold numbers") from None
        if array.shape[1:] != shape or not len(array):
            raise InputError(
                f"the input {name!r} (shape {array.shape}) must have shape (steps, "
                f"{', '.join(map(str, shape))})"
            )
        if not np.isfinite(array).all():
            raise InputError(f"the input {name!r} holds NaN or infinity")
        found[name] = array
    if len({len(x) for x in found.values()}) > 1:
        raise InputError("all inputs must have the same number of steps")
    return found
