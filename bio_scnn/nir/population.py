"""Neurons of a node in continuous time, each at a time of its own between its events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron.linear import DecayingCurrent, LinearNeuron
from bio_scnn.nir.graph import Node

Array = NDArray[np.float64]
Who = NDArray[np.int64]

_RUNAWAY = 100  # spikes of a neuron of a loop in so short a time: over 100 kHz
_SHORT = 1.0  # ms
_AGAIN = 10_000  # spikes of a neuron at one time: more would take forever


def hybrid(node: Node, reset: str) -> LinearNeuron:
    """The hybrid system of a node's neurons, with R = 1: `gain` multiplies the input instead.

    Raises
    ------
    InputError
        If a neuron would fire without end.
    """
    v = {key: _one_or_all(value) for key, value in node.values.items()}
    rest = v.get("v_leak", 0.0)
    level = v["v_threshold"] if node.fires else math.inf
    to = v["v_reset"] if node.fires else 0.0
    if node.fires and np.any(np.asarray(to) >= np.asarray(level)):
        raise InputError(
            f"{node.kind} node {node.name!r}: v_reset must be below v_threshold: in continuous "
            "time the neuron would fire without end"
        )
    kind: Literal["value", "subtract"] = "subtract" if reset == "subtract" else "value"
    if node.kind in ("CubaLI", "CubaLIF"):
        S = DecayingCurrent("S", v["tau_syn"] * 1e3, weight=1.0)
        return LinearNeuron(1.0, v["tau_mem"] * 1e3, rest, level, to, 0.0, kind, (S,))
    if "tau" in v:
        return LinearNeuron(1.0, v["tau"] * 1e3, rest, level, to, 0.0, kind)
    return LinearNeuron(1.0, math.inf, 0.0, level, to, 0.0, kind)


def gain(node: Node) -> Array:
    """Factor of the input: resistance, or gain per ms without a leak, and weight."""
    v, flat = node.values, np.ones(node.size)
    if node.kind in ("CubaLI", "CubaLIF"):
        return flat * (v["r"] * v["w_in"]).ravel()
    return flat * v["r"].ravel() * (1.0 if "tau" in v else 1e-3)


def _one_or_all(value: NDArray) -> float | Array:
    """A float if all neurons have the same value."""
    flat = np.asarray(value, dtype=np.float64).ravel()
    return float(flat[0]) if np.all(flat == flat[0]) else flat


class Population:
    """State of a node's neurons.

    Parameters
    ----------
    node : Node
    end_ms : float, ms
        End of the run.
    reset : {"value", "subtract"}
    driven : sequence of DecayingCurrent
        Currents that integrators drive it by.

    Attributes
    ----------
    crossing : (neurons,) array, ms
        When each will next cross its threshold if nothing happens; inf if it will not.
    """

    def __init__(
        self,
        node: Node,
        end_ms: float,
        reset: str,
        driven: Sequence[DecayingCurrent] = (),
    ) -> None:
        self.name, self.fires, self.end = node.name, node.fires, end_ms
        own = hybrid(node, reset)
        self.to_S, self.first_driven = bool(own.currents), 1 + len(own.currents)
        self.neuron = replace(own, currents=(*own.currents, *driven))
        self.gain = gain(node)
        self.leak = np.zeros(node.size) + node.values.get("v_leak", np.zeros(1)).ravel()
        tau = node.values.get("tau_syn", node.values.get("tau"))
        flat = np.ones(node.size)
        self.per_charge = flat if tau is None else flat / (tau.ravel() * 1e3)
        n = node.size
        self.state = self.neuron.start(n)
        self.state[0] = 0.0
        if node.fires:  # one that starts above its threshold starts where a spike would take it
            over = self.neuron.V_th <= 0
            self.state[0] = np.where(over, self.neuron.V_reset, 0.0)
        self.at = np.zeros(n)
        self.held = np.zeros(n)
        self.crossing = np.full(n, np.inf)
        self.everyone = np.arange(n)
        taus = [v.min() * 1e3 for key, v in node.values.items() if key.startswith("tau")]
        self.shortest, self.since, self.recent = min([*taus, _SHORT]), 0.0, np.zeros(n)
        self.last = np.full(n, -1.0)

    def some(self, who: Who) -> LinearNeuron:
        """The hybrid system of some neurons."""
        return self.neuron if who.size == self.at.size else self.neuron.take(who)

    def advance(self, who: Who, t: float) -> None:
        """Let some neurons flow to a time."""
        some = self.some(who)
        late = t - self.at[who]
        if late.any():
            self.state[:, who] = some.flow(self.state[:, who], self.held[who], late)
        self.at[who] = t

    def predict(self, who: Who) -> None:
        """Find when some neurons will cross."""
        if not self.fires or not who.size:
            return
        left = self.end - self.at[who]
        wait = self.some(who).crossing(self.state[:, who], self.held[who], left)
        self.crossing[who] = np.where(wait <= left, self.at[who] + wait, np.inf)

    def hold(self, current: Array, t: float) -> None:
        """From a time on, another current is held."""
        changed = np.flatnonzero(self.held != self.gain * current)
        self.advance(changed, t)
        self.held[changed] = (self.gain * current)[changed]
        self.predict(changed)

    def due(self, t: float) -> Who:
        """Neurons that cross at a time, taken to their threshold and reset."""
        who = np.flatnonzero(self.crossing <= t)
        if who.size:
            self.advance(who, t)
            some = self.some(who)
            self.state[:, who] = some.jump(self.state[:, who], np.zeros(who.size))
            self.predict(who)
        return who

    def receive(self, charge: Array, t: float) -> tuple[Who, Array]:
        """Impulses at a time, in units of the input times ms; who fires, and how often."""
        who = np.flatnonzero(charge)
        self.advance(who, t)
        some = self.some(who)
        given = (self.gain * charge)[who]
        state = some.impulse(self.state[:, who], given, np.zeros(who.size, dtype=bool))
        often = np.zeros(who.size)
        moved = self.fires and not self.to_S
        # V > v_threshold is NIR's condition; a V that only meets it fires as soon as it rises.
        while moved and np.any(over := (some.margin(state) > 0) & (given > 0)):
            excess = np.where(over, some.margin(state), 0.0)
            state = np.where(over, some.jump(state, excess), state)
            often += over
            if often.max() > _AGAIN:
                raise InputError(
                    f"{self.name!r}: an impulse makes a neuron fire over {_AGAIN:,} times at once"
                )
        self.state[:, who] = state
        self.predict(who)
        return who[often > 0], often[often > 0]

    def refuse_runaway(self, each: Who, t: float) -> None:
        """Refuse a loop whose activity grows without end, long before memory is full.

        Counted are the times at which a neuron fires: rounds of a loop at one time have a limit
        of their own.
        """
        if t - self.since > self.shortest:
            self.since, self.recent = t, np.zeros_like(self.recent)
        self.recent[each] += self.last[each] != t
        self.last[each] = t
        if self.recent.max() > _RUNAWAY:
            raise InputError(
                f"at {t:g} ms a neuron of {self.name!r} has fired over {_RUNAWAY} times within "
                f"{self.shortest:g} ms: in continuous time the loop's activity grows without end; "
                "run it on a grid"
            )

    def kick(self, current: int, amount: Array, t: float) -> None:
        """Add to a current that an integrator drives."""
        who = np.flatnonzero(amount)
        self.advance(who, t)
        # An integrator's V is a current that R multiplies, without the weight of a synapse.
        self.state[self.first_driven + current, who] += (self.gain * amount)[who]
        self.predict(who)

    def V_at(self, t: float) -> Array:
        """V of all neurons at a time before their next event."""
        return self.neuron.flow(self.state, self.held, t - self.at)[0]
