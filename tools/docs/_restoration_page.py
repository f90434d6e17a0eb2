"""The page on the network beside the better of two classical fills, and its tables."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
from numpy.typing import NDArray

from bio_scnn import __version__
from tools.docs._restoration_cases import (
    BEST_COUNTED,
    LARGE,
    LARGE_PICTURE,
    LARGE_SIZE,
    MOST_MISSING,
    Case,
    Scores,
    difference,
)
from tools.docs._restoration_worst import SHOWN, most_of_one

MUCH_WORSE = -0.3  # dB
VISIBLE = 45.0  # dB; off by one of 255 levels everywhere is 48 dB


def table(scores: Scores, wanted: Sequence[Case], grey: bool) -> Iterator[str]:
    """Mean and minimum difference, and how many are much worse: a row for each kind of holes."""
    shown = [case for case in wanted if case.grey == grey]
    sizes = sorted({case.size for case in shown})
    yield "| holes | " + " | ".join(f"{size} px" for size in sizes) + " |"
    yield "|---" * (len(sizes) + 1) + "|"
    for kind, coverage in dict.fromkeys((case.kind, case.coverage) for case in shown):
        row = [f"{kind}, {100 * coverage:g} %"]
        for size in sizes:
            key = Case(kind, coverage, size, grey).key
            found = [difference(of[key]) for of in scores.values() if key in of]
            if not found:
                row.append("")
                continue
            worse = sum(d < MUCH_WORSE for d in found)
            row.append(f"{np.mean(found):+.2f} / {min(found):+.2f} / {worse}")
        yield f"| {' | '.join(row)} |"


def summary(psnr: NDArray, wanted: Sequence[Case]) -> str:
    """Paragraph on all restorations; hole PSNR is (photographs, cases, methods)."""
    reference = psnr[..., 1:].max(axis=-1)
    gain = psnr[..., 0] - reference
    worse = gain < MUCH_WORSE
    lags = (psnr[..., 1:] - reference[..., np.newaxis] < MUCH_WORSE).mean(axis=(0, 1))
    coverage = np.array([case.coverage for case in wanted])
    by_coverage = ", ".join(
        f"{100 * c:g} %: {worse[:, coverage == c].mean():.1%}" for c in np.unique(coverage)
    )
    return f"""**{gain.size:,} restorations of {len(psnr)} photographs: the mean difference is
        {gain.mean():+.2f} dB, the worst {gain.min():+.2f} dB. {np.mean(gain < 0):.1%} are worse
        than the better fill, {worse.sum():,} ({worse.mean():.1%}) by more than
        {-MUCH_WORSE:g} dB.** In {np.sum(worse & (reference < VISIBLE)):,} of these the better
        fill is below {VISIBLE:g} dB, where errors can be visible. Neither fill alone is always
        the better one: the harmonic fill is more than {-MUCH_WORSE:g} dB below the better of the
        two in {lags[0]:.1%} of the cases, the biharmonic fill in {lags[1]:.1%}. In holes of a few
        pixels, chance decides. Share of restorations that are worse by more than
        {-MUCH_WORSE:g} dB, by coverage: {by_coverage}."""


def often_worse(measured: Scores) -> str:
    """Photographs with most cases that are much worse, and their numbers."""
    count = {
        name: sum(difference(psnr) < MUCH_WORSE for psnr in of.values())
        for name, of in measured.items()
    }
    ordered = sorted(((number, name) for name, number in count.items()), reverse=True)
    return ", ".join(f"{name} {number}" for number, name in ordered[:5])


def made_by(settings: dict[str, str], command: str, folder: Path) -> str:
    """Last paragraph: date, command, versions, and the file of all scores."""
    by = (
        "spikes in Brian2" if settings["engine"] == "brian2" else "closed form (nothing simulated)"
    )
    return f"""Measured on {datetime.datetime.now(datetime.UTC).date()} by `{command}` with
        bio_scnn {__version__}, Python {platform.python_version()}, NumPy {np.__version__}; rates
        by {by}, quality {settings["quality"]}, model SHA-256 {settings["sha256"][:16]}. All
        scores: [{folder.name}/scores.json]({folder.name}/scores.json)."""


def page(
    settings: dict[str, str],
    images: Sequence[Path],
    wanted: Sequence[Case],
    scores: Scores,
    folder: Path,
    command: str,
) -> str:
    """The page in Markdown, of the scores of some photographs and cases."""
    measured = {
        path.name: {case.key: scores[path.name][case.key] for case in wanted} for path in images
    }
    psnr = np.array([list(of.values()) for of in measured.values()])
    parts = [
        "# The network beside classical fills, case by case",
        f"""Each number is the hole PSNR of the model `{settings["model"]}` minus that of the
        better of two fills, harmonic and biharmonic (scikit-image's definition). The better fill
        of each case is found with the true picture, which a user does not have. Pictures have 8
        bits. A hole PSNR above {BEST_COUNTED:g} dB counts as {BEST_COUNTED:g} dB.""",
        summary(psnr, wanted),
        f"""Each cell: mean / minimum / number below {MUCH_WORSE:g} dB, of {len(images)}
        photographs.""",
        "## Colour",
        "\n".join(table(measured, wanted, grey=False)),
        "## Grey",
        "\n".join(table(measured, wanted, grey=True)),
        f"""The columns give the size of the picture: the middle of the photograph, with its
        shorter side reduced to that size. Photographs are never enlarged; a smaller one keeps its
        size. If more than {MOST_MISSING:,} pixels would be missing, the picture is cropped: to
        1000 px at a coverage of 10 %, to 500 px at 40 %. From {LARGE_PICTURE} px on, only every
        other coverage is measured. Holes have the same size in pixels in every picture
        (`bio_scnn.data.masks`). In pictures of {LARGE_SIZE} px, whole {LARGE} are drawn until the
        coverage is reached.""",
        f"""Photographs with the most cases below {MUCH_WORSE:g} dB, of {len(wanted)} cases each:
        {often_worse(measured)}.""",
        "## The worst cases",
        f"""These are the cases in which the network lost most: at most {SHOWN}, and at most
        {most_of_one(images)} of each photograph.""",
        f"""![Truth, masked, harmonic, biharmonic and bio_scnn of the worst
        cases]({folder.name}/worst.png)""",
        made_by(settings, command, folder),
    ]
    return (
        "\n\n".join(
            part
            if part.startswith("|")
            else fill(" ".join(part.split()), 99, break_on_hyphens=False, break_long_words=False)
            for part in parts
        )
        + "\n"
    )
