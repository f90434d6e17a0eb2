"""Many machines: the cost of a Dask cluster, compared with as many local processes.

A scheduler and two workers start on one machine, as `docs/clusters.md` describes. They get the
same work as two local processes: pictures that take about a second each. The resulting files are
compared. Three more costs are measured: an empty task, a step of training with its way to a worker
and back, and the command's own work. From these numbers `tools/docs/clusters_plan.py` computes the
plan for many images and machines in `docs/clusters.md`.
"""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from skimage import data

from benchmarks import _bench
from benchmarks._cluster_pictures import KIND, PLACES, measure_pictures, megapixel
from benchmarks._dask import dask, echo, echo_weights, seconds_of, timed_restore, timed_shard
from bio_scnn.commands.options import run
from bio_scnn.data.datasets import embedded_images
from bio_scnn.data.images import read_rgb
from bio_scnn.data.masks import make_mask
from bio_scnn.data.sampler import PatchSampler
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import config_path
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.runtime.cluster import Cluster, connected
from bio_scnn.runtime.config import from_table, read_toml
from bio_scnn.runtime.memory import keep_freed_memory
from bio_scnn.training.batches import make_batch, prepare
from bio_scnn.training.loop import shard_gradients
from bio_scnn.training.settings import Config
from bio_scnn.training.state import descend, initial_state
from tools import drawing

TITLE = "Many machines: what a cluster costs"
NEEDS = ("distributed",)


def measure_tasks(cluster: Cluster, quick: bool) -> dict[str, Any]:
    """Tasks that do nothing, with and without a picture on their way."""
    number = 30 if quick else 300
    both = (megapixel(), megapixel())  # the result and its panel are some two pictures
    found = {}

    def echo_all(item: Any) -> list[Any]:
        return list(cluster.each(echo, [item] * number))

    for name, item in (("empty_ms", None), ("picture_ms", both)):
        list(cluster.each(echo, [item] * 5))
        took = seconds_of(partial(echo_all, item))
        found[name] = 1e3 * took / number
    return found | {"picture_bytes": 2 * len(pickle.dumps(both))}


def training_case(quick: bool) -> tuple[Config, PatchSampler]:
    path = config_path("inpaint")
    config = from_table(Config, read_toml(path), str(path))
    images = embedded_images()[: 2 if quick else None]
    return config, PatchSampler(images, config.data)


def measure_training(cluster: Cluster, workers: int, quick: bool) -> dict[str, Any]:
    """A step on the workers: the work, its way there and back, and what is done here."""
    config, sampler = training_case(quick)
    architecture, settings = config.architecture, config.training
    start = time.perf_counter()
    prepared = prepare(sampler, architecture, settings, 0)
    prepare_s = (time.perf_counter() - start) / len(prepared.truth)
    batch = make_batch(prepared, architecture, settings, 0)
    state = initial_state(architecture, settings, batch)
    per_shard = settings.batch // settings.shards
    shard = batch.shard(0, settings.shards)
    shared = (HybridSCNN(architecture, state.params, config.lif), settings, 0)
    rounds = 3 if quick else 20
    work, wall = [], []
    shards = [(part, shard) for part in range(workers)]
    for index in range(-2, rounds):
        start = time.perf_counter()
        inside = cluster.all(timed_shard, shards, *shared)
        took = time.perf_counter() - start
        if index >= 0:
            work.append(float(np.mean(inside)))
            wall.append(took - max(inside))
    # The way alone, for more and more shards: a time for the step, and one for each shard.
    counts = [1, 2, 4, 8] if quick else [1, 2, 4, 8, 16, 32]
    ways = {}
    for count in counts:
        items = [(part, shard) for part in range(count)]
        cluster.all(echo_weights, items, *shared)
        ways[count] = [
            seconds_of(partial(cluster.all, echo_weights, items, *shared)) for _ in range(rounds)
        ]
    medians = [float(np.median(ways[count])) for count in counts]
    per_shard_s, per_step_s = np.polyfit(counts, medians, 1)
    loss, gradients = shard_gradients((0, shard), *shared)
    update_s = min(seconds_of(lambda: descend(state, gradients, settings)) for _ in range(5))
    return {
        "patch": settings.patch,
        "patches_per_shard": per_shard,
        "reuse": settings.reuse,
        "shard_s": float(np.median(work)),
        "beyond_work_ms": 1e3 * float(np.median(wall)),
        "way_ms": {str(count): 1e3 * value for count, value in zip(counts, medians, strict=True)},
        "way_ms_per_step": 1e3 * max(float(per_step_s), 0.0),
        "way_ms_per_shard": 1e3 * float(per_shard_s),
        "bytes_there": len(pickle.dumps(((0, shard), *shared))),
        "bytes_of_weights": len(pickle.dumps(state.params)),
        "bytes_back": len(pickle.dumps((loss, gradients))),
        "update_ms": 1e3 * update_s,
        "prepare_ms_per_patch": 1e3 * prepare_s,
    }


def measure_large(cluster: Cluster, workers: int, quick: bool) -> dict[str, Any]:
    """A large picture on every worker, all at once, and reading one here, by the megapixel."""
    image = data.hubble_deep_field()
    image = image[:160, :160] if quick else image[:512, :768]
    megapixels = image.shape[0] * image.shape[1] / 1e6
    mask = make_mask(KIND, image.shape[:2], np.random.default_rng(0))
    seconds = float(np.mean(cluster.all(timed_restore, range(workers), image, mask)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.png")
        path.write_bytes(megapixel())
        reading = min(seconds_of(lambda: read_rgb(path)) for _ in range(3))
    return {
        "megapixels": megapixels,
        "missing": float(mask.mean()),
        "restore_s_per_megapixel": seconds / megapixels,
        "read_ms_per_megapixel": 1e3 * reading,
    }


def measure(quick: bool, workers: int = 2) -> dict[str, Any]:
    """Everything, on a scheduler and workers that are started for it.

    Parameters
    ----------
    quick : bool
        Small and few: does it work?
    workers : int
        And local processes to compare with.

    Returns
    -------
    dict
        What JSON can hold.

    Raises
    ------
    InputError
        If Dask is not installed.
    """
    keep_freed_memory()
    with dask(workers) as address, connected(address) as cluster:
        found = {
            "pictures": measure_pictures(cluster, workers, quick),
            "tasks": measure_tasks(cluster, quick),
            "training": measure_training(cluster, workers, quick),
            "large": measure_large(cluster, workers, quick),
        }
    versions = _bench.versions("bio-scnn", "numpy", "distributed")
    return {"workers": workers, "versions": versions, **found}


def table(data: dict[str, Any]) -> str:
    """Table of all that was measured, which the plan of docs/clusters.md starts from."""
    p, t, s, large = (data[part] for part in ("pictures", "tasks", "training", "large"))
    processes, cluster = (float(np.median(p["seconds"][place])) for place in PLACES)
    pictures = f"{p['pictures']} pictures of {p['side']} x {p['side']}, {p['task_s']:.2f} s each"
    rows = [
        (f"{pictures}: {data['workers']} processes", f"{processes:.2f} s"),
        (
            f"the same on {data['workers']} workers: all {p['identical_files']} files identical",
            f"{cluster:.2f} s",
        ),
        ("overhead", f"{100 * p['overhead']:+.1f} %"),
        ("overhead of a picture", f"{p['overhead_ms_per_task']:+.0f} ms"),
        ("a task that does nothing", f"{t['empty_ms']:.1f} ms"),
        (
            f"a picture of a megapixel there and back, {t['picture_bytes'] / 1e6:.1f} MB",
            f"{t['picture_ms']:.1f} ms",
        ),
        (
            f"restoring on one worker, simulated, {100 * large['missing']:.0f} % missing",
            f"{large['restore_s_per_megapixel']:.1f} s a megapixel",
        ),
        (
            f"gradients of a shard of {s['patches_per_shard']} patches of {s['patch']} x "
            f"{s['patch']}",
            f"{1e3 * s['shard_s']:.0f} ms",
        ),
        (
            "the way of a shard: its part of the batch and the weights there, gradients back, "
            f"{(s['bytes_there'] + s['bytes_back']) / 1e6:.2f} MB",
            f"{s['way_ms_per_shard']:.1f} ms, and {s['way_ms_per_step']:.0f} ms a step",
        ),
        ("update of the weights", f"{s['update_ms']:.0f} ms a step"),
        (
            f"preparing a patch (drawing it and filling its holes), shown {s['reuse']} times",
            f"{s['prepare_ms_per_patch']:.0f} ms",
        ),
        ("reading a picture", f"{large['read_ms_per_megapixel']:.0f} ms a megapixel"),
    ]
    return _bench.markdown(["what", ""], rows)


def goals(data: dict[str, Any]) -> list[str]:
    """The goal: tasks of a second take hardly longer on a cluster."""
    says = "percent that a cluster takes longer, for tasks of a second"
    return [_bench.goal(says, 100 * data["pictures"]["overhead"], 10, form=".1f")]


@drawing.styled
def draw(data: dict[str, Any]) -> Any:
    """Seconds of every round, and the way of a step's shards."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(drawing.PAGE, 2.6))
    seconds = data["pictures"]["seconds"]
    for place, marker in zip(PLACES, "os", strict=True):
        rounds = range(1, len(seconds[place]) + 1)
        name = {"processes": "processes", "cluster": "workers of a cluster"}[place]
        left.plot(rounds, seconds[place], marker, label=f"{data['workers']} {name}")
    left.set(xlabel="round", ylabel="seconds", title=f"{data['pictures']['pictures']} pictures")
    left.set_ylim(0, 1.1 * max(map(max, seconds.values())))
    left.set_xticks(list(rounds))
    left.legend()
    training = data["training"]
    counts = [int(count) for count in training["way_ms"]]
    line = [training["way_ms_per_step"] + training["way_ms_per_shard"] * n for n in counts]
    right.plot(counts, list(training["way_ms"].values()), "o", label="measured")
    right.plot(counts, line, "-", lw=0.8, label="line")
    right.axhline(
        1e3 * training["shard_s"], color=drawing.VERMILION, lw=0.8, label="work of a shard"
    )
    right.set(xlabel="shards in a step", ylabel="ms", ylim=0, title="way there and back")
    right.legend()
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, draw, save."""
    args = _bench.arguments(_bench.parser(__doc__), argv)
    if lacking := _bench.missing(*NEEDS):
        raise InputError(f"{lacking} is not installed: pip install 'bio-scnn[cluster]'")
    _bench.finish(args, __file__, measure(args.quick), table, draw)


if __name__ == "__main__":
    run(main)
