"""Convention of calling a layer, measured by driving it: axes, steps, state, spikes, V, misuse.

::

    media        arrays of NumPy, PyTorch and JAX; the order of axes
    copies       the layer in its initial state
    driving      one manner of calling
    experiments  what fires it, and which output depends on which input
    states       a state that is handed over with each call
    search       the manner that the experiments single out
    outputs      the spikes and V in what comes out
    preparing    the layer itself, out of what makes or wraps it
    misuse       wrong use, in sentences
"""

from __future__ import annotations

import contextlib
import copy
import time
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.crossval.identify import misuse
from bio_scnn.crossval.identify.copies import Original
from bio_scnn.crossval.identify.driving import KEPT, Manner, Session
from bio_scnn.crossval.identify.experiments import Deadline
from bio_scnn.crossval.identify.misuse import Remark
from bio_scnn.crossval.identify.outputs import Spikes, find_spikes, find_V, kind_of
from bio_scnn.crossval.identify.preparing import (
    complaint,
    evaluated,
    may_be_in_training,
    media_of,
    original_of,
    prepared,
)
from bio_scnn.crossval.identify.search import Found, Search
from bio_scnn.errors import InputError

_PATIENCE_S = 3.0


class Convention(Enum):
    """Convention of calling a layer; the value says it in words."""

    TIME_FIRST = "time first"
    BATCH_FIRST = "batch first"
    STEP = "one step a call, its state inside"
    STEP_STATE = "one step a call, state in and out"


@dataclass(frozen=True, eq=False)
class Response:
    """Answer of a layer that was driven from its initial state.

    Attributes
    ----------
    spikes : (steps, neurons) int array
        How often a neuron fired in each step.
    V : (steps, neurons) float64 array, or None
        None if the layer does not show it.
    others : dict of str to (steps, neurons) arrays
        Whatever else came back in that shape, by its place in the answer.
    """

    spikes: NDArray[np.int64]
    V: NDArray[np.float64] | None = None
    others: dict[str, NDArray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Call:
    """A layer, and how it is called.

    Attributes
    ----------
    convention : Convention
    sentence : str
        How it is called, in words.
    remarks : tuple of Remark
        Wrong use that was found, and worked around where possible.
    width : int or None
        Fixed number of neurons.
    dtype : str
        Type of the numbers that it computes with, as in ``float32``.
    amplitude : float
        Input at which it fires in some steps, and not in all: a power of two, of either sign.
    spikes : Spikes
        Place of the spikes in the answer, and how they are written.
    V : str or None
        Place of V in the answer or, after ``kept.``, in the layer.
    sure : bool
        The experiments single the convention out; if not, it is the most usual one.
    original : Original
    manner : Manner
    """

    convention: Convention
    sentence: str
    remarks: tuple[Remark, ...]
    width: int | None
    dtype: str
    amplitude: float
    spikes: Spikes
    V: str | None
    sure: bool
    original: Original
    manner: Manner

    @property
    def plain(self) -> bool:
        """True if it takes ``(steps, neurons)`` in one call, and needs no help."""
        return self.manner == Manner(self.manner.medium)

    def of(self, thing: Any) -> Call:
        """Call of another layer in the same manner."""
        return replace(self, original=Original(thing, self.original.method))

    def start(self) -> Session:
        """The layer in its initial state; what `run` makes anew for each run."""
        return Session(self.original, self.manner)

    def run(self, x: ArrayLike) -> Response:
        """Drive the layer from its initial state.

        Parameters
        ----------
        x : (steps, neurons) array
            Input of each step.

        Returns
        -------
        Response

        Raises
        ------
        InputError
            If `x` has another shape, or no spikes come back, or none of its shape.
        """
        return self.go_on(self.start(), x)

    def go_on(self, session: Session, x: ArrayLike, *, others: bool = True) -> Response:
        """Drive a layer that was started, from where it is; parameters as those of `run`."""
        x = np.asarray(x, dtype=np.float64)
        if x.ndim != 2:
            raise InputError(f"x (shape {x.shape}) must have shape (steps, neurons)")
        wanted = tuple(path for path in (self.spikes.path, self.V) if path is not None)
        rows = session.run(x, None if others else wanted)
        if self.spikes.path not in rows:
            raise InputError(
                f"no spikes of the shape of the input, (steps, neurons) = {x.shape}, came back"
            )
        V = rows.get(self.V) if self.V is not None else None
        return Response(
            self.spikes.count(rows[self.spikes.path]),
            None if V is None else V.astype(np.float64),
            {path: y for path, y in rows.items() if path not in wanted},
        )


def find_call(
    thing: Any, *, dtype: str | None = None, neurons: int | None = None, neuron: int = 0
) -> Call:
    """Calling convention of a layer, found by running copies of it.

    Parameters
    ----------
    thing : object
        A torch.nn.Module; a function of arrays or tensors, of all steps or of one, with or without
        its state; an object with `__call__`, `step`, `forward` or `update`; or a callable without
        arguments that makes one of these.
    dtype : str, optional
        Type of the numbers that it is given (default: that of a module's parameters, or float32;
        float64 for anything else).
    neurons : int, optional
        Number of neurons that it has, if that is fixed (default: found out).
    neuron : int
        The one that is meant, from 0, of a layer with a fixed number of neurons.

    Returns
    -------
    Call

    Raises
    ------
    InputError
        If it can be called in no way that is known; the message says what it raised.

    Examples
    --------
    >>> call = find_call(lambda x: np.cumsum(x, axis=1) % 1 > 0.5)
    >>> call.convention.value
    'batch first'
    """
    deadline = Deadline(time.monotonic() + _PATIENCE_S)
    thing, remarks = prepared(thing)
    original = original_of(thing)
    search = Search(original, deadline, neuron=neuron)
    media = list(media_of(thing, dtype))
    found = search.find(media, neurons)
    if may_be_in_training(thing, found):
        calmed = Search(original_of(copy.deepcopy(thing).eval()), deadline, neuron=neuron)
        again = calmed.find(media, neurons)
        if again is not None and again.sure:
            found, original = again, calmed.original
            remarks.append(evaluated("it is in training mode, where its neurons are coupled"))
    if found is None:
        raise InputError(complaint(original, search.errors))
    return _call(original, found, remarks)


def _call(original: Original, found: Found, remarks: list[Remark]) -> Call:
    spikes = find_spikes(found.drive.rows, fired=found.drive.fired)
    if spikes is None:
        raise InputError(f"{original.name} gives nothing of the shape of its input")
    V = find_V(found.drive.rows, spikes)
    session = Session(original, found.manner)
    if misuse.fixed_steps(found, session):
        steps = found.manner.layout.width
        raise InputError(
            f"{original.name} takes {steps} steps a call, no more and no fewer: make it for any "
            "number of steps"
        )
    session.run(found.drive.x)
    if found.drive.fired:
        spikes = _all_kinds(found, original, spikes)
    remarks = [
        *misuse.of_form(found),
        *remarks,
        *misuse.differing_neurons(found, session),
        *misuse.of_arguments(found, session),
        *misuse.of_conduct(found, session),
        *misuse.of_outputs(found, spikes),
    ]
    manner = found.manner
    return Call(
        convention=_convention(manner),
        sentence=_sentence(manner, spikes, V),
        remarks=tuple(remarks),
        width=manner.layout.width if "w" in manner.layout.axes else None,
        dtype=_computes_in(session, V),
        amplitude=found.drive.amplitude,
        spikes=spikes,
        V=V,
        sure=found.sure,
        original=original,
        manner=manner,
    )


def _all_kinds(found: Found, original: Original, spikes: Spikes) -> Spikes:
    """Spikes as they are written for strong and for negative inputs, too."""
    seen = [found.drive.rows[spikes.path]]
    for factor in (8.0, -1.0):
        with contextlib.suppress(Exception):  # an overflow, or negative values that it refuses
            values = Session(original, found.manner).run(factor * found.drive.x)[spikes.path]
            seen += [values] if np.isfinite(values).all() else []
    return Spikes(spikes.path, *kind_of(np.concatenate(seen)))


def _convention(manner: Manner) -> Convention:
    if manner.stepwise:
        return Convention.STEP if manner.states is None else Convention.STEP_STATE
    return Convention.TIME_FIRST if manner.layout.axes[0] == "t" else Convention.BATCH_FIRST


def _sentence(manner: Manner, spikes: Spikes, V: str | None) -> str:
    what = f"{manner.medium} of shape {manner.layout}"
    if manner.layout.axes == "":
        what = "single numbers"
    if not manner.stepwise:
        how = f"called once with {what}"
    elif manner.states is None:
        how = f"called once a step with {what}, its state inside"
    else:
        names = ", ".join(manner.states.names)
        how = f"called once a step with {what} and its state ({names}), which it gives back"
    seen = "V is not shown" if V is None else f"V is {_place(V)}"
    return f"{how}; the spikes are {_place(spikes.path)}, {seen}"


def _place(path: str) -> str:
    if path.startswith(KEPT):
        return f"its attribute {path.removeprefix(KEPT)}"
    return f"item {path} of the answer" if path else "the answer"


def _computes_in(session: Session, V: str | None) -> str:
    """Type of V, where it is shown; of what it is given, if not."""
    given = session.manner.medium.dtype
    return session.types.get(V, given) if V is not None else given
