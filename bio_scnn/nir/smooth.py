"""Integrators that drive neurons in continuous time: their V as currents that decay, exactly.

Between events V of an LI is a constant and one decaying exponential, of a CubaLI two. A neuron
that gets it through linear maps has these as currents of its own: where the integrator jumps, they
jump, and otherwise they decay by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron.linear import DecayingCurrent
from bio_scnn.nir.graph import Graph, Node
from bio_scnn.nir.paths import Path, Wiring

Array = NDArray[np.float64]

DRIVEN = ("I", "LI", "IF", "LIF")
"""Types that an integrator may drive: those whose input goes to V itself."""

_MOST = 2  # decaying currents of a neuron whose crossings can be found


@dataclass(frozen=True, eq=False)
class Mode:
    """One decaying part of an integrator's V.

    Attributes
    ----------
    tau_ms : float, ms
    of_jump : (neurons,) array
        What is added to its amplitude when the integrator's V (of a CubaLI, its current) jumps
        by 1.
    of_end : (neurons,) array
        The same when the value that V tends to changes by 1 with the input.
    of_start : (neurons,) array
        Amplitude at time 0 per unit of v_leak, as V starts at 0.
    """

    tau_ms: float
    of_jump: Array
    of_end: Array
    of_start: Array


def modes(node: Node) -> list[Mode]:
    """Decaying parts of V of an LI or a CubaLI; an I has none."""
    if node.kind == "I":
        return []
    if node.kind == "LI":
        tau = np.broadcast_to(node.values["tau"], node.output_shape).ravel() * 1e3
        masks = [(one, (tau == one).astype(np.float64)) for one in np.unique(tau)]
        return [Mode(float(one), mask, -mask, -mask) for one, mask in masks]
    slow, fast = np.unique(node.values["tau_mem"]) * 1e3, np.unique(node.values["tau_syn"]) * 1e3
    if slow.size > 1 or fast.size > 1 or slow[0] == fast[0]:
        raise InputError(
            f"CubaLI {node.name!r} drives neurons: in continuous time all of it must have one "
            "tau_mem and one tau_syn, and the two must differ"
        )
    ones = np.ones(node.size)
    share = float(fast[0] / (fast[0] - slow[0]))
    return [
        Mode(float(fast[0]), share * ones, -share * ones, 0 * ones),
        Mode(float(slow[0]), -share * ones, (share - 1) * ones, -ones),
    ]


@dataclass(frozen=True, eq=False)
class Link:
    """A mode of an integrator as a current of a neuron's."""

    target: str
    current: int
    mode: Mode
    path: Path


class SmoothLinks:
    """All integrators of a graph that drive neurons.

    Raises
    ------
    InputError
        If a graph has more of it than continuous time can solve exactly.
    """

    def __init__(self, graph: Graph, wiring: Wiring, *, held: bool) -> None:
        self.links: dict[str, list[Link]] = {}
        self.currents: dict[str, list[DecayingCurrent]] = {}
        for name in wiring.active:
            node = graph.nodes[name]
            targets = {
                target: path
                for target, path in wiring.out[name].items()
                if target not in graph.outputs
            }
            if not node.has_state or node.fires or not targets:
                continue
            _refuse(graph, wiring, node, targets, held=held)
            self.links[name] = [
                Link(target, self._add(target, f"V of {name}", mode), mode, path)
                for target, path in targets.items()
                for mode in modes(node)
            ]
        for target, currents in self.currents.items():
            if len(currents) > _MOST:
                raise InputError(
                    f"{graph.name}: {target!r} is driven by V of integrators with "
                    f"{len(currents)} time constants; continuous time solves {_MOST}: run it on "
                    "a grid"
                )

    def _add(self, target: str, name: str, mode: Mode) -> int:
        """Number of a neuron's current that a mode is."""
        found = self.currents.setdefault(target, [])
        for number, current in enumerate(found):
            if current.tau_ms == mode.tau_ms:
                return number
        found.append(DecayingCurrent(f"{name}, {len(found)}", mode.tau_ms))
        return len(found) - 1

    def jumped(self, name: str, jump: Array) -> Iterator[tuple[str, int, Array]]:
        """Neurons, their currents, and what is added to them, when an integrator jumps."""
        for link in self.links.get(name, []):
            yield link.target, link.current, link.path.times(link.mode.of_jump * jump)

    def started(self, name: str, leak: Array) -> Iterator[tuple[str, int, Array]]:
        """The same at time 0."""
        for link in self.links.get(name, []):
            yield link.target, link.current, link.path.times(link.mode.of_start * leak)

    def moved(self, name: str, change: Array) -> Iterator[tuple[str, int, Array]]:
        """The same when the value that its V tends to changes."""
        for link in self.links.get(name, []):
            yield link.target, link.current, link.path.times(link.mode.of_end * change)


def _refuse(
    graph: Graph, wiring: Wiring, node: Node, targets: Mapping[str, Path], *, held: bool
) -> None:
    """Refuse what has no such closed form."""
    name = f"V of the {node.kind} {node.name!r}"
    for target in targets:
        kind = graph.nodes[target].kind
        if kind not in DRIVEN:
            raise InputError(
                f"{graph.name}: the {kind} {target!r} is driven by {name}; continuous time can "
                f"do that to {', '.join(DRIVEN)}: run it on a grid"
            )
    for source in wiring.into[node.name]:
        other = graph.nodes[source]
        if other.has_state and not other.fires:
            raise InputError(
                f"{graph.name}: {name} drives neurons, and is itself driven by V of {source!r}; "
                "continuous time solves one integrator before a neuron: run it on a grid"
            )
        if node.kind == "I" and (held or other.kind == "Threshold"):
            raise InputError(f"{graph.name}: {name} drives neurons with a ramp; give a dialect")
    if node.kind == "I" and wiring.constant[node.name].any():
        raise InputError(f"{graph.name}: {name} drives neurons with a ramp; give a dialect")
