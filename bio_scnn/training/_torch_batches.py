"""Batches of patches as tensors, on the device that trains. Importing this needs PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bio_scnn.network.architecture import IMAGE_CHANNELS, Architecture
from bio_scnn.training.batches import Batch, Prepared, Showing, pixel_weights, showing
from bio_scnn.training.settings import TrainingSettings


def by_step(
    source: Iterator[Prepared],
    settings: TrainingSettings,
    first: int,
    tensor: Callable[[Any], Tensor],
) -> Generator[tuple[int, Prepared], None, None]:
    """Steps with their groups of patches, each loaded while the one before is trained on."""

    def load() -> Prepared | None:
        group = next(source, None)
        return None if group is None else Prepared(*map(tensor, group))

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(load)
        for step in range(first, settings.steps):
            if step == first or step % settings.group_steps == 0:
                if (loaded := coming.result()) is None:
                    raise RuntimeError(f"there are no patches for step {step}")
                group, coming = loaded, pool.submit(load)
            yield step, group


def torch_batch(
    prepared: Prepared, architecture: Architecture, settings: TrainingSettings, step: int
) -> Batch:
    """The batch of a step as tensors, from the tensors of its group; see `make_batch`."""
    shown = _show(prepared, showing(settings, step))
    weight: Any = pixel_weights(shown, architecture, settings.loss)
    return Batch(*shown, weight.to(shown.truth.dtype))


def _show(prepared: Prepared, looks: Showing) -> Prepared:
    """The patches of a batch, each in its look, all of them at once."""
    truth, fill, mask = prepared
    side, device = truth.shape[1], truth.device

    def moved(values: NDArray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device)

    chosen = moved(looks.chosen)
    pixels = _orientations(side, device)[moved(4 * looks.flip + looks.turns)][..., None]
    gain, shift = (moved(v).to(truth.dtype)[:, None, None] for v in (looks.gain, looks.shift))

    def oriented(images: Tensor) -> Tensor:
        flat = images[chosen].reshape(len(chosen), side * side, -1)
        return flat.gather(1, pixels.expand(-1, -1, flat.shape[-1]))

    def recoloured(flat: Tensor) -> Tensor:
        count = flat.shape[-1]
        first = np.arange(0, count, IMAGE_CHANNELS)[None, :, None]  # channel of each fill
        sources = moved((first + looks.channels[:, None]).reshape(-1, 1, count))
        flat = flat.gather(2, sources.expand(-1, side * side, -1))
        return (flat * gain + shift).reshape(-1, side, side, count)

    shown = oriented(mask[..., None]).reshape(-1, side, side)
    return Prepared(recoloured(oriented(truth)), recoloured(oriented(fill)), shown)


@lru_cache(maxsize=2)
def _orientations(side: int, device: torch.device) -> Tensor:
    """Source of every pixel of a square ``(8, side^2)``: turned 0 to 3 times, then flipped too."""
    upright = np.arange(side * side).reshape(side, side)
    turned = np.stack([np.rot90(upright, turns) for turns in range(4)])
    places = np.stack([turned, turned[:, :, ::-1]]).reshape(8, -1)
    return torch.from_numpy(places).to(device)
