"""Whole networks with the neurons of other implementations: run by name, print, draw."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.networks import NetworkComparison, compare_network, exact_run
from bio_scnn.crossval.networks.readout import RatesOf, adapter_rates, with_refractory
from bio_scnn.crossval.protocol import Adapter
from bio_scnn.data.datasets import embedded_images
from bio_scnn.data.images import read_rgb
from bio_scnn.data.masks import make_mask
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.runtime.files import write_whole

_MAPS = 4  # feature maps in the figure


def validate_network(
    names: Sequence[str],
    dt_ms: float = 0.1,
    images: Sequence[str | Path] = (),
    *,
    model: str = "inpaint",
    mask_kind: str = "strokes",
    size: int = 96,
    seed: int = 0,
    report: Path | None = None,
    as_json: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> bool:
    """Put implementations in place of a network's neurons, and print what that changes.

    Parameters
    ----------
    names : sequence of str
        As `bio_scnn.crossval.resolve.resolve` takes them.
    dt_ms : float, ms
    images : sequence of path
        Pictures of which the middle is restored; by default one that comes with scikit-image.
    model : str
        Name or file of a model.
    mask_kind, seed
        As for `bio_scnn.data.masks.make_mask`.
    size : int, pixels
        Side of the middle.
    report : Path, optional
        Folder for ``network-PICTURE.png`` and ``network.json``.
    as_json : bool
        Print one JSON object instead of tables.
    progress : callable, optional
        Told what is run, and the fraction done.

    Returns
    -------
    bool
        Whether every implementation could be run. How far off is too far is not decided here.

    Raises
    ------
    InputError
        If a name, picture or model cannot be used.
    """
    from bio_scnn.crossval.resolve import resolve

    if not names:
        raise InputError("name the implementations that shall take the neurons' place")
    network, _ = load_model(model_path(model))
    adapters = [resolve(name, dt_ms=dt_ms) for name in names]
    tables, failures = [], {}
    for path in map(Path, images or embedded_images()[:1]):
        picture = middle(read_rgb(path), size, network.architecture.multiple, path)
        mask = make_mask(mask_kind, picture.shape[:2], np.random.default_rng(seed))
        exact = exact_run(picture, mask, network)
        found: list[NetworkComparison] = []
        for name, adapter in zip(names, adapters, strict=True):

            def tell(done: float, name: str = name, path: Path = path) -> None:
                if progress is not None:
                    progress(f"{path.name}: {name}", done)

            rates = _remembered(adapter_rates(adapter, network.lif, dt_ms=dt_ms, progress=tell))
            try:
                first = compare_network(rates, picture, mask, network, name=name, exact=exact)
            except Exception as error:  # whatever a framework raises is about that framework
                failures[name] = f"{type(error).__name__}: {' '.join(str(error).split())}"
                continue
            found.append(first)
            if lengthened := _with_refractory(adapter, rates, network.lif.t_ref_ms):
                label = f"{name} + t_ref"
                second = compare_network(
                    lengthened, picture, mask, network, name=label, exact=exact
                )
                found.append(replace(second, seconds=first.seconds))
        if report is not None and found:
            write_whole(report / f"network-{path.stem}.png", draw(found))
        tables.append({"image": path.name, "size": list(mask.shape), "found": found})
    result = {
        "model": model,
        "dt_ms": dt_ms,
        "mask": mask_kind,
        "images": [
            table | {"found": [one.to_json() for one in table["found"]]} for table in tables
        ],
        "failures": failures,
    }
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    if report is not None:
        write_whole(report / "network.json", text.encode())
    if as_json:
        sys.stdout.write(text)
    else:
        for table in tables:
            height, width = table["size"]
            print(f"{model} on {table['image']}, {height} x {width}, dt = {dt_ms:g} ms")
            print(table_of(table["found"]))
        for name, why in failures.items():
            print(f"{name} could not be run: {why}")
    return not failures


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


def _remembered(rates_of: RatesOf) -> RatesOf:
    """The same, but the last answer is kept: the neurons are what takes the time."""
    last: list[tuple[NDArray, NDArray]] = []

    def remembered(current: NDArray[np.float64]) -> NDArray[np.float64]:
        if not last or not np.array_equal(last[0][0], current):
            last[:] = [(current, rates_of(current))]
        return last[0][1]

    return remembered


def _with_refractory(adapter: Adapter, rates: RatesOf, t_ref_ms: float) -> RatesOf | None:
    """For neurons without a refractory period, rates as a user would correct them."""
    if adapter.capabilities.refractory != "none" or not t_ref_ms:
        return None
    return lambda current: with_refractory(rates(current), t_ref_ms)
