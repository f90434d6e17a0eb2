"""The same pictures restored by local processes and by the workers of a cluster."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from skimage import data
from tqdm import tqdm

from benchmarks._dask import seconds_of
from bio_scnn import restore
from bio_scnn.commands.batch import outcomes
from bio_scnn.data.images import image_file, write_image
from bio_scnn.data.masks import make_mask
from bio_scnn.restoration.request import Request
from bio_scnn.runtime.cluster import Cluster
from bio_scnn.runtime.processes import begin
from bio_scnn.runtime.tasks import Task, attempt

PLACES = ("processes", "cluster")
KIND = "strokes"
TASK_SECONDS = 1.0  # what a picture shall take, about


def crop(side: int) -> np.ndarray:
    """A piece of a photograph."""
    return data.astronaut()[:side, 120 : 120 + side]


def megapixel() -> bytes:
    """A PNG file of 1,000 x 1,000 pixels, of which no part repeats another."""
    top = np.hstack([data.astronaut(), data.astronaut()[:, ::-1]])
    return image_file(Path("a.png"), np.vstack([top, top[::-1]])[:1000, :1000])


def side_of_a_second() -> int:
    """The side of a picture that takes about `TASK_SECONDS` here, in pixels."""
    side = 128
    mask = make_mask(KIND, (side, side), np.random.default_rng(0))
    restore(crop(side), mask)  # loads and compiles what it needs
    took = min(seconds_of(lambda: restore(crop(side), mask)) for _ in range(2))
    return 8 * round(np.clip(side * np.sqrt(TASK_SECONDS / took), 64, 384) / 8)


class Started(NamedTuple):
    """Local processes that have been started before, as a cluster's workers have."""

    pool: ProcessPoolExecutor

    def each(self, task: Task, items: Iterable[Any], *shared: Any) -> Iterator[tuple[int, Any]]:
        """Number and result of each item, as they are done; like `places.Here.each`."""
        numbers = {
            self.pool.submit(attempt, task, item, shared): number
            for number, item in enumerate(items)
        }
        for future in as_completed(numbers):
            yield numbers[future], future.result()


def restore_all(folder: Path, output: Path, where: Any) -> float:
    """Seconds of all pictures of a folder."""
    images = sorted(folder.iterdir())
    request = Request(mask_kind=KIND, output=output, report="none")
    start = time.perf_counter()
    for outcome in outcomes(images, request, where):
        if outcome.error:
            raise RuntimeError(outcome.error)
    return time.perf_counter() - start


def measure_pictures(cluster: Cluster, workers: int, quick: bool) -> dict[str, Any]:
    """The same pictures in processes and on the cluster, in turn; and that they are the same."""
    side = 64 if quick else side_of_a_second()
    per_worker, rounds = (2, 1) if quick else (5, 4)
    seconds: dict[str, list[float]] = {place: [] for place in PLACES}
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as scratch,
        ProcessPoolExecutor(workers, context, initializer=begin, initargs=(1,)) as pool,
    ):
        folder = Path(scratch, "pictures")
        for number in range(per_worker * workers):
            write_image(folder / f"{number:03}.png", np.roll(crop(side), 8 * number, axis=1))
        wheres: dict[str, Any] = {"processes": Started(pool), "cluster": cluster}
        for index in tqdm(range(-1, rounds), "pictures", leave=False, disable=None):
            turn = PLACES if index % 2 else PLACES[::-1]
            for place in turn:
                took = restore_all(folder, Path(scratch, place), wheres[place])
                if index >= 0:  # the first time they load and compile
                    seconds[place].append(took)
        files = {
            place: {p.name: p.read_bytes() for p in Path(scratch, place).iterdir()}
            for place in PLACES
        }
    if files["processes"] != files["cluster"]:
        raise RuntimeError("the cluster's pictures differ from those restored here")
    ratios = np.array(seconds["cluster"]) / seconds["processes"]
    pictures = per_worker * workers
    lost = np.array(seconds["cluster"]) - seconds["processes"]
    return {
        "side": side,
        "pictures": pictures,
        "seconds": seconds,
        "task_s": float(np.median(seconds["processes"])) * workers / pictures,
        "overhead": float(np.median(ratios)) - 1,
        "overhead_ms_per_task": 1e3 * float(np.median(lost)) * workers / pictures,
        "identical_files": len(files["cluster"]),
    }
