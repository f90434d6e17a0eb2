"""Telling inputs: those that put V where it decides, beside the threshold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.stepped import SteppedNeuron, step
from bio_scnn.crossval.identify.whole.drives import Answers, asked
from bio_scnn.crossval.identify.whole.layer import WholeLayer
from bio_scnn.crossval.identify.whole.spikes import bounds_of_threshold

_ROUNDS, _TRIES, _ASKED, _LENGTH = 5, 4000, 24, 6


def with_telling(layer: WholeLayer, data: Answers, flows: list[SteppedNeuron]) -> Answers:
    """Answers with more neurons, whose V lies between what fires and what does not.

    Parameters
    ----------
    layer : WholeLayer
    data : Answers
    flows : list of SteppedNeuron
        The first says where V is.

    Returns
    -------
    Answers
    """
    if not flows:
        return data
    flow = replace(flows[0], threshold=np.inf)
    rng = np.random.default_rng(11)
    for _ in range(_ROUNDS):
        low, high = bounds_of_threshold(data, flow)
        if not low + 1 < high < np.inf:
            break
        x = _between(layer, data, flow, rng)
        if x is None:
            break
        more = asked(
            layer,
            np.concatenate([x, np.zeros_like(data.x[len(x) :, :1].repeat(x.shape[1], 1))]),
            data.late,
            data.latency,
        )
        data = joined(data, more)
    return data


def _between(
    layer: WholeLayer, data: Answers, flow: SteppedNeuron, rng: np.random.Generator
) -> NDArray[np.float64] | None:
    """Short drives that put V between the bounds of the threshold, spread over them."""
    low, high = bounds_of_threshold(data, flow)
    # impulses of any size, for one near the threshold, then smaller ones
    x = rng.normal(0.5, 0.6, (_LENGTH, _TRIES)) * layer.scale * layer.sign
    x[:, ::2] *= rng.uniform(0, 6, _TRIES // 2)
    x[1:, ::3] = 0
    x[0, 1::3] = rng.uniform(0, 64, len(x[0, 1::3])) * layer.scale * layer.sign
    x = np.clip(np.rint(x), layer.least, layer.most)
    last = step(flow, np.concatenate([x[:-1], 0 * x[-1:]])).V[-1]
    ones = np.zeros((_LENGTH, 1))
    ones[-1] = layer.sign * 64.0
    gain = float((step(flow, ones).V[-1] - step(flow, 0 * ones).V[-1])[0]) / 64
    if gain:
        aimed = np.rint(((low + high) / 2 - last) / (gain * layer.sign))
        x[-1] = np.clip(aimed, layer.least, layer.most)
    V = step(flow, x).V
    inside = (V > low) & (V < high)
    reached = np.maximum.accumulate(V, axis=0) < high
    good = np.flatnonzero((inside & reached).any(axis=0))
    if not len(good):
        return None
    largest = np.where(inside & reached, V, -np.inf).max(axis=0)[good]
    _, one = np.unique(largest, return_index=True)
    kept = good[one][:: max(len(one) // _ASKED, 1)]
    return np.asarray(x[:, kept])


def joined(one: Answers, two: Answers) -> Answers:
    """Answers to two drives of one length, side by side."""
    V = None if one.V is None or two.V is None else np.concatenate([one.V, two.V], 1)
    x, spikes = (np.concatenate([getattr(d, n) for d in (one, two)], 1) for n in ("x", "spikes"))
    return replace(one, x=x, spikes=spikes, V=V)
