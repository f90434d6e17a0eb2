"""State that a layer wants to be handed: its arguments' names, and what it may start from."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from bio_scnn.crossval.identify.copies import Original
from bio_scnn.crossval.identify.driving import Manner, Session, States
from bio_scnn.crossval.identify.media import children, leaves

_INPUT = frozenset(
    (
        "x",
        "i",
        "inp",
        "input",
        "inputs",
        "input_",
        "in_",
        "current",
        "currents",
        "cur",
        "i_in",
        "iin",
        "i_ext",
        "iext",
        "x_t",
        "i_t",
        "xt",
        "it",
        "drive",
        "stimulus",
        "stim",
        "data",
        "input_current",
        "input_tensor",
        "signal",
        "events",
    )
)
_STATE = frozenset(
    (
        "v",
        "u",
        "mem",
        "membrane",
        "state",
        "states",
        "hidden",
        "hx",
        "h",
        "carry",
        "syn",
        "potential",
        "v_mem",
        "vmem",
        "s",
        "prev",
        "v_prev",
        "mem_prev",
        "neuron_state",
        "v0",
        "u0",
        "mem0",
        "old",
        "v_old",
        "voltage",
        "c",
        "z",
    )
)
_METHODS = ("initial_state", "init_state", "zero_state", "init_hidden", "get_initial_state")
_MOST_KEYS = 6

Start = Callable[[Any], list[Any]]


def required(original: Original) -> list[str]:
    """Names of the arguments without a default, in their order."""
    names = [p for p in original.signature if p.default is p.empty]
    return [p.name for p in names if p.kind is not p.VAR_POSITIONAL]


def optional_states(original: Original) -> tuple[str, ...]:
    """Names of the arguments with a default that may take a state."""

    def may(p: inspect.Parameter) -> bool:
        plain = p.default is None or type(p.default) in (int, float)
        return (
            p.default is not p.empty
            and plain
            and (p.default is None or p.name.casefold() in _STATE)
        )

    return tuple(p.name for p in original.signature if may(p))


def input_first(names: list[str]) -> list[str]:
    """Arguments that may take the input, the likeliest first, by their names."""

    def unlikely(name: str) -> int:
        folded = name.casefold().strip("_")
        if folded in _INPUT:
            return 1 if folded == "i" else 0  # I may be a synaptic current
        return 3 if folded in _STATE else 2

    return sorted(names, key=unlikely)


def known_by_name(names: list[str]) -> bool:
    """True if the names tell which of the arguments takes the input."""
    inputs = [n for n in names if n.casefold().strip("_") in _INPUT - {"i"}]
    states = [n for n in names if n.casefold().strip("_") in _STATE]
    return len(inputs) == 1 or len(states) == len(names) - 1


def starts(original: Original, manner: Manner, names: tuple[str, ...]) -> Iterator[Start]:
    """Initial states that may fit, the likeliest first: annotated, made by a method, zeros ..."""
    for kind in _annotated(original, names):
        yield partial(_zero_of, kind)
    if len(names) == 1:
        for name in _METHODS:
            if callable(method := getattr(original.thing, name, None)):
                yield partial(_made, method)
    yield lambda step: [step * 0 for _ in names]
    yield lambda step: [None for _ in names]
    yield lambda step: [0.0 for _ in names]
    if len(names) == 1:
        yield lambda step: [(step * 0, step * 0)]
        yield lambda step: [(step * 0, step * 0, step * 0)]
        for maker in (dict, types.SimpleNamespace):
            if keys := _keys(original, manner, names[0], maker):
                yield partial(_filled, maker, keys)


def _filled(maker: Any, keys: list[str], step: Any) -> list[Any]:
    return [maker(**{key: step * 0 for key in keys})]  # noqa: C420 (each an array of its own)


def _annotated(original: Original, names: tuple[str, ...]) -> list[Any]:
    """Class of the state, if its argument is annotated with one that has fields."""
    try:
        kind = typing.get_type_hints(original.written).get(names[0])
    except Exception:  # annotations of names that are not there
        return []
    for part in (kind, *typing.get_args(kind)):
        if dataclasses.is_dataclass(part) or hasattr(part, "_fields"):
            return [part]
    return []


def _zero_of(kind: Any, step: Any) -> Any:
    names = getattr(kind, "_fields", None) or [f.name for f in dataclasses.fields(kind)]
    return kind(**dict.fromkeys(names, step * 0))


def _made(method: Callable[..., Any], step: Any) -> list[Any]:
    shape = tuple(getattr(step, "shape", ()))
    for arguments in ((), (step,), (shape,), shape[:1]):
        try:
            return [method(*arguments)]
        except Exception:  # it wants other arguments
            continue
    raise TypeError("the initial state cannot be made")


def _keys(original: Original, manner: Manner, name: str, maker: Any) -> list[str]:
    """Keys or attributes that a step asks for in its state, found one by one."""
    keys: list[str] = []
    for _ in range(_MOST_KEYS):
        states = States((name,), partial(_filled, maker, list(keys)), None)
        trial = dataclasses.replace(manner, states=states)
        try:
            Session(original, trial).answer_to(np.ones((1, 3)))
        except KeyError as error:
            keys.append(str(error.args[0]))
        except AttributeError as error:
            if maker is dict or not error.name:
                return []
            keys.append(error.name)
        except Exception:
            return []
        else:
            return keys
    return []


def places(answer: Any, states: int) -> list[tuple[int, ...] | None]:
    """Items of an answer that may be the state, the likeliest first; None for all of it."""
    items = 1 if not isinstance(answer, tuple | list) else len(children(answer))
    whole: list[tuple[int, ...] | None] = [None] if states == 1 and len(leaves(answer)) > 1 else []
    if items <= states:
        return [tuple(range(items))] if items == states > 1 else whole
    runs = [tuple(range(k, k + states)) for k in range(items - states, -1, -1)]
    return [*runs, *whole]
