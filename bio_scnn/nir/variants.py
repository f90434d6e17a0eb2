"""Variants of a node: one thing different from what NIR says, with its cause and its fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.nir.dialects import Dialect
from bio_scnn.nir.formats import number_format
from bio_scnn.nir.graph import NEURONS, Node
from bio_scnn.nir.grid import stateless
from bio_scnn.nir.steps import Cell

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Variant:
    """A node as an importer may have made it.

    Attributes
    ----------
    code : str
        Short name of the cause.
    cause, fix : str
        In words; a fix says what to change in the importer.
    node : Node
    dialect : Dialect
    sort : {"fault", "convention"}
        A departure from what the file says, or a choice that NIR leaves open.
    input_delay, output_delay : int, steps
    """

    code: str
    cause: str
    fix: str
    node: Node
    dialect: Dialect
    sort: Literal["fault", "convention"] = "fault"
    input_delay: int = 0
    output_delay: int = 0

    def run(self, x: Array) -> Array:
        """Outputs ``(steps, *shape)`` of the node alone."""
        return np.array([y for y, _ in self._steps(x)])

    def potential(self, x: Array) -> Array:
        """V ``(steps, *shape)`` of the node alone, at the ends of the steps."""
        return np.array([V for _, V in self._steps(x)])

    def _steps(self, x: Array) -> Iterator[tuple[Array, Array | None]]:
        step = Stepper(self)
        form = number_format(self.dialect.number_format)
        with np.errstate(over="ignore", invalid="ignore"):  # as a step of many tau does
            for row in x:
                y = step(form.rounded(row.astype(form.dtype)))
                yield y, None if step.cell is None else step.cell.V


class Stepper:
    """A variant in one step after the other."""

    def __init__(self, variant: Variant) -> None:
        node, d = variant.node, variant.dialect
        form = number_format(d.number_format)
        self.cell = Cell(node, d) if node.kind in NEURONS else None
        if self.cell is not None:
            self.map: Callable[[Array], Array] = self.cell.step
        elif node.kind == "Reversed":
            self.map = lambda x: x.reshape(-1, order="F").reshape(node.output_shape)
        elif node.kind == "Channels last":
            self.map = lambda x: np.moveaxis(x, 0, -1).reshape(node.output_shape)
        else:
            self.map = stateless(node, d)
        zeros = np.zeros(node.input_shape, form.dtype), np.zeros(node.output_shape, form.dtype)
        self.before = [zeros[0]] * variant.input_delay
        self.after = [zeros[1]] * variant.output_delay

    def __call__(self, x: Array) -> Array:
        self.before.append(x)
        self.after.append(self.map(self.before.pop(0)))
        return self.after.pop(0)


def variants(node: Node, d: Dialect) -> Iterator[Variant]:
    """All variants of a node, the most likely first."""
    if node.kind in NEURONS:
        from bio_scnn.nir.field_variants import of_fields

        yield from of_fields(node, d)
        yield from _of_times(node, d)
        yield from _of_spikes(node, d)
        yield from _conventions(node, d)
    else:
        from bio_scnn.nir.map_variants import of_maps

        yield from of_maps(node, d)
    for steps in (1, 2):
        late = f"{steps} step{'s' * (steps > 1)} late"
        yield Variant(
            "delay",
            f"its output is {late}",
            "deliver in the step of the input",
            node,
            d,
            output_delay=steps,
        )


def changed_node(node: Node, **values: Any) -> Node:
    fields = {k: np.broadcast_to(v, node.values[k].shape) for k, v in values.items()}
    return replace(node, values={**node.values, **fields})


def _of_times(node: Node, d: Dialect) -> Iterator[Variant]:
    """Time constants in other units, another time step, and gains without dt."""
    taus = [key for key in node.values if key.startswith("tau")]
    steps = [0.1, 1.0, *(d.dt_ms * factor for factor in (10.0, 0.1, 2.0, 0.5, 1e3, 1e-3))]
    for dt_ms in dict.fromkeys(steps):
        if abs(dt_ms - d.dt_ms) > 1e-9 * d.dt_ms:
            words = f"it steps by {dt_ms:g} ms, not {d.dt_ms:g} ms"
            fix = "pass dt to the import, in the file's seconds"
            yield Variant("time step", words, fix, node, replace(d, dt_ms=dt_ms))
    for key in taus if len(taus) > 1 else ():
        for factor in (1e3, 1e-3):
            yield Variant(
                f"{key} unit",
                f"{key} is taken {factor:g} times as long",
                f"{key} is in seconds",
                changed_node(node, **{key: node.values[key] * factor}),
                d,
            )
    if node.kind in ("I", "IF"):
        now = d.input_of(node.kind)
        area: Literal["held", "impulse"] = "held" if now == "impulse" else "impulse"
        areas = {"held": "a current over dt", "impulse": "an impulse of area 1 s"}
        changed, plain = replace(d, IF_input=area), changed_node(node, r=1.0)
        yield Variant(
            "spike area",
            f"a value is {areas[area]} to it",
            "declare the area of a spike: NIR leaves it open",
            node,
            changed,
            "convention",
        )
        yield Variant(
            "r ignored",
            f"r is ignored, and a value is {areas[area]} to it",
            "use the file's r",
            plain,
            changed,
        )
    elif taus:
        first = "tau_syn" if "tau_syn" in node.values else "tau"
        gain = "w_in" if "tau_syn" in node.values else "r"
        whole = {gain: node.values[first] * 1e3 / d.dt_ms}
        yield Variant(
            "input not scaled",
            f"the input is added without {gain} dt/{first}",
            f"multiply the input by {gain} dt/{first}",
            changed_node(node, **whole),
            d,
        )


def _of_spikes(node: Node, d: Dialect) -> Iterator[Variant]:
    """Threshold and reset."""
    if not node.fires:
        return
    wrong: Literal["value", "subtract"] = "subtract" if d.reset == "value" else "value"
    zero = changed_node(node, v_reset=0.0)
    fix = "NIR resets V to v_reset"
    yield Variant(
        "reset",
        "a spike subtracts v_threshold - v_reset instead of setting V",
        fix,
        node,
        replace(d, reset=wrong),
    )
    if np.any(node.values["v_reset"] != 0):
        yield Variant(
            "reset",
            "a spike subtracts v_threshold, without v_reset",
            fix,
            zero,
            replace(d, reset=wrong),
        )
    never = changed_node(node, v_reset=node.values["v_threshold"])
    yield Variant("no reset", "V is not reset", fix, never, replace(d, reset="subtract"))
    yield Variant(
        "late reset",
        "the reset comes a step late",
        "reset in the step of the spike",
        node,
        replace(d, reset_when="next step"),
    )
    yield Variant(
        "threshold",
        "it fires at V = v_threshold as well",
        "NIR fires at V > v_threshold",
        node,
        replace(d, strict=not d.strict),
    )
    often = replace(d, several=True, reset="subtract", strict=False)
    several = "it fires several times in a step, and subtracts each"
    once = "fire once and reset to v_reset"
    yield Variant("several spikes", several, once, zero, often)
    low = replace(d, floor="zero")
    yield Variant("floor", "V is bounded below by 0", "let V fall below 0", node, low)
    floor = f"{several}; V is bounded below by -v_threshold"
    bounded = replace(often, floor="-threshold of an IF")
    yield Variant("several spikes", floor, f"{once}, without a bound", zero, bounded)
    other = replace(bounded, IF_input="impulse" if d.input_of(node.kind) == "held" else "held")
    if node.kind == "IF":
        yield Variant("several spikes", f"{floor}; r dt is left out", once, zero, other)


def _conventions(node: Node, d: Dialect) -> Iterator[Variant]:
    """Choices that NIR leaves open."""

    def choice(code: str, cause: str, other: Dialect) -> Variant:
        return Variant(code, cause, "declare it: NIR leaves it open", node, other, "convention")

    yield choice("update", "it steps exactly, not by forward Euler", replace(d, update="exact"))
    yield choice(
        "update", "it decays exactly, with Euler's gain", replace(d, update="exponential")
    )
    if "tau_syn" in node.values:
        yield choice(
            "synapse", "V sees the last step's synaptic current", replace(d, synapse="old")
        )
        leaky = replace(d, leaky_synapse=True)
        yield Variant(
            "leaky synapse",
            "v_leak acts on the synaptic current too",
            "let the synaptic current decay to 0",
            node,
            leaky,
        )
    for start in ("v_leak", "v_reset"):
        if start in node.values and np.any(node.values[start] != 0):
            yield choice("start", f"V starts at {start}", replace(d, start=start))
    yield Variant(
        "input delay",
        "its input acts a step late",
        "use the input of the step",
        node,
        d,
        "convention",
        input_delay=1,
    )
    for form in ("scaled", "decay", "division"):
        words = {"scaled": "the threshold is scaled in place of the input"}.get(
            form, f"form {form}"
        )
        yield choice(
            "rounding", f"its update rounds in another way ({words})", replace(d, form=form)
        )
    yield choice("number format", "it computes in bfloat16", replace(d, number_format="bfloat16"))
