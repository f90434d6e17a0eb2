"""Images to train and validate on: found, divided, and cut into crops for validation.

`sampler` cuts training patches from them.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePath

import numpy as np
from PIL import Image

from bio_scnn.data.images import IMAGE_SUFFIXES, read_rgb, to_float
from bio_scnn.data.unread import unread_files
from bio_scnn.errors import InputError

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
    """Sources of training patches: the fields of a configuration's data table.

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
    dead_leaves_from_photographs : float
        Fraction of the generated images that take their colours and some of their textures from a
        training photograph each, in [0, 1]; without photographs none does.
    downscaling : tuple of float
        Factors by which photographs are downscaled; a patch comes from one of them at random.
    min_detail : float
        A patch is flat if pixels at a distance of 4 differ by less than this on average, with
        intensities in [0, 1]. Any fill restores a flat patch, so that it teaches little.
    keep_flat : float
        Fraction of the flat patches that is used for training, in [0, 1]. Large pictures at full
        resolution are mostly flat, and the network must learn to leave them so.
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
    dead_leaves_from_photographs: float = 0.75
    downscaling: tuple[float, ...] = (1.0, 1.4, 2.0, 2.8, 4.0, 6.0)
    min_detail: float = 0.02
    keep_flat: float = 0.3
    memory_mb: int = 1536

    def __post_init__(self) -> None:
        _check_val_fraction(self.val_fraction)
        for name in (
            "dead_leaves_fraction",
            "dead_leaves_from_photographs",
            "min_detail",
            "keep_flat",
        ):
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
    files = [*_files(folder)]
    paths = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    if not paths:
        suffixes = " ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        left = f" ({unread})" if (unread := unread_files(files)) else ""
        raise InputError(f"{folder}: holds no images{left}; expected files of type {suffixes}")
    return sorted(paths, key=lambda path: path.relative_to(folder).as_posix())


def left_out(folder: Path) -> str:
    """Pictures below a folder that `find_images` ignores since they are not read, in words."""
    return unread_files(_files(folder))


def _files(folder: Path) -> Iterator[Path]:
    """Files below a folder, but for hidden ones and downscaled copies."""
    for where, folders, files in os.walk(folder, followlinks=True):
        paired = {"X2", "X3", "X4"} if "HR" in folders else set()
        folders[:] = [
            name
            for name in folders
            if name[0] != "." and name not in paired and not _leads_back(Path(where, name))
        ]
        yield from (Path(where, name) for name in files if name[0] != ".")


def _leads_back(folder: Path) -> bool:
    """True of a link to a folder that it lies in, which would be walked forever."""
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


def resize(image: np.ndarray, factor: float, at_least: int = 1) -> np.ndarray:
    """Downscale (H, W, 3) uint8 by `factor` with an antialiasing filter; below 1 it enlarges."""
    size = [max(round(side / factor), at_least) for side in image.shape[1::-1]]
    if size == list(image.shape[1::-1]):
        return image
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def validation_crops(
    images: Sequence[str | os.PathLike | np.ndarray],
    size: int,
    n: int,
    seed: int,
    skipped: list[tuple[Path, str]] | None = None,
) -> np.ndarray:
    """Square crops of photographs, the same every time, to compare models on.

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
    skipped : list of (Path, str), optional
        Unreadable files and why are appended.

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
            if skipped is not None and not isinstance(image, np.ndarray):
                skipped.append((Path(image), reason))
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
        crop[:] = to_float(pixels[row : row + size, column : column + size])
    return crops
