"""The numbers of docs/clusters.md: ``python -m tools.docs.clusters_plan``.

Reads what ``python -m benchmarks.cluster`` has measured, and writes between the marks of the page
what follows from it for LSDIR's training images on many machines. The model is a few lines of
arithmetic, `restoring` and `training_step`; the page states it.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bio_scnn.commands.options import run
from bio_scnn.errors import InputError
from bio_scnn.runtime.files import write_whole
from tools.docs import DOCS, RESULTS

MEASURED = RESULTS / "cluster.json"
PAGE = DOCS / "clusters.md"
BEGIN, END = "<!-- computed by tools/docs/clusters_plan.py -->", "<!-- end of what is computed -->"

IMAGES = 84_991  # LSDIR's training images (Li et al., CVPRW 2023)
NODES = (1, 10, 100)
SHARDS = (1, 2, 4, 8, 16, 32, 64, 128, 320, 3200)


@dataclass(frozen=True)
class Assumed:
    """Assumptions of the plan: numbers that were not measured.

    Attributes
    ----------
    megapixels : float
        Mean size of an image.
    cores : int
        Workers of a node, each on a core as fast as that of the measurement.
    link : float, bytes/s
        What the machine with the command and the scheduler sends or receives.
    """

    megapixels: float = 1.0
    cores: int = 32
    link: float = 1.25e9


def restoring(data: dict[str, Any], assumed: Assumed, nodes: int) -> dict[str, float]:
    """Wall time of restoring all images, in seconds, and what bounds it.

    Pictures are independent: the workers' time is divided by their number. All of them pass the
    command, which needs a time for each, and the link of its machine.
    """
    tasks = data["tasks"]
    each = data["large"]["restore_s_per_megapixel"] * assumed.megapixels
    workers = nodes * assumed.cores
    # A worker works on whole pictures: some are idle while the last ones are finished.
    work = math.ceil(IMAGES / workers) * each
    command = IMAGES * tasks["picture_ms"] / 1e3 * assumed.megapixels
    model = data["training"]["bytes_of_weights"]  # goes with every picture
    link = IMAGES * (tasks["picture_bytes"] * assumed.megapixels + model) / assumed.link
    wall = max(work, command, link)
    return {
        "work": work,
        "command": command,
        "link": link,
        "wall": wall,
        "efficiency": IMAGES * each / workers / wall,
        "commands": math.ceil(max(command, link) / work),
    }


def training_step(
    data: dict[str, Any], assumed: Assumed, shards: int, patches: int | None = None
) -> dict[str, float]:
    """Seconds of a step whose shards are worked on by as many workers.

    The way of a step was measured on one machine, where weights and gradients cross no wire: the
    time of these bytes on the link is added to it. While a step is done, the next batch is
    prepared in a process of its own; the slower of both is what a step takes.
    """
    t = data["training"]
    usual = t["patches_per_shard"]
    patches = usual if patches is None else patches
    work = t["shard_s"] * patches / usual
    batch_bytes = t["bytes_there"] - t["bytes_of_weights"]
    moved = t["bytes_of_weights"] + t["bytes_back"] + batch_bytes * patches / usual
    way = (t["way_ms_per_step"] + shards * t["way_ms_per_shard"]) / 1e3
    way += shards * moved / assumed.link
    reading = data["large"]["read_ms_per_megapixel"] * assumed.megapixels
    each = (t["prepare_ms_per_patch"] + reading) / t["reuse"] / 1e3
    step = work + way + t["update_ms"] / 1e3
    prepared = shards * patches * each
    return {
        "work": work,
        "way": way,
        "moved": shards * moved,
        "step": step,
        "prepare": prepared,
        "wall": max(step, prepared),
        "efficiency": work / max(step, prepared),
        "patches_per_s": shards * patches / max(step, prepared),
    }


def duration(seconds: float) -> str:
    """For people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def inputs(data: dict[str, Any], assumed: Assumed) -> list[str]:
    """Paragraphs on the measured and the assumed numbers that the plan starts from."""
    machine = data["machine"]
    return [
        f"Measured with `python -m benchmarks.cluster` on {machine['cores']} cores "
        f"({machine['processor']}), distributed {data['versions']['distributed']}. The numbers "
        "are in [performance.md](performance.md).",
        "",
        f"Assumed: images of {assumed.megapixels:g} megapixel on average; nodes of "
        f"{assumed.cores} cores, each as fast as a core of that machine; "
        f"{assumed.link / 1e9 * 8:g} Gbit/s to the machine with the command and the scheduler.",
    ]


def restoring_text(data: dict[str, Any], assumed: Assumed) -> list[str]:
    """The table for pictures, and what it says."""
    lines = [
        f"### Restoring all {IMAGES:,} images",
        "",
        "| nodes | workers | their work | the command | its link | wall time | efficiency |",
        "|---|---|---|---|---|---|---|",
    ]
    for nodes in NODES:
        r = restoring(data, assumed, nodes)
        lines.append(
            f"| {nodes} | {nodes * assumed.cores:,} | {duration(r['work'])} | "
            f"{duration(r['command'])} | {duration(r['link'])} | {duration(r['wall'])} | "
            f"{100 * r['efficiency']:.0f} % |"
        )
    r = restoring(data, assumed, NODES[-1])
    each = data["large"]["restore_s_per_megapixel"] * assumed.megapixels
    most = each / max(r["command"], r["link"]) * IMAGES
    lines += [
        "",
        f"One command keeps some {most:,.0f} workers busy. "
        + (
            f"On {NODES[-1]} nodes start {r['commands']:.0f}, each with a part of the folders "
            "(LSDIR comes in 85) and a scheduler of its own."
            if r["commands"] > 1
            else f"That is enough for {NODES[-1]} nodes."
        ),
    ]
    return lines


def training_text(data: dict[str, Any], assumed: Assumed) -> list[str]:
    """The tables for training, and what they say."""
    t = data["training"]
    lines = [
        "### Training",
        "",
        f"Each worker has one shard of {t['patches_per_shard']} patches. An epoch is one patch of "
        "each image. *Transfer* is that of weights and gradients.",
        "",
        "| workers | batch | work | transfer | MB a step | preparation | a step takes | "
        "efficiency | an epoch |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for shards in SHARDS:
        s = training_step(data, assumed, shards)
        lines.append(
            f"| {shards:,} | {shards * t['patches_per_shard']:,} | {1e3 * s['work']:.0f} ms | "
            f"{1e3 * s['way']:.0f} ms | {s['moved'] / 1e6:,.0f} | {1e3 * s['prepare']:.0f} ms | "
            f"{1e3 * s['wall']:.0f} ms | {100 * s['efficiency']:.0f} % | "
            f"{duration(IMAGES / s['patches_per_s'])} |"
        )
    counts = range(1, 100_000)
    equal = next(n for n in counts if (s := training_step(data, assumed, n))["way"] > s["work"])
    starved = next(
        (n for n in counts if (s := training_step(data, assumed, n))["prepare"] > s["step"]), None
    )
    best = max(range(1, 2000), key=lambda n: training_step(data, assumed, n)["patches_per_s"])
    fastest = training_step(data, assumed, best)["patches_per_s"]
    gain = fastest / training_step(data, assumed, 1)["patches_per_s"]
    enough = next(
        n for n in counts if training_step(data, assumed, n)["patches_per_s"] >= 0.8 * fastest
    )
    lines += [
        "",
        f"- From {equal} workers on, the transfer takes longer than the work.",
        "- The process that prepares batches "
        + (
            f"limits the speed from {starved} workers on."
            if starved
            else "keeps up with any number of workers."
        ),
        f"- More than {best} workers gain nothing. {best} workers are {gain:.1f} times as fast as "
        f"one; {enough} workers reach four fifths of that speed.",
    ]
    return lines


def shards_text(data: dict[str, Any], assumed: Assumed) -> list[str]:
    """The table of shards that are worth their way."""
    lines = [
        "Larger shards reduce the share of the transfer. The table gives the size of a shard at "
        "which transfer and update take at most a fifth of a step, if batches are prepared in "
        "time.",
        "",
        "| workers | patches of a shard | batch | megabytes a step |",
        "|---|---|---|---|",
    ]
    for shards in SHARDS[1:]:
        patches = next(
            (
                k
                for k in range(1, 4096)
                if (s := training_step(data, assumed, shards, k))["work"] >= 0.8 * s["step"]
            ),
            None,
        )
        if patches is None:
            lines.append(f"| {shards:,} | none is large enough | | |")
            continue
        moved = training_step(data, assumed, shards, patches)["moved"]
        lines.append(f"| {shards:,} | {patches:,} | {shards * patches:,} | {moved / 1e6:,.0f} |")
    return lines


PARTS = inputs, restoring_text, training_text, shards_text


def computed(data: dict[str, Any], assumed: Assumed | None = None) -> str:
    """Text between the marks of the page."""
    assumed = assumed or Assumed()
    parts = (part(data, assumed) for part in PARTS)
    return "\n\n".join("\n".join(lines) for lines in parts)


def renewed(page: str, data: dict[str, Any]) -> str:
    """The page with its numbers computed anew."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise InputError(f"{PAGE.name} lacks the marks between which its numbers stand")
    return f"{before}{BEGIN}\n\n{computed(data)}\n\n{END}{after}"


def main(arguments: list[str] | None = None) -> None:
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--measured", type=Path, default=MEASURED, metavar="JSON")
    args = p.parse_args(arguments)
    if not args.measured.is_file():
        raise InputError(f"there is no {args.measured}; run python -m benchmarks.cluster first")
    data = json.loads(args.measured.read_text("utf-8"))
    write_whole(PAGE, renewed(PAGE.read_text("utf-8"), data).encode())
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    run(main)
