"""Variants of nodes without a state: weights, biases, windows, order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from bio_scnn.nir.dialects import Dialect
from bio_scnn.nir.graph import Node
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
    if node.kind == "Scale":
        one = np.ones_like(v["scale"])
        yield fault("scale ignored", "the scale is ignored", "multiply by it", scale=one)
    if node.kind in ("SumPool2d", "AvgPool2d"):
        other = "AvgPool2d" if node.kind == "SumPool2d" else "SumPool2d"
        word = "means" if other == "AvgPool2d" else "sums"
        yield Variant(
            "pool", f"it takes {word}", f"{node.kind} is another", replace(node, kind=other), d
        )
    if node.kind == "Flatten":
        yield Variant(
            "order",
            "the columns are taken before the rows",
            "flatten with the last axis fastest",
            replace(node, kind="Reversed"),
            d,
        )
