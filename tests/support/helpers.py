"""Small networks and pictures that several tests use."""

import numpy as np
from skimage.data import astronaut

from bio_scnn.network.architecture import Architecture, init_params
from bio_scnn.network.cnn import ConvLayer
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.training.batches import batch_of
from bio_scnn.training.gradients import scale_features

# Every feature of the default network, in little.
SMALL = Architecture(
    channels=6,
    layers=(
        ConvLayer(8, kernel=4, stride=2),
        ConvLayer(8, dilation=2, residual=True),
        ConvLayer(8, dilation=4, residual=True),
        ConvLayer(16, upsample=2),
        ConvLayer(16, upsample=2, relu=False, see_rates=True),
    ),
)
# The paper's setting, in little.
PLAIN = Architecture(
    fills=("zero",),
    residual=False,
    fold=1,
    channels=4,
    layers=(ConvLayer(5), ConvLayer(5), ConvLayer(5), ConvLayer(5), ConvLayer(3, relu=False)),
)


def photograph(height=96, width=80):
    """A detailed piece of a photograph, (height, width, 3) uint8."""
    return astronaut()[100 : 100 + height, 150 : 150 + width]


def hole(height=96, width=80):
    """A box and a scratch, (height, width) bool."""
    mask = np.zeros((height, width), bool)
    mask[height // 4 : height // 2, width // 3 : width // 2] = True
    mask[-10:-7] = True
    return mask


def random_model(architecture=SMALL, seed=0, last="conv6"):
    """A float64 network whose random weights are scaled to a photograph."""
    truth, mask = photograph(96, 72)[np.newaxis] / 255, hole(96, 72)[np.newaxis]
    batch = batch_of(truth, mask, architecture, "hole")
    rng = np.random.default_rng(seed)
    params = init_params(architecture, rng)
    kernel = params[f"{last}.weight"]  # zero at the start of training if a residual is learnt
    kernel[:] = rng.standard_normal(kernel.shape) * np.sqrt(2 / kernel[..., 0].size)
    return scale_features(HybridSCNN(architecture, params), batch)
