"""Variants of nodes without a state: weights, biases, windows, order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from bio_scnn.nir.dialects import Dialect
from bio_scnn.nir.graph import Node
from bio_scnn.nir.shapes import output_shape
from bio_scnn.nir.variants import Variant


def of_maps(node: Node, d: Dialect) -> Iterator[Variant]:
    """Weights, biases and windows."""
    v = node.values

    def fault(code: str, cause: str, fix: str, **values: Any) -> Variant:
        return Variant(code, cause, fix, replace(node, values={**v, **values}), d)

    if "bias" in v and np.any(v["bias"] != 0):
        none = np.zeros_like(v["bias"])
        yield fault("bias ignored", "the bias is ignored", "add the file's bias", bias=none)
        yield fault("bias twice", "the bias is added twice", "add it once", bias=2 * v["bias"])
    if "weight" in v:
        w = v["weight"]
        if w.ndim == 2 and w.shape[0] == w.shape[1] and np.any(w != w.T):
            yield fault(
                "transposed", "the weight is transposed", "weight is (out, in)", weight=w.T
            )
        if w.ndim > 2:
            flipped = np.flip(w, axis=tuple(range(2, w.ndim)))
            yield fault(
                "flipped", "the kernel is flipped", "NIR's is a cross-correlation", weight=flipped
            )
            turned = np.swapaxes(w, -1, -2)
            if turned.shape == w.shape:
                yield fault(
                    "axes swapped",
                    "rows and columns of the kernel are swapped",
                    "the kernel is (rows, columns)",
                    weight=turned,
                )
        yield fault("absolute", "the sign of the weights is lost", "keep it", weight=np.abs(w))
        for bits in (8, 4):
            unit = np.abs(w).max() / (2 ** (bits - 1) - 1)
            yield fault(
                "quantised",
                f"the weights are rounded to {bits} bits",
                "import them as they are",
                weight=np.rint(w / unit) * unit,
            )
    yield from _of_windows(node, d)
    yield from _of_others(node, d)


def _of_others(node: Node, d: Dialect) -> Iterator[Variant]:
    """Scales, pools, delays, thresholds, and the order of a Flatten."""
    v = node.values

    def fault(code: str, cause: str, fix: str, **values: Any) -> Variant:
        return Variant(code, cause, fix, replace(node, values={**v, **values}), d)

    if node.kind == "Scale":
        one = np.ones_like(v["scale"])
        yield fault("scale ignored", "the scale is ignored", "multiply by it", scale=one)
    if node.kind in ("SumPool2d", "AvgPool2d"):
        other = "AvgPool2d" if node.kind == "SumPool2d" else "SumPool2d"
        word = "means" if other == "AvgPool2d" else "sums"
        yield Variant(
            "pool", f"it takes {word}", f"{node.kind} is another", replace(node, kind=other), d
        )
    if node.kind == "Delay":
        now, late = np.zeros_like(v["delay"]), v["delay"] + d.dt_ms / 1e3
        yield fault("delay ignored", "the delay is ignored", "delay by the file's", delay=now)
        yield fault("delay", "the delay is a step longer", "count from the input", delay=late)
        for factor in (10, 0.1, 1e3, 1e-3):
            words = f"the delay is taken {factor:g} times as long"
            yield fault("delay unit", words, "it is in seconds", delay=v["delay"] * factor)
    if node.kind == "Threshold":
        level = replace(d, strict=not d.strict)
        words = "it passes a value at the threshold as well"
        yield Variant("threshold", words, "NIR passes what is above it", node, level)
    if node.kind == "Flatten":
        yield Variant(
            "order",
            "the columns are taken before the rows",
            "flatten with the last axis fastest",
            replace(node, kind="Reversed"),
            d,
        )
        yield Variant(
            "order",
            "it flattens with the channels last",
            "flatten (channels, rows, columns) in this order",
            replace(node, kind="Channels last"),
            d,
        )


def _of_windows(node: Node, d: Dialect) -> Iterator[Variant]:
    """Padding, stride, dilation and groups that are left at their usual values."""
    usual = {"padding": 0, "stride": 1, "dilation": 1, "groups": 1}
    for key, value in usual.items():
        old = node.values.get(key)
        if old is None or old.dtype.kind in "SUO" or np.all(old == value):
            continue
        values = {**node.values, key: np.full(old.shape, value)}
        try:
            shape = output_shape(node.kind, values, node.input_shape)
        except ValueError:
            continue
        other = replace(node, values=values, output_shape=shape)
        words = f"{key} is ignored, as if it were {value}"
        yield Variant(f"{key} ignored", words, f"use the file's {key}", other, d)
    if node.kind in ("SumPool2d", "AvgPool2d"):
        values = {**node.values, "stride": node.values["kernel_size"]}
        if np.any(values["stride"] != node.values["stride"]):
            shape = output_shape(node.kind, values, node.input_shape)
            other = replace(node, values=values, output_shape=shape)
            words = "the stride is the size of the kernel"
            yield Variant("stride ignored", words, "use the file's stride", other, d)
