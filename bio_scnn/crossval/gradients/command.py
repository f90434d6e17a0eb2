"""Command line of gradients: ``python -m bio_scnn.validate NAME --gradients``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from bio_scnn.crossval.gradients.comparing import GradientReport, compare_gradients
from bio_scnn.crossval.gradients.layers import layer_of
from bio_scnn.errors import InputError
from bio_scnn.runtime.files import encodable

STATEMENT = (
    "A surrogate gradient and the exact one need not agree: the surrogate is the derivative of a",
    "smooth function in place of the threshold. The exact derivative of spike times does not see",
    "that a spike may appear or vanish. That of the rate is 0 below rheobase.",
)


def run_gradients(args: argparse.Namespace, declare: Mapping[str, Any]) -> bool:
    """Print a comparison for each named layer; False if gradients are missing or not finite."""
    if not args.names:
        raise InputError(
            "--gradients goes with names: python -m bio_scnn.validate NAME --gradients"
        )
    found, refused = [], {}
    for name in args.names:
        try:
            found.append(compare_gradients(layer_of(name, args.dt, declare)))
        except InputError as error:
            refused[name] = str(error)
        except Exception as error:  # whatever a layer raises
            words = str(error).strip().splitlines() or [""]
            refused[name] = f"{name}: {type(error).__name__}: {words[0]}"
    if not found:
        raise InputError("; ".join(refused.values()))
    if args.json:
        table = {"layers": [as_table(report) for report in found], "refused": refused}
        print(json.dumps(table, indent=2))
    else:
        lines = [*STATEMENT, *(line for report in found for line in ("", *lines_of(report)))]
        print(encodable("\n".join([*lines, *refused.values()])))
    return not refused and all(report.ok for report in found)


def lines_of(report: GradientReport) -> list[str]:
    """The comparison in words and numbers."""
    layer = report.layer
    lines = [
        f"{layer.name}: {layer.neuron}; dt {layer.dt_ms:g} ms, {layer.dtype}",
        f"  {report.steps:,} steps of random input: {report.spikes:,} spikes, "
        f"{report.exact_spikes:,} by eq. 1",
    ]
    if report.rows:
        lines.append(
            f"  {'gradient of':<40}{'same sign':>10}{'cosine':>9}{'scale':>10}{'zero':>7}"
        )
    for row in report.rows:
        numbers = f"{row.sign:>10.0%}{row.cosine:>9.2f}{row.scale:>10.2g}{row.zero:>7.0%}"
        lines.append(f"  {row.what:<40}{numbers}")
    lines += [f"  parameter {name}: {told}" for name, told in report.parameters.items()]
    return lines + [f"  - {sentence}" for sentence in findings(report)]


def findings(report: GradientReport) -> list[str]:
    """Findings, each with what it means for training."""
    if report.missing:
        return [
            "no gradient reaches the input: the spikes are compared or detached without a "
            "surrogate, so nothing before this layer can be trained"
        ]
    told = []
    if not report.finite:
        told.append("a gradient is not finite: one step of training spoils every weight")
    for name, size in report.parameters.items():
        if size in ("missing", "zero", "not finite"):
            told.append(f"the gradient of {name} is {size}: training does not improve it")
    if not report.finite:
        return told
    time, weight, rate = report.rows[:3]
    if time.zero > 0.5:
        told.append(
            f"in {time.zero:.0%} of the steps the surrogate has a gradient of 0 where the exact "
            "one has not: it is narrow, or underflows; nothing is learned from these inputs"
        )
    if weight.cosine < 0.5:
        told.append(
            f"for spike times the weights move at {_angle(weight.cosine)} degrees to the exact "
            "direction: if spike times carry the information, check the training by other means"
        )
    for row in report.rows[3:]:
        if row.cosine < 0:
            name = row.what.rpartition(" ")[2]
            told.append(
                f"for spike times {name} moves against the exact derivative: a small step of "
                "training makes this loss worse"
            )
    if rate.cosine > 0.8:
        told.append("for rates it points in about the exact direction")
    elif np.isfinite(rate.cosine):
        told.append(
            f"for rates it depends on the current in another way than the exact one (cosine "
            f"{rate.cosine:.2f}): some neurons learn too fast or too slowly against others"
        )
    if not 0.2 < rate.scale < 5:
        told.append(
            f"it is {rate.scale:.2g} times as large as the rate's derivative: over n layers the "
            f"factor is the n-th power, so gradients {'grow' if rate.scale > 1 else 'vanish'}"
        )
    if report.silent > 0.01:
        told.append(
            f"below rheobase it has {report.silent:.0%} of its size above; the exact one is 0 "
            "there: training can make silent neurons fire"
        )
    else:
        told.append("below rheobase it is 0 or nearly: silent neurons stay silent")
    return told


def _angle(cosine: float) -> int:
    return round(float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))


def as_table(report: GradientReport) -> dict[str, Any]:
    """The comparison as a table of JSON."""
    table = asdict(report)
    layer = table.pop("layer")
    rows = [
        {key: None if value != value else value for key, value in row.items()}
        for row in table["rows"]
    ]
    kept = {key: layer[key] for key in ("name", "dt_ms", "dtype", "neuron")}
    return {**kept, **table, "rows": rows, "ok": report.ok, "findings": findings(report)}
