"""Claim: the hybrid network is robust to noisy input.

The figure shows hole PSNR over the standard deviation of noise, for the hybrid network and its
CNN-only twin, which was trained alike. The noise is on the known pixels of the picture or on the
features (the paper's own noise). For the neurons alone it is coloured noise on their currents.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bio_scnn.commands.options import run
from bio_scnn.data.images import from_float, to_float
from bio_scnn.network.architecture import Architecture
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.options import SpikingOptions
from bio_scnn.neuron.parameters import NOISE_STD
from bio_scnn.restoration.metrics import hole_psnr
from figures import common
from figures.common import NOISY_MS, Case, psnr_of
from tools import drawing
from tools.drawing import BLACK, BLUE, GREEN, PURPLE, VERMILION, styled

LEVELS = {
    "picture": (0.0, 0.02, 0.05, 0.1, 0.2),
    "features": (0.0, 0.05, 0.1, 0.2, 0.4),
    "currents": (0.0, 0.1, 0.3, 1.0),
}
LABELS = {
    "picture": "noise σ of known pixels (of range 1)",
    "features": "noise σ of features (of range 1)",
    "currents": "noise σ of currents (of 9.9 to 21)",
}
LOOKS = {
    "hybrid": {"color": BLUE, "marker": "o"},
    "CNN-only twin": {"color": VERMILION, "marker": "s", "ls": "--"},
    "biharmonic": {"color": GREEN, "marker": "^", "ls": ":"},
}


def noisy(case: Case, std: float, seed: int) -> Case:
    """A case whose fills are those of a picture with noise; what is right stays noiseless."""
    if not std:
        return case
    noise = std * np.random.default_rng(seed).standard_normal(case.truth.shape)
    picture = from_float(np.clip(to_float(case.truth) + noise, 0, 1), np.uint8)
    return case._replace(fill=Architecture().guess(to_float(picture), case.mask))


def biharmonic_psnr(cases: Sequence[Case]) -> NDArray:
    """Hole PSNR of the biharmonic fill alone, the second of the cases' fills."""
    fills = (from_float(np.clip(case.fill[..., 3:], 0, 1), np.uint8) for case in cases)
    return np.array(
        [hole_psnr(fill, c.truth, c.mask) for fill, c in zip(fills, cases, strict=True)]
    )


def measure(photographs: Sequence[Path], crops: int = 8, size: int = 128) -> dict[str, Any]:
    """Hole PSNR in dB of every method at every level of every kind of noise.

    The noise of features and pictures is constant. Their rates come from the closed form, which
    the simulation matches to rounding error. Noisy currents are simulated.

    Returns
    -------
    dict
        kind of noise: method: ``[mean, low, high]`` for each of `LEVELS` (95 % over photographs);
        ``over_twin``: the same of the hybrid's difference to its twin; ``lost``: the same of what
        the hybrid loses by the noise.
    """
    cases = common.cases(photographs, crops, size)
    models = {"hybrid": "lif_twin", "CNN-only twin": "cnn_twin"}
    networks = {name: load_model(model_path(model))[0] for name, model in models.items()}
    of: dict[str, dict[str, list[NDArray]]] = {}
    with tqdm(total=sum(map(len, LEVELS.values())), leave=False, disable=None) as bar:
        for kind, levels in LEVELS.items():
            of[kind] = {name: [] for name in LOOKS}
            for std in levels:
                seen, options = cases, SpikingOptions(engine="closed-form")
                if kind == "picture":
                    seen = [noisy(case, std, number) for number, case in enumerate(cases)]
                    of[kind]["biharmonic"].append(biharmonic_psnr(seen))
                elif kind == "features":
                    options = SpikingOptions(engine="closed-form", feature_noise=std)
                elif std:
                    options = SpikingOptions(duration_ms=NOISY_MS, current_noise=std)
                for name, model in networks.items():
                    if kind != "currents" or model.unit.simulated:
                        of[kind][name].append(psnr_of(model, options, seen))
                bar.update()
    found: dict[str, Any] = {}
    for kind, methods in of.items():
        found[kind] = {
            name: [common.mean_and_interval(psnr, cases) for psnr in levels]
            for name, levels in methods.items()
            if levels
        }
        clean = methods["hybrid"][0]
        found[kind]["lost"] = [
            common.mean_and_interval(clean - psnr, cases) for psnr in methods["hybrid"]
        ]
        pairs = zip(methods["hybrid"], methods["CNN-only twin"], strict=False)
        found[kind]["over_twin"] = [common.mean_and_interval(a - b, cases) for a, b in pairs]
    about = {"cases": len(cases), "size": size, "levels": LEVELS}
    return {**about, **found, "photographs": [path.stem for path in photographs]}


@styled
def draw(data: dict[str, Any]) -> Any:
    """A column for each kind of noise: hole PSNR, and below what the hybrid is over its twin."""
    figure, axes = plt.subplots(
        2, len(LEVELS), figsize=(drawing.PAGE, 3.4), sharex="col", height_ratios=(1.6, 1)
    )
    for (upper, lower), (kind, levels) in zip(axes.T, LEVELS.items(), strict=True):
        for name, look in LOOKS.items():
            if name in data[kind]:
                upper.plot(
                    levels, [mean for mean, _, _ in data[kind][name]], label=name, ms=3, **look
                )
        gain = np.array(data[kind]["over_twin"] or np.empty((0, 3)))
        lower.axhline(0, color=BLACK, lw=0.6)
        if len(gain):
            errors = np.abs(gain[:, 1:] - gain[:, :1]).T
            lower.errorbar(levels, gain[:, 0], errors, color=BLUE, marker="o", ms=3, capsize=2)
        else:
            text = "rectifiers have no such noise"
            lower.text(0.5, 0.6, text, ha="center", fontsize=7, transform=lower.transAxes)
            lower.set_ylim(-1, 1)
        lower.set(xlabel=LABELS[kind])
        if kind == "features":
            upper.axvline(NOISE_STD, color=PURPLE, lw=0.7, ls=":")
            upper.annotate(
                "in the paper", (NOISE_STD, 0.05), xycoords=("data", "axes fraction"),
                xytext=(3, 0), textcoords="offset points", fontsize=7,
            )  # fmt: skip
    axes[0, 0].set_ylabel("hole PSNR (dB)")
    axes[1, 0].set_ylabel("over twin (dB)")
    axes[0, 0].legend()
    return figure


def main(args: argparse.Namespace | None = None) -> None:
    """Restore, measure, draw, save."""
    args = args or common.arguments(common.parser(__doc__, photographs=True))
    data = measure(common.photographs(args.data))
    drawing.save(args, "claim_robustness", draw(data), data)


if __name__ == "__main__":
    run(main)
