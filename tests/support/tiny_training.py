"""A training run of seconds: its configuration, and the weights it leaves."""

from bio_scnn.network.checkpoint import load_model

CONFIG = """
[architecture]
channels = 6
layers = [
    { channels = 8, kernel = 4, stride = 2 },
    { channels = 8, dilation = 2, residual = true },
    { channels = 8, dilation = 4, residual = true },
    { channels = 16, upsample = 2 },
    { channels = 16, upsample = 2, relu = false, see_rates = true },
]

[data]
n_dead_leaves = 4
dead_leaves_size = 64
dead_leaves_fraction = 1.0

[training]
steps = 12
batch = 3
patch = 32
warmup = 2
validate_every = 4
optimizer = "muon"
log_every = 2
feature_noise = [0.0, 0.02]
"""


def weights(folder):
    return load_model(folder / "tiny.safetensors")[0].params
