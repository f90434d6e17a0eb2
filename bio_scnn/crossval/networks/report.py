"""Comparisons of whole networks as text, JSON and figures."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bio_scnn.crossval.networks.comparison import NetworkComparison
from bio_scnn.crossval.networks.pictures import MODEL, OnPictures
from bio_scnn.runtime.files import write_whole

_MAPS = 4  # feature maps in the figure


def publish_networks(
    compared: OnPictures, *, folder: Path | None = None, as_json: bool = False
) -> None:
    """Print comparisons, and write them where that is asked for.

    Parameters
    ----------
    compared : OnPictures
    folder : Path, optional
        Where ``network.json`` and a ``network-PICTURE.png`` each are written.
    as_json : bool
        Print one JSON object in place of tables.

    Raises
    ------
    InputError
        If something cannot be written.
    """
    text = json.dumps(compared.to_json(), indent=1, ensure_ascii=False) + "\n"
    if folder is not None:
        for one in compared.pictures:
            if one.found:
                write_whole(folder / f"network-{Path(one.image).stem}.png", draw(one.found))
        write_whole(folder / "network.json", text.encode())
    if as_json:
        sys.stdout.write(text)
        return
    for one in compared.pictures:
        height, width = one.size
        print(f"{MODEL} on {one.image}, {height} x {width}, dt = {compared.dt_ms:g} ms")
        print(table_of(one.found))
    for name, why in compared.failures.items():
        print(f"{name} could not be run: {why}")


def table_of(found: Sequence[NetworkComparison]) -> str:
    """Lines for people: rates, layers and pixels of each implementation."""
    if not found:
        return "  nothing could be run"
    width = max(24, *(len(one.name) + 2 for one in found))
    layers = list(found[0].layers)
    lines = [
        f"  {found[0].neurons} neurons; exact neurons restore the holes with "
        f"{found[0].exact_hole_psnr:.2f} dB",
        f"  {'rate error in Hz:':{width}}{'max':>10}{'RMS':>10}{'mean':>10}{'silent':>8}"
        f"{'hole PSNR':>13}{'to exact':>11}{'time':>9}",
    ]
    for one in found:
        lines.append(
            f"  {one.name:{width}}{_short(one.rate_max_hz):>10}{_short(one.rate_rms_hz):>10}"
            f"{_short(one.rate_mean_hz):>10}{one.silent:8}{one.hole_psnr:10.2f} dB"
            f"{one.psnr_to_exact:8.1f} dB{one.seconds:7.1f} s"
        )
    lines.append(f"  {'difference of layers:':{width}}" + "".join(f"{key:>10}" for key in layers))
    for one in found:
        values = "".join(f"{_short(100 * one.layers[key]):>8} %" for key in layers)
        lines.append(f"  {one.name:{width}}{values}")
    return "\n".join(lines)


def _short(number: float) -> str:
    return f"{number:.0f}" if abs(number) >= 10 else f"{number:.2g}"


def draw(found: Sequence[NetworkComparison]) -> bytes:
    """Exact rate maps of the features that vary most, and each implementation's error: a PNG."""
    from matplotlib.figure import Figure

    exact = found[0].exact_rate_hz
    shown = np.argsort(-exact.std(axis=(0, 1)))[:_MAPS]
    aspect = exact.shape[0] / exact.shape[1]
    figure = Figure(
        figsize=(2.2 * len(shown) + 1, (2.2 * aspect + 0.35) * (len(found) + 1)),
        layout="constrained",
    )
    grid = figure.subplots(len(found) + 1, len(shown), squeeze=False)
    rows = [("exact rate", exact, "viridis", (float(exact.min()), float(exact.max())))]
    for one in found:
        off = one.rate_hz - exact
        # Rounding errors of exact neurons are no picture.
        bound = max(float(np.abs(off[..., shown]).max()), 1e-6)
        rows.append((f"{one.name}: error", off, "RdBu_r", (-bound, bound)))
    for axes, (name, maps, colours, (low, high)) in zip(grid, rows, strict=True):
        for column, channel in zip(axes, shown, strict=True):
            image = column.imshow(maps[..., channel], cmap=colours, vmin=low, vmax=high)
            column.set_xticks([])
            column.set_yticks([])
            column.set_title(f"map {channel}", fontsize=7)
        axes[0].set_ylabel(name, fontsize=7, parse_math=False)
        bar = figure.colorbar(image, ax=list(axes), shrink=0.9)
        bar.set_label("Hz", fontsize=7)
        bar.ax.tick_params(labelsize=6)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
