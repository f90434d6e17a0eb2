"""Neurons of a NIR graph in one step of a dialect: update, threshold, reset."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.neuron.linear import _response
from bio_scnn.nir.dialects import Dialect
from bio_scnn.nir.formats import number_format
from bio_scnn.nir.graph import Node

Array = NDArray[Any]


class Stage:
    """One leaky or plain integrator: ``x <- leak + a (x - leak) + g u``, as a dialect writes it.

    Parameters
    ----------
    tau : array or None, s
        None: no leak.
    r : array
        Gain of the current: resistance, weight of the input, or gain per second without a leak.
    leak : array
        Where x decays to.
    kind : str
        Type of the node.
    first : bool
        The stage that takes the node's input.
    """

    def __init__(
        self, tau: Array | None, r: Array, leak: Array, kind: str, d: Dialect, first: bool
    ) -> None:
        form = number_format(d.number_format)
        self.form, self.dialect, self.first = form, d, first
        held = not first or d.input_of(kind) == "held"
        # As frameworks do, parameters are converted before anything is computed with them.
        r, leak = form.dtype(1) * r.astype(form.dtype), leak.astype(form.dtype)
        dt = d.dt_ms / 1e3
        self.leak, self.r = leak, form.rounded(r)
        if tau is None:
            self.rate = None
            self.a = np.ones_like(r)
            self.g = r * form.dtype(dt if held else d.impulse_area_s)
        else:
            self.inverse = form.dtype(1) / tau.astype(form.dtype)
            self.steps = form.dtype(1) * (tau / dt).astype(form.dtype)
            self.rate = k = dt / tau.astype(np.float64)
            euler = d.update == "euler"
            a = 1 - k if euler else np.exp(-k)
            exact = -np.expm1(-k)
            share = (exact if d.update == "exact" else k) if held else d.impulse_area_s / tau
            self.a = form.rounded(a.astype(form.dtype))
            self.g = (share * r.astype(np.float64)).astype(form.dtype)
            self.share = form.rounded(np.asarray(share).astype(form.dtype))
        self.g = form.rounded(self.g)
        self.held = held

    @property
    def scale(self) -> Any:
        """Unit in which x is kept; g in the form that scales the threshold, not the input."""
        return self.g if self.dialect.form == "scaled" else self.form.dtype(1)

    def __call__(self, x: Array, u: Array) -> Array:
        rounded, d = self.form.rounded, self.dialect
        if self.rate is None:
            return rounded(x + (u if d.form == "scaled" else rounded(self.g * u)))
        if d.form == "scaled":
            base = self.leak * (1 - self.a) / self.g
            return rounded(rounded(self.a * x) + u + base)
        if d.order == "input first" and self.first:
            return rounded(self.leak + self.a * rounded(x - self.leak + self.g * u))
        if d.update == "euler" and self.held and d.form == "increment":
            dt = self.form.dtype(d.dt_ms / 1e3)
            # The order of these operations is Norse's: first bracket for V, second for S.
            v = self.r * u
            inner = (v + self.leak) - x if not self.first or self.single else (self.leak - x) + v
            return rounded(x + rounded(dt * self.inverse * rounded(inner)))
        if d.update == "euler" and self.held and d.form == "division":
            return rounded(x + rounded((self.r * u - (x - self.leak)) / self.steps))
        moved = rounded(self.a * rounded(x - self.leak)) + self.leak
        return rounded(moved + rounded(self.g * u))

    single = True


class Cell:
    """The neurons of a node, stepped by a dialect.

    Attributes
    ----------
    V : array
        Potential after the last step.
    """

    def __init__(self, node: Node, d: Dialect) -> None:
        self.node, self.dialect = node, d
        self.form = form = number_format(d.number_format)
        v = {key: self._used(key) for key in node.values if key in _OF_NEURONS}
        zero = np.zeros(node.input_shape)
        leak = v.get("v_leak", zero)
        if node.kind in ("CubaLI", "CubaLIF"):
            below = leak if d.leaky_synapse else zero
            self.synapse: Stage | None = Stage(
                v["tau_syn"], v["w_in"], below, node.kind, d, first=True
            )
            self.synapse.single = False
            self.membrane = Stage(v["tau_mem"], v["r"], leak, node.kind, d, first=False)
            self.S = below.astype(form.dtype) if d.start == "v_leak" else zero.astype(form.dtype)
        else:
            self.synapse = None
            self.membrane = Stage(v.get("tau"), v["r"], leak, node.kind, d, first=True)
        scale = self.membrane.scale
        if self.synapse is not None and d.form == "scaled":
            scale = form.rounded(scale * self.synapse.scale)
        self.scale = scale
        starts = {"zero": zero, "v_leak": leak, "v_reset": v.get("v_reset", zero)}
        self.x = (starts[d.start].astype(form.dtype) / scale).astype(form.dtype)
        self.pending = np.zeros(node.input_shape, dtype=form.dtype)
        if node.fires:
            self.threshold = (v["v_threshold"].astype(form.dtype) / scale).astype(form.dtype)
            self.reset_to = (v["v_reset"].astype(form.dtype) / scale).astype(form.dtype)

    def _used(self, key: str) -> Array:
        """A field, or the neutral value in place of one that is ignored."""
        value = self.node.values[key]
        if self.dialect.uses(self.node.kind, key):
            return value
        return np.ones(value.shape) if key in ("r", "w_in") else np.zeros(value.shape)

    @property
    def V(self) -> Array:
        return self.form.rounded(self.x * self.scale)

    def step(self, u: Array) -> Array:
        """Output of a step: spikes, or V."""
        d = self.dialect
        if self.node.fires and d.reset_when == "next step":
            self.x = self._reset(self.x, self.pending)
        if self.synapse is None:
            self.x = self.membrane(self.x, u)
        else:
            self._two_stages(u)
        if not self.node.fires:
            return self.V
        if d.floor == "zero":
            self.x = np.maximum(self.x, 0)
        spikes = self._spikes()
        if d.reset_when == "next step":
            self.pending = spikes
        elif spikes.any():
            self.x = self._reset(self.x, spikes)
        if d.floor.startswith("-") and self.node.kind == "IF":
            self.x = np.maximum(self.x, -self.threshold)
        return spikes

    def _two_stages(self, u: Array) -> None:
        assert self.synapse is not None
        d, old = self.dialect, self.S
        if d.update == "exact" and d.form != "scaled":
            self._both_exactly(u)
            return
        self.S = self.synapse(old, u)
        self.x = self.membrane(self.x, self.S if d.synapse == "new" else old)

    def _both_exactly(self, u: Array) -> None:
        """Exact solution of both stages over a step; an impulse arrives at its start."""
        s, m = self.synapse, self.membrane
        assert s is not None
        assert s.rate is not None
        assert m.rate is not None
        dtype, r = self.form.dtype, m.r
        arrives = s.g * u if not s.held else 0
        S, target = self.S + arrives, s.leak + (s.r * u if s.held else 0)
        one = np.ones_like(s.rate)
        share = np.vectorize(lambda k, j: float(m_response(k, j)))(m.rate, s.rate) * one
        V_end = m.leak + r * target
        x = V_end + m.a * (self.x - V_end) + r * (S - target) * share.astype(dtype)
        self.S = self.form.rounded(target + s.a * (S - target))
        self.x = self.form.rounded(x.astype(dtype))

    def _spikes(self) -> Array:
        d, dtype = self.dialect, self.form.dtype
        over = self.x > self.threshold if d.strict else self.x >= self.threshold
        if not d.several:
            return over.astype(dtype)
        return np.where(over, np.trunc(self.x / self.threshold), 0).astype(dtype)

    def _reset(self, x: Array, spikes: Array) -> Array:
        if self.dialect.reset == "value":
            return np.where(spikes > 0, self.reset_to, x)
        return self.form.rounded(x - spikes * (self.threshold - self.reset_to))


_OF_NEURONS = ("tau", "tau_mem", "tau_syn", "r", "v_leak", "v_threshold", "v_reset", "w_in")


def m_response(leak: float, rate: float) -> Any:
    """Share of a decaying current in V after a step; rates in units of 1/dt."""
    return leak * _response(leak, rate, np.ones(1))[0]
