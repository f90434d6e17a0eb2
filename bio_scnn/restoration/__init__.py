"""A picture and its mask become a restored picture, and a measure of how good it is."""

from bio_scnn.restoration.inpainting import inpaint, restore
from bio_scnn.restoration.result import Restoration

__all__ = ["Restoration", "inpaint", "restore"]
