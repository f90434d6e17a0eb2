"""Training data: photographs of a folder, generated dead leaves, and random patches of both.

Everything random is drawn from a generator that is passed in, and what an index of the data
contains never depends on when it is loaded: a batch is a function of the generator's state, so
that training can stop and go on bit for bit.
"""

import hashlib
import os
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePath

import numpy as np
from PIL import Image, ImageDraw
from tqdm import tqdm

from bio_scnn.errors import InputError
from bio_scnn.images import IMAGE_SUFFIXES, read_image

# Photographs that are part of the scikit-image package itself, so need no network.
_EMBEDDED = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "rocket.jpg",
)


@dataclass(frozen=True)
class DataSettings:
    """Where training patches come from; every field may stand in a configuration's data table.

    Attributes
    ----------
    folder : str
        Folder of training photographs; empty for those that scikit-image brings along.
    val_folder : str
        Folder of validation photographs; empty to hold out `val_fraction` of `folder`.
    val_fraction : float
        Fraction of the photographs held out for validation, in [0, 1).
    seed : int
        Seed of the split and of the dead leaves.
    n_dead_leaves, dead_leaves_size : int
        Number of generated images, and their height and width in pixels.
    dead_leaves_fraction : float
        Fraction of the patches taken from generated images, in [0, 1].
    downscaling : tuple of float
        Factors by which photographs are downscaled; a patch comes from one of them at random.
    min_detail : float
        Patches in which pixels 4 apart differ by less than this on average (of intensities in
        [0, 1]) are mostly rejected: any fill restores smooth patches, so they teach little.
    memory_mb : int
        Most memory that decoded images may take, in 2**20 bytes.
    """

    folder: str = ""
    val_folder: str = ""
    val_fraction: float = 0.1
    seed: int = 0
    n_dead_leaves: int = 256
    dead_leaves_size: int = 384
    dead_leaves_fraction: float = 0.25
    downscaling: tuple[float, ...] = (1.3, 1.6, 2.0, 2.5, 3.1, 3.9, 4.8, 6.0)
    min_detail: float = 0.02
    memory_mb: int = 1024

    def __post_init__(self) -> None:
        _check_val_fraction(self.val_fraction)
        for name in ("dead_leaves_fraction", "min_detail"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"{name} is {getattr(self, name)}; it must be in [0, 1]")
        for name in ("dead_leaves_size", "memory_mb"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}; it must not be negative")
        if self.n_dead_leaves < (self.dead_leaves_fraction > 0.0):
            raise InputError(
                f"n_dead_leaves is {self.n_dead_leaves}; it must be at least 1, "
                "or dead_leaves_fraction must be 0"
            )
        if not self.downscaling or not min(self.downscaling) >= 1.0:
            raise InputError(
                f"downscaling is {self.downscaling}; it must be factors of at least 1"
            )


def find_images(folder: str | os.PathLike) -> list[Path]:
    """List the images below a folder, sorted by their path inside it.

    Hidden files and folders and files of other types are ignored. In the layout of LSDIR [1]_
    (``HR/train/0001000/0000001.png`` beside ``X2``, ``X3`` and ``X4``) the downscaled copies are
    ignored too: a folder X2, X3 or X4 is skipped wherever a folder HR lies beside it.

    Parameters
    ----------
    folder : path-like
        The folder to search, at any depth.

    Returns
    -------
    paths : list of Path

    Raises
    ------
    InputError
        If the folder does not exist or holds no image.

    References
    ----------
    .. [1] Y. Li et al., "LSDIR: a large scale dataset for image restoration", CVPRW 2023.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give a folder of images")
    paths = []
    for where, folders, files in os.walk(folder, followlinks=True):
        paired = {"X2", "X3", "X4"} if "HR" in folders else set()
        folders[:] = [
            name
            for name in folders
            if name[0] != "." and name not in paired and not _leads_back(Path(where, name))
        ]
        paths += [
            Path(where, name)
            for name in files
            if name[0] != "." and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES
        ]
    if not paths:
        suffixes = " ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        raise InputError(f"{folder}: holds no images; expected files of type {suffixes}")
    return sorted(paths, key=lambda path: path.relative_to(folder).as_posix())


def _leads_back(folder: Path) -> bool:
    """Whether a folder is a link to one that it lies in, which would be walked forever."""
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())


def split(
    paths: Sequence[Path], val_fraction: float, seed: int, *, folder: str | os.PathLike
) -> tuple[list[Path], list[Path]]:
    """Divide images into a training and a validation side.

    The side of an image depends only on its path relative to `folder` and on the seed: neither
    moving the folder nor adding images moves an image to the other side. There are two exceptions:
    where LSDIR's own validation images are present (below a folder ``val1``), they alone are the
    validation side; and a side that chance leaves empty gets one image.

    Parameters
    ----------
    paths : sequence of Path
        Images below `folder`, in any order.
    val_fraction : float
        Expected fraction of the validation side, in [0, 1).
    seed : int
        Seed of the split.
    folder : path-like
        The folder that relative paths start from.

    Returns
    -------
    train, val : list of Path
        Both in the order of `paths`.
    """
    _check_val_fraction(val_fraction)
    names = {path: PurePath(path).relative_to(folder) for path in paths}
    val = {path for path, name in names.items() if name.parts[:2] == ("val1", "HR")}
    if not val and val_fraction > 0.0 and len(names) > 1:

        def lot(path: Path) -> float:
            digest = hashlib.sha256(f"{seed}:{names[path].as_posix()}".encode()).digest()
            return int.from_bytes(digest[:8]) / 2**64

        drawn = sorted(names, key=lot)
        n_val = sum(lot(path) < val_fraction for path in drawn)
        val = set(drawn[: min(max(n_val, 1), len(drawn) - 1)])
    return [path for path in paths if path not in val], [path for path in paths if path in val]


def _check_val_fraction(val_fraction: float) -> None:
    if not 0.0 <= val_fraction < 1.0:
        raise InputError(f"val_fraction is {val_fraction}; it must be in [0, 1)")


def embedded_images() -> list[Path]:
    """List the photographs that are installed with scikit-image, for use without any data."""
    spec = find_spec("skimage")
    places = spec.submodule_search_locations if spec is not None else None
    paths = [Path(place, "data", name) for place in places or () for name in _EMBEDDED]
    found = [path for path in paths if path.is_file()]
    if not found:
        raise InputError(
            "the installed scikit-image brings no photographs; give a folder of images"
        )
    return found


def read_rgb(path: str | os.PathLike) -> np.ndarray:
    """Read an image as (H, W, 3) uint8: grey is repeated, alpha dropped, depth reduced."""
    image = read_image(path)
    if image.ndim == 3 and image.shape[2] in (2, 4):
        image = image[..., :-1]
    if image.ndim == 2 or image.shape[2] == 1:
        image = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    if image.dtype == np.uint8:
        return image
    scale = 255.0 if image.dtype.kind == "f" else 255.0 / 65535.0
    return np.rint(np.clip(np.nan_to_num(image) * scale, 0, 255)).astype(np.uint8)


def resize(image: np.ndarray, factor: float, at_least: int = 1) -> np.ndarray:
    """Downscale (H, W, 3) uint8 by `factor` with an antialiasing filter; below 1 it enlarges."""
    size = [max(round(side / factor), at_least) for side in image.shape[1::-1]]
    if size == list(image.shape[1::-1]):
        return image
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def dead_leaves(
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    r_min: float | None = None,
    r_max: float | None = None,
    palette: np.ndarray | None = None,
) -> np.ndarray:
    """Generate an image of occluding shapes, whose statistics resemble those of photographs.

    Discs, ellipses, rectangles and polygons with a power-law density of radii, proportional to
    1 / r**3 between `r_min` and `r_max`, cover one another until the plane is full; each has a
    colour, a gradient and at times a texture of its own.

    Parameters
    ----------
    shape : (H, W)
        Size of the image in pixels.
    rng : numpy.random.Generator
        Source of every random choice.
    r_min, r_max : float, optional
        Smallest and largest radius in pixels; by default drawn from 2.5-16 px and 0.3-0.7 of
        the shorter side.
    palette : ndarray, shape (N, 3), optional
        Colours in [0, 1] to choose from, such as pixels of a photograph. By default colours
        vary along the principal axes of natural ones: mostly in brightness, then blue-yellow,
        then green-red.

    Returns
    -------
    image : ndarray of float32, shape (H, W, 3)
        Intensities in [0, 1].

    References
    ----------
    .. [1] A. B. Lee, D. Mumford, J. Huang, "Occlusion models for natural images", IJCV 2001.
    """
    height, width = shape
    r_min = np.exp(rng.uniform(np.log(2.5), np.log(16.0))) if r_min is None else r_min
    r_max = max(rng.uniform(0.3, 0.7) * min(shape), 2 * r_min) if r_max is None else r_max
    # The inverse of the cumulative distribution of 1 / r**3.
    inner, outer = r_min**-2.0, r_max**-2.0
    mean_area = 2 * np.log(r_max / r_min) / (inner - outer) * np.pi
    # Six layers on average leave exp(-6) of the plane to the background leaf.
    n_leaves = int(np.clip(6 * height * width / mean_area, 8, 6000))
    radius = (inner - rng.random(n_leaves) * (inner - outer)) ** -0.5
    labels = _paint_labels((2 * height, 2 * width), 2 * radius, rng)

    # Painted at twice the size, averaged to antialias the edges; textures need no such care.
    n_colours = n_leaves + 1
    colours = (
        _natural_colours(n_colours, rng) if palette is None else rng.choice(palette, n_colours)
    )
    flat = colours.astype(np.float32)[labels]
    flat = flat.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
    leaf = labels[::2, ::2]
    image = flat + _textures(leaf, n_colours, rng)[..., None]
    return np.clip(_blur(image, rng.uniform(0.0, 0.2)), 0.0, 1.0)


def _paint_labels(
    shape: tuple[int, int], radius: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Paint leaves 1..n over background 0, from back to front; each pixel keeps its top leaf."""
    n_leaves = len(radius)
    canvas = Image.new("I", (shape[1], shape[0]))
    pen = ImageDraw.Draw(canvas)
    centre = rng.uniform((0, 0), (shape[1], shape[0]), (n_leaves, 2))
    kind = rng.choice(4, n_leaves, p=(0.4, 0.2, 0.2, 0.2))
    angle = rng.uniform(0, 2 * np.pi, n_leaves)
    # Axes of the same area as the disc, so that the radii's law holds for every kind.
    stretch = np.sqrt(np.exp(rng.normal(0, 0.5, n_leaves)))
    corners = rng.integers(3, 8, n_leaves)
    for i in range(n_leaves):
        x, y = centre[i]
        if kind[i] == 0:
            r = radius[i]
            pen.ellipse((x - r, y - r, x + r, y + r), fill=i + 1)
            continue
        n_corners = (24, 4, corners[i])[kind[i] - 1]
        turn = 2 * np.pi * np.arange(n_corners) / n_corners
        u, v = radius[i] * stretch[i] * np.cos(turn), radius[i] / stretch[i] * np.sin(turn)
        cos, sin = np.cos(angle[i]), np.sin(angle[i])
        outline = np.stack([x + cos * u - sin * v, y + sin * u + cos * v], axis=1)
        pen.polygon(outline.ravel().tolist(), fill=i + 1)
    return np.asarray(canvas)


def _natural_colours(n: int, rng: np.random.Generator) -> np.ndarray:
    """Colours (n, 3) around one mean, spread along the principal axes of natural images."""
    axes = np.array([(1, 1, 1), (1, 0, -1), (1, -2, 1)]) / np.sqrt([[3], [2], [6]])
    spread = np.array([0.38, 0.10, 0.05]) * np.exp(rng.normal(0, 0.3, 3))
    mean = rng.uniform(0.3, 0.6) + rng.normal(0, (0.1, 0.05, 0.03)) @ axes
    return np.clip(mean + (rng.laplace(0, 0.7, (n, 3)) * spread) @ axes, 0.0, 1.0)


def _textures(leaf: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """What each leaf adds to its flat colour, (H, W): gradient, stripes and 1/f noise."""
    height, width = leaf.shape
    row, column = np.ogrid[:height, :width]
    along = rng.uniform(0, 2 * np.pi, n)
    slope = rng.normal(0, 0.15, n) / max(height, width)
    wave = 2 * np.pi / np.exp(rng.uniform(np.log(4), np.log(40), n))
    stripes = rng.uniform(0.02, 0.15, n) * (rng.random(n) < 0.15)
    noise = rng.exponential(0.06, n) * (rng.random(n) < 0.6)
    table = np.stack([np.cos(along), np.sin(along), slope, wave, stripes, noise]).astype(
        np.float32
    )
    cos, sin, slope_at, wave_at, stripes_at, noise_at = table[:, leaf]
    position = cos * (column - width / 2).astype(np.float32)
    position += sin * (row - height / 2).astype(np.float32)
    texture = slope_at * position
    texture += noise_at * _pink_noise((height, width), rng)
    striped = stripes_at > 0
    texture[striped] += stripes_at[striped] * np.sin(wave_at[striped] * position[striped])
    return texture


def _pink_noise(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Noise of unit variance whose amplitude falls as 1 / frequency."""
    spectrum = np.fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1]))
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(spectrum / frequency, shape).astype(np.float32)
    return noise / (noise.std() + 1e-6)


def _blur(image: np.ndarray, weight: float) -> np.ndarray:
    """Mix each pixel with its neighbours along both axes, as a lens and a sensor do."""
    for axis in (0, 1):
        padded = np.pad(image, [(1, 1) if i == axis else (0, 0) for i in range(3)], mode="edge")
        before, after = np.split(padded, [-2], axis)[0], np.split(padded, [2], axis)[1]
        image = (1 - 2 * weight) * image + weight * (before + after)
    return image


class PatchSampler:
    """Random training patches from photographs and dead leaves.

    Decoded images are kept as uint8, at several scales, in a least-recently-used cache of bounded
    size; what does not fit is decoded again when it is needed.

    Parameters
    ----------
    photographs : sequence of Path
        Training photographs.
    settings : DataSettings
        The mixture; `folder` is only named in the description here, not read.
    progress : bool, optional
        Whether to show a progress bar while photographs are decoded in advance.

    Attributes
    ----------
    skipped : list of (Path, str)
        The photographs found unreadable so far, and why. The next one in the list replaces them.

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
        """Cut a random (size, size, 3) uint8 patch; of flat ones one in ten is kept."""
        for _ in range(8):
            if rng.random() < self.settings.dead_leaves_fraction:
                image = self._leaves(int(rng.integers(self.settings.n_dead_leaves)), size)
            else:
                index = int(rng.integers(len(self.photographs)))
                image = self._photograph(index, size, rng.random())
            row = int(rng.integers(image.shape[0] - size, endpoint=True))
            column = int(rng.integers(image.shape[1] - size, endpoint=True))
            patch = image[row : row + size, column : column + size]
            keep_flat = rng.random() < 0.1
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
            image = dead_leaves((side, side), np.random.default_rng(seed))
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
        for index in tqdm(range(n), "decode photographs", disable=not progress, leave=False):
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


def validation_crops(
    images: Sequence[str | os.PathLike | np.ndarray], size: int, n: int, seed: int
) -> np.ndarray:
    """Cut the same crops every time, for comparing one model with another.

    The shorter side of each image is first downscaled to twice the size of a crop, so that a crop
    shows a good part of the scene, sharply. Crops are taken from the images in turn.

    Parameters
    ----------
    images : sequence of path-like or ndarray of uint8, shape (H, W, 3)
        Images, or the files to read them from; unreadable files are passed over.
    size, n : int
        Height and width of the crops in pixels, and how many to cut.
    seed : int
        Seed of the positions.

    Returns
    -------
    crops : ndarray of float32, shape (n, size, size, 3)
        Intensities in [0, 1].

    Raises
    ------
    InputError
        If no image is readable.
    """
    decoded: list[np.ndarray] = []
    reason = "the list is empty"
    for image in images:
        if len(decoded) == n:
            break
        try:
            pixels = image if isinstance(image, np.ndarray) else read_rgb(image)
        except InputError as error:
            reason = str(error)
            continue
        shorter = min(pixels.shape[:2])
        factor = shorter / min(max(shorter, size), 2 * size)
        decoded.append(resize(pixels, factor, at_least=size))
    if not decoded:
        raise InputError(f"no readable image to validate on: {reason}")
    crops = np.empty((n, size, size, 3), np.float32)
    for i, crop in enumerate(crops):
        pixels = decoded[i % len(decoded)]
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i,)))
        row = int(rng.integers(pixels.shape[0] - size, endpoint=True))
        column = int(rng.integers(pixels.shape[1] - size, endpoint=True))
        np.divide(pixels[row : row + size, column : column + size], 255, out=crop)
    return crops


def _relative_name(path: Path, folder: str) -> str:
    if folder and path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    return path.name
