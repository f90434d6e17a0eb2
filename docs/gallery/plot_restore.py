"""
Restore a photograph
====================

Strokes are drawn into a photograph, and the network fills them. Brian2 simulates every spike of
its first layer.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data

from bio_scnn import restore
from bio_scnn.data import make_mask

image = data.astronaut()[:192, 100:292]
mask = make_mask("strokes", image.shape[:2], np.random.default_rng(3))
result = restore(image, mask)

damaged = image.copy()
damaged[mask] = 255
rates = result.rates.whole()[..., 0]

fig, axes = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained")
for ax, picture, title in zip(
    axes,
    (damaged, rates, result.image),
    ("strokes are missing", "rates of one feature map", "restored"),
    strict=True,
):
    ax.imshow(picture, cmap="magma")
    ax.set_title(title)
    ax.axis("off")
plt.show()
print(f"{result.neurons:,} neurons fired {result.spikes:,} spikes; {result.engine}")
