"""Adapters from what users have: an object, or the name of one."""

from __future__ import annotations

import contextlib
import difflib
import functools
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.crossval.adapters.wrapped import (
    FactoryAdapter,
    FunctionAdapter,
    ModuleAdapter,
    kind,
)
from bio_scnn.crossval.declared import declared
from bio_scnn.crossval.identify.calls import find_call
from bio_scnn.crossval.identify.media import is_module
from bio_scnn.crossval.identify.preparing import METHODS
from bio_scnn.crossval.protocol import Adapter, Capabilities, Setup, time_step
from bio_scnn.errors import InputError
from bio_scnn.neuron.models import NeuronParameters
from bio_scnn.neuron.parameters import TABLE_1


def as_adapter(
    thing: Any,
    *,
    name: str | None = None,
    params: NeuronParameters | None = None,
    dt_ms: float | None = None,
    capabilities: Capabilities | None = None,
    neuron: int = 0,
) -> Adapter:
    """Adapter around an implementation.

    Parameters
    ----------
    thing : object
        One of

        - an `Adapter`, returned as it is, whatever the other arguments say; or a subclass of it,
          or another callable without arguments that gives any of these;
        - a ``torch.nn.Module`` that maps a ``(time, batch)`` tensor of currents to a ``(time,
          batch)`` tensor of spikes. Each build starts from a copy of it as it is now;
        - a callable with one argument, which is called ``setup`` or annotated as `Setup`, that
          gives such a module for any neuron and time step;
        - any other callable with one argument: a function that maps a ``(time, neurons)`` array
          of currents to a ``(time, neurons)`` array of spikes, from the initial state.

        A module, a function or an object with a method ``step`` may as well be batch first, take
        one step a call with its state inside or passed on, have a fixed number of neurons or
        more axes: `bio_scnn.crossval.identify.find_call` recognises this, and `Adapter.remarks`
        states it.

        Instead of the spikes they may return a tuple that begins with them. Its second item is
        taken for V if `capabilities` declare a membrane.
    name : str, optional
        Name in reports.
    params : LIFParameters or those of another family, optional
        The neuron; modules and functions have no other. Default: Table 1.
    dt_ms : float, ms, optional
        The time step of modules and functions. Default: 0.1 ms.
    capabilities : Capabilities, optional
        Its declared properties. Default: a clock-driven neuron of eq. 1 and eq. 2 that returns
        no V; a module without parameters and buffers is taken to compute in float32. The type of
        a module's parameters or buffers replaces ``dtypes``.
    neuron : int
        Number of the neuron to check, from 0, if the layer has a parameter for each neuron.

    Returns
    -------
    Adapter

    Raises
    ------
    InputError
        If it is none of these.

    Examples
    --------
    >>> def silent(current):
    ...     return 0 * current
    >>> as_adapter(silent).name
    'silent'
    """
    if isinstance(thing, Adapter):
        return thing
    label = str(name or getattr(thing, "__name__", None) or type(thing).__name__)
    step_ms = time_step(0.1 if dt_ms is None else dt_ms)
    made = _wrapped(thing, label, params or TABLE_1, step_ms, capabilities, neuron)
    if made.fixed_dt_ms is not None and params is None and capabilities is None:
        made.declared = False
    return made


def _wrapped(
    thing: Any,
    label: str,
    params: NeuronParameters,
    dt_ms: float,
    capabilities: Capabilities | None,
    neuron: int,
) -> Adapter:
    """Adapter of the kind that a thing needs."""
    if callable(thing) and not is_module(thing) and not _required_arguments(thing):
        thing = _made(thing, label)
    if isinstance(thing, Adapter):
        return thing
    if is_module(thing):
        return ModuleAdapter(thing, label, params, dt_ms, capabilities, neuron)
    if _takes_steps(thing):
        return FunctionAdapter(thing, label, params, dt_ms, capabilities, neuron)
    if not callable(thing):
        hint = "; for an implementation by its name, use resolve" * isinstance(thing, str)
        raise InputError(
            f"{kind(thing)} is no implementation: it must be an Adapter, a torch.nn.Module, or a "
            f"callable that gives one or maps currents to spikes{hint}"
        )
    arguments = _required_arguments(thing)
    if len(arguments) == 1 and _wants_setup(arguments[0]):
        return FactoryAdapter(thing, label, params, capabilities)
    if len(arguments) == 1 and not isinstance(thing, type):
        return FunctionAdapter(thing, label, params, dt_ms, capabilities, neuron)
    if isinstance(thing, type):
        needs = ", ".join(argument.name for argument in arguments)
        raise InputError(f"{label} is a class that needs {needs}: give an instance of it")
    find_call(thing)  # raises if the others are no state
    return FunctionAdapter(thing, label, params, dt_ms, capabilities, neuron)


def _takes_steps(thing: Any) -> bool:
    """True for an object that cannot be called itself, but has a method that takes a step."""
    return not callable(thing) and any(callable(getattr(thing, m, None)) for m in METHODS)


def _made(thing: Callable, label: str) -> Any:
    """Adapter or module that a callable without arguments gives."""
    try:
        made = thing()
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # an abstract class, a framework that is missing
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        raise InputError(f"{label}() cannot be called ({what})") from error
    if isinstance(made, Adapter) or callable(made) or _takes_steps(made):
        return made
    raise InputError(
        f"{label}() gave {kind(made)}; without arguments it must give an Adapter, a "
        "torch.nn.Module, a function or an object that takes a step"
    )


def resolve(
    name: str, dt_ms: float | None = None, declare: Mapping[str, Any] | None = None
) -> Adapter:
    """Implementation that a name means.

    Parameters
    ----------
    name : str
        A key of ``adapters.ENTRIES``, ``package.module:object`` or ``path/to/file.py:object``;
        the object is anything that `as_adapter` takes.
    dt_ms : float, ms, optional
        Time step of an object that has one of its own.
    declare : mapping, optional
        What an object that is no adapter shall be, as `declared.declared` takes it.

    Returns
    -------
    Adapter

    Raises
    ------
    InputError
        If there is no such thing, or it cannot be imported.
    """
    if name in ENTRIES:
        return ENTRIES[name].load()
    thing = load_object(name)
    if not declare:
        return as_adapter(thing, dt_ms=dt_ms)
    step_ms = dt_ms or (1.0 if "decay" in declare else 0.1)
    params, claims = declared(declare, step_ms)
    if claims.fixed_point is not None and _shows_V(thing, step_ms):
        claims = replace(claims, membrane="after reset")
    return as_adapter(thing, dt_ms=step_ms, params=params, capabilities=claims)


def load_object(name: str) -> Any:
    """Object that ``package.module:object`` or ``file.py:object`` means; `InputError` if none."""
    place, _, dotted = name.rpartition(":")
    if nameless(name):
        file = name.rstrip(":")
        raise InputError(f"{name}: name the object: {file}:OBJECT")
    if not place or not dotted:
        close = difflib.get_close_matches(name.lower(), ENTRIES, n=1)
        known = f"did you mean {close[0]}?" if close else f"known are {', '.join(ENTRIES)}."
        raise InputError(
            f"there is no implementation {name!r}: {known} One of your own is named as "
            "package.module:object or path/to/file.py:object"
        )
    module = _load(place)
    try:
        thing = functools.reduce(getattr, dotted.split("."), module)
    except AttributeError:
        close = difflib.get_close_matches(dotted, vars(module), n=1)
        hint = f": did you mean {close[0]}?" if close else ""
        raise InputError(f"{place} has no object {dotted!r}{hint}") from None
    return thing


def _shows_V(thing: Any, dt_ms: float) -> bool:
    """True if a layer returns V beside its spikes."""
    try:
        adapter = as_adapter(thing, dt_ms=dt_ms, capabilities=Capabilities())
        adapter.build(Setup(dt_ms=dt_ms))
        return adapter.run(np.zeros((4, 1))).membrane is not None
    except (Exception, SystemExit):  # the checks will report it
        return False


def nameless(name: str) -> bool:
    """True for the name of a file without an object in it."""
    return name.rstrip(":").endswith(".py")


def _required_arguments(thing: Callable) -> list[inspect.Parameter]:
    """Arguments of a callable without a default, and one for ``*args``."""
    try:
        given = inspect.signature(thing).parameters.values()
    except (ValueError, TypeError):  # some builtins have none
        return [inspect.Parameter("current", inspect.Parameter.POSITIONAL_ONLY)]
    required = [p for p in given if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    fixed = [p for p in required if p.kind is not p.VAR_POSITIONAL]
    return fixed if fixed or isinstance(thing, type) else required


def _wants_setup(argument: inspect.Parameter) -> bool:
    wanted = argument.annotation
    return (
        argument.name == "setup"
        or wanted is Setup
        or (isinstance(wanted, str) and wanted.rpartition(".")[2] == "Setup")
    )


def _load(place: str) -> ModuleType:
    is_file = place.endswith(".py") or "/" in place or "\\" in place
    path = Path(place).expanduser().resolve()
    if is_file and not path.is_file():
        raise InputError(f"{place}: no such file")
    try:
        with _on_path(path.parent if is_file else Path.cwd()):
            return _run_file(path) if is_file else importlib.import_module(place)
    except (Exception, SystemExit) as error:  # whatever it does when it is imported
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        raise InputError(f"{place} cannot be imported ({what})") from error


def _run_file(path: Path) -> ModuleType:
    # Not under its own name: a user's norse.py must not stand in for Norse.
    name = f"_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("a file of Python code has a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where its dataclasses look for their module
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    """Let what is imported find what lies beside it, as ``python file.py`` would."""
    if str(folder) in sys.path:
        yield
        return
    sys.path.append(str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # it may have tidied up itself
            sys.path.remove(str(folder))
