"""Random training patches, cut from photographs and dead leaves and varied in their look.

Everything random is drawn from a generator that is passed in, and what an index of the data
contains never depends on when it is loaded: a batch is a function of the generator's state, so
that training can stop and go on bit for bit.
"""

from __future__ import annotations

import copy
import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

import numpy as np
from tqdm import tqdm

from bio_scnn.data.datasets import DataSettings, resize
from bio_scnn.data.dead_leaves import dead_leaves
from bio_scnn.data.images import read_rgb, to_float
from bio_scnn.errors import InputError


class PatchSampler:
    """Random training patches from photographs and dead leaves.

    Decoded images are kept as uint8, at several scales, in a least-recently-used cache of bounded
    size; images that do not fit are decoded again when they are needed.

    Parameters
    ----------
    photographs : sequence of Path
        Training photographs.
    settings : DataSettings
        Settings of the mixture. `folder` is not read here; it only stands in the description.
    progress : bool, optional
        Whether to show a progress bar while photographs are decoded in advance.

    Attributes
    ----------
    skipped : list of (Path, str)
        Photographs that could not be read so far, and why. Each is replaced by the next one.

    Raises
    ------
    InputError
        If photographs are needed and there is none, or none that can be read.
    """

    def __init__(
        self, photographs: Sequence[Path], settings: DataSettings, *, progress: bool = False
    ):
        if settings.dead_leaves_fraction < 1.0 and not photographs:
            raise InputError("no photographs to train on; give some, or dead_leaves_fraction 1")
        self.settings = settings
        self.photographs = list(photographs)
        self.skipped: list[tuple[Path, str]] = []
        self._unreadable: set[int] = set()
        self._shorter_side: dict[int, int] = {}
        self._decoded: tuple[int, np.ndarray] | None = None
        self._cache = _Cache(settings.memory_mb * 2**20)
        if settings.dead_leaves_fraction < 1.0:
            self._decode_in_advance(progress)

    def patches(self, rng: np.random.Generator, n: int, size: int) -> np.ndarray:
        """Draw a batch of augmented patches.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of every random choice; the batch is a function of its state.
        n, size : int
            Number of patches, and their height and width in pixels.

        Returns
        -------
        patches : ndarray of float32, shape (n, size, size, 3)
            Intensities in [0, 1].
        """
        batch = np.empty((n, size, size, 3), np.float32)
        for patch in batch:
            _augment(self._interesting_patch(rng, size), rng, out=patch)
        return batch

    def without_images(self) -> PatchSampler:
        """The same sampler with no decoded image, small enough to be sent to many processes."""
        other = copy.copy(self)
        other._cache, other._decoded = _Cache(self._cache.max_bytes), None
        return other

    def decode(self) -> None:
        """Decode what fits in memory, if nothing is."""
        if not self._cache.n_bytes and self.settings.dead_leaves_fraction < 1.0:
            self._decode_in_advance(progress=False)

    def description(self) -> dict[str, object]:
        """Describe the data for a model card; no absolute path is told."""
        names = [_relative_name(path, self.settings.folder) for path in self.photographs]
        return {
            "folder": Path(self.settings.folder).name or "photographs of scikit-image",
            "photographs": len(names) - len(self.skipped),
            "skipped": len(self.skipped),
            "formats": dict(
                sorted(Counter(PurePath(n).suffix[1:].lower() for n in names).items())
            ),
            "names_sha256": hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest(),
            "dead_leaves": self.settings.n_dead_leaves,
            "dead_leaves_fraction": self.settings.dead_leaves_fraction,
        }

    def _interesting_patch(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Cut a random (size, size, 3) uint8 patch; of flat ones few are kept."""
        for _ in range(8):
            if rng.random() < self.settings.dead_leaves_fraction:
                image = self._leaves(int(rng.integers(self.settings.n_dead_leaves)), size)
            else:
                index = int(rng.integers(len(self.photographs)))
                image = self._photograph(index, size, rng.random())
            row = int(rng.integers(image.shape[0] - size, endpoint=True))
            column = int(rng.integers(image.shape[1] - size, endpoint=True))
            patch = image[row : row + size, column : column + size]
            keep_flat = rng.random() < self.settings.keep_flat
            if keep_flat or _detail(patch) >= self.settings.min_detail:
                break
        return patch

    def _leaves(self, index: int, size: int) -> np.ndarray:
        side = self.settings.dead_leaves_size
        if side < size:
            raise InputError(
                f"dead_leaves_size {side} is smaller than the patches; give at least {size}"
            )

        def generate() -> np.ndarray:
            seed = np.random.SeedSequence(self.settings.seed, spawn_key=(index,))
            rng = np.random.default_rng(seed)
            photograph = None
            if self.photographs and rng.random() < self.settings.dead_leaves_from_photographs:
                source = int(rng.integers(len(self.photographs)))
                photograph = to_float(self._photograph(source, side // 2, rng.random()))
            image = dead_leaves((side, side), rng, photograph=photograph)
            # In single precision, unlike `from_float`: the bits of trained models depend on it.
            return np.rint(image * 255).astype(np.uint8)

        return self._cache.get(("dead leaves", index, 1.0), generate)

    def _photograph(self, index: int, size: int, choice: float) -> np.ndarray:
        """Photograph `index`, or the next readable one, at one of the scales that hold a patch."""
        while True:
            shorter = self._shorter_side.get(index)
            if shorter is None and (decoded := self._decode(index)) is not None:
                shorter = min(decoded.shape[:2])
            if shorter is not None:
                break
            index = (index + 1) % len(self.photographs)
        factors = [f for f in self.settings.downscaling if round(shorter / f) >= size]
        # Too small for all the factors: left as it is, or enlarged just enough.
        factor = factors[int(choice * len(factors))] if factors else min(shorter / size, 1.0)
        return self._scaled(index, factor, size)

    def _scaled(self, index: int, factor: float, at_least: int = 1) -> np.ndarray:
        def make() -> np.ndarray:
            image = self._decode(index)
            if image is None:
                raise InputError(f"{self.photographs[index]}: became unreadable during training")
            return resize(image, factor, at_least)

        return self._cache.get(("photograph", index, factor), make)

    def _decode(self, index: int) -> np.ndarray | None:
        """Decode photograph `index`; None, noted once in `skipped`, if it is unreadable."""
        if self._decoded is not None and self._decoded[0] == index:
            return self._decoded[1]
        if index in self._unreadable:
            return None
        try:
            image = read_rgb(self.photographs[index])
        except InputError as error:
            self._unreadable.add(index)
            self.skipped.append((self.photographs[index], str(error)))
            if len(self._unreadable) == len(self.photographs):
                raise InputError(
                    f"none of the {len(self.photographs)} photographs is readable; first: {error}"
                ) from error
            return None
        self._shorter_side[index] = min(image.shape[:2])
        self._decoded = (index, image)  # all scales of a photograph come from one decoding
        return image

    def _decode_in_advance(self, progress: bool) -> None:
        """Fill the cache, unless the first photographs show that most would not fit."""
        n = len(self.photographs)
        for index in tqdm(
            range(n), "decode photographs", disable=None if progress else True, leave=False
        ):
            if self._decode(index) is not None:
                for factor in self.settings.downscaling:
                    self._scaled(index, factor)
            if index >= 7 and self._cache.n_bytes / (index + 1) * n > self._cache.max_bytes:
                break
        self._decoded = None


class _Cache:
    """A least-recently-used cache of arrays, bounded in bytes; the newest is always kept."""

    def __init__(self, max_bytes: int):
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self._arrays: OrderedDict[tuple, np.ndarray] = OrderedDict()

    def get(self, key: tuple, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of a key, made if it is not held."""
        if key in self._arrays:
            self._arrays.move_to_end(key)
            return self._arrays[key]
        array = self._arrays[key] = make()
        self.n_bytes += array.nbytes
        while self.n_bytes > self.max_bytes and len(self._arrays) > 1:
            self.n_bytes -= self._arrays.popitem(last=False)[1].nbytes
        return array


def _detail(patch: np.ndarray) -> float:
    """Mean absolute difference of pixels 4 apart, of a uint8 patch scaled to [0, 1]."""
    coarse = patch[::4, ::4].astype(np.int16)
    down, along = np.abs(np.diff(coarse, axis=0)), np.abs(np.diff(coarse, axis=1))
    return float(down.mean() + along.mean()) / (2 * 255)


def _augment(patch: np.ndarray, rng: np.random.Generator, out: np.ndarray) -> None:
    """Turn, flip and recolour a uint8 patch at random into `out`, float32 in [0, 1]."""
    patch = np.rot90(patch, int(rng.integers(4)))
    if rng.random() < 0.5:
        patch = patch[:, ::-1]
    look = rng.random()
    if look < 0.1:
        patch = patch[..., rng.integers(3), None].repeat(3, axis=2)
    elif look < 0.6:
        patch = patch[..., rng.permutation(3)]
    # Everything that maps intensities to intensities is one table of 256 entries.
    intensity = np.linspace(-0.5, 0.5, 256, dtype=np.float32)
    contrast = rng.uniform(0.6, 1.15)
    brightness = rng.uniform(-0.5, 0.5) * abs(1 - contrast)
    if rng.random() < 0.2:
        contrast = -contrast
    table = np.clip(0.5 + brightness + contrast * intensity, 0, 1).astype(np.float32)
    np.take(table, patch, out=out, mode="clip")


def _relative_name(path: Path, folder: str) -> str:
    if folder and path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    return path.name
