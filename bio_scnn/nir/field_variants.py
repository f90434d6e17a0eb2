"""Variants of neurons: fields that are ignored, swapped, used twice, or one for all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bio_scnn.nir.dialects import Dialect
from bio_scnn.nir.graph import Node
from bio_scnn.nir.variants import Variant, changed_node

NEUTRAL = {"r": 1.0, "w_in": 1.0, "v_leak": 0.0, "v_reset": 0.0, "v_threshold": 1.0}


def of_fields(node: Node, d: Dialect) -> Iterator[Variant]:
    """Fields that are ignored, swapped, or taken from one neuron for all."""
    v = node.values
    for key, neutral in NEUTRAL.items():
        if key in v and np.any(v[key] != neutral):
            yield Variant(
                f"{key} ignored",
                f"{key} is ignored, as if it were {neutral:g}",
                f"use the file's {key}",
                changed_node(node, **{key: neutral}),
                d,
            )
    for a, b in (("tau_mem", "tau_syn"), ("r", "w_in"), ("v_leak", "v_reset")):
        if a in v and b in v and np.any(v[a] != v[b]):
            yield Variant(
                f"{a} and {b} swapped",
                f"{a} and {b} are swapped",
                f"assign {a} and {b} by name",
                changed_node(node, **{a: v[b], b: v[a]}),
                d,
            )
    for key, value in v.items():
        if key in (*NEUTRAL, "tau", "tau_mem", "tau_syn") and np.ptp(value) > 0:
            for how, one in (
                ("the first neuron's", value.flat[0]),
                ("the mean", value.mean()),
                ("the smallest", value.min()),
                ("the largest", value.max()),
            ):
                yield Variant(
                    f"one {key} for all",
                    f"{how} {key} is taken for all neurons",
                    f"keep one {key} for each neuron",
                    changed_node(node, **{key: one}),
                    d,
                )
    yield from _used_wrongly(node, d)


def _used_wrongly(node: Node, d: Dialect) -> Iterator[Variant]:
    """Fields that are used, but not as NIR has them."""
    v = node.values
    for key in ("tau", "tau_mem", "tau_syn"):
        if key in v:
            inverse = changed_node(node, **{key: 1 / v[key]})
            words = f"{key} is taken for its inverse"
            yield Variant(f"{key} inverted", words, f"{key} is in seconds", inverse, d)
    for key in ("r", "w_in"):
        if key in v and np.any(v[key] != 1):
            twice = changed_node(node, **{key: v[key] ** 2})
            yield Variant(f"{key} twice", f"{key} is used twice", "use it once", twice, d)
    if "v_reset" in v and "v_leak" in v and np.any(v["v_reset"] != v["v_leak"]):
        other = changed_node(node, v_reset=v["v_leak"])
        fix = "NIR resets V to v_reset"
        yield Variant("reset", "a spike sets V to v_leak", fix, other, d)
    if "v_leak" in v and np.any(v["v_leak"] != 0):
        sign = changed_node(node, v_leak=-v["v_leak"])
        yield Variant("v_leak sign", "v_leak has the other sign", "V decays to v_leak", sign, d)
    if "v_threshold" in v and "v_leak" in v and np.any(v["v_leak"] != 0):
        over = changed_node(node, v_threshold=v["v_threshold"] + v["v_leak"])
        words = "v_threshold is counted from v_leak"
        yield Variant("threshold", words, "v_threshold is a value of V itself", over, d)
