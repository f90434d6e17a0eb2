"""Many inputs of one network, run in processes here or on the workers of a Dask scheduler."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.errors import InputError
from bio_scnn.nir.dialects import Dialect
from bio_scnn.nir.graph import Graph
from bio_scnn.nir.reading import read_graph
from bio_scnn.nir.running import Activity, run
from bio_scnn.runtime.files import encodable
from bio_scnn.runtime.places import open_place
from bio_scnn.runtime.tasks import Failure


def run_many(
    graph: Any,
    inputs: Iterable[ArrayLike | Mapping[str, ArrayLike]],
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    **how: Any,
) -> list[Activity | Failure]:
    """Run a NIR graph on many inputs; the results do not depend on where.

    Parameters
    ----------
    graph : str, Path, Graph, or nir.NIRGraph
        It is read here once; workers need no file.
    inputs : iterable of (steps, ...) array_like, or of mappings of str to such
        One for each run.
    jobs : int
        Processes on this machine.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://host:8786``, instead of processes here.
    **how
        As `bio_scnn.nir.run` takes it: ``dialect``, ``dt_ms``, ``held`` and so on.

    Returns
    -------
    list of Activity or Failure
        In the order of the inputs. A run that is refused has its reason in its place, and does
        not stop the others.

    Raises
    ------
    InputError
        If the graph cannot be read, or the scheduler cannot be used.
    """
    return _all(read_graph(graph), list(inputs), jobs, scheduler, how, _activity)


def _all(
    graph: Graph, items: list[Any], jobs: int, scheduler: str | None, how: Mapping[str, Any],
    task: Any,
) -> list[Any]:  # fmt: skip
    with open_place(jobs, scheduler) as where:
        found = dict(where.each(task, items, graph, dict(how)))
    return [found[index] for index in range(len(items))]


def _activity(x: Any, graph: Graph, how: dict[str, Any]) -> Activity:
    """Task: one input."""
    return run(graph, x, **how)


def _counts(x: Any, graph: Graph, how: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Task: spikes of each neuron of each node, which travel lighter than an activity."""
    return {name: raster.sum(0) for name, raster in run(graph, x, **how).spikes.items()}


def batch_of(graph: Graph, array: NDArray[Any]) -> NDArray[Any] | None:
    """An array ``(inputs, steps, *shape)``; None if it is one input."""
    shape = graph.the_input().input_shape
    many = array.ndim == len(shape) + 2 and array.shape[2:] == shape
    return array if many else None


def run_batch(
    args: argparse.Namespace, graph: Graph, dialect: Dialect, batch: NDArray[Any]
) -> None:
    """Print the spikes of each node over many inputs, in continuous time and on the grid."""
    if args.against or args.gradients:
        raise InputError("--against and --gradients take one input, not many")
    area = {"spike_area_s": dialect.area_ms(graph.kinds()) / 1e3, "reset": dialect.reset}
    modes: dict[str, dict[str, Any]] = {
        "continuous": {"dt_ms": dialect.dt_ms, **area},
        dialect.name: {"dialect": dialect},
    }
    table = {}
    for mode, how in modes.items():
        found = _all(graph, list(batch), args.jobs, args.scheduler, how, _counts)
        table[mode] = [
            {"refused": one.reason}
            if isinstance(one, Failure)
            else {name: int(count.sum()) for name, count in one.items()}
            for one in found
        ]
    if args.json:
        print(json.dumps({"graph": graph.name, "inputs": len(batch), "spikes": table}, indent=2))
        return
    lines = [f"{graph.name}: {len(batch)} inputs of {batch.shape[1]} steps"]
    for mode, rows in table.items():
        done = [row for row in rows if "refused" not in row]
        lines.append(f"spikes {mode}, at dt {dialect.dt_ms:g} ms:")
        for name in done[0] if done else ():
            counts = [int(row[name]) for row in done]
            lines.append(
                f"  {name}: {np.mean(counts):,.1f} on average, {min(counts):,} to {max(counts):,}"
            )
        lines += [f"  input {i}: {row['refused']}" for i, row in enumerate(rows)
                  if "refused" in row]  # fmt: skip
    print(encodable("\n".join(lines)))
