"""Importers of whole NIR graphs: each framework's own import, driven step by step."""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.nir.graph import Graph, Node
from bio_scnn.runtime.provenance import installed_version

Array = NDArray[Any]
IMPORT_S, RUN_S = 10.0, 120.0
"""Seconds that an import may take, and one that compiles and runs the network as well."""

OLDEST_NIR = (1, 0, 8)
"""Older ones lack fields and nodes. Sinabs and Rockpool ask pip for one, and do without it."""

Network = Callable[[Array], Array]
"""From inputs ``(steps, *shape)`` to outputs ``(steps, *shape)``, from the initial state."""


class Importer(Protocol):
    """A framework's import of NIR graphs."""

    @property
    def name(self) -> str:
        """Name of the framework."""

    def load(self, graph: Graph, dt_ms: float) -> Network:
        """The network of a graph with one input and one output, at a time step.

        Any exception means that the import is refused.
        """


def to_nir(graph: Graph) -> Any:
    """A graph as one of the `nir` package, subgraphs taken apart and their ends left out."""
    import nir

    ends = {*graph.inputs, *graph.outputs}
    inner = [
        name
        for name, node in graph.nodes.items()
        if node.kind in ("Input", "Output") and name not in ends
    ]
    edges = list(graph.edges)
    for name in inner:  # its sources lead to its targets
        through = [(a, d) for a, b in edges if b == name for c, d in edges if c == name]
        edges = [edge for edge in edges if name not in edge] + through
    nodes = {name: node for name, node in graph.nodes.items() if name not in inner}
    kept = {name: _nir_node(node, nir) for name, node in nodes.items()}
    return nir.NIRGraph(kept, list(dict.fromkeys(edges)))


def _nir_node(node: Node, nir: Any) -> Any:
    kind = node.kind
    values: dict[str, Any] = dict(node.values)
    shape = np.array(node.input_shape)
    if kind in ("Input", "Output"):
        return getattr(nir, kind)({kind.lower(): shape})
    if kind == "Flatten":
        ends = {name: int(values[name]) for name in ("start_dim", "end_dim")}
        return nir.Flatten({"input": shape}, **ends)
    fields = {key: values[key] for key in values if key not in ("input_shape", "input_type")}
    fields = {key: np.array(value) for key, value in fields.items() if key != "shape"}
    if kind in ("Conv1d", "Conv2d"):
        fields["groups"] = int(fields["groups"])
        spatial = node.input_shape[1:]
        if kind == "Conv1d":
            alone = ("stride", "padding", "dilation")
            fields |= {key: int(fields[key].ravel()[0]) for key in alone}
            return nir.Conv1d(input_shape=spatial[0], **fields)
        fields |= {key: tuple(map(int, fields[key])) for key in ("stride", "padding", "dilation")}
        return nir.Conv2d(input_shape=spatial, **fields)
    return getattr(nir, kind)(**fields)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without what frameworks, and programs that they start, print and warn of."""
    sys.stdout.flush()
    sys.stderr.flush()
    with contextlib.ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w"))
        for number in (1, 2):
            try:
                kept = os.dup(number)
            except OSError:  # a program without it
                continue
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, number)
            os.dup2(nowhere.fileno(), number)
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def within(seconds: float, what: str) -> Iterator[None]:
    """End what takes longer, as some imports of loops never end; where a system has alarms.

    Raises
    ------
    TimeoutError
    """
    main = threading.current_thread() is threading.main_thread()
    if not (main and hasattr(signal, "setitimer")):
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError(f"{what} does not end within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def stepped(network: Any, x: Array, *, at_once: bool = False) -> list[Any]:
    """Outputs of a torch module per step: called for each with its last state, or once for all."""
    import torch

    state, outputs = None, []
    rows = torch.as_tensor(np.asarray(x, dtype=np.float32))
    with _quietly():
        if at_once:
            found = network(rows[None])
            return list((found[0] if isinstance(found, tuple) else found)[0])
        for row in rows:
            found = network(row[None]) if state is None else network(row[None], state)
            y, state = found if isinstance(found, tuple) else (found, None)
            outputs.append(y)
    return outputs


@dataclass(frozen=True)
class TorchImporter:
    """A framework on PyTorch, whose networks are called for each step with their last state.

    Attributes
    ----------
    name, module : str
        Package, and module that has the import function.
    build : callable
        Given that module, a `nir.NIRGraph` and dt in seconds: the network.
    needs : tuple of str
    sequences : bool
        Its networks take all steps in one call, as long as they have no loop: between calls its
        states keep their values and lose their gradients.
    keeps_gain : bool
        Its time constants are those of decays alone: the gain of the input is not divided by them.
    """

    name: str
    module: str
    build: Callable[[Any, Any, float], Any]
    needs: tuple[str, ...] = ("nir", "nirtorch")
    sequences: bool = False
    keeps_gain: bool = False

    def network(self, graph: Graph, dt_ms: float) -> Any:
        """The imported torch module."""
        with _quietly():
            module = import_module(self.module)
            with within(IMPORT_S, f"its import of {graph.name}"):
                return self.build(module, to_nir(graph), dt_ms / 1e3)

    def load(self, graph: Graph, dt_ms: float) -> Network:
        import torch

        network = self.network(graph, dt_ms)

        def run(x: Array) -> Array:
            with torch.no_grad():
                outputs = stepped(network, x, at_once=self.sequences and not graph.back)
            found = [np.asarray(y.detach().numpy(), dtype=np.float64).ravel() for y in outputs]
            shape = graph.nodes[graph.outputs[0]].output_shape
            if found and found[0].size != np.prod(shape):
                raise ValueError(
                    f"it puts out {found[0].size} values a step, not {np.prod(shape)}: those of "
                    "another node"
                )
            return np.array(found).reshape(len(x), *shape)

        return run


@dataclass(frozen=True)
class SpyxImporter:
    """Spyx, on JAX, which imports and runs in one call; channels come last in it."""

    name: str = "spyx"
    needs: tuple[str, ...] = ("nir",)

    def load(self, graph: Graph, dt_ms: float) -> Network:
        with _quietly():
            module = import_module("spyx.nir")
        whole = to_nir(graph)

        def run(x: Array) -> Array:
            given = np.asarray(np.moveaxis(x, 1, -1) if x.ndim == 4 else x, dtype=np.float32)
            with _quietly(), within(RUN_S, f"its import of {graph.name}"):
                _, y = module.from_nir(whole, given[:, None], dt=dt_ms / 1e3)
            y = np.asarray(y, dtype=np.float64)[:, 0]
            return np.moveaxis(y, -1, 1) if y.ndim == 4 else y

        return run


IMPORTERS: Mapping[str, TorchImporter | SpyxImporter] = {
    "norse": TorchImporter(
        "norse", "norse.torch", lambda m, g, dt: m.from_nir(g, ignore_warnings=True, dt=dt)
    ),
    "snntorch": TorchImporter(
        "snntorch", "snntorch.import_nir", lambda m, g, dt: m.import_from_nir(g)
    ),
    "spikingjelly": TorchImporter(
        "spikingjelly",
        "spikingjelly.activation_based.nir_exchange",
        lambda m, g, dt: m.import_from_nir(g, dt=dt),
    ),
    "sinabs": TorchImporter("sinabs", "sinabs.nir", lambda m, g, dt: m.from_nir(g, batch_size=1)),
    "rockpool": TorchImporter(
        "rockpool",
        "rockpool.nn.modules.torch.nir",
        lambda m, g, dt: m.from_nir(g),
        sequences=True,
        keeps_gain=True,
    ),
    "spyx": SpyxImporter(),
}
"""Importers by the name of their package. snnTorch's takes dt = 0.1 ms whatever it is told; Sinabs
and Rockpool are told none."""


def check_known(names: Sequence[str]) -> None:
    """Refuse names of importers that there are none of.

    Raises
    ------
    InputError
        With the name that was probably meant.
    """
    for name in names:
        if name not in IMPORTERS:
            close = difflib.get_close_matches(name.lower(), IMPORTERS, n=1)
            meant = f"did you mean {close[0]}?" if close else f"known are {', '.join(IMPORTERS)}"
            raise InputError(f"there is no importer {name!r}: {meant}")


def importer_of(name: str) -> Importer:
    """An importer by name.

    Raises
    ------
    InputError
        If there is none of that name, or its package is not installed.
    """
    check_known([name])
    for package in (name, *IMPORTERS[name].needs):
        if not installed_version(package):
            raise InputError(f"{package} is not installed here: pip install {package}")
    found = installed_version("nir")
    if tuple(int(part) for part in re.findall(r"\d+", found)[:3]) < OLDEST_NIR:
        oldest = ".".join(map(str, OLDEST_NIR))
        raise InputError(f"nir {found} is too old here: pip install --no-deps 'nir>={oldest}'")
    return IMPORTERS[name]
