"""A layer driven in one manner of calling it, from its initial state, on copies of its own."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.copies import Original, reset_of
from bio_scnn.crossval.identify.media import (
    FLOAT64_ARRAYS,
    TIME_FIRST,
    Layout,
    Medium,
    children,
    hidden,
    leaves,
    to_numpy,
    type_name,
)

Rows = dict[str, NDArray]
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

    medium: Medium = FLOAT64_ARRAYS
    layout: Layout = TIME_FIRST
    stepwise: bool = False
    argument: str = ""
    states: States | None = None


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
                step = (
                    given if manner.stepwise else manner.medium.array(_first_step(manner, values))
                )
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


def _first_step(manner: Manner, values: NDArray) -> NDArray:
    """First step of an input with an axis of time."""
    return np.take(values, 0, axis=manner.layout.axes.index("t"))


def _returned(states: States, answer: Any) -> list[Any]:
    if states.returned is None:
        return [answer]
    items = list(answer) if isinstance(answer, tuple | list) else list(children(answer).values())
    if max(states.returned) >= len(items):
        raise TypeError(f"{len(items)} items came back: the state is missing")
    return [items[place] for place in states.returned]
