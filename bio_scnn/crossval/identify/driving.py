"""A layer driven in one manner of calling it, from its initial state, on copies of its own."""

from __future__ import annotations

import contextlib
import copy
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.media import (
    Layout,
    Medium,
    children,
    hidden,
    is_module,
    leaves,
    to_numpy,
    type_name,
)

Rows = dict[str, NDArray]
_RESETS = ("reset", "reset_state", "reset_states", "reset_mem", "reset_hidden", "n_reset")
_WATCHED = 30  # calls after which it is known whether a layer writes to its input
KEPT = "kept."  # begins the path of an array that the layer keeps inside


@dataclass(frozen=True)
class States:
    """State that is handed to a layer with each call, and comes back with the answer.

    Attributes
    ----------
    names : tuple of str
        Arguments that take it; more than one if each variable has its own.
    start : callable or None
        From an array of a step to the initial values, a list; None to leave the arguments out.
    returned : tuple of int, or None
        Items of the answer that are the state; None if the whole answer is.
    """

    names: tuple[str, ...]
    start: Callable[[Any], list[Any]] | None = None
    returned: tuple[int, ...] | None = (1,)


@dataclass(frozen=True)
class Manner:
    """One way to call a layer.

    Attributes
    ----------
    medium : Medium
    layout : Layout
    stepwise : bool
        One step a call.
    argument : str
        Name of the argument that takes the input; empty for the first one.
    states : States or None
        State in and out, or initial state if the layer takes all steps at once.
    """

    medium: Medium = Medium()
    layout: Layout = Layout()
    stepwise: bool = False
    argument: str = ""
    states: States | None = None


class Original:
    """A layer as it was given, of which copies are made.

    Attributes
    ----------
    thing : object
    method : str
        What is called of an object that cannot be called itself; else empty.
    copied : bool
        False if no copy could be made: the layer itself is run.
    """

    def __init__(self, thing: Any, method: str = ""):
        self.thing, self.method = thing, method
        self.copied = True
        try:
            self._kept = _copy(thing)
        except Exception:  # whatever a class raises that cannot be copied
            self._kept, self.copied = thing, False

    def fresh(self) -> Any:
        """A copy in the initial state."""
        return _copy(self._kept) if self.copied else self._kept

    def function(self, thing: Any) -> Callable[..., Any]:
        """The function to be called, of a copy."""
        found: Callable[..., Any] = getattr(thing, self.method) if self.method else thing
        return found

    @property
    def name(self) -> str:
        """Name of the function or of the class."""
        return str(getattr(self.thing, "__name__", None) or type(self.thing).__name__)

    @property
    def signature(self) -> list[inspect.Parameter]:
        """Positional arguments; one if that cannot be seen."""
        function = self.function(self.thing)
        function = function.forward if is_module(function) else function
        try:
            given = inspect.signature(function).parameters.values()
        except (ValueError, TypeError):
            return [inspect.Parameter("x", inspect.Parameter.POSITIONAL_ONLY)]
        return [p for p in given if p.kind is not p.VAR_KEYWORD]


def _copy(thing: Any) -> Any:
    """Deep copy; of a function with variables of its own around it, too."""
    closure = getattr(thing, "__closure__", None)
    if not isinstance(thing, types.FunctionType) or not closure:
        return copy.deepcopy(thing)
    cells = tuple(types.CellType(copy.deepcopy(cell.cell_contents)) for cell in closure)
    twin = types.FunctionType(
        thing.__code__, thing.__globals__, thing.__name__, thing.__defaults__, cells
    )
    twin.__kwdefaults__ = thing.__kwdefaults__
    return twin


@contextlib.contextmanager
def _no_gradients(library: str) -> Iterator[None]:
    if library == "torch" or "torch" in sys.modules:
        import torch

        with torch.no_grad():
            yield
    else:
        yield


@dataclass
class Session:
    """A layer being driven: its state goes on from one run to the next.

    Attributes
    ----------
    original : Original
    manner : Manner
    things : list
        Copies that are driven: one, or one for each neuron if a call takes a single one.
    wrote : bool
        The layer wrote to what it was given.
    needs_grad : bool
        An answer was part of a graph of gradients.
    types : dict of str
        Types of the numbers that came out, as in ``float32``, by their path.
    """

    original: Original
    manner: Manner
    things: list[Any] = field(default_factory=list)
    wrote: bool = False
    needs_grad: bool = False
    types: dict[str, str] = field(default_factory=dict)
    _states: dict[int, list[Any]] = field(default_factory=dict)
    _calls: int = 0

    def run(self, x: NDArray[np.float64], paths: tuple[str, ...] | None = None) -> Rows:
        """Arrays ``(steps, neurons)`` that come out, by their path in the answer.

        Parameters
        ----------
        x : (steps, neurons) array
        paths : tuple of str, optional
            The only ones that are wanted.
        """
        x = np.asarray(x, dtype=np.float64)
        groups = [x] if self.manner.layout.together else [x[:, [j]] for j in range(x.shape[1])]
        while len(self.things) < len(groups):
            self.things.append(self.original.fresh())
        found = [self._one(number, group, paths) for number, group in enumerate(groups)]
        return {
            path: np.concatenate([rows[path] for rows in found], axis=1)
            for path in found[0]
            if all(path in rows for rows in found)
        }

    def _one(self, number: int, x: NDArray[np.float64], paths: tuple[str, ...] | None) -> Rows:
        if not self.manner.stepwise:
            return self._rows(number, self.answer(number, x), x.shape, paths)
        rows = [self._rows(number, self.answer(number, x[[n]]), (1, x.shape[1]), paths)
                for n in range(len(x))]  # fmt: skip
        common = [path for path in rows[-1] if all(path in row for row in rows)]
        return {path: np.concatenate([row[path] for row in rows]) for path in common}

    def answer_to(self, x: NDArray[np.float64]) -> Any:
        """Whatever the next call gives, of the first of the copies."""
        self.things = self.things or [self.original.fresh()]
        return self.answer(0, x)

    def answer(self, number: int, x: NDArray[np.float64]) -> Any:
        """Whatever a call gives; the state is passed along."""
        manner, function = self.manner, self.original.function(self.things[number])
        values = manner.layout.arranged(x)
        given = manner.medium.array(values)
        words: dict[str, Any] = {}
        states = manner.states
        if states is not None:
            kept = self._states.get(number)
            if kept is None and states.start is not None:
                step = given if manner.stepwise else manner.medium.array(_first_step(manner, values))
                kept = states.start(step)
            words = dict(zip(states.names, kept or [], strict=False))
        with _no_gradients(manner.medium.library):
            if manner.argument:
                answer = function(**{manner.argument: given}, **words)
            else:
                answer = function(given, **words)
        if states is not None and manner.stepwise:
            self._states[number] = _returned(states, answer)
        if self._calls < _WATCHED:
            before = to_numpy(manner.medium.array(values))
            self.wrote = self.wrote or not np.array_equal(to_numpy(given), before)
            self._calls += 1
        return answer

    def _rows(
        self, number: int, answer: Any, shape: tuple[int, ...], paths: tuple[str, ...] | None
    ) -> Rows:
        found = leaves(answer)
        if self.manner.stepwise and (paths is None or any(p.startswith(KEPT) for p in paths)):
            kept = hidden(self.things[number])
            found |= {KEPT + path: value for path, value in kept.items()}
        rows: Rows = {}
        for path, value in found.items():
            if paths is not None and path not in paths:
                continue
            self.needs_grad = self.needs_grad or bool(getattr(value, "requires_grad", False))
            array = self.manner.layout.recovered(to_numpy(value), *shape)
            if array is not None and array.dtype.kind in "biuf":
                self.types[path] = type_name(value)
                rows[path] = np.array(array)  # the layer may go on writing to it
        return rows

    def reset(self) -> bool:
        """Reset the layer by its own method; False if it has none.

        A state that is handed over is new; that is all there is to reset.
        """
        self._states.clear()
        methods = [reset_of(thing) for thing in self.things]
        for method in methods:
            if method is not None:
                method()
        own = self.manner.states is not None and self.manner.stepwise
        return own or all(method is not None for method in methods)


def reset_of(thing: Any) -> Callable[[], Any] | None:
    """Method that resets a layer, by the names that frameworks have for it; None without.

    Of a container without one, all those of its parts.
    """
    own = _own_reset(getattr(thing, "__self__", thing))
    if own is not None or not is_module(thing):
        return own
    parts = [reset for part in thing.children() if (reset := reset_of(part)) is not None]
    return (lambda: [reset() for reset in parts]) if parts else None


def _own_reset(thing: Any) -> Callable[[], Any] | None:
    for name in _RESETS:
        method = getattr(thing, name, None)
        if callable(method):
            return method
    return None


def _first_step(manner: Manner, values: NDArray) -> NDArray:
    """What a step of an input with an axis of time holds."""
    return np.take(values, 0, axis=manner.layout.axes.index("t"))


def _returned(states: States, answer: Any) -> list[Any]:
    if states.returned is None:
        return [answer]
    items = list(answer) if isinstance(answer, tuple | list) else list(children(answer).values())
    if max(states.returned) >= len(items):
        raise TypeError(f"{len(items)} items came back: the state is missing")
    return [items[place] for place in states.returned]

