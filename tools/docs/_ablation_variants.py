"""Variants of the default model that docs/ablation.md compares, and what was tried by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

from bio_scnn.network.architecture import Architecture
from bio_scnn.network.cnn import ConvLayer
from bio_scnn.runtime.config import to_table

Change = dict[str, dict[str, Any]]
# Patches that are prepared together, whatever the batch.
PATCHES = 384
# Times that a patch is shown where a variant says nothing else: patches take long to make.
REUSE = 10
ONE_FILL = ConvLayer(12, upsample=2, relu=False, see_rates=True)


def batch_of(size: int) -> Change:
    """Another batch, of the very same patches in all."""
    return {"training": {"batch": size, "pool": PATCHES // size}}


def width_of(channels: int) -> Change:
    """Another number of channels in the three layers in the middle."""
    first, second, third, *rest = Architecture().layers
    layers = [dataclasses.replace(layer, channels=channels) for layer in (first, second, third)]
    return {"architecture": {"layers": tuple(map(to_table, (*layers, *rest)))}}


def depth_of(*dilations: int) -> Change:
    """Other dilated layers between the strided and the last two."""
    first, dilated, _, *rest = Architecture().layers
    between = [dataclasses.replace(dilated, dilation=dilation) for dilation in dilations]
    return {"architecture": {"layers": tuple(map(to_table, (first, *between, *rest)))}}


VARIANTS: dict[str, Change] = {
    "as configured": {},
    "seed 1": {"training": {"seed": 1}},
    "seed 2": {"training": {"seed": 2}},
    "batch 6": batch_of(6),
    "batch 12": batch_of(12),
    "batch 48": batch_of(48),
    "half the learning rate": {"training": {"learning_rate": 1e-3}},
    "twice the learning rate": {"training": {"learning_rate": 4e-3}},
    "momentum 0.95": {"training": {"beta1": 0.95}},
    "Adam": {"training": {"optimizer": "adam", "learning_rate": 1e-3}},
    "average of weights 0.998": {"training": {"ema": 0.998}},
    "average of weights 0.9995": {"training": {"ema": 0.9995}},
    "patches shown 4 times": {"training": {"reuse": 4}},
    "patches shown 64 times": {"training": {"reuse": 64}},
    "patches mixed four times as widely": {"training": {"pool": 4 * PATCHES // 24}},
    "harmonic fill only": {"architecture": {"fills": ("harmonic",)}},
    "biharmonic fill only": {"architecture": {"fills": ("biharmonic",)}},
    "no dead leaves": {"data": {"dead_leaves_fraction": 0.0}},
    "dead leaves without photographs' colours": {"data": {"dead_leaves_from_photographs": 0.0}},
    "a quarter of the photographs": {},
    "masks of the three test kinds only": {"training": {"varied_masks": 0.0}},
    "flat patches rejected": {"data": {"keep_flat": 0.0}},
    "no full-size patches": {"data": {"downscaling": (1.4, 2.0, 2.8, 4.0, 6.0)}},
    "no noise in training": {"training": {"feature_noise": (0.0,)}},
    "MSE over the image": {"training": {"loss": "image"}},
    "ReLU in place of spikes": {"architecture": {"neurons": "relu"}},
    "one-step spikes": {
        "architecture": {"neurons": "one-step"},
        "training": {"learning_rate": 1e-3},
    },
    "48 channels in the middle": width_of(48),
    "192 channels in the middle": width_of(192),
    "one dilated layer": depth_of(2),
    "four dilated layers": depth_of(2, 4, 8, 4),
}

# Measured by hand, as the rows of the table are, where nothing else is said.
ALSO_TRIED = """\
## What the rows say

Two seeds differ by 0.02 dB at most, so differences of 0.05 dB can be seen. At batches of six
another seed moved 0.09 dB, and most ingredients looked alike.

- **Two fills.** Without the biharmonic fill 0.2 to 0.9 dB are lost. Without the harmonic one,
  scratches lose 0.08 dB and boxes gain 0.13 dB.
- **The loss over the holes** gives 0.2 to 0.3 dB over a squared error of the whole image.
- **Muon** gives 0.1 to 0.2 dB over Adam. Half the learning rate costs up to 0.1 dB.
- **Width**: twice the channels give up to 0.1 dB, from 48 to 96 and from 96 to 192.
- **Depth** gives nothing. Four dilated layers are worse than two in so short a training, and one
  does as well.
- **Spikes** cost 0.02 to 0.03 dB against rectifiers. One noisy bit for each feature costs 0.13 to
  0.19 dB in so short a training, and 0.1 dB or less in a long one (`models/one_step.md`).
- **Noise in training** costs at most 0.02 dB, and halves what noise costs later.
- **Batches.** The rows show the same 36,000 patches. In so short a training more and smaller steps
  win. In a long one they do not: batches of six ended at 24.1 / 24.3 / 30.0 dB after 84,000
  patches. Batches of 24 reach 24.5 / 24.7 / 30.5 dB after 500,000, and 24.7 / 24.9 / 30.9 dB after
  960,000, of which 240,000 are different ones (`models/inpaint.md`).

## Longer runs

Of 4,000 steps, 96,000 patches, on the same crops:

| variant | strokes | boxes | scratches |
|---|---|---|---|
| as configured | 24.07 | 24.30 | 30.04 |
| batch 48 | -0.26 | -0.32 | -0.18 |
| twice the learning rate | -0.09 | -0.18 | -0.09 |
| patches shown 4 times | +0.06 | +0.01 | +0.06 |
| patches mixed four times as widely | +0.05 | +0.01 | +0.01 |

## What else was tried

By hand, with batches of six, on the same crops; strokes / boxes / scratches in dB, as a difference
to the same number of steps.

| tried | steps | difference |
|---|---|---|
| twice the steps (14,000 gave 24.06 / 24.34 / 30.02) | 28,000 | +0.12 / +0.05 / +0.05 |
| 128 channels in the three layers in the middle, stopped on the way | 13,000 of 20,000 | \
+0.08 / -0.03 / -0.03 |
| the two dilated layers three times each, with the same weights | 2,000 | -0.29 / -0.28 / -0.14 |
| the two in turn, three times, with the same weights | 2,000 | -0.09 / -0.12 / -0.07 |
| the same, drawn at 0.3 of their size at first | 2,000 | -0.04 / -0.07 / -0.01 |
| four dilated layers in place of two, drawn at 0.3 of their size | 2,000 | -0.03 / -0.01 / 0.00 |
| 5 x 5 kernels in the first dilated layer | 1,500 | 0.00 / -0.01 / -0.01 |
| twice the learning rate | 2,000 | -0.16 / -0.16 / -0.06 |
| loss: the logarithm of a hole's MSE, on average (floor 2e-5) | 2,000 | -0.01 / 0.00 / -0.01 |
| a quarter of the low frequencies from the network at half resolution | 14,000 | \
-0.03 / -0.08 / -0.27 |
| frequency selective extrapolation mixed in, at the best of a few weights | 14,000 | boxes +0.07 |
| `--quality best`: eight flips and rotations | 14,000 | +0.05 to +0.14 |"""
