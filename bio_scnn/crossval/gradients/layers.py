"""PyTorch layers as functions from currents to spikes that keep the graph of gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.crossval.adapters._support import TorchLayer, TorchSteps
from bio_scnn.crossval.declared import declared
from bio_scnn.crossval.identify.calls import Call, find_call
from bio_scnn.crossval.identify.copies import Original
from bio_scnn.crossval.identify.driving import Manner, States
from bio_scnn.crossval.identify.live import identify
from bio_scnn.crossval.identify.media import Medium, children, is_module, leaves, parameters
from bio_scnn.crossval.identify.readings import code_sentence
from bio_scnn.crossval.identify.stepped import SteppedNeuron
from bio_scnn.crossval.protocol import Setup, without_refractory
from bio_scnn.crossval.resolve import load_object
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import LIFParameters

Forward = Callable[[Any], tuple[Any, dict[str, Any]]]
"""From currents, a tensor ``(steps, neurons)``, to spikes, likewise, and parameters by name."""


@dataclass(frozen=True)
class GradientLayer:
    """A layer whose gradients are compared.

    Attributes
    ----------
    name : str
    params : LIFParameters
        The neuron that it is.
    dt_ms : float, ms
    dtype : str
        Type of the numbers it is given.
    forward : callable
        Runs it from its initial state: spikes and learnable parameters.
    neuron : str
        The neuron in words.
    scaled : callable or None
        The neuron that it becomes when a learnable parameter, by name, is multiplied by a factor.
    """

    name: str
    params: LIFParameters
    dt_ms: float
    dtype: str
    forward: Forward
    neuron: str
    scaled: Callable[[str, float], LIFParameters] | None = None


def layer_of(
    name: str, dt_ms: float | None = None, declare: Mapping[str, Any] | None = None
) -> GradientLayer:
    """Layer that a name means: a known framework's, or ``file.py:object``.

    Parameters
    ----------
    name : str
    dt_ms : float, ms, optional
        Default: 0.1 ms for a framework, 1 ms for a layer of one's own.
    declare : mapping, optional
        The neuron that a layer of one's own shall be, as `declared.declared` takes it; else it is
        identified.

    Raises
    ------
    InputError
        If it is no PyTorch layer, or no neuron of eq. 1.
    """
    if name in ENTRIES:
        return _of_framework(name, 0.1 if dt_ms is None else dt_ms)
    return _of_own(name, 1.0 if dt_ms is None else dt_ms, declare)


def _of_framework(name: str, dt_ms: float) -> GradientLayer:
    adapter = ENTRIES[name].load()
    if not isinstance(adapter, TorchLayer):
        raise InputError(f"{name}: gradients are compared of PyTorch layers; it is none")
    params: Any = adapter.params
    if not isinstance(params, LIFParameters):
        kind = type(params).__name__.removesuffix("Parameters")
        raise InputError(
            f"{name}: gradients are compared of the LIF neuron of eq. 1; it is {kind}"
        )
    claims = adapter.capabilities
    if claims.refractory == "none":
        params = without_refractory(params)
    dtype = "float64" if "float64" in claims.dtypes else claims.dtypes[0]

    def forward(current: Any) -> tuple[Any, dict[str, Any]]:
        import torch

        adapter.build(Setup(params, current.shape[1], dt_ms, dtype))
        x = adapter.scale(current)
        if isinstance(adapter, TorchSteps):
            spikes = torch.stack([adapter.step(row)[0] for row in x])
        else:
            spikes = adapter.call(x)[0]
        return spikes, _named(vars(adapter))

    told = f"eq. 1 with tau {params.tau_ms:g} ms, R {params.R:g}, t_ref {params.t_ref_ms:g} ms"
    return GradientLayer(name, params, dt_ms, dtype, forward, told)


def _named(things: Mapping[str, Any]) -> dict[str, Any]:
    """Learnable parameters of the modules among some things, by name."""
    return {
        f"{name}.{inner}" if name else inner: value
        for name, thing in things.items()
        if is_module(thing)
        for inner, value in thing.named_parameters()
        if value.requires_grad
    }


def _of_own(name: str, dt_ms: float, declare: Mapping[str, Any] | None) -> GradientLayer:
    import torch

    call = find_call(load_object(name))
    own = [value for value in parameters(call.original.thing) if value.is_floating_point()]
    dtype = str(own[0].dtype if own else torch.float32).removeprefix("torch.")
    call = replace(call, manner=replace(call.manner, medium=Medium("torch", dtype)))
    if declare:
        params = declared(declare, dt_ms)[0]
        told = f"as declared: tau {params.tau_ms:g} ms, R {params.R:g}"
    else:
        params, told = _identified(name, call, dt_ms)

    def scaled(parameter: str, factor: float) -> LIFParameters:
        thing = call.original.fresh()
        with torch.no_grad():
            _named({"": thing})[parameter].mul_(factor)
        other = Original(thing, call.original.method)
        return _identified(name, replace(call, original=other), dt_ms)[0]

    moved = None if declare else scaled
    return GradientLayer(name, params, dt_ms, dtype, lambda x: _answer(call, x), told, moved)


def _identified(name: str, call: Call, dt_ms: float) -> tuple[LIFParameters, str]:
    """Parameters of eq. 1 of a layer that is identified, and the neuron in code."""

    def run(x: Any) -> Any:
        found = call.run(x)
        return found.spikes, found.V

    found = identify(run, dt_ms=dt_ms)
    neuron = found.neuron
    if neuron is None or found.spikes_explained < 0.999:
        raise InputError(f"{name}: no neuron explains its spikes; declare it, as with --decay")
    code = code_sentence(neuron)
    soft = neuron.reset_keep == 1 and np.isclose(neuron.reset_to, -neuron.threshold)
    usual = SteppedNeuron(
        decay=neuron.decay, gain=neuron.gain, threshold=neuron.threshold, reset_to=neuron.reset_to,
        reset_keep=neuron.reset_keep, refractory=neuron.refractory, start=neuron.start,
        fires_at_threshold=neuron.fires_at_threshold, reset_when=neuron.reset_when,
        number_format=neuron.number_format,
    )  # fmt: skip
    if neuron != usual or not (0 < neuron.decay < 1 and (soft or neuron.reset_keep == 0)):
        raise InputError(f"{name}: its neuron is not that of eq. 1: {code}")
    params = LIFParameters.from_decay(
        neuron.decay,
        dt_ms,
        gain=neuron.gain,
        t_ref_ms=neuron.refractory * dt_ms,
        V_th=neuron.threshold,
        V_reset=0.0 if soft else neuron.reset_to,
        reset="subtract" if soft else "value",
        rate_max_hz=0.5e3 / max(neuron.refractory * dt_ms, 1.0),
        rate_min_hz=1.0,
    )
    return params, code


def _answer(call: Call, current: Any) -> tuple[Any, dict[str, Any]]:
    """Spikes of a layer in the convention that was found, its graph kept."""
    import torch

    manner = call.manner
    columns = range(current.shape[1])
    groups = [list(columns)] if manner.layout.together else [[j] for j in columns]
    spikes: list[Any] = []
    named: dict[str, Any] = {}
    for group in groups:
        thing = call.original.fresh()
        function = call.original.function(thing)
        part = current[:, group]
        rows = part.split(1) if manner.stepwise else [part]
        kept: list[Any] | None = None
        found = []
        for row in rows:
            answer, kept = _once(manner, function, row, kept)
            leaf = leaves(answer).get(call.spikes.path)
            if not isinstance(leaf, torch.Tensor):
                raise InputError(f"{call.original.name}: its spikes are no tensor of PyTorch")
            found.append(_rearranged(manner, leaf, row.shape))
        spikes.append(torch.cat(found))
        named |= _named({"": thing})
    return torch.cat(spikes, dim=1), named


def _once(manner: Manner, function: Any, row: Any, kept: list[Any] | None) -> tuple[Any, Any]:
    """Answer of one call, and the state that it hands on."""
    import torch

    places = np.arange(row.numel(), dtype=np.float64).reshape(row.shape)
    order = torch.as_tensor(manner.layout.arranged(places).astype(np.int64))
    given = row.reshape(-1)[order]  # the same order of axes as `arranged`, with gradients
    states: States | None = manner.states
    words: dict[str, Any] = {}
    if states is not None:
        if kept is None and states.start is not None:
            first = given if manner.stepwise else given.select(manner.layout.axes.index("t"), 0)
            kept = states.start(first.detach())
        words = dict(zip(states.names, kept or [], strict=False))
    answer = (
        function(**{manner.argument: given}, **words)
        if manner.argument
        else function(given, **words)
    )
    if states is None or not manner.stepwise:
        return answer, None
    if states.returned is None:
        return answer, [answer]
    whole = list(answer) if isinstance(answer, tuple | list) else list(children(answer).values())
    return answer, [whole[place] for place in states.returned]


def _rearranged(manner: Manner, leaf: Any, shape: tuple[int, ...]) -> Any:
    """Spikes ``(steps, neurons)`` out of an answer."""
    import torch

    places = np.arange(leaf.numel()).reshape(tuple(leaf.shape))
    order = manner.layout.recovered(places, *shape)
    if order is None:
        raise InputError(f"spikes of shape {tuple(leaf.shape)} came back")
    return leaf.reshape(-1)[torch.as_tensor(np.ascontiguousarray(order))]
