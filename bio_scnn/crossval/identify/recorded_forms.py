"""Forms of recordings: V that shows spikes, neurons that differ, arrays that lie across."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.crossval.identify.flow import Recorded, flows
from bio_scnn.crossval.identify.identification import Identification
from bio_scnn.crossval.identify.readings import code_sentence
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step

Identify = Callable[[Recorded], Identification]

MOST_COLUMNS = 16
"""Neurons that are looked at one by one."""


def in_other_forms(data: Recorded, found: Identification, identify: Identify) -> Identification:
    """Identification of a recording that is not explained as it stands.

    Parameters
    ----------
    data : Recorded
    found : Identification
        What explains it best as it stands.
    identify : callable
        Identifies a recording as it stands.

    Returns
    -------
    Identification
        The given one, or one that explains the recording in another form, with a remark on it.
    """
    for form in (_with_spikes_shown, _one_by_one, _across):
        other = form(data, found, identify)
        if other is not None and other.exact:
            return other
    return found


def shown_at_spikes(data: Recorded) -> float | None:
    """Value that V shows in each step of a spike, and nowhere a higher one; None if it has none.

    Programs draw spikes so, and recordings of V leave out what was above the threshold.
    """
    fired = data.fired() > 0
    if data.V is None or fired.sum() < 3 or fired.all():
        return None
    at = data.V[fired]
    return float(at[0]) if np.ptp(at) == 0 and at[0] > data.V[~fired].max() else None


def without_gaps(V: NDArray[np.floating], fired: ArrayLike | None) -> NDArray[np.floating]:
    """V with a value above all others where it is not a number and a spike is."""
    gaps = np.isnan(V)
    if fired is None or not gaps.any() or gaps.all() or (gaps & (np.asarray(fired) == 0)).any():
        return V
    known = V[~gaps]
    return np.where(gaps, known.max() + max(0.1 * float(np.ptp(known)), 1e-9), V)


def _with_spikes_shown(
    data: Recorded, found: Identification, identify: Identify
) -> Identification | None:
    """Identification with V of spikes as the update makes it, in place of a value drawn there."""
    peak = shown_at_spikes(data)
    if peak is None or data.V is None:
        return None
    fired = data.fired() > 0
    for flow in flows(data)[:2]:
        made = _made_at_spikes(data, flow.neuron)
        if made is None:
            continue
        again = identify(Recorded(data.x, np.where(fired, made, data.V), data.spikes))
        if again.exact:
            text = f"in the step of a spike V is shown as {peak:.6g}, or not at all"
            others = tuple(r for r in again.remarks if not r.startswith("V is shown before"))
            return replace(again, remarks=(text, *others))
    return None


def _made_at_spikes(data: Recorded, n: SteppedNeuron) -> NDArray[np.float64] | None:
    """V as an update makes it in each step, from the reset where the last step had a spike."""
    fired, V = data.fired() > 0, data.V
    after = fired[:-1] & ~fired[1:]
    if V is None or n.decay < 1e-6 or not after.any():
        return None
    drive = step(replace(n, threshold=np.inf), data.x).drive
    reset = float(np.median(((V - drive)[1:] / n.decay)[after]))
    last = np.concatenate([np.full_like(V[:1], n.start), V[:-1]])
    last[1:][fired[:-1]] = reset
    return n.decay * last + drive


def _one_by_one(
    data: Recorded, found: Identification, identify: Identify
) -> Identification | None:
    """Identification of each column, where neurons differ."""
    columns = data.x.shape[1]
    if not 1 < columns <= MOST_COLUMNS:
        return None
    each = []
    for k in range(columns):
        one = identify(_column(data, k))
        if not one.exact or one.neuron is None:
            return None
        each.append(one)
    words = [code_sentence(one.neuron) for one in each if one.neuron is not None]
    remarks = [f"the {columns} neurons differ; above is neuron 0"]
    remarks += [f"neuron {k}: {text}" for k, text in enumerate(words[1:], 1)]
    errors = [one.V_error for one in each if one.V_error is not None]
    return replace(
        each[0],
        spikes=sum(one.spikes for one in each),
        V_error=max(errors, default=None),
        alternatives=(),
        remarks=(*remarks, *each[0].remarks),
    )


def _column(data: Recorded, k: int) -> Recorded:
    """One neuron of a recording."""
    pick = slice(k, k + 1)
    return Recorded(
        data.x[:, pick],
        None if data.V is None else data.V[:, pick],
        None if data.spikes is None else data.spikes[:, pick],
    )


def _across(data: Recorded, found: Identification, identify: Identify) -> Identification | None:
    """Identification of a recording whose arrays are (neurons, steps)."""
    steps, columns = data.x.shape
    if columns <= steps:
        return None
    turned = Recorded(
        np.ascontiguousarray(data.x.T),
        None if data.V is None else np.ascontiguousarray(data.V.T),
        None if data.spikes is None else np.ascontiguousarray(data.spikes.T),
    )
    again = identify(turned)
    if not again.exact:
        again = _one_by_one(turned, again, identify) or again
    text = f"the arrays are taken for ({steps} neurons, {columns} steps)"
    return replace(again, remarks=(text, *again.remarks))
