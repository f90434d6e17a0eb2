"""Pictures and masks: read, written, drawn, sampled, assembled."""

from bio_scnn.data.datasets import DataSettings, embedded_images, find_images, validation_crops
from bio_scnn.data.images import read_image, read_mask, write_image
from bio_scnn.data.masks import MASK_KINDS, make_mask
from bio_scnn.data.sampler import PatchSampler

__all__ = [
    "MASK_KINDS",
    "DataSettings",
    "PatchSampler",
    "embedded_images",
    "find_images",
    "make_mask",
    "read_image",
    "read_mask",
    "validation_crops",
    "write_image",
]
