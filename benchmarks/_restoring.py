"""One picture restored by one method: what `pictures` runs in processes of their own.

It loads nothing that draws, which would be counted as their memory.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.data import astronaut

from benchmarks import _bench
from bio_scnn.data.images import from_float
from bio_scnn.data.masks import make_mask
from bio_scnn.network.options import Quality
from bio_scnn.restoration.inpainting import restore
from bio_scnn.restoration.methods import opencv
from bio_scnn.restoration.metrics import hole_psnr

OURS: dict[str, Quality] = {"bio_scnn": "default", "bio_scnn, fast": "fast"}
PEERS = {
    "biharmonic (scikit-image)": "skimage",
    "Telea (OpenCV)": "cv2",
    "Navier-Stokes (OpenCV)": "cv2",
}


def picture(height: int, width: int) -> NDArray[np.uint8]:
    """A photograph, mirrored at its edges until it is large enough."""
    photograph = astronaut()

    def there_and_back(length: int, side: int) -> NDArray[np.intp]:
        place = np.arange(length) % (2 * side)
        return np.minimum(place, 2 * side - 1 - place)

    rows, columns = map(there_and_back, (height, width), photograph.shape[:2])
    return photograph[rows[:, np.newaxis], columns]


def missing_pixels(holes: str, height: int, width: int, area: float) -> NDArray[np.bool_]:
    """A mask in which so many pixels are missing: of a kind of hole, or ``"square"`` (nearly)."""
    if holes != "square":
        return make_mask(holes, (height, width), np.random.default_rng(0), area / (height * width))
    mask = np.zeros((height, width), bool)
    side = round(math.sqrt(area))
    top, left = (height - side) // 2, (width - side) // 2
    mask[top : top + side, left : left + side] = True
    return mask


def method(name: str) -> Callable[[NDArray, NDArray], tuple[NDArray, dict[str, float]]]:
    """One of `OURS` or `PEERS`: from picture and mask to the restored one and stages' seconds."""
    if name in OURS:

        def ours(image: NDArray, mask: NDArray) -> tuple[NDArray, dict[str, float]]:
            result = restore(image, mask, quality=OURS[name], seed=0)
            return result.image, result.seconds

        return ours
    if name.endswith("(OpenCV)"):
        fill = opencv(name.split()[0].lower())
        return lambda image, mask: (fill(image, mask), {})
    from skimage.restoration import inpaint_biharmonic

    def biharmonic(image: NDArray, mask: NDArray) -> tuple[NDArray, dict[str, float]]:
        return from_float(inpaint_biharmonic(image, mask, channel_axis=-1), np.uint8), {}

    return biharmonic


def restored(name: str, holes: str, height: int, width: int, area: float) -> dict[str, Any]:
    """Restore a picture in this process: seconds, stages, hole PSNR and memory.

    Of what takes little, the median of three repetitions counts.
    """
    work = method(name)
    work(picture(64, 64), missing_pixels("square", 64, 64, 100))
    truth, mask = picture(height, width), missing_pixels(holes, height, width, area)
    found: NDArray = truth
    seconds: list[float] = []
    stages: dict[str, float] = {}
    if measurable := _bench.has_memory():
        _bench.high_water_bytes(reset=True)
    while not seconds or (len(seconds) < 3 and sum(seconds) < 2):
        del found  # or else it takes memory while the next one is made
        started = time.perf_counter()
        found, stages = work(truth, mask)
        seconds.append(time.perf_counter() - started)
    peak = _bench.high_water_bytes() if measurable else None
    filled, right = (image[mask][np.newaxis] for image in (found, truth))
    return {
        "seconds": float(np.median(seconds)),
        "stages": stages,
        "hole_psnr": hole_psnr(filled, right, np.ones(filled.shape[:2], bool)),
        "bytes": peak,
        "missing": int(np.count_nonzero(mask)),
    }
