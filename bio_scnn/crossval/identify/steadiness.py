"""Steadiness of a live layer: answers that differ from call to call, depend on time, or are NaN.

Nothing is claimed of a layer whose answer to an input is not one answer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.probing import Layer, Run

Answer = tuple[NDArray, NDArray | None]
_SIZES = 2.0 ** (np.arange(-160, 161, 2) / 4)
_QUIET = 400  # steps in which most neurons forget


def unsteady(run: Run) -> str | None:
    """Reason for which no neuron can be claimed of a layer; None if there is none.

    Parameters
    ----------
    run : callable
        ``run(x) -> (spikes, V or None)`` with arrays ``(steps, neurons)``.
    """
    held = np.concatenate([-_SIZES[::-1], [0.0], _SIZES])
    x = np.broadcast_to(held, (48, len(held))).copy()
    x[24:] = x[23::-1] * np.linspace(-0.5, 1.5, 24)[:, None]
    first = _answer(run, x)
    if why := _not_a_number(first, x):
        return why
    if _same(first, _answer(run, x)):
        return None
    after = []
    for _ in range(2):
        _answer(run, np.zeros((_QUIET, x.shape[1])))
        after.append(_answer(run, x))
    if _same(after[0], after[1]):
        return (
            "its answer depends on the calls before: state is left over; reset it, or make a new "
            "one, at the beginning of each call"
        )
    return (
        "the same input gives different answers from call to call: noise that is not seeded, or "
        "state that is left over; nothing can be claimed of it"
    )


def time_matters(layer: Layer, x: NDArray[np.float64]) -> list[str]:
    """Words on answers that differ by neuron or by time: noise that is the same in every run."""
    if _coupled(layer, x[:200]):
        return ["neurons act on each other: what one does depends on the input of the others"]
    found = []
    same = np.repeat(x[:200, 10:30:5], 4, axis=1)
    answer = _answer(layer.both, same)
    alike = [a.reshape(len(a), -1, 4) for a in answer if a is not None]
    if any(not np.array_equal(a, np.broadcast_to(a[..., :1], a.shape), equal_nan=True)
           for a in alike):  # fmt: skip
        found.append(
            "neurons that get the same input answer differently: noise that is the same in every "
            "run, or parameters of their own"
        )
    elif why := _depends_on_time(layer, same[:, ::4]):
        found.append(why)
    return found


def _coupled(layer: Layer, x: NDArray[np.float64]) -> bool:
    """True if the answer of half of the neurons depends on the input of the others."""
    half = x.copy()
    half[:, ::2] = 0
    answers = []
    for given in (x, half):
        spikes, V = _answer(layer.both, given)
        answers.append((spikes[:, 1::2], None if V is None else V[:, 1::2]))
    return not _same(answers[0], answers[1])


def _depends_on_time(layer: Layer, x: NDArray[np.float64]) -> str | None:
    """Words on an answer that depends on when the input comes."""
    answers = []
    for wait in (_QUIET, _QUIET + 37):
        late = np.concatenate([np.zeros((wait, x.shape[1])), x])
        spikes, V = _answer(layer.both, late)
        answers.append((spikes[wait:], None if V is None else V[wait:]))
    if _same(answers[0], answers[1], close=1e-3):
        return None
    return (
        "the answer depends on the step in which the input comes: noise that is the same in every "
        "run, parameters that change with time, or a state that takes long to settle"
    )


def _answer(run: Run, x: NDArray[np.float64]) -> Answer:
    with np.errstate(all="ignore"):
        spikes, V = run(x)
    return np.asarray(spikes), None if V is None else np.asarray(V, dtype=np.float64)


def _same(one: Answer, other: Answer, close: float = 1e-6) -> bool:
    """True if spikes are equal, and V up to rounding."""
    if not np.array_equal(one[0], other[0], equal_nan=one[0].dtype.kind == "f"):
        return False
    if one[1] is None or other[1] is None:
        return True
    size = np.nanmax(np.abs(np.where(np.isfinite(one[1]), one[1], 0)), axis=0)
    off = np.abs(one[1] - other[1])
    return not bool((off > close * size).any())


def _not_a_number(answer: Answer, x: NDArray[np.float64]) -> str | None:
    """Words on answers that are not finite, at inputs of the size that makes a layer fire."""
    spikes, V = answer
    fires = (np.nan_to_num(spikes) > 0).any(axis=0)
    sizes = np.abs(x[0])
    usual = 60 * sizes[fires].min() if fires.any() else np.inf
    for name, values in (("a spike", spikes), ("V", V)):
        if values is None or values.dtype.kind != "f":
            continue
        bad = ~np.isfinite(values)
        if name == "V":
            bad &= spikes == 0  # some write NaN beside a spike, to draw it
        columns = bad.any(axis=0) & (sizes <= usual)
        if columns.any():
            column = int(np.where(columns, sizes, np.inf).argmin())
            row = int(bad[:, column].argmax())
            return (
                f"{name} is {values[row, column]} in step {row + 1}, at inputs of "
                f"{abs(x[0, column]):.3g} in size: nothing can be claimed of it"
            )
    return None
