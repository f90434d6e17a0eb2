"""A small importer of NIR graphs in NumPy, written apart from bio_scnn's, to break in tests."""

from __future__ import annotations

import numpy as np

f4 = np.float32


class SmallImporter:
    """Forward Euler in float32, as NIR's equations are written; with one fault, if it has any."""

    def __init__(self, fault=""):
        self.name, self.fault = f"small importer ({fault or 'whole'})", fault

    def load(self, graph, dt_ms):
        if self.fault == "refuses CubaLIF":
            for node in graph.nodes.values():
                if node.kind == "CubaLIF":
                    raise KeyError("CubaLIF")
        dt = f4(dt_ms / 1e3) * (f4(0.1) if self.fault == "dt" else f4(1))
        order, sources = self.plan(graph)

        def run(x):
            layers = {name: self.layer(graph.nodes[name], dt) for name in order}
            before, out = {}, []
            for row in x.astype(f4):
                now = {graph.inputs[0]: row}
                for name in order:
                    if name in now:
                        continue
                    given = [now.get(a, before.get(a)) for a in sources[name]]
                    given = [g for g in given if g is not None]
                    total = given[0]
                    for more in given[1:]:
                        total = total + more
                    now[name] = layers[name](total)
                before = now
                out.append(now[graph.outputs[0]].astype(float))
            return np.array(out)

        return run

    def plan(self, graph):
        """Nodes as they are met from the input, and what each adds up."""
        order, queue = [], [graph.inputs[0]]
        edges = list(graph.edges)
        if self.fault == "lost loop":
            edges = [e for e in edges if e not in graph.back]
        while queue:
            name = queue.pop(0)
            if name not in order:
                order.append(name)
                queue += [b for a, b in edges if a == name]
        if self.fault == "rerouted" and "w_rec" in graph.nodes:
            edges = [("fc1", "w_rec") if e == ("fc1", "lif1") else e for e in edges]
            order.remove("w_rec")
            order.insert(order.index("lif1"), "w_rec")
        return order, {n: [a for a, b in edges if b == n] for n in order}

    def layer(self, node, dt):
        v, fault = {k: np.asarray(x) for k, x in node.values.items()}, self.fault
        if node.kind in ("Affine", "Linear"):
            w = v["weight"].astype(f4)
            if fault == "transposed" and w.shape[0] == w.shape[1]:
                w = w.T
            if fault == "8 bits":
                unit = np.abs(w).max() / 127
                w = (np.rint(w / unit) * unit).astype(f4)
            w = w * f4(0.1 if fault == "scaled weights" else 1)
            b = v.get("bias", np.zeros(len(w))).astype(f4)
            return lambda x: w @ x + (0 if fault == "bias" else b)
        if node.kind == "LIF":
            return self.lif(v, v["tau"], v["r"], dt)
        if node.kind == "CubaLIF":
            return self.cuba(v, dt)
        if node.kind in ("SumPool2d", "AvgPool2d"):
            if fault == "stride":
                return lambda x: sum(
                    x[:, i : x.shape[1] - 1 + i, j : x.shape[2] - 1 + j]
                    for i in (0, 1)
                    for j in (0, 1)
                )
            mean = (node.kind == "AvgPool2d") != (fault == "pool")
            return lambda x: (
                sum(x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)) / f4(4 if mean else 1)
            )
        if node.kind == "Flatten":
            if fault == "flatten":
                return lambda x: x.reshape(-1, order="F")
            return lambda x: x.reshape(-1)
        return lambda x: x

    def like_spyx(self, v, dt):
        """Nothing scaled, spikes a step late, and the threshold subtracted."""
        alpha, beta = (1 - dt / v[key].astype(f4) for key in ("tau_syn", "tau_mem"))
        level = v["v_threshold"].astype(f4)
        state = {"S": np.zeros_like(alpha), "V": np.zeros_like(beta)}

        def step(x):
            spikes = (state["V"] > level).astype(f4)
            state["S"] = alpha * state["S"] + x
            state["V"] = beta * (state["V"] - spikes * level) + state["S"]
            return spikes

        return step

    def like_rockpool(self, v):
        """A time step from r, nothing scaled, and several spikes a step."""
        dt = (v["tau_mem"] / (1 + v["r"])).min()
        alpha, beta = (np.exp(-dt / v[key]).astype(f4) for key in ("tau_mem", "tau_syn"))
        level = v["v_threshold"].astype(f4)
        state = {"S": np.zeros_like(beta), "V": np.zeros_like(alpha)}

        def step(x):
            state["S"] = (state["S"] + x.astype(f4)) * beta
            V = alpha * state["V"] + state["S"]
            spikes = np.maximum(np.floor(V / level), 0).astype(f4)
            state["V"] = V - spikes * level
            return spikes

        return step

    def cuba(self, v, dt):
        if self.fault == "like spyx":
            return self.like_spyx(v, dt)
        if self.fault == "like rockpool":
            return self.like_rockpool(v)
        S, tau_syn, w = np.zeros(v["r"].shape, f4), v["tau_syn"], v["w_in"].astype(f4)
        tau_mem = v["tau_mem"]
        if self.fault == "taus swapped":
            tau_syn, tau_mem = tau_mem, tau_syn
        if self.fault == "w_in":
            w = np.ones_like(w)
        membrane = self.lif(v, tau_mem, v["r"], dt)
        state = {"S": S}

        def step(x):
            old = state["S"]
            state["S"] = old + dt / tau_syn.astype(f4) * (w * x - old)
            return membrane(old if self.fault == "old current" else state["S"])

        return step

    def lif(self, v, tau, r, dt):
        fault = self.fault
        tau, r, leak = tau.astype(f4), r.astype(f4), v["v_leak"].astype(f4)
        level, to = v["v_threshold"].astype(f4), v["v_reset"].astype(f4)
        if fault == "one tau":
            tau = np.full_like(tau, tau.mean())
        if fault in ("r", "r and v_reset"):
            r = np.ones_like(r)
        if fault in ("v_reset", "r and v_reset"):
            to = np.zeros_like(to)
        if fault == "v_leak":
            leak = np.zeros_like(leak)
        if fault == "inverse tau":
            tau = 1 / tau
        if fault == "reset to v_leak":
            to = leak
        if fault == "r twice":
            r = r * r
        state = {"V": np.zeros_like(leak), "late": np.zeros_like(leak)}

        def step(x):
            if fault == "late input":
                x, state["late"] = state["late"], x
            V = state["V"]
            if fault == "exact":
                end = leak + r * x
                V = end + (V - end) * np.exp(-dt / tau)
            else:
                V = V + dt / tau * (leak - V + r * x)
            spikes = V > level
            V = np.maximum(V, 0) if fault == "floor" else V
            if fault == "subtract":
                state["V"] = np.where(spikes, V - (level - to), V).astype(f4)
            elif fault != "no reset":
                state["V"] = np.where(spikes, to, V).astype(f4)
            else:
                state["V"] = V.astype(f4)
            if fault == "late output":
                spikes, state["out"] = state.get("out", np.zeros_like(spikes)), spikes
            return spikes.astype(f4)

        return step
