"""Claim: the hybrid network is robust to noisy input.

Hole PSNR over the standard deviation of noise, of the hybrid network and of its CNN-only twin,
which was trained alike: noise on the picture's known pixels, on the features (the paper's own
noise), and, for the neurons alone, coloured noise on their currents.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import common
import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, GREEN, PURPLE, VERMILION, Case, psnr_of
from numpy.typing import NDArray
from tqdm import tqdm

from bio_scnn.checkpoint import load_model
from bio_scnn.cli import run
from bio_scnn.evaluate import bootstrap
from bio_scnn.images import from_float, to_float
from bio_scnn.metrics import hole_psnr
from bio_scnn.model import Architecture, SpikingOptions
from bio_scnn.model_files import model_path
from bio_scnn.table1 import NOISE_STD

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
# Longer than 25 ms: a noisy neuron may be late with its second spike, which gives the rate.
NOISY_MS = 50.0


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

    The noise of features and pictures is constant, so that rates are those of the closed form, to
    which the simulation agrees to rounding; noisy currents are simulated.

    Returns
    -------
    dict
        kind of noise: method: list of mean PSNR, one for each of `LEVELS`; and ``kept``: how much
        less the hybrid loses by the noise than its twin, ``[mean, low, high]`` at each level
        (95 % over photographs); ``kept_on_average``: the same over all levels.
    """
    cases = common.cases(photographs, crops, size)
    photograph = np.array([case.photograph for case in cases])
    models = {"hybrid": "inpaint", "CNN-only twin": "cnn_twin"}
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
                    if kind != "currents" or model.architecture.neurons == "lif":
                        of[kind][name].append(psnr_of(model, options, seen))
                bar.update()
    found = {kind: _summary(levels, photograph) for kind, levels in of.items()}
    return {"crops": crops, "size": size, "levels": LEVELS, **found}


def _summary(of: dict[str, list[NDArray]], photograph: NDArray[np.intp]) -> dict[str, Any]:
    means: dict[str, Any] = {
        name: [float(values.mean()) for values in levels] for name, levels in of.items() if levels
    }
    if "CNN-only twin" in means:
        gains = [a - b for a, b in zip(of["hybrid"], of["CNN-only twin"], strict=True)]
        kept = [gain - gains[0] for gain in gains]
        means["kept"] = [[float(k.mean()), *bootstrap(k, photograph)] for k in kept]
        average = np.mean(kept[1:], axis=0)
        means["kept_on_average"] = [float(average.mean()), *bootstrap(average, photograph)]
    return means


def draw(data: dict[str, Any]) -> Any:
    """A panel for each kind of noise."""
    figure, axes = plt.subplots(1, len(LEVELS), figsize=(common.PAGE, 2.3), sharey=True)
    for axis, (kind, levels) in zip(axes, LEVELS.items(), strict=True):
        for name, look in LOOKS.items():
            if name in data[kind]:
                axis.plot(levels, data[kind][name], label=name, ms=3, **look)
        axis.set(xlabel=LABELS[kind])
        if kind != "picture":
            axis.axvline(NOISE_STD, color=PURPLE, lw=0.7, ls=":")
            axis.text(
                NOISE_STD,
                0.03,
                " paper",
                color=PURPLE,
                fontsize=7,
                transform=axis.get_xaxis_transform(),
            )
    axes[0].set_ylabel("hole PSNR (dB)")
    axes[0].legend()
    return figure


def main(args: argparse.Namespace | None = None) -> None:
    """Restore, measure, draw, save."""
    args = args or common.parser(__doc__, photographs=True).parse_args()
    data = measure(common.photographs(args.data))
    common.save(args, "claim_robustness", draw(data), data)


if __name__ == "__main__":
    run(main)
