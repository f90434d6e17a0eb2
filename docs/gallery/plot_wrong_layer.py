"""
Find the error of a layer
=========================

Four layers are meant to be the same neuron, ``V <- 0.9 V + 0.1 x``, which fires from V = 1 on.
Three of them contain an error. The figure shows how far their rates are off; the suite says why.
"""

import textwrap

import matplotlib.pyplot as plt
import numpy as np

from bio_scnn import LIFParameters
from bio_scnn.crossval import Capabilities, as_adapter, check_lif


def layer_with(decay=0.9, gain=0.1, late=False):
    """A layer: input and spikes have the shape (steps, neurons)."""

    def layer(x):
        V, spikes, before = np.zeros(x.shape[1]), [], np.zeros(x.shape[1], bool)
        for x_n in x:
            V = decay * V + gain * x_n
            fired = V >= 1
            V = np.where(before if late else fired, 0, V)
            before = fired
            spikes.append(fired)
        return np.array(spikes)

    return layer


layers = {
    "right": layer_with(),
    "gain forgotten": layer_with(gain=1),
    "decay of another step": layer_with(decay=0.9**0.5),
    "reset a step late": layer_with(late=True),
}

# %%
# The declared neuron has the time constant of a decay of 0.9 at a step of 1 ms. Each layer is
# driven with constant inputs first.
current = np.linspace(0, 4, 200)
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for name, layer in layers.items():
    spikes = layer(np.repeat([current], 500, axis=0))
    ax.plot(current, 1000 * spikes.mean(axis=0), label=name)
ax.set(xlabel="input", ylabel="spikes per 1,000 steps")
ax.legend()
plt.show()

# %%
# Then the suite is asked for the cause.
parameters = LIFParameters(tau_ms=-1 / np.log(0.9), R=1, t_ref_ms=0)
claims = Capabilities(refractory="none", membrane="none")
for name, layer in layers.items():
    adapter = as_adapter(layer, dt_ms=1.0, params=parameters, capabilities=claims)
    report = check_lif(adapter, dt_ms=1.0, checks=["as_declared"], on_fail=None)
    cause = report.verdict or "nothing is wrong"
    print(textwrap.fill(f"{name}: {cause}", 80, subsequent_indent="    "))
