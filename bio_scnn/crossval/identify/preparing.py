"""Layers made ready to be driven: out of factories and compilers, in eval(), with their arrays."""

from __future__ import annotations

import copy
import inspect
import sys
from typing import Any

from bio_scnn.crossval.identify import misuse
from bio_scnn.crossval.identify.copies import Original
from bio_scnn.crossval.identify.media import Medium, is_module, parameters, type_name
from bio_scnn.crossval.identify.misuse import Remark
from bio_scnn.crossval.identify.search import Found
from bio_scnn.crossval.identify.states import required
from bio_scnn.errors import InputError

METHODS = ("step", "forward", "update")
"""Names of what is called of an object that cannot be called itself."""


def prepared(thing: Any) -> tuple[Any, list[Remark]]:
    """The layer itself, out of what makes or wraps it, and ready to be checked."""
    remarks = []
    if callable(thing) and not is_module(thing) and _makes(thing):
        thing = thing()
    if is_module(thing) and hasattr(thing, "_orig_mod"):
        thing = thing._orig_mod
        text = "it was compiled by torch.compile; the module that was compiled is run"
        remarks.append(Remark("compiled", text, "compiled code may round otherwise"))
    if kinds := misuse.in_training(thing):
        thing = copy.deepcopy(thing).eval()
        remarks.append(evaluated(f"its {' and '.join(kinds)} is in training mode"))
    return thing, remarks


def _makes(thing: Any) -> bool:
    """True for a class or function without arguments."""
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        return False
    try:
        return not inspect.signature(thing).parameters or (
            inspect.isclass(thing) and not required(Original(thing))
        )
    except (ValueError, TypeError):
        return False


def evaluated(why: str) -> Remark:
    """Remark on a module that was put into eval()."""
    return Remark("training", why, "it is run in eval(): call .eval() before you check a layer")


def original_of(thing: Any) -> Original:
    """The layer, of which copies are made.

    Raises
    ------
    InputError
        If it cannot be called.
    """
    if callable(thing):
        return Original(thing)
    for method in METHODS:
        if callable(getattr(thing, method, None)):
            return Original(thing, method)
    raise InputError(
        f"a {type(thing).__name__} cannot be called: it has none of the methods "
        f"{', '.join(METHODS)}"
    )


def media_of(thing: Any, dtype: str | None) -> list[Medium]:
    """Arrays that a layer may want, the likeliest first."""
    if is_module(thing):
        own = parameters(thing)
        device = own[0].device if own else None
        types = [type_name(tensor) for tensor in own if tensor.is_floating_point()]
        first = dtype or next(iter(types), "float32")
        return [Medium("torch", d, device) for d in dict.fromkeys((first, "float32", "float64"))]
    first = dtype or "float64"
    media = [Medium("numpy", first)]
    for library in ("torch", "jax"):
        if library in sys.modules:
            media += [Medium(library, d) for d in dict.fromkeys((first, "float32"))]
    return [*media, Medium("numpy", "float32"), Medium("numpy", "int64")]


def may_be_in_training(thing: Any, found: Found | None) -> bool:
    """True if a module might behave better in eval()."""
    if not (is_module(thing) and thing.training):
        return False
    return found is None or found.random or found.influence.coupled


def complaint(original: Original, errors: list[Exception]) -> str:
    """Reason that a layer cannot be called, in one line."""
    names = required(original)
    what = f"{original.name}({', '.join(names)})"
    if len(names) > 1:
        return (
            f"{what} cannot be driven by currents alone: its arguments must be the input, and a "
            "state that it gives back; wrap it in a function of the currents"
        )
    if not errors:
        return f"{what} gives nothing of the shape of its input, (time, batch)"
    first = errors[0]
    said = str(first).strip().partition("\n")[0][:200] or "no message"
    return (
        f"{what} cannot be called with (time, batch): {type(first).__name__}: {said}"
        f"{_neuron_inside(original.thing)}"
    )


def _neuron_inside(thing: Any) -> str:
    """Advice to name a neuron of a network; empty if none of its layers looks like one."""
    if not is_module(thing):
        return ""
    inside = [
        name
        for name, layer in thing.named_modules()
        if name and not type(layer).__module__.startswith("torch.")
    ]
    if not inside:
        return ""
    return f"; of a network, give the neuron alone, such as its attribute {inside[0]}"
