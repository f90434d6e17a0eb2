"""
Membrane potential under noise
==============================

The default neuron is Table 1 of the paper. It gets the current for 150 Hz, without and with
coloured noise.
"""

import matplotlib.pyplot as plt

from bio_scnn import current_for_rate, simulate

fig, axes = plt.subplots(2, 2, figsize=(9, 5), sharex=True, layout="constrained")
for pair, noise in zip(axes.T, (0.0, 1.0), strict=True):
    recording = simulate(
        [current_for_rate(150.0)], duration_ms=40, dt_ms=0.1, noise_std=noise, seed=1, record=[0]
    )
    recording.plot(pair)
    pair[0].set_title(f"noise of {noise:g}: {recording.rate_hz('isi')[0]:.1f} Hz")
plt.show()
