"""Copies of a layer in its initial state, its arguments, and the reset that it has of its own."""

from __future__ import annotations

import copy
import inspect
import types
from collections.abc import Callable
from typing import Any

from bio_scnn.crossval.identify.media import is_module

_RESETS = ("reset", "reset_state", "reset_states", "reset_mem", "reset_hidden", "n_reset")


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
    def written(self) -> Any:
        """The function as its author wrote it: a module's forward."""
        function = self.function(self.thing)
        return getattr(function, "forward", function) if is_module(function) else function

    @property
    def name(self) -> str:
        """Name of the function or of the class."""
        return str(getattr(self.thing, "__name__", None) or type(self.thing).__name__)

    @property
    def signature(self) -> list[inspect.Parameter]:
        """Positional arguments; one if that cannot be seen."""
        try:
            given = inspect.signature(self.written).parameters.values()
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
