"""Restoration of a picture with a mask, and measures of its errors.

Files (`job`), methods side by side (`methods`) and their scores (`evaluation`) load more, and so
stand in modules of their own.
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
