"""Implementations in place of a network's neurons, on pictures with holes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.networks.comparison import (
    ExactRun,
    NetworkComparison,
    compare_network,
    exact_run,
    measure,
)
from bio_scnn.crossval.networks.readout import adapter_rates, with_refractory
from bio_scnn.crossval.networks.torch_network import PREFIX, device_of, run_on_device
from bio_scnn.crossval.protocol import Adapter
from bio_scnn.crossval.resolve import resolve
from bio_scnn.data.datasets import embedded_images
from bio_scnn.data.images import read_rgb
from bio_scnn.data.masks import make_mask
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.hybrid import HybridSCNN

if TYPE_CHECKING:
    from bio_scnn.training.on_torch import Device

Progress = Callable[[str, float], None]
"""Told what is run, in words, and the fraction of its neurons done."""

Candidate: TypeAlias = "Adapter | Device"
"""Neurons in place of the network's, or the whole network in PyTorch on a device."""

MODEL = "inpaint"
MASK_KIND = "strokes"


class OnPicture(NamedTuple):
    """Comparisons on one picture, of so many rows and columns."""

    image: str
    size: tuple[int, int]
    found: tuple[NetworkComparison, ...]


@dataclass(frozen=True)
class OnPictures:
    """Comparisons on several pictures.

    Attributes
    ----------
    dt_ms : float, ms
    pictures : tuple of OnPicture
    failures : dict of str to str
        Implementations that could not be run, with reasons.
    """

    dt_ms: float
    pictures: tuple[OnPicture, ...]
    failures: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain tables that `json` can write."""
        return {
            "model": MODEL,
            "dt_ms": self.dt_ms,
            "mask": MASK_KIND,
            "images": [
                one._asdict() | {"found": [comparison.to_json() for comparison in one.found]}
                for one in self.pictures
            ],
            "failures": self.failures,
        }


def compare_by_name(
    names: Sequence[str],
    images: Sequence[Path] = (),
    *,
    dt_ms: float = 0.1,
    progress: Progress | None = None,
) -> OnPictures:
    """Put named implementations in place of the neurons of the model that inpaints.

    Parameters
    ----------
    names : sequence of str
        As `bio_scnn.crossval.resolve.resolve` takes them.
    images : sequence of Path
        Pictures of which the middle is restored; by default one that comes with scikit-image.
    dt_ms : float, ms
    progress : callable, optional

    Returns
    -------
    OnPictures

    Raises
    ------
    InputError
        If a name, picture or model cannot be used.
    """
    if not names:
        raise InputError("name the implementations that shall take the neurons' place")
    model, _ = load_model(model_path(MODEL))
    adapters: dict[str, Candidate] = {
        name: device_of(name) if name.startswith(PREFIX) else resolve(name, dt_ms=dt_ms)
        for name in names
    }
    images = images or [Path(path) for path in embedded_images()[:1]]
    return compare_on_pictures(adapters, images, model, dt_ms=dt_ms, progress=progress)


def compare_on_pictures(
    adapters: Mapping[str, Candidate],
    images: Sequence[Path],
    model: HybridSCNN,
    *,
    dt_ms: float = 0.1,
    size: int = 96,
    seed: int = 0,
    progress: Progress | None = None,
) -> OnPictures:
    """Put implementations in place of a network's neurons.

    Parameters
    ----------
    adapters : mapping of str to Adapter or Device
        Implementations by name: of neurons, or of the whole network in PyTorch on a device.
    images : sequence of Path
        Pictures of which the middle is restored.
    model : HybridSCNN
    dt_ms : float, ms
    size : int, pixels
        Side of the middle.
    seed : int
        Of the holes.
    progress : callable, optional

    Returns
    -------
    OnPictures
        How far off is too far is not decided here. An implementation without a refractory period
        is there twice: as it is, and with each interval made t_ref longer.

    Raises
    ------
    InputError
        If a picture cannot be used.
    """
    pictures, failures = [], {}
    for path in images:
        picture = middle(read_rgb(path), size, model.architecture.multiple, path)
        mask = make_mask(MASK_KIND, picture.shape[:2], np.random.default_rng(seed))
        exact = exact_run(picture, mask, model)
        found: list[NetworkComparison] = []
        for name, adapter in adapters.items():

            def tell(done: float, what: str = f"{path.name}: {name}") -> None:
                if progress is not None:
                    progress(what, done)

            try:
                found += _compare(name, adapter, exact, dt_ms, tell)
            except Exception as error:  # whatever a framework raises is about that framework
                failures[name] = f"{type(error).__name__}: {' '.join(str(error).split())}"
        pictures.append(OnPicture(path.name, mask.shape, tuple(found)))
    return OnPictures(dt_ms, tuple(pictures), failures)


def _compare(
    name: str, adapter: Candidate, exact: ExactRun, dt_ms: float, tell: Callable[[float], None]
) -> list[NetworkComparison]:
    """One implementation; if it lacks the refractory period, also as a user would correct it."""
    if not isinstance(adapter, Adapter):
        return [measure(exact, run_on_device(exact, adapter), name)]
    lif = exact.model.lif
    rates_of = adapter_rates(adapter, lif, dt_ms=dt_ms, progress=tell)
    first = compare_network(rates_of, exact, name=name)
    if adapter.capabilities.refractory != "none" or not lif.t_ref_ms:
        return [first]
    corrected = with_refractory(first.rate_hz.ravel(), lif.t_ref_ms)
    second = compare_network(lambda current: corrected, exact, name=f"{name} + t_ref")
    return [first, replace(second, seconds=first.seconds)]


def middle(
    picture: NDArray, size: int, multiple: int, path: str | Path = "the picture"
) -> NDArray:
    """The middle of a picture, as large as `size` and the network's `multiple` allow."""
    sides = [min(size, side) // multiple * multiple for side in picture.shape[:2]]
    if min(sides) < 8:
        raise InputError(
            f"{path}: {picture.shape[0]} x {picture.shape[1]} pixels, of which {size} x {size} "
            "are asked for; at least 8 x 8 are needed"
        )
    top, left = ((side - kept) // 2 for side, kept in zip(picture.shape[:2], sides, strict=True))
    return picture[top : top + sides[0], left : left + sides[1]]
