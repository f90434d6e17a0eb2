"""Points that a NIR file leaves open, each with what a run has decided."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bio_scnn.nir.dialects import Dialect
from bio_scnn.nir.graph import NEURONS, Graph, Node


def open_points(
    graph: Graph, dialect: Dialect | None, area_s: float | None = None, reset: str = "value"
) -> tuple[str, ...]:
    """Sentences about what the file does not say; `dialect` is None in continuous time."""
    kinds = {node.kind for node in graph.nodes.values()}
    firing = [node for node in graph.nodes.values() if node.fires]
    found = list(_grouped(graph.filled, list(graph.nodes)))
    if dialect is None:
        found.append(_area_in_words(graph, area_s))
        found.append("V at the start: 0 taken")
        found.append(f"the reset: {'to v_reset, as NIR has it' if reset == 'value' else reset}")
        if graph.back:
            found.append("the delay of recurrent edges: none")
        return tuple(found)
    d = dialect
    found.append(f"the time step: {d.dt_ms:g} ms")
    how = "one impulse" if d.input == "impulse" else "a current held over it"
    apart = bool(d.IF_input) and kinds & {"IF", "I"}
    if not apart or kinds & set(NEURONS) - {"IF", "I"}:
        found.append(f"a value in a step: {how}")
    if apart:
        own = "a current held over it"
        if d.IF_input == "impulse":
            own = f"one impulse of area {d.impulse_area_s:g} s"
        found.append(f"a value in a step of an IF or I: {own}")
    found.append(f"the update: {d.update}, written as {d.form}, in {d.number_format}")
    found.append(f"V at the start: {d.start}")
    if firing:
        found.append(f"a spike: V {'>' if d.strict else '>='} v_threshold, tested once a step")
        found.append(f"the reset: {d.reset}, in the {d.reset_when}")
    if graph.back:
        found.append(f"the delay of recurrent edges: {_steps(d.recurrent_delay)}")
    if d.edge_delay and firing:
        found.append(f"the delay of every other edge behind a spike: {_steps(d.edge_delay)}")
    if kinds & {"CubaLI", "CubaLIF"}:
        found.append(f"the synaptic current that V sees: the {d.synapse} one")
    used = [f for f in d.ignores if f.split(".")[0] in kinds]
    if used:
        found.append(f"fields that this dialect ignores: {', '.join(used)}")
    found += _off_grid(graph, d)
    return tuple(found)


def _steps(number: int) -> str:
    return f"{number} step{'s' * (number != 1)}"


def _grouped(filled: tuple[str, ...], order: list[str]) -> Iterator[str]:
    """Sentences that differ in the node only, as one, nodes in an order."""
    nodes: dict[str, list[str]] = {}
    for sentence in filled:
        node, _, rest = sentence.partition(": ")
        nodes.setdefault(rest, []).append(node)
    for rest, names in nodes.items():
        if set(names) <= set(order):
            names.sort(key=order.index)
        yield f"{rest} in {', '.join(names)}"


def suggested_area_s(graph: Graph) -> float | None:
    """Area of a spike that a file's gains suggest: a weight then moves V (or S) by itself.

    Exporters that have a time step put it into r, or w_in: then r/tau (of a CubaLIF, w_in/tau_syn,
    or else r/tau_mem) is 1/dt in all neurons, of whatever tau. With one tau, or r = 1 everywhere,
    nothing is suggested.
    """
    nodes = [node for node in graph.nodes.values() if node.fires]
    if any(node.kind == "CubaLIF" for node in nodes):
        return _of_gains(nodes, "tau_syn") or _of_gains(nodes, "tau_mem")
    return _of_gains(nodes, "tau")


def _of_gains(nodes: list[Node], stage: str) -> float | None:
    """Inverse of the gain that neurons of different time constants share; `stage` of a CubaLIF."""
    gains, taus = [], []
    for node in nodes:
        v = node.values
        behind = node.kind == "CubaLIF" and stage == "tau_mem"
        gains.append((v["r"] / v["tau_mem"] if behind else gain_per_s(node)).ravel())
        if node.kind != "IF":
            taus.append(v[stage if node.kind == "CubaLIF" else "tau"].ravel())
    if not taus or np.ptp(np.concatenate(taus)) <= 1e-3 * np.concatenate(taus).max():
        return None
    every = np.concatenate(gains)
    if every.min() <= 0 or np.ptp(every) > 1e-4 * every.max():
        return None
    return float(f"{1 / every.mean():.6g}")


def _area_in_words(graph: Graph, area_s: float | None) -> str:
    suggested = suggested_area_s(graph)
    if area_s is not None:
        hint = f"; the file's gains suggest {suggested:g} s" if suggested else ""
        return f"a spike's area: {area_s:g} s taken; NIR's delta functions have 1{hint}"
    if suggested is None:
        return "a spike's area: 1 s taken, as NIR's delta functions have it"
    return (
        f"a spike's area: {suggested:g} s taken, which the file's gains suggest; NIR's delta "
        "functions have 1 s"
    )


def gain_per_s(node: Node) -> np.ndarray:
    """Change of V, or of a CubaLIF's S, by a unit impulse."""
    v = node.values
    if node.kind in ("CubaLIF", "CubaLI"):
        return np.asarray(v["w_in"] / v["tau_syn"])
    return np.asarray(v["r"] / v["tau"] if "tau" in v else v["r"])


def _off_grid(graph: Graph, d: Dialect) -> Iterator[str]:
    """Delays that are no whole steps, and time constants that a step is too long for."""
    for node in graph.nodes.values():
        if node.kind == "Delay":
            steps = node.values["delay"] * 1e3 / d.dt_ms
            if np.any(np.abs(steps - np.rint(steps)) > 1e-6):
                yield f"{node.name}: its delays are no whole steps, and are rounded"
        if node.kind in NEURONS and d.update == "euler":
            shortest = min(
                (v.min() for k, v in node.values.items() if k.startswith("tau")), default=np.inf
            )
            if shortest * 1e3 < 2 * d.dt_ms:
                yield (
                    f"{node.name}: a time constant of {shortest * 1e3:.4g} ms is below two steps, "
                    "where forward Euler is another neuron"
                )
