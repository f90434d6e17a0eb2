"""Dialects: how a framework steps a NIR graph on a time grid, where NIR leaves it open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from bio_scnn.errors import InputError
from bio_scnn.neuron.units import one_of, to_number

Update = Literal["euler", "exact", "exponential"]
Form = Literal["increment", "decay", "scaled", "division"]


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """A framework's time step, where NIR has only differential equations.

    Attributes
    ----------
    name : str
    dt_ms : float, ms
        Time step.
    update : {"euler", "exact", "exponential"}
        Forward Euler; the exact solution over a step; or the exact decay with Euler's gain,
        stage by stage.
    form : {"increment", "decay", "scaled", "division"}
        How the update is written, which decides how it rounds: ``V + dt/tau (... - V)``;
        ``a V + g x``; the same with V in units of g and the threshold divided by g; or
        ``V + (... - V) / (tau/dt)``.
    input : {"held", "impulse"}
        A value in a step is a current held over it, or an impulse of an area.
    impulse_area_s : float, s
        Area of an input's impulse; NIR's spikes are delta functions of area 1.
    IF_input : {"", "held", "impulse"}
        `input` of IF and I nodes; empty if it is the same.
    spike_area_ms : float or None, ms
        Area of a neuron's spike, if inputs are held: the spike counts as a current of area/dt for
        a step. None: the current is 1, so that the area is dt.
    order : {"decay first", "input first"}
        An impulse is added after the decay of its step, or decays with it.
    synapse : {"new", "old"}
        A CubaLIF's V sees the synaptic current after its update, or before.
    evaluation : {"topological", "depth first"}
        Each node after its sources; or in the order in which a depth-first walk from the input
        meets the nodes. If a source then comes later than its target, its output of the last step
        counts.
    recurrent_delay : int, steps
        Delay of an edge that closes a loop; at least 1.
    edge_delay, input_delay : int, steps
        Delay of every output of a neuron that fires, and of the graph's inputs.
    reset : {"value", "subtract"}
        To v_reset, or by v_threshold - v_reset.
    reset_when : {"same step", "next step"}
    strict : bool
        ``V > v_threshold``, as NIR has it, or ``V >= v_threshold``.
    several : bool
        Fires once for each threshold that fits into V, in one step.
    floor : {"none", "zero", "-threshold of an IF"}
        Bound of V from below: after the update, or after the reset.
    start : {"zero", "v_leak", "v_reset"}
        V before the first step.
    ignores : tuple of str
        Fields that are not used, as "LIF.r" (then it counts as 1) or "IF.v_reset" (as 0).
    leaky_synapse : bool
        v_leak acts on a CubaLIF's synaptic current as well.
    number_format : str
        "float64", "float32", "bfloat16", or "Qm.n": fixed point with m bits before and n after
        the point, and a sign.
    """

    name: str = "NIR"
    dt_ms: float = 0.1
    update: Update = "euler"
    form: Form = "increment"
    input: Literal["held", "impulse"] = "held"
    impulse_area_s: float = 1.0
    IF_input: Literal["", "held", "impulse"] = ""
    spike_area_ms: float | None = None
    order: Literal["decay first", "input first"] = "decay first"
    synapse: Literal["new", "old"] = "new"
    evaluation: Literal["topological", "depth first"] = "topological"
    recurrent_delay: int = 1
    edge_delay: int = 0
    input_delay: int = 0
    reset: Literal["value", "subtract"] = "value"
    reset_when: Literal["same step", "next step"] = "same step"
    strict: bool = True
    several: bool = False
    floor: Literal["none", "zero", "-threshold of an IF"] = "none"
    start: Literal["zero", "v_leak", "v_reset"] = "zero"
    ignores: tuple[str, ...] = ()
    leaky_synapse: bool = False
    number_format: str = "float32"

    def __post_init__(self) -> None:
        if to_number(self.dt_ms, "dt_ms", "ms") <= 0:
            raise InputError(f"dt_ms (={self.dt_ms:g} ms) must be greater than 0 ms")
        if to_number(self.impulse_area_s, "impulse_area_s", "dimensionless") <= 0:
            raise InputError(f"impulse_area_s (={self.impulse_area_s:g} s) must be positive")
        for name, choices in _CHOICES.items():
            one_of(name, getattr(self, name), choices)
        if self.recurrent_delay < 1 or min(self.edge_delay, self.input_delay) < 0:
            raise InputError(
                f"recurrent_delay (={self.recurrent_delay}) must be at least 1 step, edge_delay "
                f"(={self.edge_delay}) and input_delay (={self.input_delay}) at least 0: on a "
                "grid a loop takes a step"
            )

    def input_of(self, kind: str) -> str:
        """The `input` that a type of node has."""
        return self.IF_input if kind in ("IF", "I") and self.IF_input else self.input

    def takes_impulses(self, kinds: Iterable[str]) -> bool:
        """True if all of some types of nodes take a value as an impulse."""
        return all(self.input_of(kind) == "impulse" for kind in kinds)

    def area_ms(self, kinds: Iterable[str]) -> float:
        """Area of a spike to some types of nodes, ms: of the impulse that it is."""
        if self.takes_impulses(kinds):
            return self.impulse_area_s * 1e3
        return self.dt_ms if self.spike_area_ms is None else self.spike_area_ms

    def uses(self, kind: str, field: str) -> bool:
        """False for a field that is ignored."""
        return f"{kind}.{field}" not in self.ignores


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "update": get_args(Update),
    "form": get_args(Form),
    "input": ("held", "impulse"),
    "IF_input": ("", "held", "impulse"),
    "order": ("decay first", "input first"),
    "synapse": ("new", "old"),
    "evaluation": ("topological", "depth first"),
    "reset": ("value", "subtract"),
    "reset_when": ("same step", "next step"),
    "floor": ("none", "zero", "-threshold of an IF"),
    "start": ("zero", "v_leak", "v_reset"),
}

DIALECTS: Mapping[str, Dialect] = {
    one.name: one
    for one in (
        Dialect(name="euler", number_format="float64"),
        Dialect(name="exact", update="exact", number_format="float64"),
        Dialect(
            name="norse",
            dt_ms=1.0,
            IF_input="impulse",
            evaluation="depth first",
            start="v_leak",
            ignores=("LIF.r", "LIF.v_reset", "IF.r", "IF.v_reset", "CubaLIF.v_reset"),
            leaky_synapse=True,
        ),
        Dialect(
            name="snntorch",
            form="scaled",
            ignores=("LIF.v_reset", "CubaLIF.v_reset", "LIF.v_leak", "CubaLIF.v_leak"),
        ),
        Dialect(name="spikingjelly", form="division", strict=False, start="v_reset"),
        Dialect(
            name="sinabs",
            update="exponential",
            form="decay",
            IF_input="impulse",
            reset="subtract",
            strict=False,
            several=True,
            floor="-threshold of an IF",
            ignores=("IF.r", "IF.v_reset", "LIF.v_reset"),
        ),
        Dialect(
            name="rockpool",
            update="exponential",
            form="decay",
            order="input first",
            reset="subtract",
            strict=False,
            several=True,
        ),
        Dialect(name="nengo", update="exact", number_format="float64"),
        Dialect(name="lava", number_format="float64", edge_delay=1, input_delay=1),
    )
}
"""Dialects of frameworks by name; `docs/nir.md` says what each was established from."""


def dialect_of(dialect: str | Dialect, dt_ms: float | None = None) -> Dialect:
    """A dialect by name, at a time step.

    Raises
    ------
    InputError
        If the name is unknown.
    """
    if isinstance(dialect, str):
        one_of("dialect", dialect, tuple(DIALECTS))
        dialect = DIALECTS[dialect]
    return dialect if dt_ms is None else replace(dialect, dt_ms=dt_ms)
