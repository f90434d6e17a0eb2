"""Pictures and masks: read, written, drawn, sampled, assembled."""

from bio_scnn.data.datasets import DataSettings, embedded_images, find_images, validation_crops
from bio_scnn.data.images import from_float, read_image, read_mask, read_rgb, to_float, write_image
from bio_scnn.data.masks import DEFAULT_COVERAGE, MASK_KINDS, make_mask, random_training_mask
from bio_scnn.data.pictures import picture_file, read_picture
from bio_scnn.data.sampler import PatchSampler

__all__ = [
    "DEFAULT_COVERAGE",
    "MASK_KINDS",
    "DataSettings",
    "PatchSampler",
    "embedded_images",
    "find_images",
    "from_float",
    "make_mask",
    "picture_file",
    "random_training_mask",
    "read_image",
    "read_mask",
    "read_picture",
    "read_rgb",
    "to_float",
    "validation_crops",
    "write_image",
]
