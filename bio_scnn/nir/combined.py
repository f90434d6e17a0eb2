"""Variants of a neuron that differ from NIR in several ways at once, as whole frameworks do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bio_scnn.nir.dialects import Dialect
from bio_scnn.nir.graph import Node
from bio_scnn.nir.variants import Variant, changed_node


@dataclass(frozen=True, eq=False)
class Choice:
    """One of the ways in which something may be done; without words, NIR's way."""

    words: str = ""
    fix: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    delay: int = 0
    fault: bool = False


NIR_WAY = Choice()
_INPUT_FIRST = Choice("the input decays in its own step", changes={"order": "input first"})
_LATE = Choice("a spike is put out a step later", delay=1)
_DECAY = Choice("it decays exactly, with Euler's gain", changes={"update": "exponential"})


def combined(node: Node, d: Dialect) -> Iterator[Variant]:
    """Variants of a neuron that fires that differ in several ways, those with the fewest first."""
    if not node.fires:
        return
    found = []
    for step in _steps(node, d):
        at = replace(d, form="decay", **step.changes)
        leaks = node.kind != "IF"
        ways = (
            _gains(node, at),
            _leaks(node),
            (NIR_WAY, _DECAY)[: 1 + leaks],
            (NIR_WAY, _INPUT_FIRST)[: 1 + leaks],
            (NIR_WAY, _LATE),
            _resets(node, at),
        )
        found += [(at, [c for c in (step, *one) if c.words]) for one in itertools.product(*ways)]
    for at, choices in sorted(found, key=lambda one: len(one[1])):
        if len(choices) > 1:
            yield _variant(node, at, choices)


def _variant(node: Node, d: Dialect, choices: list[Choice]) -> Variant:
    values = {key: value for one in choices for key, value in one.values.items()}
    changes = {key: value for one in choices for key, value in one.changes.items()}
    return Variant(
        "several",
        "; ".join(one.words for one in choices),
        "; ".join(one.fix for one in choices if one.fix),
        changed_node(node, **values),
        replace(d, **changes),
        "fault" if any(one.fault for one in choices) else "convention",
        output_delay=sum(one.delay for one in choices),
    )


def _steps(node: Node, d: Dialect) -> Iterator[Choice]:
    """The time step: as told, or as an importer may find it in the file."""
    yield NIR_WAY
    if node.kind == "IF":
        return
    tau = node.values["tau_mem" if node.kind == "CubaLIF" else "tau"]
    own = float((tau / (1 + node.values["r"])).min()) * 1e3
    if own > 0 and abs(own - d.dt_ms) > 1e-6 * d.dt_ms:
        yield Choice(
            f"it steps by tau/(1 + r) = {own:.4g} ms, not {d.dt_ms:g} ms",
            "pass dt to the import",
            changes={"dt_ms": own},
            fault=True,
        )


def _gains(node: Node, d: Dialect) -> Iterator[Choice]:
    """The factors of the input and of the synaptic current."""
    yield NIR_WAY
    dt, v = d.dt_ms / 1e3, node.values
    if node.kind == "IF":
        area = {"IF_input": "impulse"}
        words, fix = "r is ignored, and a value is an impulse of area 1 s", "use r dt"
        if d.input_of("IF") != "impulse" or np.any(v["r"] != 1):
            yield Choice(words, fix, {"r": 1.0}, area, fault=True)
        return
    if node.kind == "LIF":
        fix = "multiply the input by r dt/tau"
        values = {"r": v["tau"] / dt}
        yield Choice("the input is added without r dt/tau", fix, values, fault=True)
        return
    values = {"w_in": v["tau_syn"] / dt}
    fix = "multiply the input by w_in dt/tau_syn"
    yield Choice("the input is added without w_in dt/tau_syn", fix, values, fault=True)
    yield Choice(
        "the input is added without w_in dt/tau_syn, the synaptic current without r dt/tau_mem",
        f"{fix}, the synaptic current by r dt/tau_mem",
        {**values, "r": v["tau_mem"] / dt},
        fault=True,
    )


def _leaks(node: Node) -> Iterator[Choice]:
    """The value that V decays to."""
    yield NIR_WAY
    if np.any(node.values.get("v_leak", np.zeros(1)) != 0):
        yield Choice("v_leak is ignored", "use the file's v_leak", {"v_leak": 0.0}, fault=True)


def _resets(node: Node, d: Dialect) -> Iterator[Choice]:
    """Threshold and reset."""
    v = node.values
    fix = "reset V to v_reset"
    late = None
    if node.kind != "IF":
        kept = 1 - d.dt_ms / 1e3 / v["tau_mem" if node.kind == "CubaLIF" else "tau"]
        late = v["v_threshold"] * (1 - 1 / kept) if (kept > 0).all() else None
    subtracts = {"reset": "subtract"}
    zero = {"v_reset": 0.0}
    yield NIR_WAY
    yield Choice("it fires at V = v_threshold as well", changes={"strict": False})
    for at, strict in (("", True), (", and it fires at V = v_threshold as well", False)):
        changes = {**subtracts, "strict": strict}
        words = f"a spike subtracts v_threshold{at}"
        yield Choice(words, fix, zero, changes, fault=True)
        if late is not None:
            words = f"a spike subtracts v_threshold after the next decay{at}"
            yield Choice(words, fix, {"v_reset": late}, changes, fault=True)
    words = "it fires several times in a step, and subtracts each"
    changes = {**subtracts, "several": True, "strict": False}
    yield Choice(words, "fire once and reset to v_reset", zero, changes, fault=True)
