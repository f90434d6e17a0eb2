"""Restoration of a picture with a mask, and measures of its errors.

The modules `job` (files), `methods` (methods for comparison) and `evaluation` (their scores)
import more packages. Import them by name.
"""

from bio_scnn.restoration.inpainting import inpaint, restore
from bio_scnn.restoration.metrics import Evaluation, evaluate, hole_mse, hole_psnr, mse, ssim
from bio_scnn.restoration.result import RateMaps, Restoration
from bio_scnn.restoration.tiling import Tiling

__all__ = [
    "Evaluation",
    "RateMaps",
    "Restoration",
    "Tiling",
    "evaluate",
    "hole_mse",
    "hole_psnr",
    "inpaint",
    "mse",
    "restore",
    "ssim",
]
