"""Panel: one picture of a restoration, with what was before, the rates, the result, its error."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bio_scnn.runtime.memory import garbage_collected

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST = 1024  # pixels of an image in the panel; more cannot be seen at its size


def shown_step(shape: tuple[int, ...]) -> int:
    """Step between the rows and columns of a picture that its panel shows; 1 for all."""
    return -(-max(shape[:2]) // _LONGEST)


@garbage_collected()
def draw_panel(
    image: NDArray,
    mask: NDArray[np.bool_],
    restored: NDArray,
    rate_maps: NDArray,
    truth: NDArray | None = None,
    title: str = "",
) -> bytes:
    """Draw masked image, firing-rate maps and restored image; with the truth, also the error.

    Parameters
    ----------
    image, restored, truth : array, shape (H, W, 3) or (H, W), in [0, 1]
        Of large pictures every `shown_step`-th row and column is enough.
    mask : bool array, shape (H, W)
    rate_maps : array, shape (h, w, n)
        Normalised firing rates; NaN where nothing was simulated.
    title : str

    Returns
    -------
    bytes
        A PNG.
    """
    from matplotlib import style

    with style.context("default"):  # the same picture, whoever draws it and where
        return _drawn(image, mask, restored, rate_maps, truth, title)


def _drawn(
    image: NDArray,
    mask: NDArray[np.bool_],
    restored: NDArray,
    rate_maps: NDArray,
    truth: NDArray | None,
    title: str,
) -> bytes:
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    def seen(picture: NDArray) -> NDArray:
        return np.clip(picture, 0, 1)

    shown = [("masked", seen(marked(image, mask))), ("restored", seen(rgb(restored)))]
    if truth is not None:
        shown.insert(0, ("original", seen(rgb(truth))))
    columns = len(shown) + 1 + (truth is not None)
    aspect = min(max(mask.shape[0] / mask.shape[1], 0.1), 4.0)
    montage = _montage(rate_maps)
    gaps = bool(np.isnan(montage).any())
    height = 2.9 * aspect + (0.8 if gaps else 0.5)  # a title has two lines or one
    figure = Figure(figsize=(2.9 * columns, height), layout="constrained")
    figure.suptitle(title, fontsize=10, parse_math=False)
    grid = figure.add_gridspec(1, columns)
    position = (grid[0, column] for column in range(columns))
    for name, picture in shown[:-1]:
        _show(figure.add_subplot(next(position)), picture, name)

    maps = figure.add_subplot(next(position))
    colours = colormaps["viridis"].with_extremes(bad="lightgrey")
    drawn = maps.imshow(montage, vmin=0, vmax=1, cmap=colours)
    title = f"firing rates of {rate_maps.shape[-1]} feature maps"
    elsewhere = "\n(grey: far from holes, not computed)" if gaps else ""
    maps.set_title(title + elsewhere, fontsize=9)
    maps.set_axis_off()
    bar = figure.colorbar(drawn, ax=maps, fraction=0.04, pad=0.02, ticks=[0, 1])
    bar.ax.set_yticklabels(["lowest", "highest"], fontsize=7, rotation=90, va="center")

    _show(figure.add_subplot(next(position)), shown[-1][1], shown[-1][0])
    if truth is not None:
        error = np.abs(rgb(restored) - rgb(truth)).mean(axis=-1)
        axes = figure.add_subplot(next(position))
        drawn = axes.imshow(error, vmin=0, vmax=max(0.05, float(error.max())), cmap="magma")
        axes.set_title("absolute error", fontsize=9)
        axes.set_axis_off()
        figure.colorbar(drawn, ax=axes, fraction=0.04, pad=0.02).ax.tick_params(labelsize=7)

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # file names are in any script
        # Photographs hardly compress: more than level 1 takes long, and saves a seventh.
        figure.savefig(buffer, dpi=130, format="png", pil_kwargs={"compress_level": 1})
    return buffer.getvalue()


def rgb(image: NDArray) -> NDArray:
    """Colours ``(H, W, 3)`` of a picture ``(H, W)`` or ``(H, W, C)``, whatever its channels."""
    if image.ndim == 2:
        image = image[..., np.newaxis]
    return image[..., :3] if image.shape[-1] >= 3 else np.repeat(image[..., :1], 3, axis=-1)


def marked(image: NDArray, mask: NDArray[np.bool_]) -> NDArray:
    """Colours of a picture in [0, 1], its missing pixels pink."""
    return np.where(mask[..., np.newaxis], (1.0, 0.2, 0.6), rgb(image))


def _show(axes: Axes, picture: NDArray, name: str) -> None:
    axes.imshow(picture)
    axes.set_title(name, fontsize=9)
    axes.set_axis_off()


def _montage(maps: NDArray) -> NDArray:
    """Maps laid out in two columns."""
    maps = np.moveaxis(maps, -1, 0)
    if len(maps) % 2:
        maps = np.concatenate([maps, np.full_like(maps[:1], np.nan)])
    return np.vstack([np.hstack(list(maps[i : i + 2])) for i in range(0, len(maps), 2)])
