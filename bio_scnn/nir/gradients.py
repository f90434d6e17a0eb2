"""Surrogate gradients of a whole imported network beside the exact ones, layer by layer."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.gradients.command import STATEMENT
from bio_scnn.crossval.gradients.comparing import Likeness, likeness
from bio_scnn.errors import InputError
from bio_scnn.nir.adjoint import map_gradients, network_gradients
from bio_scnn.nir.departures import reference_for
from bio_scnn.nir.dialects import dialect_of
from bio_scnn.nir.graph import Graph
from bio_scnn.nir.importers import TorchImporter, importer_of, stepped
from bio_scnn.nir.paths import wire
from bio_scnn.nir.running import run
from bio_scnn.nir.trainable import of_neurons
from bio_scnn.runtime.files import encodable, finite

Array = NDArray[np.float64]


class Trainable(Protocol):
    """An importer whose network is a torch module."""

    @property
    def name(self) -> str:
        """Name of the framework."""

    @property
    def sequences(self) -> bool:
        """True if it takes all steps in one call, where there is no loop."""

    @property
    def keeps_gain(self) -> bool:
        """True if its time constants do not divide the gain of the input."""

    def network(self, graph: Graph, dt_ms: float) -> Any:
        """The module, with parameters that hold the weights of the graph."""


@dataclass(frozen=True)
class LayerGradient:
    """A layer's surrogate gradient by its weights, or by a field, beside the exact one.

    Attributes
    ----------
    node : str
        The map that has the weights; or the neurons and their field, as ``"lif1.tau"``.
    like : Likeness
        NaN where one of the two is missing or zero.
    state : {"", "missing", "zero", "not finite", "exact zero"}
        Why there is nothing to compare.
    told : str
        What it means for training, in one sentence.
    """

    node: str
    like: Likeness
    state: str
    told: str


def exact_gradients(graph: Graph, x: Mapping[str, Array], dt_ms: float) -> dict[str, Array]:
    """Exact gradients of the output filtered to the end of the run.

    They are those by each map's weights, and by the fields of neurons, named ``"lif1.tau"``. The
    network runs in continuous time; a value of the input is an impulse of area dt.

    Raises
    ------
    InputError
        If the output does not come from neurons that fire.
    """
    into = wire(graph).into[graph.outputs[0]] if len(graph.outputs) == 1 else {}
    ends = [
        name
        for name, path in into.items()
        if graph.nodes[name].fires
        and np.array_equal(path.whole.toarray(), np.eye(path.whole.shape[0]))
    ]
    if len(ends) != 1 or len(into) != 1:
        raise InputError(f"{graph.name}: gradients need an output that is one layer of neurons")
    area_s = dialect_of(reference_for(graph), dt_ms).area_ms(graph.kinds()) / 1e3
    activity = run(graph, x, dt_ms=dt_ms, spike_area_s=area_s)
    end, width = _times(x, dt_ms)
    u = (end - activity.times_ms[ends[0]]) / width
    slopes = {ends[0]: (1 - u) * np.exp(1 - u) / -width}
    found = network_gradients(graph, x, activity, slopes, spike_area_s=area_s)
    fields = {f"{n}.{key}": g for n, table in found.fields.items() for key, g in table.items()}
    return {**map_gradients(graph, found), **fields}


def _times(x: Mapping[str, Array], dt_ms: float) -> tuple[float, float]:
    """End of the run, and width of the filter."""
    end = len(next(iter(x.values()))) * dt_ms
    return end, end / 5


def compare_network(
    graph: Graph,
    x: Mapping[str, Array],
    importer: Trainable,
    dt_ms: float = 0.1,
    exact: Mapping[str, Array] | None = None,
) -> list[LayerGradient]:
    """Each layer's surrogate gradient beside the exact one, from the first layer to the last.

    Parameters
    ----------
    graph : Graph
        With one input and one output.
    x : mapping of str to (steps, *shape) array
        Input spikes.
    importer : Trainable
    dt_ms : float, ms
    exact : mapping of str to array, optional
        What `exact_gradients` returns, if it is known.

    Raises
    ------
    InputError
        If the graph has no exact gradients.
    """
    import torch

    exact = exact_gradients(graph, x, dt_ms) if exact is None else exact
    network = importer.network(graph, dt_ms)
    shown = stepped(network, next(iter(x.values())), at_once=importer.sequences and not graph.back)
    outputs = torch.stack([y.reshape(-1) for y in shown])
    end, width = _times(x, dt_ms)
    u = (end - dt_ms * np.arange(1, len(outputs) + 1)) / width
    share = torch.as_tensor(u * np.exp(1 - u), dtype=outputs.dtype)
    if outputs.requires_grad:
        (outputs * share[:, None]).sum().backward()
    left = [p for p in network.parameters() if p.requires_grad]
    found = []
    for name in (n for n in graph.nodes if n in exact):
        weight = graph.nodes[name].values["weight"]
        parameter = next((p for p in left if _holds(p, weight)), None)
        gradient = None
        if parameter is not None:
            left = [p for p in left if p is not parameter]
            gradient = parameter.grad
            if gradient is not None and tuple(parameter.shape) != weight.shape:
                gradient = gradient.T
        found.append(judged(name, gradient, exact[name]))
    for name, key, parameter, factor in of_neurons(graph, network, dt_ms):
        by_field = exact[f"{name}.{key}"]
        if importer.keeps_gain and key.startswith("tau"):
            v, gain = graph.nodes[name].values, "w_in" if key == "tau_syn" else "r"
            by_field = by_field + exact[f"{name}.{gain}"] * (v[gain] / v[key]).ravel()
        by_own = by_field * factor
        found.append(judged(f"{name}.{key}", parameter.grad, by_own, key))
    return found


def _holds(parameter: Any, weight: Array) -> bool:
    """True if a parameter has the values of a weight, or of its transpose."""
    own = parameter.detach().double().numpy()
    return any(
        own.shape == one.shape and bool(np.allclose(own, one, rtol=1e-5, atol=1e-7))
        for one in (weight, weight.T)
    )


def judged(node: str, gradient: Any, exact: Array, what: str = "the weights") -> LayerGradient:
    """A layer's gradient compared, with its meaning."""
    nothing = Likeness(node, np.nan, np.nan, np.nan, np.nan)
    if gradient is None:
        told = f"no gradient reaches {what}: training changes nothing there"
        return LayerGradient(node, nothing, "missing", told)
    own = np.asarray(gradient.detach().double().numpy()).reshape(exact.shape)
    if not np.isfinite(own).all():
        told = f"the gradient is not finite: one step of training spoils {what}"
        return LayerGradient(node, nothing, "not finite", told)
    if not exact.any():
        told = (
            "the exact derivative is 0: there are no spikes, or they come at the times of "
            "impulses, which no weight moves; training follows the surrogate alone"
        )
        return LayerGradient(node, nothing, "exact zero", told)
    like = likeness(node, own, exact)
    if not own.any():
        told = "the gradient is 0 where the exact one is not: training changes nothing there"
        return LayerGradient(node, like, "zero", told)
    angle = round(float(np.degrees(np.arccos(np.clip(like.cosine, -1, 1)))))
    told = f"training moves {what} at {angle} degrees to the exact direction: "
    if like.cosine < 0:
        told = (
            f"training moves {what} against the exact direction ({angle} degrees): a small step "
            "makes this loss of spike times worse"
        )
    elif like.cosine < 0.5:
        told += "if spike times carry the information, check the training by other means"
    else:
        told += "spike times can be learned"
    if like.zero > 0.5:
        told += f"; {like.zero:.0%} of the entries not at all"
    return LayerGradient(node, like, "", told)


def of_fields(graph: Graph, exact: Mapping[str, Array]) -> dict[str, float]:
    """Exact derivatives of the loss by a relative change of a field of all neurons of a node."""
    found = {}
    for node in graph.nodes.values():
        for key, value in node.values.items():
            if node.fires and f"{node.name}.{key}" in exact and np.any(value):
                own = np.asarray(value, dtype=np.float64).ravel()
                found[f"{node.name}.{key}"] = float(np.sum(exact[f"{node.name}.{key}"] * own))
    return found


def scales_apart(layers: list[LayerGradient]) -> str:
    """A sentence on layers that learn at other speeds than the exact gradients would."""
    scales = {one.node: one.like.scale for one in layers if one.like.scale > 0}
    if len(scales) < 2 or max(scales.values()) < 5 * min(scales.values()):
        return ""
    high, low = max(scales, key=scales.__getitem__), min(scales, key=scales.__getitem__)
    return (
        f"the gradient of {high} is {scales[high] / scales[low]:.2g} times as large as that of "
        f"{low}, relative to the exact ones: with one learning rate {low} learns too slowly"
    )


def run_network_gradients(
    args: argparse.Namespace, graph: Graph, x: Mapping[str, Array], told: str, dt_ms: float
) -> bool:
    """Print the comparison for each importer of ``--against``; False if gradients are missing."""
    if not args.against:
        raise InputError("--gradients of a graph needs importers: --against norse snntorch")
    found: dict[str, list[LayerGradient]] = {}
    refused: dict[str, str] = {}
    exact = exact_gradients(graph, x, dt_ms)
    for name in args.against:
        try:
            source = importer_of(name)
            if not isinstance(source, TorchImporter):
                raise InputError("gradients are compared of imports on PyTorch")
            found[name] = compare_network(graph, x, source, dt_ms, exact)
        except InputError as error:
            refused[name] = str(error)
        except Exception as error:  # whatever a framework raises
            words = " ".join(str(error).split())[:200]
            refused[name] = f"{type(error).__name__}: {words}"
    if args.json:
        table: dict[str, Any] = {
            "exact": of_fields(graph, exact),
            "importers": {n: [asdict(one) for one in v] for n, v in found.items()},
        }
        print(json.dumps(finite({**table, "refused": refused}), indent=2))
    else:
        own = ["exact derivatives of the loss by a relative change of the neurons' fields:"]
        own += [f"  {key:<30}{value:>11.3g}" for key, value in of_fields(graph, exact).items()]
        print(encodable("\n".join([*STATEMENT, f"input: {told}", *own, *_lines(found, refused)])))
    bad = ("missing", "not finite")
    return not refused and not any(one.state in bad for v in found.values() for one in v)


def _lines(found: Mapping[str, list[LayerGradient]], refused: Mapping[str, str]) -> list[str]:
    lines = []
    for name, layers in found.items():
        lines += ["", f"{name}: gradients of spike times, by what it can train"]
        width = max(len(one.node) for one in layers)
        head = f"{'same sign':>10}{'cosine':>9}{'scale':>10}{'zero':>7}"
        lines.append(f"  {'':<{width}}{head}")
        for one in layers:
            like = one.like
            numbers = (
                f"{one.state:>36}"
                if np.isnan(like.cosine)
                else f"{like.sign:>10.0%}{like.cosine:>9.2f}{like.scale:>10.2g}{like.zero:>7.0%}"
            )
            lines.append(f"  {one.node:<{width}}{numbers}")
        lines += [f"  - {one.node}: {one.told}" for one in layers]
        lines += [f"  - {sentence}" for sentence in [scales_apart(layers)] if sentence]
    return [*lines, *(f"{name}: not compared: {why}" for name, why in refused.items())]
