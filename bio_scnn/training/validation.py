"""Validation set of a training run, and its scores."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.datasets import embedded_images, validation_crops
from bio_scnn.data.masks import MASK_KINDS, make_mask
from bio_scnn.errors import InputError
from bio_scnn.network.fills import FILLS, Holes
from bio_scnn.restoration.metrics import hole_psnr, mse
from bio_scnn.training.batches import fill_holes
from bio_scnn.training.settings import Config


class Network(Protocol):
    """A network that restores batches: in NumPy, or on a device."""

    def forward(
        self, fill: NDArray, mask: NDArray[np.bool_], *, rng: np.random.Generator
    ) -> NDArray: ...


@dataclass(frozen=True)
class ValidationSet:
    """Held-out crops ``(N, H, W, 3)``, and for each a mask of each kind, with the fills."""

    truth: np.ndarray
    masks: dict[str, np.ndarray]
    fills: dict[str, np.ndarray]

    @classmethod
    def make(
        cls, images: Sequence[Path], config: Config, skipped: list[tuple[Path, str]]
    ) -> ValidationSet:
        """Cut crops and draw masks, always the same for a seed; note unreadable images."""
        size, seed = 2 * config.training.patch, config.training.seed
        truth = validation_crops(images, size, min(2 * len(images), 24), seed, skipped)
        masks, fills = {}, {}
        for number, kind in enumerate(MASK_KINDS):
            rng = np.random.default_rng([seed, 3, number])
            masks[kind] = np.stack([make_mask(kind, (size, size), rng) for _ in truth])
            fills[kind] = fill_holes(truth, masks[kind], config.architecture).fill
        return cls(truth, masks, fills)

    def scores(self, model: Network, seed: int) -> dict[str, float]:
        """Mean hole PSNR (dB) by kind of mask, and the MSE of the network's whole output.

        Noise that belongs to the units is drawn from the seed.
        """
        means: dict[str, float] = {}
        errors = []
        rng = np.random.default_rng([seed, 6])
        for kind, masks in self.masks.items():
            psnr = []
            for truth, mask, fill in zip(self.truth, masks, self.fills[kind], strict=True):
                restored = model.forward(fill[np.newaxis], mask[np.newaxis], rng=rng)[0]
                restored = np.clip(restored, 0, 1)
                psnr.append(hole_psnr(restored, truth, mask))
                errors.append(mse(restored, truth))
            means[f"psnr_{kind}"] = float(np.mean(psnr))
        return means | {"mse": float(np.mean(errors))}

    def gains(self, scores: dict[str, float]) -> str:
        """A line with the mean hole PSNR by kind of mask, and the gains over two classical fills.

        Parameters
        ----------
        scores : dict
            From `scores`.
        """
        parts = []
        for kind, masks in self.masks.items():
            found = scores[f"psnr_{kind}"]
            over = []
            for name in ("harmonic", "biharmonic"):
                psnr = []
                for truth, mask in zip(self.truth.astype(float), masks, strict=True):
                    filled = truth.copy()
                    filled[mask] = FILLS[name](Holes(truth, mask))
                    psnr.append(hole_psnr(np.clip(filled, 0, 1), truth, mask))
                over.append(f"{found - np.mean(psnr):+.2f} over {name}")
            parts.append(f"{kind} {found:.2f} ({', '.join(over)})")
        return f"hole PSNR (dB): {'; '.join(parts)}"


def validation_set(
    config: Config, photographs: list[Path], held_out: list[Path]
) -> tuple[ValidationSet, list[tuple[Path, str]]]:
    """Crops to validate on, of training photographs if no other can be read, and bad files."""
    skipped: list[tuple[Path, str]] = []
    try:
        return ValidationSet.make(held_out, config, skipped), skipped
    except InputError:
        print("no photograph is held out: validating on those of the training", file=sys.stderr)
        known = photographs or embedded_images()
        return ValidationSet.make(known, config, []), skipped
