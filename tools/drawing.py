"""Pictures of figures and benchmarks: one palette, one style, and how they are written.

`styled` decorates whatever draws, so that the style holds while it runs and changes nothing else.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Sequence
from typing import Any

import matplotlib
import matplotlib.pyplot as plt

from bio_scnn.runtime.files import finite, write_whole

matplotlib.use("Agg")

FORMATS = ("svg", "png", "pdf")
COLUMN = 3.3  # inches: one column of a two-column page
PAGE = 6.9  # both columns

# Okabe and Ito's palette, told apart by colour-blind readers (jfly.uni-koeln.de/color).
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE, GREY = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#999999",
)
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.0,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
    "svg.hashsalt": "bio_scnn",  # the same picture is the same file
}
styled = matplotlib.rc_context(STYLE)


@styled
def save(args: argparse.Namespace, name: str, figure: Any, facts: dict[str, Any]) -> None:
    """Write a picture, and the numbers behind it as JSON beside it; print the paths."""
    buffer = io.BytesIO()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": None}[args.format]
    figure.savefig(buffer, format=args.format, metadata=undated)
    plt.close(figure)
    text = json.dumps(finite(facts), indent=1, allow_nan=False) + "\n"
    for suffix, content in ((args.format, buffer.getvalue()), ("json", text.encode())):
        path = args.output / f"{name}.{suffix}"
        write_whole(path, content)
        print(path)


@styled
def table_figure(header: Sequence[str], rows: Sequence[Sequence[str]], width: float) -> Any:
    """A table as a figure, rules above, below and under its header; cells may have two lines.

    `width` is the least in inches; a table that needs more gets it.
    """
    lines = [max(cell.count("\n") + 1 for cell in row) for row in (header, *rows)]
    heights = [0.06 + 0.11 * n for n in lines]
    figure = plt.figure(figsize=(width, sum(heights) + 0.1), layout="none")
    axes = figure.add_axes((0.005, 0.005, 0.99, 0.99))
    axes.axis("off")
    table = axes.table([header, *rows], cellLoc="left", loc="center", edges="open")
    table.auto_set_font_size(False)
    table.set_fontsize(STYLE["xtick.labelsize"])
    table.auto_set_column_width(range(len(header)))
    for (row, _), cell in table.get_celld().items():
        cell.set_height(heights[row] / figure.get_figheight())
        cell.visible_edges = {0: "BT", len(rows): "B"}.get(row, "")
        cell.set_linewidth(0.6)
        cell.PAD = 0.04
    figure.canvas.draw()  # sets the widths of the columns
    needed = table.get_window_extent().width / figure.dpi
    figure.set_figwidth(max(width, 1.02 * needed))
    return figure
