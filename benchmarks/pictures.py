"""Restoring pictures: time, hole PSNR and memory, compared with classical fills.

All pictures come from one photograph of scikit-image. Larger pictures mirror it at its edges,
smaller ones are its first rows and columns. 1 % of each picture is missing, in boxes or, except in
the largest, as one square. The holes are filled by bio_scnn, with every spike simulated and with
none (``quality="fast"``), by scikit-image's `inpaint_biharmonic`, and by OpenCV's two fills for
8-bit pictures. Then the area of the holes varies at a constant picture size, and the picture size
at a constant area. The stages of a large picture overlap, so that their sum exceeds its time.

Each method runs in its own process, first on a small picture that does not count. A method that
takes too long is stopped. Memory is the largest resident memory of that process, including Python,
the libraries, the picture and the result.
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

from benchmarks import _bench
from benchmarks._restoring import OURS, PEERS, restored
from bio_scnn.commands.options import run
from tools import drawing

TITLE = "Restoring pictures, beside classical fills"
LIMIT_S = 60.0  # for one picture of a race
PATIENCE_S = 240.0  # for what has no peer
MISSING = 0.01
HOLES = {"square": "one square", "boxes": "boxes of 16-32 px"}
SIDES, QUICK_SIDES = (256, 1024, 4096), (256,)
AREAS = (0.001, 0.003, 0.01, 0.03)

COLOURS = dict(
    zip(
        (*OURS, *PEERS),
        (drawing.VERMILION, drawing.ORANGE, drawing.BLUE, drawing.GREEN, drawing.PURPLE),
        strict=True,
    )
)


def attempt(limit_s: float, name: str, *case: Any) -> dict[str, Any]:
    """`restored` in a new process; what is not installed, too slow or too large says so."""
    module = PEERS.get(name)
    if module and find_spec(module) is None:
        return {"failed": "not installed"}
    try:
        return _bench.alone(restored, name, *case, limit_s=limit_s)
    except subprocess.TimeoutExpired:
        return {"failed": f"over {limit_s:.0f} s"}
    except subprocess.CalledProcessError as error:
        return {"failed": "out of memory" if error.returncode == -9 else "failed"}


def measure(quick: bool) -> dict[str, Any]:
    """Race the methods, vary the area of the holes, restore large pictures."""
    sides, kinds = (QUICK_SIDES, ("boxes",)) if quick else (SIDES, tuple(HOLES))
    races: list[dict[str, Any]] = [
        {"method": name, "holes": holes, "height": side, "width": side, "area": MISSING * side**2}
        for side in sides
        for holes in kinds
        if side < SIDES[-1] or holes == "boxes"
        for name in (*OURS, *PEERS)
    ]
    side, areas = (512, AREAS[1:4:2]) if quick else (2048, AREAS)
    by_area: list[dict[str, Any]] = [
        {"method": name, "holes": "boxes", "height": side, "width": side, "area": area * side**2}
        for area in areas
        for name in OURS
        if name == "bio_scnn, fast" or (not quick and area <= MISSING)
    ]
    shapes = [(512, 512), (1024, 1024)] if quick else [(3000, 4000), (10_000, 10_000)]
    same = MISSING * math.prod(shapes[0])
    method = "bio_scnn, fast" if quick else "bio_scnn"
    large: list[dict[str, Any]] = [
        {"method": method, "holes": "boxes", "height": height, "width": width, "area": same}
        for height, width in shapes
    ]
    if not quick:
        height, width = shapes[1]
        whole = {"holes": "boxes", "height": height, "width": width, "area": MISSING * 1e8}
        large.append({"method": "bio_scnn, fast", **whole})
    with tqdm(total=len(races) + len(by_area) + len(large), leave=False, disable=None) as bar:
        if not quick:  # what Brian2 compiles is kept, for all
            attempt(PATIENCE_S, "bio_scnn", "boxes", 1024, 1024, MISSING * 1024**2)
        for rows, limit_s in ((races, LIMIT_S), (by_area, LIMIT_S), (large, PATIENCE_S)):
            for row in rows:
                bar.set_description(f"{row['method']}, {row['height']} x {row['width']}")
                row |= attempt(limit_s, *row.values())
                bar.update()
    return {"races": races, "by_area": by_area, "large": large}


def exponent(rows: Sequence[dict[str, Any]]) -> float:
    """Exponent of time over missing area, by least squares of logarithms."""
    points = [(row["missing"], row["seconds"]) for row in rows if "seconds" in row]
    if len(points) < 2:
        return math.nan
    area, seconds = np.log(points).T
    return float(np.polyfit(area, seconds, 1)[0])


def table(data: dict[str, Any]) -> str:
    """Three tables: the races, with the area of the holes, and large pictures."""
    lines = ["Time, and as a multiple of that of bio_scnn with every spike simulated:", ""]
    header = ["1 % missing", "time", "its time / ours", "hole PSNR", "memory"]
    rows = []
    for row in data["races"]:
        ours = next(r for r in data["races"] if _case(r) == _case(row) and r["method"] in OURS)
        size = f"{row['height']} x {row['width']}, {HOLES[row['holes']]}, {row['method']}"
        rows.append([size, *_cells(row, ours)])
    lines += [_bench.markdown(header, rows), ""]
    height, width = (data["by_area"][0][side] for side in ("height", "width"))
    lines += [f"{height} x {width} pixels, boxes missing:", ""]
    header = ["", "missing", "time", "per missing pixel", "memory"]
    lines += [_bench.markdown(header, [_area_cells(row) for row in data["by_area"]]), ""]
    for name in OURS:
        power = exponent([row for row in data["by_area"] if row["method"] == name])
        if math.isfinite(power):
            lines.append(f"{name}: time grows as the missing area to the power of {power:.2f}.  ")
    lines += ["", "Large pictures, boxes missing:", ""]
    stages = ("fill", "convolution", "neurons", "cnn")
    header = ["", "missing", "time", *stages, "hole PSNR", "memory"]
    rows = []
    for row in data["large"]:
        size = f"{row['height']} x {row['width']}, {row['method']}"
        time_s, _, psnr, memory = _cells(row, row)
        spent = [f"{row['stages'][s]:.1f} s" if "stages" in row else "" for s in stages]
        missing = f"{row['missing']:,}" if "missing" in row else ""
        rows.append([size, missing, time_s, *spent, psnr, memory])
    return "\n".join([*lines, _bench.markdown(header, rows)])


def goals(data: dict[str, Any]) -> list[str]:
    """The goals, for large pictures whose every neuron is simulated."""
    found = []
    for row in data["large"]:
        if row["method"] != "bio_scnn" or "seconds" not in row:
            continue
        megapixels = round(row["height"] * row["width"] / 1e6)
        if megapixels == 12:
            found.append(_bench.goal("seconds of 12 megapixels", row["seconds"], 20, form=".1f"))
        if row["bytes"] is not None:
            says = f"GB of {megapixels} megapixels, {row['missing']:,} missing"
            found.append(_bench.goal(says, row["bytes"] / 1e9, 1.5))
    return found


def _case(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in ("holes", "height", "width", "area"))


def _cells(row: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """Time, ratio, hole PSNR and memory."""
    if "failed" in row:
        return [row["failed"], "", "", ""]
    ratio = f"{row['seconds'] / ours['seconds']:.3g}" if "seconds" in ours else ""
    return [
        f"{row['seconds']:.3g} s",
        ratio,
        "" if row["hole_psnr"] is None else f"{row['hole_psnr']:.2f} dB",
        _megabytes(row),
    ]


def _area_cells(row: dict[str, Any]) -> list[str]:
    if "failed" in row:
        return [row["method"], f"{row['area']:,.0f}", row["failed"], "", ""]
    each = f"{1e6 * row['seconds'] / row['missing']:.3g} µs"
    count, seconds = f"{row['missing']:,}", f"{row['seconds']:.3g} s"
    return [row["method"], count, seconds, each, _megabytes(row)]


def _megabytes(row: dict[str, Any]) -> str:
    return "" if row["bytes"] is None else f"{row['bytes'] / 1e6:,.0f} MB"


@drawing.styled
def draw(data: dict[str, Any]) -> Any:
    """Time with the size of the picture, and with the area of its holes; stages of large ones."""
    figure, (size, area, large) = plt.subplots(1, 3, figsize=(drawing.PAGE, 2.8))
    for axes, rows, across in ((size, data["races"], "width"), (area, data["by_area"], "missing")):
        for name, colour in COLOURS.items():
            points = [
                (row[across], row["seconds"])
                for row in rows
                if row["method"] == name and row["holes"] == "boxes" and "seconds" in row
            ]
            if points:
                axes.loglog(*zip(*points, strict=True), "o-", ms=3, color=colour, label=name)
        axes.set_ylabel("seconds")
    size.set_xlabel("side of the picture (pixels)")
    sides = sorted({row["height"] for row in data["races"]})
    size.set_xticks(sides, map(str, sides))
    size.minorticks_off()
    size.set_title("1 % missing, in boxes")
    area.set_xlabel("missing pixels")
    area.set_title("{height} x {width} pixels".format(**data["by_area"][0]))
    done = [row for row in data["large"] if "seconds" in row]
    left = np.zeros(len(done))
    stages = ("fill", "convolution", "neurons", "cnn")
    colours = (drawing.SKY, drawing.YELLOW, drawing.VERMILION, drawing.BLUE)
    for stage, colour in zip(stages, colours, strict=True):
        spent = np.array([row["stages"][stage] for row in done])
        large.barh(range(len(done)), spent, left=left, color=colour, label=stage)
        left += spent
    whole = [row["seconds"] for row in done]  # less than the stages together, which overlap
    large.plot(whole, range(len(done)), "D", color=drawing.BLACK, ms=3, label="all stages")
    names = [
        f"{row['height'] * row['width'] / 1e6:.3g} MP, {row['missing']:,}\n"
        + ("simulated" if OURS[row["method"]] == "default" else "fast")
        for row in done
    ]
    large.set_yticks(range(len(done)), names)
    large.invert_yaxis()
    large.set_xlabel("seconds")
    large.set_title("large pictures, by stage")
    handles = [*size.get_legend_handles_labels()[0], *large.get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc="outside lower center", ncols=5)
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, draw."""
    args = _bench.arguments(_bench.parser(__doc__), argv)
    _bench.finish(args, __file__, measure(args.quick), table, draw)


if __name__ == "__main__":
    run(main)
