"""
Firing rates of a plain Brian2 script
=====================================

A plain script works on the time grid. It takes one step off the refractory period, and a spike
falls on the next grid time. The exact mode finds the spike inside the step. The cure is on the
page :doc:`../plain-script`.
"""

import matplotlib.pyplot as plt
import numpy as np

from bio_scnn import current_for_rate, simulate

rates = np.linspace(100, 200, 301)
current = current_for_rate(rates)

fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for dt_ms in (0.1, 0.5, 1.0):
    plain = simulate(current, duration_ms=200, dt_ms=dt_ms, mode="stock")
    ax.plot(rates, plain.rate_hz("isi") - rates, label=f"plain script, dt = {dt_ms:g} ms")
exact = simulate(current, duration_ms=200, dt_ms=1.0)
ax.plot(rates, exact.rate_hz("isi") - rates, "k", label="exact mode, dt = 1 ms")
ax.set(xlabel="rate of the equation (Hz)", ylabel="error of the rate (Hz)")
ax.legend()
plt.show()
print(f"largest error of the exact mode: {np.abs(exact.rate_hz('isi') - rates).max():.0e} Hz")
