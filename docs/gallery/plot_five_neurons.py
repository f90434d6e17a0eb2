"""
Five neurons, solved exactly
============================

``solve`` needs no Brian2. A step is only the time for which a current is held; spikes are not
bound to the grid.
"""

import matplotlib.pyplot as plt
import numpy as np

from bio_scnn.neuron import (
    AdaptiveLIFParameters,
    CubaLIFParameters,
    IFParameters,
    LIFParameters,
    LIParameters,
    solve,
)

neurons = {
    "LIF": (LIFParameters(tau_ms=20, R=1), 1.5),
    "IF": (IFParameters(R=0.1, t_ref_ms=1), 1.0),
    "LI (never fires)": (LIParameters(tau_ms=20, R=1), 1.5),
    "CubaLIF": (CubaLIFParameters(tau_ms=20, tau_syn_ms=10, R=1.5), 1.0),
    "adaptive LIF": (AdaptiveLIFParameters(tau_ms=20, tau_w_ms=100, b=0.2, t_ref_ms=2), 3.0),
}
dt_ms, steps = 0.1, 1000
time_ms = dt_ms * np.arange(1, steps + 1)

fig, axes = plt.subplots(len(neurons), 1, figsize=(8, 8), sharex=True, layout="constrained")
for ax, (name, (parameters, current)) in zip(axes, neurons.items(), strict=True):
    trace = solve(parameters, [current] * steps, dt_ms=dt_ms)
    ax.plot(time_ms, trace.membrane[:, 0])
    for spike_ms in trace.spike_times_ms[0]:
        ax.axvline(spike_ms, color="C3", linewidth=0.8)
    ax.set(ylabel="V", title=name)
axes[-1].set_xlabel("time (ms)")
plt.show()
